// What the whole window shares: how the engine is, what happens, which requests there were.

import type { LiveEvent, StatusView } from '$lib/api/generated/api';
import { call } from '$lib/api/call';
import { CallError, host, type Link } from '$lib/host';
import { go } from '$lib/router.svelte';
import { Records } from './records.svelte';
import { server } from './server.svelte';

/** Many events in a row are one reason to ask how the engine is. */
const SETTLE_MS = 300;
const REFRESH_MS = 15_000;
const EVENTS_KEPT = 50;

/** An event with the moment it was heard. */
export interface Heard {
  at: number;
  event: LiveEvent;
}

type Listener = (event: LiveEvent) => void;

class Live {
  status = $state.raw<StatusView>();
  error = $state.raw<CallError>();
  link = $state<Link>('connecting');
  /** How often events were missed: whoever keeps a list of his own asks again. */
  missed = $state(0);
  /** Newest first; without the requests, which are in `records`. */
  events = $state.raw<Heard[]>([]);
  /** Models that are being loaded, each with the request that waits for it. */
  loading = $state.raw<{ model: string; request: string | null }[]>([]);
  readonly records = new Records();
  #listeners = new Set<Listener>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Begins to listen; gives back how to stop. */
  start(): () => void {
    const end = host().listen(
      (event) => this.#hear(event),
      (link) => this.#linked(link),
    );
    const timer = setInterval(() => void this.refresh(), REFRESH_MS);
    void this.refresh();
    return () => (end(), clearInterval(timer));
  }

  /** Asks how the engine is now. */
  async refresh(): Promise<void> {
    void server.refresh();
    try {
      [this.status, this.error] = [await call('status'), undefined];
    } catch (thrown) {
      this.error = CallError.from(thrown);
      if (this.error.code === 'signed_out') this.link = 'signed_out';
    }
  }

  /** Hears events for as long as a component is there: `$effect(() => live.on(…))`. */
  on(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Whether a model is being loaded. */
  isLoading(model: string): boolean {
    return this.loading.some((one) => one.model === model);
  }

  /** The model a request waits for while that is being loaded. */
  waitsFor(request: string): string | undefined {
    return this.loading.find((one) => one.request === request)?.model;
  }

  #linked(link: Link) {
    // Trying again is still being without.
    if (this.link === 'lost' && link === 'connecting') return;
    const back = link === 'open' && this.link === 'lost';
    this.link = link;
    if (!back) return;
    // What happened meanwhile was not heard.
    this.loading = [];
    void Promise.all([this.refresh(), this.records.reload()]);
    this.missed += 1;
  }

  #hear(event: LiveEvent) {
    for (const listener of this.#listeners) listener(event);
    this.#follow(event);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.refresh(), SETTLE_MS);
  }

  #follow(event: LiveEvent) {
    switch (event.type) {
      case 'request_started':
        return this.records.started(event.record);
      case 'request_finished':
        return this.records.finished(event.record);
      case 'navigate':
        // The desktop app asks for a page when a notification or a menu item of the tray is clicked.
        return go(`#/${event.page}`);
      case 'model_loading':
        this.loading = [...this.loading, { model: event.model, request: event.request }];
        return;
      case 'model_loaded':
        this.loading = this.loading.filter((one) => one.model !== event.model || one.request !== event.request);
        if (event.error === null) return;
        break;
      case 'circuit_opened':
        // Nobody tells that it has been left alone long enough.
        setTimeout(() => void this.refresh(), Math.max(0, event.until - Date.now()) + SETTLE_MS);
        break;
      case 'request_queued':
      case 'doctor':
        // Told elsewhere; in a list of events it would drive out the rest.
        return;
      default:
    }
    this.events = [{ at: Date.now(), event }, ...this.events].slice(0, EVENTS_KEPT);
  }
}

export const live = new Live();
