import { expect, test } from 'vitest';
import type { BackendInfo, KeyInfo, PresetView } from '$lib/api/generated/api';
import { backendState, freeName, inOrder, kindOf, nameFault, settingsOf, switchedOff } from './backends';

const backend = (more: Partial<BackendInfo>): BackendInfo =>
  ({ name: 'a', display: 'LM Studio', up: true, lacks_key: false, key_error: null, local: true, flavour: null, version: null, circuit: { state: 'closed' }, ...more }) as BackendInfo;

test('a missing key is told before anything else', () => {
  expect(backendState(backend({ lacks_key: true, up: false }))).toBe('no_key');
  expect(backendState(backend({ lacks_key: true, key_error: 'it is locked' }))).toBe('key_unread');
  expect([true, false, null].map((up) => backendState(backend({ up })))).toEqual(['up', 'down', 'unasked']);
});

test('a key that was just removed is missing at once', () => {
  const key = { required: true, source: null } as KeyInfo;
  expect(backendState(backend({}), key)).toBe('no_key');
  expect(backendState(backend({}), { ...key, required: false })).toBe('up');
});

test('a backend that is left alone after failures says so', () => {
  expect(backendState(backend({ circuit: { state: 'open', until: 1, failures: 2, reason: 'refused' } }))).toBe('resting');
});

test('a backend is called what it turned out to be', () => {
  expect(kindOf(backend({}))).toBe('LM Studio');
  expect(kindOf(backend({ flavour: 'llama_cpp', version: 'b9000' }))).toBe('llama.cpp b9000');
});

test('names are short, lowercase and not taken', () => {
  expect(['studio', 'Studio', '', 'a:b', 'lmstudio'].map((name) => nameFault(name, ['lmstudio']))).toEqual([
    undefined,
    'bad',
    'bad',
    'bad',
    'taken',
  ]);
  expect(freeName('ollama', ['ollama', 'ollama-2'])).toBe('ollama-3');
  expect(freeName('openai_compatible', [])).toBe('server');
});

test('only what the preset does not say by itself is written', () => {
  const preset = { id: 'ollama', base_url: 'http://127.0.0.1:11434' } as PresetView;
  expect(settingsOf('ollama', preset, 'http://127.0.0.1:11434')).toEqual({});
  expect(settingsOf('attic', preset, 'http://attic:11434')).toEqual({ preset: 'ollama', base_url: 'http://attic:11434' });
});

test('backends that are switched off are known from the settings', () => {
  expect(switchedOff({ a: { enabled: true }, b: { enabled: false }, c: null })).toEqual(['b']);
});

test('what answers comes first, what was never there last', () => {
  const list = [backend({ name: 'd', up: false }), backend({ name: 'k', lacks_key: true, local: false }), backend({ name: 'u' })];
  expect(inOrder(list).map((one) => one.name)).toEqual(['u', 'k', 'd']);
});
