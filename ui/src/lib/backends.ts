// Names and states of backends.

import { t } from '$lib/i18n';
import type { BackendInfo, Flavour, KeyInfo, PresetView } from '$lib/api/generated/api';

/** How a backend is, in one word. */
export type BackendState = 'up' | 'down' | 'no_key' | 'key_unread' | 'unasked' | 'resting';

/** The engine notices a missing key when it needs it; the list of keys knows at once. */
export function backendState(backend: BackendInfo, key?: KeyInfo): BackendState {
  if (backend.key_error !== null) return 'key_unread';
  if (backend.lacks_key || (key?.required === true && key.source === null)) return 'no_key';
  if (backend.circuit.state === 'open') return 'resting';
  if (backend.up === null) return 'unasked';
  return backend.up ? 'up' : 'down';
}

const FLAVOURS: Record<Exclude<Flavour, 'openai_compatible'>, string> = {
  lm_studio: 'LM Studio',
  llama_cpp: 'llama.cpp',
  ollama: 'Ollama',
  vllm: 'vLLM',
  anthropic: 'Anthropic',
};

export const flavourName = (flavour: Flavour): string =>
  flavour === 'openai_compatible' ? t().backends.adding.compatible : FLAVOURS[flavour];

/** What it is, with its version where it tells. */
export function kindOf(backend: BackendInfo): string {
  const name = backend.flavour === null ? backend.display : flavourName(backend.flavour);
  return backend.version === null ? name : `${name} ${backend.version}`;
}

/** Servers that load a model with the window a client asks for. */
export const takesWindow = ({ flavour, display }: BackendInfo): boolean =>
  flavour === null ? ['LM Studio', 'Ollama'].includes(display) : ['lm_studio', 'ollama'].includes(flavour);

const NAME = /^[a-z0-9][a-z0-9_-]*$/;

export function nameFault(name: string, taken: string[]): 'bad' | 'taken' | undefined {
  if (!NAME.test(name)) return 'bad';
  return taken.includes(name) ? 'taken' : undefined;
}

/** A name that is free: the wanted one, else with a number. */
export function freeName(wanted: string, taken: string[]): string {
  const base = wanted.replaceAll('openai_compatible', 'server');
  if (!taken.includes(base)) return base;
  for (let number = 2; ; number += 1) {
    const name = `${base}-${number}`;
    if (!taken.includes(name)) return name;
  }
}

/** What the settings must hold for a new backend: what the preset of its name says by itself is left out. */
export function settingsOf(name: string, preset: PresetView, url: string): Record<string, string> {
  const made: Record<string, string> = {};
  if (preset.id !== name) made['preset'] = preset.id;
  if (url !== '' && url !== preset.base_url) made['base_url'] = url;
  return made;
}

/** Names of the settings that are switched off. */
export function switchedOff(backends: unknown): string[] {
  if (typeof backends !== 'object' || backends === null) return [];
  const entries = Object.entries(backends as Record<string, { enabled?: boolean } | null>);
  return entries.filter(([, one]) => one?.enabled === false).map(([name]) => name);
}

/** Those that matter first: what is wrong and needed, then what answers, then servers that were never there. */
export function inOrder(backends: BackendInfo[]): BackendInfo[] {
  const rank = (one: BackendInfo) => ({ up: 0, resting: 1, no_key: 2, key_unread: 2, unasked: 3, down: 4 })[backendState(one)];
  return backends.toSorted((a, b) => rank(a) - rank(b) || Number(b.local) - Number(a.local));
}
