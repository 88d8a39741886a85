// Commands of the engine, with the types the engine itself wrote down.

import { host } from '$lib/host';
import type { Commands } from './generated/api';

export type CommandName = keyof Commands;
export type RequestOf<N extends CommandName> = Commands[N]['request'];
export type AnswerOf<N extends CommandName> = Commands[N]['answer'];

/** The last change of settings, until it is answered. A field saves when it is left, often for the button pressed next. */
let saving: Promise<unknown> | undefined;

/** Runs one command, after a change of settings that is still being saved. Rejects with a `CallError`. */
export function call<N extends CommandName>(name: N, request?: RequestOf<N>): Promise<AnswerOf<N>> {
  const ask = () => host().call(name, request ?? {}) as Promise<AnswerOf<N>>;
  const answer = saving ? saving.then(ask) : ask();
  if (name === 'settings.set') hold(answer);
  return answer;
}

function hold(answer: Promise<unknown>) {
  const ended = answer.then(
    () => {},
    () => {},
  );
  saving = ended;
  void ended.then(() => {
    if (saving === ended) saving = undefined;
  });
}
