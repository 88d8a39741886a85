import { expect, test } from 'vitest';
import { en } from './i18n/en';
import { undoneInWords } from './undone';

const said = (left: { exact?: boolean; kept?: string[]; copy?: string }) =>
  undoneInWords({ file: 'settings.json', exact: false, kept: [], copy: null, ...left }, en.connect.file);

test('taken back is said of everything only where the file is what it was', () => {
  expect(said({ exact: true })).toBe('Taken back: the file is what it was');
  expect(said({})).toBe('Taken back. Other changes since stay in the file.');
});

test('values that stay are named', () => {
  const text = said({ kept: ['env.ANTHROPIC_BASE_URL', 'statusLine'] });
  expect(text).toContain('env.ANTHROPIC_BASE_URL, statusLine');
  expect(text).toContain('stay');
});

test('where the file is gone, the copy is named', () => {
  expect(said({ copy: '/data/connect/1.before' })).toContain('/data/connect/1.before');
});
