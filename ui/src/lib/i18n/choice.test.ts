import { beforeEach, expect, test, vi } from 'vitest';
import { words } from './words.svelte';

const kept = new Map<string, string>();
const page = { documentElement: { lang: 'en' } };
vi.stubGlobal('localStorage', { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => kept.set(key, value) });
vi.stubGlobal('document', page);
vi.stubGlobal('navigator', { languages: ['de-AT', 'en'] });

/** As in a window that is just opened. */
async function opened() {
  vi.resetModules();
  return (await import('./choice.svelte')).language;
}

beforeEach(() => kept.clear());

test('nobody has chosen: it is the system’s, with its numbers', async () => {
  const { language } = await import('./choice.svelte');
  await language.apply();
  expect([language.chosen, page.documentElement.lang, words.locale]).toEqual(['system', 'de', 'de-AT']);
  expect(words.catalogue.settings.title).toBe('Einstellungen');
});

test('what was chosen is there when the window opens again', async () => {
  await (await opened()).choose('zh');
  expect((await opened()).chosen).toBe('zh');
});

test('who chooses again before the first is loaded gets the second', async () => {
  const language = await opened();
  const both = [language.choose('zh'), language.choose('en')];
  await Promise.all(both);
  expect(page.documentElement.lang).toBe('en');
});

test('a mark of another version is no language', async () => {
  kept.set('branchline.language', 'tlh');
  expect((await opened()).chosen).toBe('system');
});
