// What the settings say about the window itself, when it opens.

import { CHOICES, language } from '$lib/i18n/choice.svelte';
import { go, hrefTo, parseRoute } from '$lib/router.svelte';
import { settings } from '$lib/settings/store.svelte';
import { THEMES, theme } from '$lib/theme.svelte';

/** Takes the colours and the language the settings name, and begins with the guided setup on a first start. */
export async function begin(): Promise<void> {
  const before = { theme: theme.chosen, language: language.chosen };
  await settings.load();
  const wanted = THEMES.find((one) => one === settings.get('window.theme'));
  // "system" is also what an untouched file says: then this browser's own choice stays.
  // What was picked while this was asked is newer.
  if (wanted !== undefined && wanted !== 'system' && theme.chosen === before.theme) theme.chosen = wanted;
  const spoken = CHOICES.find((one) => one === settings.get('window.language'));
  if (spoken !== undefined && spoken !== 'system' && language.chosen === before.language) await language.choose(spoken);
  // Whoever asked for a page wants that page. The address counts, not the route: a one-time code is gone from it by now.
  if (settings.get('window.guide') === true && parseRoute(location.hash).page === '') go(hrefTo('setup'), true);
}
