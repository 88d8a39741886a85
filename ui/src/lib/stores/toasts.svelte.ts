// Short messages that come and go in the corner.

import { CallError } from '$lib/host';
import { told } from '$lib/said';

export interface Toast {
  id: number;
  tone: 'good' | 'bad' | 'plain';
  text: string;
  hint: string | null;
}

const STAYS_MS = 4_000;
const BAD_STAYS_MS = 9_000;

class Toasts {
  list = $state<Toast[]>([]);
  #next = 1;

  say(text: string, tone: Toast['tone'] = 'good', hint: string | null = null) {
    const id = this.#next++;
    this.list.push({ id, tone, text, hint });
    setTimeout(() => this.drop(id), tone === 'bad' ? BAD_STAYS_MS : STAYS_MS);
  }

  /** Says what was thrown, with its hint. */
  fail(thrown: unknown) {
    const error = told(CallError.from(thrown));
    this.say(error.message, 'bad', error.hint ?? null);
  }

  drop(id: number) {
    this.list = this.list.filter((toast) => toast.id !== id);
  }
}

export const toasts = new Toasts();
