// What only the desktop app's window shows. The app's door is a stand-in that asks the engine; the app itself is in tests/desktop.

import { asDesktop, assert, checkAccess, checkFits, eventually, goTo } from '../rig.mjs';

const HOLDER = 'python3 (process 7)';
const SERVER = { phase: 'running', address: '127.0.0.1:4117', requests_running: 0, problem: null, taken: null, next_port: null, troubles: [], cut_off: 0 };
const TAKEN = {
  ...SERVER,
  phase: 'stopped',
  address: null,
  problem: { code: 'port_taken', message: `port 4117 is taken by ${HOLDER}`, hint: 'port 4118 is free' },
  taken: { port: 4117, holder: HOLDER },
  next_port: 4118,
};
const port = async (engine) => (await engine.rpc('settings.get')).settings.server.port;

export const journeys = {
  async 'a port that is taken is said with who has it, and the next free one is a click'({ startEngine, open }) {
    const engine = await startEngine({});
    const page = await open({ locale: 'de-DE' });
    await asDesktop(page, engine, { 'server.state': TAKEN, 'server.start': SERVER, 'desktop.autostart.get': { enabled: false } });
    await page.goto(`${engine.url}/ui/#/overview`);
    const note = page.getByRole('alert');
    await note.getByText(`Port 4117 ist von ${HOLDER} belegt.`).waitFor();
    await note.getByText('Port 4118 ist frei').waitFor();
    await checkFits(page);
    await checkAccess(page);
    await goTo(page, '#/settings');
    await page.getByText(`Port 4117 ist von ${HOLDER} belegt.`).waitFor();
    await page.getByRole('button', { name: '4118 nehmen' }).waitFor();
    await page.getByRole('switch', { name: 'Beim Anmelden starten' }).waitFor();
    await checkFits(page);
    await checkAccess(page);
    await goTo(page, '#/overview');
    await page.getByRole('button', { name: 'Stattdessen Port 4118 nehmen' }).click();
    await eventually(async () => (await port(engine)) === 4118);
  },

  async 'what is exported becomes a file, and it is said where'({ engine, open }) {
    const full = await engine('full');
    const page = await open();
    const path = '/home/me/Downloads/branchline-requests.jsonl';
    await asDesktop(page, full, { 'server.state': SERVER, 'desktop.save': { path } });
    await page.goto(`${full.url}/ui/#/log`);
    await page.getByRole('table').waitFor();
    await page.getByRole('button', { name: 'Export' }).click();
    await page.getByText(path).waitFor();
    const [saved] = await page.evaluate(() => globalThis.asked.filter(({ name }) => name === 'desktop.save'));
    assert.equal(saved.request.name, 'branchline-requests.jsonl');
    assert.ok(saved.request.text.trim().split('\n').every((line) => JSON.parse(line).id.startsWith('req_')));
  },
};
