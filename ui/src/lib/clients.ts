// How other clients than Claude Code are pointed here. Claude Code's own variables come from the engine.

import type { EnvRes } from '$lib/api/generated/api';

export interface Access {
  /** Without a path: `http://127.0.0.1:4117`. */
  base: string;
  /** What clients send; some text has to stand there even where no token is asked for. */
  token: string;
  /** Tokens the smallest window holds, where that is known. Claude Code is told another number. */
  window?: number;
}

export const CLIENTS = ['openai', 'anthropic', 'opencode', 'codex', 'curl'] as const;
export type Client = (typeof CLIENTS)[number];

const HEADER = /^x-branchline-token:\s*/i;

/** The token is in one of two variables, depending on whose login goes to the cloud. */
export function accessOf(env: EnvRes): Access {
  const value = (name: string) => env.vars.find((one) => one.name === name)?.value;
  const token = value('ANTHROPIC_AUTH_TOKEN') ?? value('ANTHROPIC_CUSTOM_HEADERS')?.replace(HEADER, '');
  return { base: env.base_url, token: token ?? 'branchline', window: env.window ?? undefined };
}

/** Text to paste, by client. */
export function snippet(client: Client, { base, token, window }: Access): string {
  switch (client) {
    case 'openai':
      return lines(`export OPENAI_BASE_URL='${base}/v1'`, `export OPENAI_API_KEY='${token}'`);
    case 'anthropic':
      return lines(`export ANTHROPIC_BASE_URL='${base}'`, `export ANTHROPIC_AUTH_TOKEN='${token}'`);
    case 'opencode':
      return opencode(base, token);
    case 'codex':
      return codex(base, token, window);
    case 'curl':
      return lines(
        `curl ${base}/v1/messages \\`,
        `  -H 'authorization: Bearer ${token}' \\`,
        `  -H 'content-type: application/json' \\`,
        `  -d '{"model":"auto","max_tokens":200,"messages":[{"role":"user","content":"Say hello"}]}'`,
      );
  }
}

function opencode(base: string, token: string): string {
  const models = { auto: { name: 'auto' }, local: { name: 'local' }, cloud: { name: 'cloud' } };
  const options = { baseURL: `${base}/v1`, apiKey: token };
  const branchline = { npm: '@ai-sdk/openai-compatible', name: 'Branchline', options, models };
  const config = { $schema: 'https://opencode.ai/config.json', model: 'branchline/auto', provider: { branchline } };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** Codex asks no server for the window of a model it does not know. */
function codex(base: string, token: string, window?: number): string {
  return lines(
    'model = "auto"',
    'model_provider = "branchline"',
    ...(window ? [`model_context_window = ${window}`] : []),
    '',
    '[model_providers.branchline]',
    'name = "Branchline"',
    `base_url = "${base}/v1"`,
    'wire_api = "responses"',
    `http_headers = { "x-branchline-token" = "${token}" }`,
  );
}

const lines = (...all: string[]) => `${all.join('\n')}\n`;

/** The shells the engine writes snippets for, in the order they are offered. Zsh takes what Bash takes. */
export const SHELLS = ['bash', 'fish', 'powershell', 'cmd', 'settings'] as const;
export type ShellName = (typeof SHELLS)[number];

/** The shell this machine's user most likely types into. */
export function likelyShell(platform: string): ShellName {
  return /win/i.test(platform) && !/darwin/i.test(platform) ? 'powershell' : 'bash';
}
