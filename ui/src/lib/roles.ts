// What each role needs of a model, and what is wrong with the one that was chosen.

import { ROOMY_WINDOW, type BackendInfo, type ModelCard } from '$lib/api/generated/api';

/** In the order they are shown: the three that matter first. */
export const ROLES = [
  'coder',
  'vision',
  'cloud',
  'background',
  'tool',
  'think',
  'long_context',
  'web_search',
  'dispatcher',
] as const;
export type RoleName = (typeof ROLES)[number];
export const MAIN_ROLES: readonly RoleName[] = ['coder', 'vision', 'cloud'];

export type Warning =
  | 'no_tools'
  | 'no_vision'
  | 'short_context'
  | 'embedding'
  | 'backend_down'
  | 'no_key'
  | 'unknown_model'
  | 'no_backend';

const NEEDS_TOOLS: readonly RoleName[] = ['coder', 'tool', 'cloud'];
const NEEDS_CONTEXT: readonly RoleName[] = ['coder', 'tool', 'think', 'long_context', 'cloud'];

export const refOf = (card: { backend: string; id: string }): string => `${card.backend}:${card.id}`;

/** Backend and model of a ref: split at the first colon, ids may hold more. */
export function splitRef(ref: string): { backend: string; id: string } {
  const colon = ref.indexOf(':');
  return colon < 0 ? { backend: '', id: ref } : { backend: ref.slice(0, colon), id: ref.slice(colon + 1) };
}

/** The window there really is, else the one there could be. */
export const windowOf = (card: ModelCard): number | null => card.context_loaded ?? card.context_max;

/** What a model cannot do that the role needs. What the server does not tell is no warning. */
export function shortcomings(role: RoleName, card: ModelCard): Warning[] {
  const found: Warning[] = [];
  if (card.kind === 'embedding') return ['embedding'];
  if (NEEDS_TOOLS.includes(role) && card.tools === false) found.push('no_tools');
  if (role === 'vision' && card.vision === false) found.push('no_vision');
  const window = windowOf(card);
  if (NEEDS_CONTEXT.includes(role) && window !== null && window < ROOMY_WINDOW) found.push('short_context');
  return found;
}

/** What is wrong with a model ref in a role, as far as it is known. */
export function warningsFor(role: RoleName, ref: string, cards: ModelCard[], backends: BackendInfo[]): Warning[] {
  const { backend: name } = splitRef(ref);
  const backend = backends.find((one) => one.name === name);
  if (backend === undefined) return ['no_backend'];
  if (backend.lacks_key) return ['no_key'];
  if (backend.up === false) return ['backend_down'];
  const card = cards.find((one) => refOf(one) === ref);
  if (card !== undefined) return shortcomings(role, card);
  // A backend without a list has every model or none: nobody knows.
  return cards.some((one) => one.backend === name) ? ['unknown_model'] : [];
}

/** The refs a role is set to; settings hold a text or a list. */
export function refsOf(value: unknown): string[] {
  if (typeof value === 'string') return value === '' ? [] : [value];
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === 'string') : [];
}

/** What the settings are to hold: one ref as a text, none as "not set". */
export function roleValue(refs: string[]): string | string[] | null {
  const unique = [...new Set(refs)];
  return unique.length > 1 ? unique : (unique[0] ?? null);
}

/** Models a role can be given to: the fitting ones first, those that cannot do it last. */
export function ranked(role: RoleName, cards: ModelCard[]): ModelCard[] {
  const rank = (card: ModelCard) => shortcomings(role, card).length * 2 - (card.loaded === true ? 1 : 0);
  const able = cards.filter((card) => card.kind !== 'embedding');
  return able.toSorted((a, b) => rank(a) - rank(b));
}

export interface Group {
  backend: string;
  cards: ModelCard[];
}

/** Cards under their backends, in the order they came. */
export function byBackend(cards: ModelCard[]): Group[] {
  const groups: Group[] = [];
  for (const card of cards) {
    const known = groups.find((group) => group.backend === card.backend);
    if (known) known.cards.push(card);
    else groups.push({ backend: card.backend, cards: [card] });
  }
  return groups;
}

/** The user's own machines before the cloud. */
export function localFirst(groups: Group[], backends: BackendInfo[]): Group[] {
  const isLocal = (group: Group) => backends.find((one) => one.name === group.backend)?.local === true;
  return groups.toSorted((a, b) => Number(isLocal(b)) - Number(isLocal(a)));
}

/** Models whose name, id, backend or format holds every word. */
export function search(cards: ModelCard[], words: string): ModelCard[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const text = (card: ModelCard) =>
    [card.display, card.id, card.backend, card.quantization, card.format, card.params].join(' ').toLowerCase();
  return cards.filter((card) => wanted.every((word) => text(card).includes(word)));
}
