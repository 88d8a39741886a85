// What a record says, in the words and numbers a person looks for. Pure.

import type { Outcome, RecordFilter, RequestRecord } from '$lib/api/generated/api';
import { rate } from '$lib/format';
import { said, told } from '$lib/said';

/** Everything that was read of the prompt, from caches or not. */
export function tokensRead({ usage }: Pick<RequestRecord, 'usage'>): number {
  return usage.input + usage.cache_read + usage.cache_write;
}

/** Who answered, or is about to: backend and model. */
export function goesTo(record: RequestRecord): { backend: string | null; model: string } {
  if (record.model !== null) return { backend: record.backend, model: record.model };
  const first = record.decision.candidates[0];
  if (first === undefined) return { backend: null, model: record.requested_model || record.path };
  const colon = first.indexOf(':');
  return colon < 0 ? { backend: null, model: first } : { backend: first.slice(0, colon), model: first.slice(colon + 1) };
}

/** The one reason there is room for in a list. */
export function why(record: RequestRecord): string {
  if (record.error !== null) return told(record.error).message;
  return said(record.fallback ?? record.decision.reasons.at(-1) ?? '');
}

/** What was asked of other models for it: "vision, vision, dispatcher" with the sum of what that cost, as far as it is known. */
export function asidesOf({ asides }: Pick<RequestRecord, 'asides'>): { purposes: string[]; usd: number } {
  const all = asides ?? [];
  return { purposes: all.map((aside) => aside.purpose), usd: all.reduce((sum, aside) => sum + (aside.usd ?? 0), 0) };
}

/** Tokens a second while the answer was written. */
export function speed(record: RequestRecord): number | null {
  if (record.ttft_ms === null) return null;
  return rate(record.usage.output, record.duration_ms - record.ttft_ms);
}

export type RowState = Outcome | 'running';

/** A running request has no outcome yet, whatever its record says. */
export const rowState = (record: RequestRecord, running: boolean): RowState => (running ? 'running' : record.outcome);

/** Whether a request that is just heard of belongs to a filtered list; the database answers the same for old ones. */
export function matches(record: RequestRecord, running: boolean, filter: RecordFilter): boolean {
  if (filter.outcome !== undefined && (running || record.outcome !== filter.outcome)) return false;
  if (filter.doctor !== undefined && record.doctor !== filter.doctor) return false;
  if (filter.backend !== undefined && goesTo(record).backend !== filter.backend) return false;
  if (filter.role !== undefined && record.decision.role !== filter.role) return false;
  const words = (filter.text ?? '').toLowerCase().split(/\s+/).filter(Boolean);
  const text = words.length === 0 ? '' : searchText(record);
  return words.every((word) => text.includes(word));
}

function searchText(record: RequestRecord): string {
  const { id, path, requested_model, client, session, agent, backend, model, fallback, error, decision } = record;
  const named = [id, path, requested_model, client, session, agent, backend, model, fallback, error?.code, error?.message];
  const aside = (record.asides ?? []).flatMap((one) => [one.purpose, one.backend, one.model]);
  return [...named, ...decision.reasons, ...aside].join('\n').toLowerCase();
}

export interface Stretch {
  kind: 'queued' | 'failed' | 'reading' | 'writing';
  ms: number;
  /** Of the whole, 0 to 1. */
  part: number;
}

/** Where the time went: waiting for a place, tries that failed, up to the first token, the rest. */
export function stretches(record: RequestRecord): Stretch[] {
  const whole = Math.max(record.duration_ms, 1);
  const first = Math.min(record.ttft_ms ?? record.duration_ms, record.duration_ms);
  const lost = record.attempts.filter((attempt) => attempt.error !== null).reduce((sum, attempt) => sum + attempt.duration_ms, 0);
  const queued = Math.min(record.queued_ms, first);
  const failed = Math.min(lost, first - queued);
  const all: [Stretch['kind'], number][] = [
    ['queued', queued],
    ['failed', failed],
    ['reading', first - queued - failed],
    ['writing', record.duration_ms - first],
  ];
  return all.filter(([, ms]) => ms > 0).map(([kind, ms]) => ({ kind, ms, part: ms / whole }));
}

/** JSON as people read it; what is no JSON (streams, redacted texts) stays as it is. */
export function pretty(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    return body;
  }
}

/** One record per line: what `branchline log --json` prints. */
export function jsonLines(records: RequestRecord[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}
