// The language that is chosen, or the system's. Kept in this browser as well, so that the window opens in it at once.

import { en, type Catalogue } from './en';
import { LANGUAGES, localeOf, preferred, TAGS, type Language } from './languages';
import { words } from './words.svelte';

export const CHOICES = ['system', ...LANGUAGES] as const;
export type Choice = (typeof CHOICES)[number];

const STORED = 'branchline.language';

/** English is there from the start and stands in for whatever cannot be loaded. */
const CATALOGUES: Record<Language, () => Promise<Catalogue>> = {
  en: async () => en,
  de: async () => (await import('./de')).de,
  zh: async () => (await import('./zh')).zh,
};

function stored(): Choice {
  const text = typeof localStorage === 'undefined' ? null : localStorage.getItem(STORED);
  return CHOICES.find((one) => one === text) ?? 'system';
}

class LanguageChoice {
  #chosen = $state<Choice>(stored());

  get chosen(): Choice {
    return this.#chosen;
  }

  async choose(choice: Choice): Promise<void> {
    this.#chosen = choice;
    localStorage.setItem(STORED, choice);
    await this.apply();
  }

  /** Speaks it as soon as its words are loaded; where they are not to be had, what was spoken goes on. */
  async apply(): Promise<void> {
    const choice = this.#chosen;
    const language = choice === 'system' ? preferred(navigator.languages) : choice;
    const catalogue = await CATALOGUES[language]().catch(() => undefined);
    // Another may have been chosen while this one was loaded.
    if (catalogue === undefined || choice !== this.#chosen) return;
    words.use(TAGS[language], localeOf(language, navigator.languages), catalogue);
  }
}

export const language = new LanguageChoice();

// The system may be told to speak another language while the window is open.
if (typeof addEventListener !== 'undefined') addEventListener('languagechange', () => void language.apply());
