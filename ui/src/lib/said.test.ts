import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { de } from './i18n/de';
import { en } from './i18n/en';
import { words } from './i18n/words.svelte';
import { zh } from './i18n/zh';
import { said, signalName, told } from './said';

vi.stubGlobal('document', { documentElement: {} });
afterEach(() => words.use('en', 'en', en));

test('the engine is heard in the language that is spoken', () => {
  const reason = 'score 65 reaches the threshold 50: cloud';
  expect(said(reason)).toBe(reason);
  words.use('de', 'de', de);
  expect(said(reason)).toBe('65 Punkte erreichen die Schwelle 50: Cloud');
  expect(said('lmstudio:a holds 4096 tokens, about 9000 are needed')).toBe('lmstudio:a fasst 4096 Tokens, etwa 9000 werden gebraucht');
  expect(said('1 code block, 3 list items')).toBe('1 Codeblock, 3 Listenpunkte');
  expect(said('about 63 tokens, 37 different words')).toBe('etwa 63 Tokens, 37 verschiedene Wörter');
  expect(said('the same call failed 3 times: the turn goes on in the cloud (escalated)')).toBe(
    'derselbe Aufruf ist 3-mal gescheitert: Die Runde geht in der Cloud weiter',
  );
  expect(said('model id asks for local')).toBe('die Modell-ID verlangt lokal');
  expect(said('header X-Force-Route names lmstudio:a')).toBe('der Header X-Force-Route nennt lmstudio:a');
  expect(said('lmstudio is offline: lmstudio:a is tried last')).toBe('lmstudio ist offline: lmstudio:a kommt zuletzt');
  words.use('zh-Hans', 'zh-CN', zh);
  expect(said('2 images will be described for a model that cannot see')).toBe('将为看不见图片的模型描述 2 张图片');
  expect(signalName('complex_words')).toBe('复杂词语');
});

test('what is no work is told like any other reason', () => {
  words.use('de', 'de', de);
  expect(said('a title for the session: background work')).toBe('ein Titel für die Sitzung: Arbeit nebenbei');
  expect(said('quota probe: answered here, no model is asked')).toBe('Kontingentprüfung: hier beantwortet, kein Modell wird gefragt');
});

test('the doctor is understood, with what its words hold', () => {
  words.use('de', 'de', de);
  expect(said('called get_weather({"city":"Paris"}); the answer came in one piece')).toBe(
    'rief get_weather({"city":"Paris"}) auf; die Antwort kam in einem Stück',
  );
  expect(said('first token after 90 ms, 12 tokens/s: slow for an agent')).toBe('erstes Token nach 90 ms, 12 Tokens/s: langsam für einen Agenten');
});

test('an error says what it means before the words of the engine, and what to do', () => {
  const error = { code: 'missing_key', message: 'anthropic needs a key', hint: '`branchline key set anthropic`' };
  expect(told(error)).toBe(error);
  words.use('de', 'de', de);
  expect(told(error)).toEqual({
    code: 'missing_key',
    message: 'dem Backend fehlt ein Schlüssel: anthropic needs a key',
    hint: '`branchline key set NAME`, oder `BRANCHLINE_KEY_<NAME>`',
  });
  const strange = { message: 'no such thing', hint: 'none' };
  expect(told(strange)).toBe(strange);
  expect(told(undefined)).toBeUndefined();
});

test('every code of the list of errors is translated, and no other', () => {
  const list = readFileSync(new URL('../../../docs/troubleshooting.md', import.meta.url), 'utf8');
  const codes = [...list.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, code]) => code);
  expect(codes.length).toBeGreaterThan(50);
  for (const { errors } of [de, zh]) expect(Object.keys(errors)).toEqual(codes);
});

test('what nobody has translated stays as it was written', () => {
  words.use('de', 'de', de);
  expect(said('something new')).toBe('something new');
  expect(signalName('something_new')).toBe('something new');
});

const places = (text: string) => {
  let unnamed = 0;
  return [...text.matchAll(/\{(\w*)[^}]*\}/g)].map(([, name]) => name || String(unnamed++)).toSorted();
};

test('every phrase is translated into every language, with all that varies in it', () => {
  expect(Object.keys(zh.engine.reasons)).toEqual(Object.keys(de.engine.reasons));
  expect(Object.keys(zh.engine.signals)).toEqual(Object.keys(de.engine.signals));
  for (const { engine } of [de, zh]) {
    for (const [key, other] of Object.entries(engine.reasons)) expect([key, ...places(other)]).toEqual([key, ...places(key)]);
  }
});

function sources(folder: URL): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.rs'));
  return files.map((path) => readFileSync(new URL(path, folder), 'utf8'));
}

test('the phrases are those the engine writes', () => {
  const folders = ['routing/src/', 'proxy/src/'].map((crate) => new URL(crate, new URL('../../../crates/', import.meta.url)));
  const source = folders.flatMap(sources).join('\n');
  // Things that are counted stand there in both numbers, without how many.
  const counted = (phrase: string) => source.includes(`"${phrase.replace(/^(1|\{count\}) /, '')}"`);
  const written = (phrase: string) =>
    counted(phrase) || source.includes(`"${phrase.replaceAll(/\{\w*\.[^}]*\}/g, '{}')}"`);
  expect(Object.keys(de.engine.reasons).filter((phrase) => !written(phrase))).toEqual([]);
  const labels = [...source.matchAll(/Self::\w+ => "([a-z ]+)",/g)].map(([, label]) => label);
  expect(Object.keys(de.engine.signals).filter((label) => !labels.includes(label))).toEqual([]);
});

test('every reason of a decision is translated', () => {
  const source = sources(new URL('../../../crates/routing/src/decide/', import.meta.url)).join('\n');
  const reasons = [...source.matchAll(/(?:\bsay|reasons\.push)\((?:format!\()?"([^"]+)"/g)].map(([, reason = '']) => reason);
  expect(reasons.length).toBeGreaterThan(20);
  expect(reasons.filter((reason) => de.engine.reasons[reason] === undefined)).toEqual([]);
});
