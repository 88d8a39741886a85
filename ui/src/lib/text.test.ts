import { expect, test } from 'vitest';
import { tokenIn, ungrouped, wholeNumber } from './text';

test.each([
  ['4117', 4117],
  [' 1 ', 1],
  ['0', undefined],
  ['65536', undefined],
  ['4e3', undefined],
  ['', undefined],
])('%j is the port %s', (text, port) => expect(wholeNumber(text, 1, 65_535)).toBe(port));

test.each([
  ['65536', '65536'],
  [' 65,536', '65536'],
  ['1.234.567', '1234567'],
  ['65 536', '65536'],
  ['1.5', '1.5'],
  ['1.5000', '1.5000'],
])('%j without its groups is %j', (text, plain) => expect(ungrouped(text)).toBe(plain));

test('the token is found alone and inside of a header', () => {
  const token = 'ab'.repeat(32);
  expect(tokenIn(['http://127.0.0.1:4117', token])).toBe(token);
  expect(tokenIn([`x-branchline-token: ${token}`])).toBe(token);
  expect(tokenIn(['', 'abc'])).toBeUndefined();
});
