// What the doctor knows: the last checkup of every model, and the run that goes on.

import type { DoctorView } from '$lib/api/generated/api';
import { call, type RequestOf } from '$lib/api/call';
import { CallError } from '$lib/host';
import { live } from '$lib/stores/live.svelte';
import { toasts } from '$lib/stores/toasts.svelte';

class Doctor {
  view = $state.raw<DoctorView>();
  error = $state.raw<CallError>();
  #heard = 0;

  /** Asks once and follows what happens; gives back how to stop. */
  follow(): () => void {
    void this.load();
    return live.on((event) => {
      if (event.type !== 'doctor') return;
      this.#heard += 1;
      this.view = event.doctor;
    });
  }

  /** An answer that an event has overtaken is let go. */
  async #take(answer: Promise<DoctorView>): Promise<void> {
    const heard = this.#heard;
    const view = await answer;
    if (heard === this.#heard) this.view = view;
  }

  async load(): Promise<void> {
    try {
      await this.#take(call('doctor.last'));
      this.error = undefined;
    } catch (thrown) {
      this.error = CallError.from(thrown);
    }
  }

  /** Begins a run: of these models, or of those that have a role. */
  async run(request: RequestOf<'doctor.run'> = {}): Promise<void> {
    try {
      await this.#take(call('doctor.run', request));
    } catch (thrown) {
      toasts.fail(thrown);
    }
  }

  async stop(): Promise<void> {
    try {
      await this.#take(call('doctor.stop'));
    } catch (thrown) {
      toasts.fail(thrown);
    }
  }
}

export const doctor = new Doctor();
