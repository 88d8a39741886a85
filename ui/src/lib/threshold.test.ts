import { expect, test } from 'vitest';
import { asked, histogram, moneyLimit, shareAbove, tokenLimit } from './threshold';

test('scores fall into bins from 0 to 100, the last one included', () => {
  const bins = histogram([0, 3, 4, 99, 100], 4);
  expect(bins).toHaveLength(25);
  expect([bins[0], bins[1], bins[24]]).toEqual([
    { from: 0, count: 2 },
    { from: 4, count: 1 },
    { from: 96, count: 2 },
  ]);
});

test('a score at the threshold goes to the cloud', () => {
  expect(shareAbove([10, 50, 90, 20], 50)).toBe(0.5);
  expect(shareAbove([10, 20], 0)).toBe(1);
  expect(shareAbove([], 50)).toBeUndefined();
});

test.each([
  ['65536', 65_536],
  ['64k', 64_000],
  ['128 000', 128_000],
  ['65,536', 65_536],
  ['64 K', 64_000],
  ['1.5k', undefined],
  ['', undefined],
  ['much', undefined],
  ['0', undefined],
])('%j is a limit of %s tokens', (text, tokens) => expect(tokenLimit(text)).toBe(tokens));

test('JSON with messages is a request, all else a prompt', () => {
  expect(asked('{"messages":[]}')).toEqual({ request: { messages: [] } });
  expect(asked('{"a":1}')).toEqual({ text: '{"a":1}' });
  expect(asked('fix it')).toEqual({ text: 'fix it' });
});

test.each([
  ['5', 5],
  ['$2.50', 2.5],
  ['2,5', 2.5],
  ['0', undefined],
  ['a lot', undefined],
])('%j is a limit of %s dollars', (text, sum) => expect(moneyLimit(text)).toBe(sum));
