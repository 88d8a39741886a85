// What the browser journeys stand on: the real program with simulated models, Chromium, and questions to both.
//
//   BRANCHLINE_BIN   the program; else target/debug/branchline
//   FROM_DIST=1      the window's files come from ui/dist instead of from the program: no cargo build per change
//   SLOW=800         every command takes up to so many ms longer: shows what only works while the engine is quick

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const fromUi = createRequire(join(ROOT, 'ui/package.json'));
const { chromium } = fromUi('playwright-core');
const AXE = readFileSync(fromUi.resolve('axe-core/axe.min.js'), 'utf8');

const PATIENCE_MS = 30_000;
const CHROMIUM = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
// Nothing is asked of the net.
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'];
const QUIETER = ['--disable-component-update', '--disable-sync'];

function program() {
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');
  const path = process.env.BRANCHLINE_BIN ?? join(target, 'debug/branchline');
  if (!existsSync(path)) throw new Error(`${path} is missing: cargo build -p branchline-cli, or name it in BRANCHLINE_BIN`);
  return path;
}

/** A running `branchline serve` with a folder of its own. */
export class Engine {
  /** With `demo` simulated models stand behind it; `settings` is the text of its settings file. */
  static async start({ demo = true, settings = '' } = {}) {
    const engine = new Engine();
    engine.folder = mkdtempSync(join(tmpdir(), 'branchline-ui-'));
    const config = join(engine.folder, 'settings.toml');
    writeFileSync(config, settings);
    engine.flags = ['--data-dir', join(engine.folder, 'data'), '--config', config];
    const args = ['serve', '--port', '0', ...(demo ? ['--demo'] : []), ...engine.flags];
    // No proxy, no keys and no settings of whoever runs this.
    const env = { PATH: process.env.PATH, HOME: engine.folder, TMPDIR: process.env.TMPDIR ?? tmpdir() };
    engine.child = spawn(program(), args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    engine.ended = new Promise((done) => engine.child.once('exit', done));
    const greeting = await engine.#greeting();
    engine.url = /listens on (http:\/\/\S+)/.exec(greeting)[1];
    engine.link = /window\s+(http:\/\/\S+)/.exec(greeting)?.[1];
    assert.ok(engine.link, `the program has no window: build ui, then the program\n${greeting}`);
    engine.token = readFileSync(join(engine.folder, 'data/client-token'), 'utf8').trim();
    engine.control = readFileSync(join(engine.folder, 'data/control-token'), 'utf8').trim();
    return engine;
  }

  #greeting() {
    return new Promise((done, fail) => {
      let said = '';
      const hear = (chunk) => {
        said += chunk;
        // The line of the log folder is the last one.
        if (/^\s+log\s/m.test(said)) done(said);
      };
      this.child.stdout.on('data', hear);
      this.child.stderr.on('data', hear);
      this.child.once('exit', (code) => fail(new Error(`the program ended with ${code}:\n${said}`)));
    });
  }

  /** Runs a command of the control interface. */
  async rpc(name, request = {}) {
    return this.#post('/api/rpc', { name, request }, this.control);
  }

  /** A link that opens the window once more. */
  async freshLink() {
    return (await this.rpc('ui.link')).url;
  }

  /** Asks a model something, as a client would; gives the answer's JSON. */
  async ask(text, more = {}, headers = {}) {
    const messages = [{ role: 'user', content: text }];
    return this.#post('/v1/messages', { model: 'auto', max_tokens: 300, messages, ...more }, this.token, headers);
  }

