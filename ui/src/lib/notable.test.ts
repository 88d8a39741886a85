import { expect, test } from 'vitest';
import type { RequestRecord } from '$lib/api/generated/api';
import { notables } from './notable';

const record = (id: string, at: number, more: Partial<RequestRecord> = {}) => ({
  running: false,
  record: { id, at, model: 'm', requested_model: 'auto', error: null, fallback: null, decision: {}, ...more } as RequestRecord,
});

test('failures, fallbacks and lost backends are told, newest first; the rest is no news', () => {
  const told = notables(
    [
      { at: 5, event: { type: 'backend_down', backend: 'lmstudio', reason: 'refused' } },
      { at: 9, event: { type: 'settings_changed', problems: [] } },
    ],
    [
      record('a', 7, { error: { code: 'x', message: 'too long', hint: null } }),
      record('b', 6),
      record('c', 4, { fallback: 'lmstudio is offline' }),
      record('e', 8, { doctor: true, error: { code: 'x', message: 'too long', hint: null } }),
      record('d', 3, { decision: { escalated: 'the same call failed 3 times' } as RequestRecord['decision'] }),
    ],
  );
  expect(told.map((one) => [one.kind, one.at])).toEqual([
    ['error', 7],
    ['down', 5],
    ['fallback', 4],
    ['escalated', 3],
  ]);
});
