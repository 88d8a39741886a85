// The browser's door to `branchline serve`: POST /api/rpc and GET /api/events with the token of a session.
//
// The session comes from a one-time link (`…/ui/#code=…`): the code stands behind `#`, so that no server, log or
// referrer sees it, and is gone from the address before anything else runs. The token lives in sessionStorage and not in a
// cookie: browsers send the cookies of 127.0.0.1 to every port, so any other local server would be handed it.

import { t } from '$lib/i18n';
import type { LiveEvent } from '$lib/api/generated/api';
import { SseReader } from './sse';
import { CallError, type Host, type Link } from './types';

const STORED = 'branchline.session';
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;

export type Fetch = (path: string, init?: RequestInit) => Promise<Response>;

/** The code in the fragment of an address, if one is there. */
export function codeIn(fragment: string): string | undefined {
  return new URLSearchParams(fragment.replace(/^#/, '')).get('code') ?? undefined;
}

/** What a program types who has no link: the whole link, or just its code. */
export function codeFrom(pasted: string): string {
  const text = pasted.trim();
  return codeIn(text.slice(text.indexOf('#') + 1)) ?? text;
}

/** Gives a one-time code for the token of a session. Rejects when the code is unknown, used or too old. */
export async function signIn(code: string, request: Fetch = fetch): Promise<void> {
  const response = await post('/api/session', { code }, null, request);
  const { token } = (await answerOf(response)) as { token: string };
  sessionStorage.setItem(STORED, token);
}

/** Takes the code out of the page's own address and uses it. */
export async function signInByLink(): Promise<void> {
  const code = codeIn(location.hash);
  if (code === undefined) return;
  history.replaceState(null, '', location.pathname + location.search);
  await signIn(code);
}

export const http: Host = {
  kind: 'browser',
  async call(name, request) {
    return answerOf(await post('/api/rpc', { name, request }, token(), fetch));
  },
  listen(onEvent, onLink) {
    const end = new AbortController();
    void keepListening(onEvent, onLink, end.signal);
    return () => end.abort();
  },
  copy: (text) => navigator.clipboard.writeText(text),
  async save(name, text) {
    const address = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
    const link = Object.assign(document.createElement('a'), { href: address, download: name });
    link.click();
    URL.revokeObjectURL(address);
    return null;
  },
  open: async (address) => void window.open(address, '_blank', 'noopener,noreferrer'),
};

function token(): string | null {
  return sessionStorage.getItem(STORED);
}

async function post(path: string, body: unknown, bearer: string | null, request: Fetch): Promise<Response> {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (bearer !== null) headers['authorization'] = `Bearer ${bearer}`;
  try {
    return await request(path, { method: 'POST', headers, body: JSON.stringify(body) });
  } catch {
    throw new CallError('unreachable', t().common.link.unreachable, t().common.link.again);
  }
}

async function answerOf(response: Response): Promise<unknown> {
  const body: unknown = await response.json().catch(() => null);
  if (response.ok) return body;
  if (response.status === 401) throw new CallError('signed_out', t().common.link.signedOut, null);
  // The guard speaks the protocol of the clients: { error: { message } }.
  const inner = (body as { error?: { message?: string } } | null)?.error?.message;
  throw CallError.from(inner === undefined ? body : new CallError('refused', inner));
}

async function keepListening(onEvent: (event: LiveEvent) => void, onLink: (link: Link) => void, end: AbortSignal) {
  for (let wait = FIRST_WAIT_MS; !end.aborted; wait = Math.min(wait * 2, LONGEST_WAIT_MS)) {
    onLink('connecting');
    const heard = await listenOnce(onEvent, onLink, end).catch(() => false);
    if (end.aborted) return;
    if (heard === 'signed_out') return onLink('signed_out');
    if (heard) wait = FIRST_WAIT_MS;
    onLink('lost');
    await pause(wait, end);
  }
}

/** Listens until the stream ends; says whether it had begun. */
async function listenOnce(onEvent: (event: LiveEvent) => void, onLink: (link: Link) => void, signal: AbortSignal) {
  const response = await fetch('/api/events', { headers: { authorization: `Bearer ${token()}` }, signal });
  if (response.status === 401) return 'signed_out';
  if (!response.ok || response.body === null) return false;
  onLink('open');
  const events = new SseReader();
  const text = new TextDecoder();
  const bytes = response.body.getReader();
  for (;;) {
    const { done, value } = await bytes.read().catch(() => ({ done: true, value: undefined }));
    if (done || value === undefined) return true;
    for (const data of events.push(text.decode(value, { stream: true }))) onEvent(JSON.parse(data) as LiveEvent);
  }
}

function pause(ms: number, end: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    end.addEventListener('abort', () => (clearTimeout(timer), done()), { once: true });
  });
}
