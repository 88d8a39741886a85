/** The engine speaks English by itself: other languages have its phrases as keys (see `lib/said.ts`). */
export const engine = {
  reasons: {} as Record<string, string>,
  signals: {} as Record<string, string>,
};
