import { expect, test } from 'vitest';
import type { RequestRecord } from '$lib/api/generated/api';
import { asidesOf, goesTo, jsonLines, matches, pretty, speed, stretches, why } from './record';

const blank = {
  id: 'req_1',
  path: '/v1/messages',
  requested_model: 'auto',
  backend: null,
  model: null,
  fallback: null,
  error: null,
  duration_ms: 1_000,
  ttft_ms: 400,
  queued_ms: 0,
  outcome: 'ok',
  doctor: false,
  usage: { input: 10, output: 30, cache_read: 0, cache_write: 0, reasoning: 0 },
  decision: { role: 'coder', kind: 'main', score: 3, points: [], reasons: [], candidates: [] },
  attempts: [],
};
const record = (more: object = {}) => ({ ...blank, ...more }) as unknown as RequestRecord;
const decision = (more: object) => ({ decision: { ...blank.decision, ...more } });

test('a running request goes where its first candidate is', () => {
  const running = record(decision({ candidates: ['lmstudio:qwen/q:8b', 'anthropic:x'] }));
  expect(goesTo(running)).toEqual({ backend: 'lmstudio', model: 'qwen/q:8b' });
  expect(goesTo(record({ backend: 'anthropic', model: 'opus' }))).toEqual({ backend: 'anthropic', model: 'opus' });
  expect(goesTo(record()).model).toBe('auto');
});

test('what was asked of other models is named, summed up, and found by the search', () => {
  const aside = { purpose: 'vision', backend: 'anthropic', model: 'opus', usd: 0.25 };
  const asked = record({ asides: [aside, { ...aside, usd: null }] });
  expect(asidesOf(asked)).toEqual({ purposes: ['vision', 'vision'], usd: 0.25 });
  expect(asidesOf(record())).toEqual({ purposes: [], usd: 0 });
  expect(matches(asked, false, { text: 'opus vision' })).toBe(true);
  expect(matches(record(), false, { text: 'opus' })).toBe(false);
});

test('an error says more than a fallback, and a fallback more than a reason', () => {
  const reasons = decision({ reasons: ['asked for auto', 'score 3 below 50'] });
  expect(why(record(reasons))).toBe('score 3 below 50');
  expect(why(record({ ...reasons, fallback: 'lmstudio is offline' }))).toBe('lmstudio is offline');
  expect(why(record({ ...reasons, fallback: 'x', error: { code: 'y', message: 'too long' } }))).toBe('too long');
});

test('the speed is that of writing, not of waiting', () => {
  expect(speed(record())).toBe(50);
  expect(speed(record({ ttft_ms: null }))).toBeNull();
});

test('a filter takes what the database would take', () => {
  const one = record({ backend: 'lmstudio', model: 'Qwen', ...decision({ reasons: ['score 3 below 50'] }) });
  expect(matches(one, false, {})).toBe(true);
  expect(matches(one, false, { text: 'QWEN below', backend: 'lmstudio', role: 'coder', outcome: 'ok' })).toBe(true);
  expect(matches(one, false, { text: 'qwen cloud' })).toBe(false);
  expect(matches(one, false, { backend: 'anthropic' })).toBe(false);
  expect(matches(one, true, { outcome: 'ok' })).toBe(false);
  expect([matches(one, false, { doctor: false }), matches(one, false, { doctor: true })]).toEqual([true, false]);
});

test('the time is split into tries that failed, waiting and writing', () => {
  const tried = record({
    attempts: [
      { backend: 'a', model: 'm', status: 500, error: 'oops', duration_ms: 150 },
      { backend: 'b', model: 'm', status: 200, error: null, duration_ms: 850 },
    ],
  });
  expect(stretches(tried).map(({ kind, ms }) => [kind, ms])).toEqual([
    ['failed', 150],
    ['reading', 250],
    ['writing', 600],
  ]);
  expect(stretches(record({ queued_ms: 100 })).map(({ kind, ms }) => [kind, ms])).toEqual([
    ['queued', 100],
    ['reading', 300],
    ['writing', 600],
  ]);
  expect(stretches(record({ ttft_ms: null })).map(({ kind, part }) => [kind, part])).toEqual([['reading', 1]]);
});

test('bodies are set out when they are JSON', () => {
  expect(pretty('{"a":1}')).toBe('{\n  "a": 1\n}');
  expect(pretty('event: ping')).toBe('event: ping');
  expect(jsonLines([record(), record()]).trim().split('\n').length).toBe(2);
});
