import { expect, test } from 'vitest';
import type { Checkup, DoctorView, Verdict } from '$lib/api/generated/api';
import { checkupOf, inOrder, isUnderWay, toneOf, wrong } from './checkup';

const checkup = (model: string, at: number, progress: Checkup['progress'] = 'done'): Checkup => ({
  model,
  at,
  progress,
  current: null,
  results: [],
  verdict: 'pass',
  ttft_ms: null,
  tokens_per_second: null,
});

const view = (models: string[], checkups: Checkup[]): DoctorView => ({ running: false, models, checkups });

test('the models of the run stand first in its order, others follow by age', () => {
  const known = view(['b:2', 'a:1'], [checkup('a:1', 1), checkup('old:1', 5), checkup('b:2', 2), checkup('newer:1', 9)]);
  expect(inOrder(known).map((one) => one.model)).toEqual(['b:2', 'a:1', 'newer:1', 'old:1']);
});

test('a model is found by its ref, and is under way while it waits or runs', () => {
  const known = view([], [checkup('a:1', 1, 'waiting'), checkup('b:2', 1, 'stopped')]);
  expect(isUnderWay(checkupOf(known, 'a:1'))).toBe(true);
  expect(isUnderWay(checkupOf(known, 'b:2'))).toBe(false);
  expect(isUnderWay(checkupOf(undefined, 'a:1'))).toBe(false);
});

test('what is mended is as good as what works, and only what is not is wrong', () => {
  const all: Verdict[] = ['pass', 'repaired', 'limited', 'fail', 'skipped'];
  expect(all.map(toneOf)).toEqual(['good', 'good', 'warn', 'bad', 'plain']);
  const results = all.map((verdict) => ({ test: 'call' as const, verdict, reason: '', hint: null, request: null, ms: 1 }));
  expect(wrong({ ...checkup('a:1', 1), results }).map((one) => one.verdict)).toEqual(['limited', 'fail']);
});
