import { expect, test } from 'vitest';
import { amounts } from './amounts';
import { de } from './de';
import { en } from './en';
import { LANGUAGES, localeOf, NAMES, preferred, TAGS } from './languages';
import { zh } from './zh';

type Phrase = string | ((...values: never[]) => string);
const OTHERS = { de, zh };

/** Every phrase of a catalogue under its path: `log.filter.text`. */
function phrases(tree: object, path = ''): Map<string, Phrase> {
  // The engine's own phrases are in the test of `said`.
  if (path === 'engine' || path === 'errors') return new Map();
  const found = new Map<string, Phrase>();
  for (const [key, value] of Object.entries(tree) as [string, Phrase | object][]) {
    const here = path === '' ? key : `${path}.${key}`;
    if (typeof value === 'object') phrases(value, here).forEach((phrase, inside) => found.set(inside, phrase));
    else found.set(here, value);
  }
  return found;
}

const english = phrases(en);
/** Phrases that are given one object take any of its numbers. */
const OBJECTS = ['routing.learned.from'];

/** A phrase with the number 10 001 in its first place, 10 002 in its second, and so on. */
function filled(path: string, phrase: Phrase, first = 10_001): string {
  if (typeof phrase === 'string') return phrase;
  const say = phrase as (...values: unknown[]) => string;
  if (OBJECTS.includes(path)) return say(new Proxy({}, { get: (_, name) => `<${String(name)}>` }));
  return say(...Array.from({ length: phrase.length }, (_, place) => String(first + place)));
}

/** What was put in, whatever a language writes between thousands. */
const placed = (text: string) => (text.replaceAll(/(?<=\d)[.,\s\u202f](?=\d)/g, '').match(/\d{5}|<\w+>/g) ?? []).toSorted();

// Names, formats, and words that are the same in German. Chinese has fewer of them.
const SAME_ANYWHERE = /^(?:Branchline|branchline \w+|SHA-256|Claude Code|PowerShell|Codex|curl|opencode|(?:OpenAI|Anthropic)\b[\w ]*|Shell|bash, zsh|fish|cmd|settings\.json|OK|Token|Tokens|Cloud|#?\d+|[\d:,-]+)?$/;
const SAME_HERE = {
  de: [
    ...['Backend', 'Backends', 'Status', 'Server', 'Port', 'Name', 'Client', 'Subagent', 'Pause', 'Offline', 'System', 'Header'],
    ...['Normal', 'Version', 'Embeddings', 'Auto', 'Coder', 'Routing'],
  ],
  zh: [],
} as Record<string, string[]>;
/** What is typed the same in every language. */
const SAME_PATHS = /^routing\.(?:rules|privacy)\.examples\.|^overview\.events\.kinds\.other$/;

test.each(Object.entries(OTHERS))('%s says everything English says, and nothing else', (_, catalogue) => {
  const other = phrases(catalogue);
  expect([...other.keys()].toSorted()).toEqual([...english.keys()].toSorted());
  for (const [path, phrase] of other) expect(typeof phrase, path).toBe(typeof english.get(path));
});

test.each(Object.entries(OTHERS))('%s puts in what English puts in', (_, catalogue) => {
  for (const [path, phrase] of phrases(catalogue)) {
    const original = english.get(path) ?? '';
    expect([path, ...placed(filled(path, phrase))]).toEqual([path, ...placed(filled(path, original))]);
  }
});

test.each(Object.entries(OTHERS))('nothing is left in English in %s', (language, catalogue) => {
  const left = [...phrases(catalogue)].filter(([path, phrase]) => {
    const [own, original] = [filled(path, phrase), filled(path, english.get(path) ?? '')];
    return own === original && !SAME_ANYWHERE.test(own) && !SAME_PATHS.test(path) && !SAME_HERE[language]?.includes(own);
  });
  expect(left.map(([path]) => path)).toEqual([]);
});

test.each(Object.entries({ en, ...OTHERS }))('%s speaks of none, one and many', (_, catalogue) => {
  for (const [path, phrase] of phrases(catalogue)) {
    for (const count of [0, 1, 2, 21]) {
      const text = filled(path, phrase, count);
      if (typeof phrase !== 'string') expect(text, path).not.toMatch(/#|undefined|NaN|\[object/);
      expect(text, path).toBe(text.trim());
    }
  }
});

test('Chinese is written in Chinese, with its own marks', () => {
  for (const [path, phrase] of phrases(zh)) {
    if (typeof phrase === 'string') expect(phrase, path).not.toMatch(/\p{Script=Han}\s*[,;!?](?!\s*zsh)|\p{Script=Han}\.\s*$/u);
  }
});

test('one is one, and numbers are written as the language writes them', () => {
  const forms = { one: '# model', other: '# models' };
  expect([0, 1, 2, 12_345].map((count) => amounts('en')(count, forms))).toEqual(['0 models', '1 model', '2 models', '12,345 models']);
  expect(amounts('de')(12_345, { one: '# Modell', other: '# Modelle' })).toBe('12.345 Modelle');
  expect(amounts('zh')(1, { other: '# 个模型' })).toBe('1 个模型');
});

test('the first language of the system that is spoken here is spoken', () => {
  expect(preferred(['fr-FR', 'de-AT', 'en-GB'])).toBe('de');
  expect(preferred(['zh-Hans-CN'])).toBe('zh');
  expect(preferred(['zh_CN.UTF-8', 'en'])).toBe('zh');
  expect(preferred(['fr-FR', 'C'])).toBe('en');
});

test('numbers and dates are written as where the system is, if it speaks the language', () => {
  expect(localeOf('de', ['en-GB', 'de-AT'])).toBe('de-AT');
  expect(localeOf('zh', ['en-GB'])).toBe('zh-Hans');
  expect(localeOf('en', ['en_US.UTF-8'])).toBe('en');
});

test('every language has its own name and its tag', () => {
  expect(Object.keys(NAMES)).toEqual([...LANGUAGES]);
  for (const tag of Object.values(TAGS)) expect(Intl.getCanonicalLocales(tag)).toEqual([tag]);
});
