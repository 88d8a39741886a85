// Runs the browser journeys: all, or those whose name contains the first argument.

import { readdirSync } from 'node:fs';
import { Engine, openBrowser, openWindow } from './rig.mjs';
import { morning } from './traffic.mjs';

const LONGEST_MS = 90_000;
const wanted = process.argv[2] ?? '';
const folder = new URL('./journeys/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.mjs')).sort();

const browser = await openBrowser();
const engines = new Map();

/** Engines are shared: `full` has a morning of requests behind it, `empty` has no backend and no request. */
async function engine(kind) {
  if (!engines.has(kind)) engines.set(kind, kind === 'full' ? full() : Engine.start({ demo: false, settings: NOBODY }));
  return engines.get(kind);
}

const NOBODY = ['lmstudio', 'llamacpp', 'ollama', 'vllm', 'anthropic']
  .map((name) => `[backends.${name}]\nenabled = false\n`)
  .join('')
  // These begin where the guided setup has been left.
  .concat('[window]\nguide = false\n');

async function full() {
  const made = await Engine.start({});
  await morning(made);
  return made;
}

let [passed, failed] = [0, 0];
for (const file of files) {
  const { journeys } = await import(new URL(file, folder));
  for (const [name, journey] of Object.entries(journeys)) {
    const title = `${file.replace('.mjs', '')}: ${name}`;
    if (!title.includes(wanted)) continue;
    const pages = [];
    const open = async (options) => {
      const page = await openWindow(browser, options);
      pages.push(page);
      return page;
    };
    const begun = Date.now();
    try {
      await within(journey({ engine, open, startEngine: (options) => own(options) }), LONGEST_MS);
      passed += 1;
      console.log(`ok    ${title} (${Date.now() - begun} ms)`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL  ${title}\n${indented(error)}`);
      const shown = pages.at(-1);
      await shown?.screenshot({ path: `/tmp/branchline-ui-${failed}.png` }).catch(() => {});
      console.log(`      picture: /tmp/branchline-ui-${failed}.png`);
    }
    for (const page of pages) {
      // What is still on its way when a journey ends is nobody's concern.
      await page.unrouteAll({ behavior: 'ignoreErrors' });
      await page.context().close();
    }
  }
}

async function own(options) {
  const made = await Engine.start(options);
  engines.set(made, made);
  return made;
}

function within(work, ms) {
  let timer;
  const late = new Promise((_, fail) => (timer = setTimeout(() => fail(new Error(`took longer than ${ms} ms`)), ms)));
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function indented(error) {
  return String(error.stack ?? error).replace(/^/gm, '      ');
}

await browser.close();
for (const made of engines.values()) await (await made).stop();
console.log(`${passed} passed, ${failed} failed`);
// A journey that failed may have left a server of its own open.
process.exit(failed === 0 && passed > 0 ? 0 : 1);
