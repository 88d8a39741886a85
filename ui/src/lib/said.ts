// What the engine says of a request, in the language of the moment. The engine writes English: so do logs, scripts and
// errors to clients. A catalogue has the engine's own templates (`score {score} reaches the threshold {threshold}: cloud`) as
// keys; what it does not have stays as it was written. A test holds the keys against the sources of the engine.

import { t } from '$lib/i18n';

interface Template {
  pattern: RegExp;
  names: string[];
  other: string;
}

const PLACE = /\{(\w*)[^}]*\}/g;
const read = new WeakMap<object, Template[]>();

function templates(phrases: Record<string, string>): Template[] {
  let made = read.get(phrases);
  if (made === undefined) read.set(phrases, (made = Object.entries(phrases).map(([key, other]) => template(key, other))));
  return made;
}

/** Places without a name are called 0, 1, … in their order. */
function template(key: string, other: string): Template {
  let unnamed = 0;
  const names = [...key.matchAll(PLACE)].map(([, name]) => (name === undefined || name === '' ? String(unnamed++) : name));
  const literal = key.split(PLACE).filter((_, place) => place % 2 === 0);
  const escaped = literal.map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return { pattern: new RegExp(`^${escaped.join('(.+?)')}$`, 's'), names, other };
}

/** A reason as the user's language has it. */
export function said(text: string): string {
  const parts = COUNTS.test(text) ? text.split(', ') : [text];
  return parts.map((part) => phrase(part) ?? part).join(', ');
}

/** What a prompt is made of comes as one line: "2 code blocks, 3 list items". */
const COUNTS = /^\d+ [A-Za-z ]+(?:, \d+ [A-Za-z ]+)+$/;

function phrase(text: string): string | undefined {
  for (const { pattern, names, other } of templates(t().engine.reasons)) {
    const found = pattern.exec(text);
    if (!found) continue;
    return other.replaceAll(PLACE, (_, name: string) => {
      const value = found[names.indexOf(name) + 1] ?? '';
      // A reason inside of a reason.
      return name === 'why' ? said(value) : value;
    });
  }
  return undefined;
}

/** The name of a signal of the score. */
export function signalName(label: string): string {
  const plain = label.replaceAll('_', ' ');
  return t().engine.signals[plain] ?? plain;
}
