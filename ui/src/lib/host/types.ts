// What a door to the engine must offer. `tauri.ts` and `http.ts` are the two there are.

import type { LiveEvent } from '$lib/api/generated/api';

/** How the window hangs on to the engine's events. */
export type Link = 'connecting' | 'open' | 'lost' | 'signed_out';

export interface Host {
  readonly kind: 'desktop' | 'browser';
  /** Runs one command. Rejects with a {@link CallError}. */
  call(name: string, request: unknown): Promise<unknown>;
  /** Hears everything that happens from now on; gives back how to stop. */
  listen(onEvent: (event: LiveEvent) => void, onLink: (link: Link) => void): () => void;
  /** Puts a text on the clipboard. */
  copy(text: string): Promise<void>;
  /** Gives the user a file; says where it is, unless the browser knows that alone. */
  save(name: string, text: string): Promise<string | null>;
  /** Opens an address outside of the window. */
  open(address: string): Promise<void>;
}

/** Why a command did not do what was asked: `code` for programs, `message` and `hint` for people. */
export class CallError extends Error {
  override readonly name = 'CallError';
  readonly code: string;
  readonly hint: string | null;

  constructor(code: string, message: string, hint: string | null = null) {
    super(message);
    this.code = code;
    this.hint = hint;
  }

  /** Whatever was thrown, as one of ours. */
  static from(thrown: unknown): CallError {
    if (thrown instanceof CallError) return thrown;
    if (isControlError(thrown)) return new CallError(thrown.code, thrown.message, thrown.hint ?? null);
    return new CallError('unexpected', thrown instanceof Error ? thrown.message : String(thrown));
  }
}

function isControlError(value: unknown): value is { code: string; message: string; hint?: string | null } {
  if (typeof value !== 'object' || value === null) return false;
  const { code, message } = value as Record<string, unknown>;
  return typeof code === 'string' && typeof message === 'string';
}
