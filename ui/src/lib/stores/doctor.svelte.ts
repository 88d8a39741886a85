// What the doctor knows: the last checkup of every model, and the run that goes on.

import type { DoctorView } from '$lib/api/generated/api';
import { call, type RequestOf } from '$lib/api/call';
import { CallError } from '$lib/host';
import { live } from '$lib/stores/live.svelte';
import { toasts } from '$lib/stores/toasts.svelte';

class Doctor {
  view = $state.raw<DoctorView>();
  error = $state.raw<CallError>();

  /** Asks once and follows what happens; gives back how to stop. */
  follow(): () => void {
    void this.load();
    return live.on((event) => {
      if (event.type === 'doctor') this.view = event.doctor;
    });
  }

  async load(): Promise<void> {
    try {
      [this.view, this.error] = [await call('doctor.last'), undefined];
    } catch (thrown) {
      this.error = CallError.from(thrown);
    }
  }

  /** Begins a run: of these models, or of those that have a role. */
  async run(request: RequestOf<'doctor.run'> = {}): Promise<void> {
    try {
      this.view = await call('doctor.run', request);
    } catch (thrown) {
      toasts.fail(thrown);
    }
  }

  async stop(): Promise<void> {
    try {
      this.view = await call('doctor.stop');
    } catch (thrown) {
      toasts.fail(thrown);
    }
  }
}

export const doctor = new Doctor();
