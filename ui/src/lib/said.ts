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
  return listed(text) ?? phrase(text) ?? text;
}

/** Several phrases come as one line: "2 code blocks, 3 list items". */
function listed(text: string): string | undefined {
  const parts = text.split(', ');
  const known = parts.map(phrase);
  return parts.length > 1 && known.every((part) => part !== undefined) ? known.join(', ') : undefined;
}

function phrase(text: string): string | undefined {
  for (const { pattern, names, other } of templates(t().engine.reasons)) {
    const found = pattern.exec(text);
    if (!found) continue;
    // What is put in may be a phrase itself.
    return other.replaceAll(PLACE, (_, name: string) => said(found[names.indexOf(name) + 1] ?? ''));
  }
  return undefined;
}

/** The name of a signal of the score. */
export function signalName(label: string): string {
  const plain = label.replaceAll('_', ' ');
  return t().engine.signals[plain] ?? plain;
}

interface Failure {
  code?: string;
  message: string;
  hint?: string | null;
}

/** An error and what to do, in the user's language: the code's meaning stands before the engine's own words, which name what it is about. */
export function told(error: Failure): Failure;
export function told(error: Failure | undefined): Failure | undefined;
export function told(error: Failure | undefined): Failure | undefined {
  const [what, next] = t().errors[error?.code ?? ''] ?? [];
  if (error === undefined || what === undefined) return error;
  return { code: error.code, message: `${what}: ${error.message}`, hint: next };
}
