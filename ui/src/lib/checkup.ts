// Checkups of models, in the order and with the words they are shown.

import type { Checkup, DoctorView, TestResult, Verdict } from '$lib/api/generated/api';

export type Tone = 'plain' | 'accent' | 'good' | 'warn' | 'bad';

/** The colour of a verdict. */
export function toneOf(verdict: Verdict): Tone {
  switch (verdict) {
    case 'pass':
    case 'repaired':
      return 'good';
    case 'limited':
      return 'warn';
    case 'fail':
      return 'bad';
    default:
      return 'plain';
  }
}

/** Those of the run first, in its order; then the others, the newest first. */
export function inOrder(view: DoctorView): Checkup[] {
  const place = (one: Checkup) => {
    const nth = view.models.indexOf(one.model);
    return nth < 0 ? view.models.length : nth;
  };
  return [...view.checkups].sort((one, other) => place(one) - place(other) || other.at - one.at);
}

/** The last checkup of a model. */
export const checkupOf = (view: DoctorView | undefined, ref: string): Checkup | undefined =>
  view?.checkups.find((one) => one.model === ref);

/** Whether a model is being tested or waits for it. */
export const isUnderWay = (checkup: Checkup | undefined): boolean =>
  checkup?.progress === 'running' || checkup?.progress === 'waiting';

/** What is worth reading first: what is wrong, before what went well. */
export const wrong = (checkup: Checkup): TestResult[] =>
  checkup.results.filter((one) => one.verdict === 'fail' || one.verdict === 'limited');
