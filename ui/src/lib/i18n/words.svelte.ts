// The language of the moment.

import { en, type Catalogue } from './en';

class Words {
  catalogue = $state.raw<Catalogue>(en);
  locale = $state('en');

  use(tag: string, locale: string, catalogue: Catalogue) {
    [this.locale, this.catalogue] = [locale, catalogue];
    document.documentElement.lang = tag;
  }
}

export const words = new Words();
