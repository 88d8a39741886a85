// What taking our values out of a settings file has left, in words.

import type { ClientFileUndone } from '$lib/api/generated/api';
import type { Catalogue } from '$lib/i18n';

/** The worst first: a file that is gone, values that stay, other changes that stay. */
export function undoneInWords(undone: ClientFileUndone, words: Catalogue['connect']['file']): string {
  if (undone.copy !== null) return words.undoneGone(undone.copy);
  if (undone.kept.length > 0) return words.undoneKept(undone.kept.join(', '));
  return undone.exact ? words.undone : words.undoneRest;
}
