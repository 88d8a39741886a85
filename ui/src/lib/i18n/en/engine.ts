/** The engine speaks English by itself: other languages have its phrases as keys (see `lib/said.ts`). */
export const engine = {
  reasons: {} as Record<string, string>,
  signals: {} as Record<string, string>,
};

/** What each code means, and what to do; English has the engine's own, more exact words. */
export const errors = {} as Record<string, [what: string, next: string]>;
