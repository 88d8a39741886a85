// The demonstration: whether this is one, and whether a session is played on it, by whichever window.

import { call } from '$lib/api/call';
import { Resource } from '$lib/resource.svelte';

/** No event tells the end of a session that another window began, or this page before it was left. */
const ASK_AGAIN_MS = 1_000;

export class Demo {
  #state = new Resource('demo.state');
  #began = $state(false);

  /** Whether it was answered, or could not be; until then a page does not know its own height. */
  get known(): boolean {
    return this.#state.value !== undefined || this.#state.error !== undefined;
  }

  get on(): boolean {
    return this.#state.value?.on ?? false;
  }

  get playing(): boolean {
    return this.#began || (this.#state.value?.playing ?? false);
  }

  /** Asks, and again while a session is played; gives back how to stop. */
  follow(): () => void {
    void this.#state.load();
    const timer = setInterval(() => {
      if (this.playing && !this.#began) void this.#state.load();
    }, ASK_AGAIN_MS);
    return () => clearInterval(timer);
  }

  /** Plays one to its end; gives how many requests that were. */
  async play(): Promise<number> {
    this.#began = true;
    try {
      const { requests } = await call('demo.play');
      return requests;
    } finally {
      await this.#state.load();
      this.#began = false;
    }
  }
}

export const demo = new Demo();
