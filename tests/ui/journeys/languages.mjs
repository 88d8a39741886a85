// The languages of the window: chosen, remembered, and every page in each of them.

import { assert, checkAccess, checkFits, checkWhole, eventually, goTo, signIn } from '../rig.mjs';

const PAGES = ['overview', 'log', 'models', 'routing', 'images', 'backends', 'connect', 'settings'];
const STEPS = ['servers', 'models', 'cloud', 'connect'];
const LANGUAGES = [
  { locale: 'de-AT', lang: 'de', overview: 'Übersicht', routing: 'Schwelle' },
  { locale: 'zh-CN', lang: 'zh-Hans', overview: '概览', routing: '阈值' },
];
const languageOf = (page) => page.evaluate(() => document.documentElement.lang);
const still = (page) => eventually(async () => (await page.locator('.loading').count()) === 0);

export const journeys = {
  async 'it is chosen on the Settings page, at once and for good'({ startEngine, open }) {
    const engine = await startEngine({});
    const page = await open();
    const loaded = [];
    page.on('request', (request) => loaded.push(/\/(de|zh)-[^/]*\.js$/.exec(request.url())?.[1]));
    await signIn(page, engine, '#/settings');
    assert.equal(await languageOf(page), 'en');
    assert.deepEqual(loaded.filter(Boolean), [], 'other languages are loaded at the start');
    await page.getByLabel('Language').selectOption('Deutsch');
    await page.getByRole('heading', { name: 'Einstellungen', level: 1 }).waitFor();
    assert.equal(await languageOf(page), 'de');
    assert.equal(await page.title(), 'Einstellungen · Branchline');
    await eventually(async () => (await engine.rpc('settings.get')).settings.window.language === 'de');
    await checkAccess(page);
    await page.reload();
    await page.getByRole('heading', { name: 'Einstellungen', level: 1 }).waitFor();
    await page.getByLabel('Sprache').selectOption('简体中文');
    await page.getByRole('heading', { name: '设置', level: 1 }).waitFor();
    await page.getByLabel('语言').selectOption('跟随系统');
    await page.getByRole('heading', { name: 'Settings', level: 1 }).waitFor();
    await eventually(async () => (await engine.rpc('settings.get')).settings.window.language === 'system');
    assert.deepEqual(loaded.filter(Boolean).toSorted(), ['de', 'de', 'zh'], 'each is loaded when it is spoken');
  },

  async 'the settings say it to a browser that has never been here'({ startEngine, open }) {
    const engine = await startEngine({ settings: '[window]\nlanguage = "zh"\nguide = false\n' });
    const page = await open();
    await signIn(page, engine);
    await page.getByRole('heading', { name: '概览', level: 1 }).waitFor();
    assert.equal(await languageOf(page), 'zh-Hans');
  },

  async 'every page fits the smallest window and is accessible in every language'({ engine, open }) {
    const full = await engine('full');
    for (const { locale, lang, overview, routing } of LANGUAGES) {
      const page = await open({ locale, dark: lang === 'de' });
      await signIn(page, full);
      await page.getByRole('heading', { name: overview, level: 1 }).waitFor();
      assert.equal(await languageOf(page), lang);
      const { records } = await full.rpc('requests.list');
      for (const hash of [...PAGES, `log/${records.at(-5).id}`]) {
        await goTo(page, `#/${hash}`);
        await still(page);
        const where = (error) => assert.fail(`${hash}, ${lang}: ${error.message}`);
        await checkFits(page).catch(where);
        await checkWhole(page).catch(where);
        await checkAccess(page).catch(where);
      }
      await goTo(page, '#/routing');
      await page.getByRole('region', { name: routing }).getByText(lang === 'de' ? /^\d+\s%/ : /^\d+\s*%/).first().waitFor();
    }
  },

  async 'empty pages and the guided setup too'({ engine, open }) {
    const empty = await engine('empty');
    for (const { locale, lang } of LANGUAGES) {
      const page = await open({ locale });
      await signIn(page, empty);
      for (const hash of [...PAGES, ...STEPS.map((step) => `setup/${step}`)]) {
        await goTo(page, `#/${hash}`);
        await still(page);
        const where = (error) => assert.fail(`${hash}, ${lang}: ${error.message}`);
        await checkFits(page).catch(where);
        await checkWhole(page).catch(where);
        await checkAccess(page).catch(where);
      }
    }
  },
};
