// Numbers inside of sentences, in the forms and the digits of a language: `amount(3, { one: '# model', other: '# models' })`.

/** What is said of one thing and of several; `#` is where the number stands. Languages without a plural have one form. */
export interface Forms {
  one?: string;
  other: string;
}

export type Amount = (count: number, forms: Forms) => string;

export function amounts(language: string): Amount {
  const plurals = new Intl.PluralRules(language);
  const numbers = new Intl.NumberFormat(language);
  return (count, forms) => {
    const form = plurals.select(count) === 'one' ? (forms.one ?? forms.other) : forms.other;
    return form.replaceAll('#', numbers.format(count));
  };
}
