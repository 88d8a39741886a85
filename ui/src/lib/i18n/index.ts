// All words of the window. English is complete and says what there is; another language is the same shape (`Catalogue`)
// in a folder beside `en`, named in `languages.ts` and in `choice.svelte.ts`. Loaded only when it is spoken.

import { words } from './words.svelte';
import type { Catalogue } from './en';

export type { Catalogue };

/** The words, in the language of the moment: `t().log.title`. */
export const t = (): Catalogue => words.catalogue;

/** The language as `Intl` names it. */
export const locale = (): string => words.locale;
