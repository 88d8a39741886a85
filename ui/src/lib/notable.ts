// What is worth a line under "last events": what was heard, and what past requests tell, newest first.

import type { BudgetView, RequestRecord } from '$lib/api/generated/api';
import { said, told } from '$lib/said';
import type { Heard } from '$lib/stores/live.svelte';
import type { Row } from '$lib/stores/records.svelte';

export interface Notable {
  at: number;
  tone: 'plain' | 'good' | 'warn' | 'bad';
  kind: 'down' | 'up' | 'fallback' | 'error' | 'image' | 'settings' | 'circuit' | 'escalated' | 'budget' | 'not_loaded' | 'other_model' | 'other';
  /** Who or what it is about. */
  subject: string;
  detail: string | null;
  /** The request to open. */
  request: string | null;
}

const MOST = 8;

export function notables(heard: Heard[], rows: Row[]): Notable[] {
  const told = heard.flatMap((one) => fromEvent(one) ?? []);
  const past = rows.filter((row) => !row.running).flatMap((row) => fromRecord(row.record) ?? []);
  return [...told, ...past].sort((one, other) => other.at - one.at).slice(0, MOST);
}

function fromEvent({ at, event }: Heard): Notable | undefined {
  switch (event.type) {
    case 'backend_down':
      return { at, tone: 'bad', kind: 'down', subject: event.backend, detail: event.reason, request: null };
    case 'backend_up':
      return { at, tone: 'good', kind: 'up', subject: event.backend, detail: null, request: null };
    case 'circuit_opened':
      return { at, tone: 'warn', kind: 'circuit', subject: event.backend, detail: event.reason, request: null };
    case 'budget':
      return { at, tone: 'warn', kind: 'budget', subject: '', detail: budgetWords(event.budget), request: null };
    case 'model_loaded':
      return { at, tone: 'bad', kind: 'not_loaded', subject: event.model, detail: event.error, request: event.request };
    case 'other_model':
      return { at, tone: 'warn', kind: 'other_model', subject: event.answered, detail: event.asked, request: event.request };
    case 'image_described':
      return { at, tone: 'plain', kind: 'image', subject: event.model, detail: null, request: null };
    case 'settings_changed':
      if (event.problems.length === 0) return undefined;
      return { at, tone: 'bad', kind: 'settings', subject: '', detail: event.problems.join('; '), request: null };
    default:
      // Fallbacks and failures are told by the records, which also know those from before this window was opened.
      return undefined;
  }
}

const budgetWords = ({ percent }: BudgetView) => (percent === null ? null : `${percent} %`);

function fromRecord(record: RequestRecord): Notable | undefined {
  // What a check-up found stands on the Models page.
  if (record.doctor) return undefined;
  const subject = record.model ?? (record.requested_model || record.path);
  const request = record.id;
  if (record.error !== null) {
    return { at: record.at, tone: 'bad', kind: 'error', subject, detail: told(record.error).message, request };
  }
  const moved = record.decision.escalated;
  if (moved) return { at: record.at, tone: 'warn', kind: 'escalated', subject, detail: said(moved), request };
  if (record.fallback !== null) {
    return { at: record.at, tone: 'warn', kind: 'fallback', subject, detail: said(record.fallback), request };
  }
  return undefined;
}