  async #post(path, body, token, headers = {}) {
    const all = { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...headers };
    const response = await fetch(this.url + path, { method: 'POST', headers: all, body: JSON.stringify(body) });
    return body.stream ? response.text() : response.json();
  }

  /** Waits until every backend was asked how it is. */
  async ready() {
    await eventually(async () => {
      const status = await this.rpc('status');
      return status.backends.some((backend) => backend.up) && status.state === 'ok';
    });
  }

  async stop() {
    this.child.kill('SIGTERM');
    await this.ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Asks again until the answer is yes. */
export async function eventually(question, patience = PATIENCE_MS) {
  const end = Date.now() + patience;
  for (;;) {
    const answer = await question();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`never came true: ${question}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

export async function openBrowser() {
  const executablePath = CHROMIUM.find((path) => path && existsSync(path));
  assert.ok(executablePath, 'Chromium is missing: install the package chromium, or name it in CHROMIUM');
  return chromium.launch({ executablePath, args: [...FLAGS, ...QUIETER] });
}

/** A window of the size of the smallest one there is, unless said otherwise. */
export async function openWindow(browser, { dark = false, width = 900, height = 640, scale = 1, locale = 'en-GB' } = {}) {
  const context = await browser.newContext({
    viewport: { width, height },
    deviceScaleFactor: scale,
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: 'reduce',
    locale,
    timezoneId: 'UTC',
  });
  context.setDefaultTimeout(PATIENCE_MS);
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const page = await context.newPage();
  page.problems = [];
  page.on('pageerror', (error) => page.problems.push(`error: ${error.message}`));
  page.on('console', (said) => {
    // A command that is made to fail says so here as well.
    if (said.type() === 'error' && !said.text().includes('the server responded with')) page.problems.push(said.text());
  });
  if (process.env.SLOW) await page.route('**/api/rpc', late);
  if (process.env.FROM_DIST) await page.route('**/ui/**', fromDist);
  return page;
}

async function late(route) {
  await new Promise((done) => setTimeout(done, Math.random() * Number(process.env.SLOW)));
  // The page may be gone by now.
  await route.fallback().catch(() => {});
}

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'";

async function fromDist(route) {
  const path = new URL(route.request().url()).pathname.slice('/ui/'.length) || 'index.html';
  const body = readFileSync(join(ROOT, 'ui/dist', path));
  const headers = { 'content-type': TYPES[extname(path)] ?? 'text/plain', 'content-security-policy': POLICY };
  await route.fulfill({ body, headers });
}

/** Opens the window of an engine, signed in, at a page. */
export async function signIn(page, engine, hash = '#/overview') {
  await page.goto(await engine.freshLink());
  await page.getByRole('navigation').waitFor();
  await goTo(page, hash);
}

/** The page believes to be in the desktop app, whose own commands have these answers; what was asked is in `asked`. */
export async function asDesktop(page, engine, answers) {
  await page.addInitScript(
    ({ token, answers }) => {
      globalThis.asked = [];
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
      async function rpc({ name, request }) {
        globalThis.asked.push({ name, request });
        if (name in answers) return answers[name];
        const response = await fetch('/api/rpc', { method: 'POST', headers, body: JSON.stringify({ name, request }) });
        return response.ok ? response.json() : Promise.reject(await response.json());
      }
      const invoke = async (command, args) => (command === 'rpc' ? rpc(args) : 1);
      globalThis.__TAURI_INTERNALS__ = { invoke, transformCallback: () => 1, unregisterCallback() {} };
    },
    { token: engine.control, answers },
  );
}

/** Goes to a page of the window and waits for its heading. */
export async function goTo(page, hash) {
  await page.evaluate((to) => (location.hash = to), hash);
  await page.getByRole('heading', { level: 1 }).waitFor();
}

/** Commands that fail from now on, as the engine fails them. */
export async function failing(page, names, message = 'the database cannot be read') {
  await page.route('**/api/rpc', async (route) => {
    const { name } = route.request().postDataJSON();
    if (!names.includes(name)) return route.fallback();
    const body = { code: 'store', message, hint: 'look at the log file' };
    await route.fulfill({ status: 400, json: body });
  });
}

/**
 * Presses "Try again" in a part of the page while the command still fails: it is asked once more. Then it may answer, and
 * the button is pressed again, unless it is gone: some pages ask by themselves when something new happens.
 */
export async function tryAgain(page, part, command) {
  const again = part.getByRole('button', { name: 'Try again' });
  const asked = page.waitForRequest((request) => request.postData()?.includes(`"${command}"`) ?? false);
  await again.click();
  await asked;
  await page.unroute('**/api/rpc');
  await again.click({ timeout: 3000 }).catch(() => {});
}

/** Commands that answer something else from now on: `{ 'models.list': (real) => other }`. */
export async function answering(page, answers) {
  await page.route('**/api/rpc', async (route) => {
    const { name } = route.request().postDataJSON();
    if (!(name in answers)) return route.fallback();
    try {
      const real = await (await route.fetch()).json();
      await route.fulfill({ json: answers[name](real) });
    } catch (error) {
      // A page that asks again and again may be closed in the middle of it.
      if (!page.isClosed()) throw error;
    }
  });
}

/** Commands that do not answer until the function that is given back is called. */
export async function holding(page, names) {
  let release;
  const held = new Promise((done) => (release = done));
  await page.route('**/api/rpc', async (route) => {
    if (names.includes(route.request().postDataJSON().name)) await held;
    await route.fallback();
  });
  return release;
}

/** No serious finding of axe, and nothing the browser itself complains about. */
export async function checkAccess(page) {
  // The policy of the page forbids scripts from elsewhere; the driver may still evaluate one.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  const found = violations.filter((one) => ['serious', 'critical'].includes(one.impact));
  const told = found.map((one) => `${one.id}: ${one.help}\n    ${one.nodes.map((node) => `${node.html}\n      ${node.failureSummary}`).join('\n    ')}`);
  assert.equal(told.length, 0, `axe:\n${told.join('\n')}`);
  assert.deepEqual(page.problems, [], 'the browser complains');
}

/** The page is no wider than the window. */
export async function checkFits(page) {
  const wide = await page.evaluate(() => {
    const main = document.querySelector('main');
    return [document.documentElement, main].filter((one) => one && one.scrollWidth > one.clientWidth + 1).map((one) => one.tagName);
  });
  assert.deepEqual(wide, [], 'scrolls sideways');
}

/** No word of a control, heading or badge is cut off; texts that are meant to be (`clip`) have the whole in their title. */
export async function checkWhole(page) {
  const cut = await page.evaluate(() => {
    const words = document.querySelectorAll('button, a, label, th, h1, h2, h3, legend, summary, .badge, .value');
    const hidden = (one) => getComputedStyle(one).overflowX !== 'visible' && !one.closest('.hidden-text, .clip');
    return [...words].filter((one) => one.scrollWidth > one.clientWidth + 1 && hidden(one)).map((one) => one.textContent.trim());
  });
  assert.deepEqual(cut, [], 'words are cut off');
}

export { assert };
