// Which languages there are, and which of them a system wants.

export const LANGUAGES = ['en', 'de', 'zh'] as const;
export type Language = (typeof LANGUAGES)[number];

/** Each by its own name: who cannot read the page must still find his. */
export const NAMES: Record<Language, string> = { en: 'English', de: 'Deutsch', zh: '简体中文' };

/** For the page's `lang`, from which fonts and screen readers go. */
export const TAGS: Record<Language, string> = { en: 'en', de: 'de', zh: 'zh-Hans' };

const languageOf = (tag: string): Language | undefined => LANGUAGES.find((one) => one === tag.split(/[-_]/)[0]?.toLowerCase());

/** The first language of the system's list that we speak. */
export function preferred(tags: readonly string[]): Language {
  return tags.flatMap((tag) => languageOf(tag) ?? [])[0] ?? 'en';
}

/** How numbers and dates are written: as where the system is, if it speaks the language (de-AT), else as usual in it. */
export function localeOf(language: Language, tags: readonly string[]): string {
  const regional = tags.find((tag) => languageOf(tag) === language);
  try {
    return regional === undefined ? TAGS[language] : new Intl.Locale(regional).toString();
  } catch {
    return TAGS[language];
  }
}
