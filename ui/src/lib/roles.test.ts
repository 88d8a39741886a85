import { expect, test } from 'vitest';
import type { BackendInfo, ModelCard } from '$lib/api/generated/api';
import { byBackend, ranked, refsOf, roleValue, search, shortcomings, splitRef, warningsFor } from './roles';

const card = (id: string, more: Partial<ModelCard> = {}): ModelCard =>
  ({
    backend: 'lmstudio',
    id,
    display: id,
    kind: 'llm',
    vision: null,
    tools: true,
    loaded: true,
    context_loaded: 65_536,
    context_max: 131_072,
    ...more,
  }) as ModelCard;
const up = { name: 'lmstudio', up: true, lacks_key: false } as BackendInfo;

test('a ref is split at its first colon', () => {
  expect(splitRef('ollama:qwen3:8b')).toEqual({ backend: 'ollama', id: 'qwen3:8b' });
});

test.each([
  ['coder', card('a', { tools: false }), ['no_tools']],
  ['coder', card('a', { tools: null }), []],
  ['coder', card('a', { context_loaded: 8_192 }), ['short_context']],
  ['coder', card('a', { context_loaded: 49_151 }), ['short_context']],
  ['coder', card('a', { context_loaded: 49_152 }), []],
  ['vision', card('a', { vision: false }), ['no_vision']],
  ['vision', card('a', { vision: true, context_loaded: 8_192 }), []],
  ['background', card('a', { tools: false, context_loaded: 8_192 }), []],
  ['coder', card('a', { kind: 'embedding' }), ['embedding']],
] as const)('as %s, a model is warned of what it lacks', (role, model, expected) =>
  expect(shortcomings(role, model)).toEqual(expected),
);

test('the window that is loaded counts, not the one that could be', () => {
  expect(shortcomings('coder', card('a', { context_loaded: null, context_max: 131_072 }))).toEqual([]);
});

test('what is wrong with a ref is told by its cause', () => {
  expect(warningsFor('coder', 'gone:a', [], [up])).toEqual(['no_backend']);
  expect(warningsFor('coder', 'lmstudio:b', [card('a')], [up])).toEqual(['unknown_model']);
  expect(warningsFor('coder', 'lmstudio:b', [], [up])).toEqual([]);
  expect(warningsFor('coder', 'lmstudio:a', [card('a')], [{ ...up, up: false }])).toEqual(['backend_down']);
  expect(warningsFor('coder', 'lmstudio:a', [card('a')], [{ ...up, lacks_key: true }])).toEqual(['no_key']);
});

test('a role is set to nothing, a text or a list', () => {
  expect([refsOf(null), refsOf('a:b'), refsOf(['a:b', 'c:d'])]).toEqual([[], ['a:b'], ['a:b', 'c:d']]);
  expect([roleValue([]), roleValue(['a:b', 'a:b']), roleValue(['a:b', 'c:d'])]).toEqual([null, 'a:b', ['a:b', 'c:d']]);
});

test('models that fit a role come first, embeddings not at all', () => {
  const cards = [card('blind', { vision: false }), card('eye', { vision: true }), card('e', { kind: 'embedding' })];
  expect(ranked('vision', cards).map((one) => one.id)).toEqual(['eye', 'blind']);
});

test('models are found by all words and stand under their backends', () => {
  const cards = [card('qwen/coder'), card('gpt', { backend: 'openai' }), card('qwen/small', { quantization: 'Q4_K_M' })];
  expect(search(cards, 'QWEN q4').map((one) => one.id)).toEqual(['qwen/small']);
  expect(byBackend(cards).map((group) => [group.backend, group.cards.length])).toEqual([
    ['lmstudio', 2],
    ['openai', 1],
  ]);
});
