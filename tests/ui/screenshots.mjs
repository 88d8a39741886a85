// Writes docs/screenshots/PAGE-{light,dark}.png from real traffic of the demonstration, and the overview in the other languages.
// With names, only those pages.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Engine, eventually, goTo, openBrowser, openWindow, signIn } from './rig.mjs';
import { morning } from './traffic.mjs';

const OUT = process.env.SCREENSHOTS ?? fileURLToPath(new URL('../../docs/screenshots', import.meta.url));
const PAGES = ['overview', 'log', 'request', 'models', 'routing', 'images', 'backends', 'connect', 'settings'];
const OTHERS = { de: 'de-DE', zh: 'zh-CN' };
const wanted = process.argv.slice(2);
const pages = PAGES.filter((name) => wanted.length === 0 || wanted.includes(name));

mkdirSync(OUT, { recursive: true });
const engine = await Engine.start({ settings: '[log]\nbodies = "full"\n' });
const browser = await openBrowser();
try {
  await morning(engine);
  const { records } = await engine.rpc('requests.list');
  const hard = records.find((record) => record.decision.points.length > 3) ?? records[0];
  for (const dark of [false, true]) {
    const page = await openPage({ dark });
    for (const name of pages) await shoot(page, name === 'request' ? `log/${hard.id}` : name, `${name}-${dark ? 'dark' : 'light'}`);
    await page.context().close();
  }
  for (const [language, locale] of pages.includes('overview') ? Object.entries(OTHERS) : []) {
    const page = await openPage({ locale });
    await shoot(page, 'overview', `overview-${language}`);
    await page.context().close();
  }
} finally {
  await browser.close();
  await engine.stop();
}

async function openPage(options) {
  const page = await openWindow(browser, { width: 1120, height: 760, scale: Number(process.env.SCALE ?? 1.5), ...options });
  await signIn(page, engine);
  return page;
}

async function shoot(page, hash, name) {
  await goTo(page, `#/${hash}`);
  await eventually(async () => (await page.locator('.loading').count()) === 0);
  await page.mouse.move(0, 0);
  const path = join(OUT, `${name}.png`);
  await page.screenshot({ path });
  console.log(path);
}
