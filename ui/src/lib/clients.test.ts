import { expect, test } from 'vitest';
import type { EnvRes } from '$lib/api/generated/api';
import { accessOf, CLIENTS, likelyShell, snippet } from './clients';

const env = (vars: Record<string, string>, window: number | null = null): EnvRes => ({
  base_url: 'http://127.0.0.1:4117',
  vars: Object.entries(vars).map(([name, value]) => ({ name, value, why: '' })),
  snippets: {},
  window,
});

test('the token is found in whichever variable it is', () => {
  expect(accessOf(env({ ANTHROPIC_AUTH_TOKEN: 'abc' })).token).toBe('abc');
  expect(accessOf(env({ ANTHROPIC_CUSTOM_HEADERS: 'x-branchline-token: def' })).token).toBe('def');
  expect(accessOf(env({})).token).toBe('branchline');
});

test('every client is told the address and the token', () => {
  for (const client of CLIENTS) {
    const text = snippet(client, { base: 'http://127.0.0.1:4117', token: 'abc' });
    expect(text).toContain('http://127.0.0.1:4117');
    expect(text).toContain('abc');
  }
});

test('an OpenAI client gets one /v1, an Anthropic client none', () => {
  const access = { base: 'http://127.0.0.1:4117', token: 'abc' };
  expect(snippet('openai', access)).toContain("'http://127.0.0.1:4117/v1'");
  expect(snippet('anthropic', access)).toContain("'http://127.0.0.1:4117'");
  expect(JSON.parse(snippet('opencode', access)).provider.branchline.options.baseURL).toBe('http://127.0.0.1:4117/v1');
});

test('Codex is told the window of the coder where it is known', () => {
  // Claude Code is told another one.
  const told = (window: number | null) => snippet('codex', accessOf(env({ CLAUDE_CODE_MAX_CONTEXT_TOKENS: '70344' }, window)));
  expect(told(65_536)).toContain('\nmodel_context_window = 65536\n');
  expect(told(null)).not.toContain('model_context_window');
});

test('the shell is guessed from the platform', () => {
  expect([likelyShell('Win32'), likelyShell('MacIntel'), likelyShell('Linux x86_64')]).toEqual(['powershell', 'bash', 'bash']);
});
