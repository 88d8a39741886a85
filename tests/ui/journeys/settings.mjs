// The settings page.

import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, checkAccess, checkFits, eventually, failing, holding, signIn, tryAgain } from '../rig.mjs';

const setting = async (engine, path) => path.split('.').reduce((node, part) => node[part], (await engine.rpc('settings.get')).settings);

export const journeys = {
  async 'full: every setting is a click, and is in the file'({ startEngine, open }) {
    const engine = await startEngine({});
    const page = await open();
    await signIn(page, engine, '#/settings');
    await page.getByRole('radio', { name: 'Dark' }).check({ force: true });
    await eventually(async () => (await setting(engine, 'window.theme')) === 'dark');
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
    await checkAccess(page);
    await page.getByRole('radio', { name: 'Light' }).check({ force: true });
    await page.getByRole('switch', { name: 'A backend answers again' }).click();
    await eventually(async () => (await setting(engine, 'notifications.backend_back')) === false);
    await page.getByRole('radio', { name: 'In full' }).check({ force: true });
    await eventually(async () => (await setting(engine, 'log.bodies')) === 'full');
    await page.getByText('your code included').waitFor();
    const days = page.getByLabel('Days in the log');
    await days.fill('0');
    await days.press('Enter');
    await page.getByText('A number from 1 to 3650').waitFor();
    await days.fill('30');
    await days.press('Enter');
    await eventually(async () => (await setting(engine, 'log.keep_days')) === 30);
    await page.getByLabel('Detail of the log file').selectOption('debug');
    await eventually(async () => (await setting(engine, 'log.level')) === 'debug');
    await checkAccess(page);
    await checkFits(page);
  },

  async 'the token is copied, and no longer asked for when that is switched off'({ startEngine, open }) {
    const engine = await startEngine({});
    const page = await open();
    await signIn(page, engine, '#/settings');
    await page.getByRole('button', { name: 'Copy: Client token' }).click();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), engine.token);
    assert.ok(!(await page.content()).includes(engine.token), 'the token is on the screen');
    await page.getByRole('switch', { name: 'Ask clients for the token' }).click();
    await eventually(async () => (await fetch(`${engine.url}/v1/models`)).status === 200);
  },

  async 'other machines are let in with the token only, under names that are known'({ startEngine, open }) {
    const engine = await startEngine({ settings: '[server]\nrequire_token = false\n' });
    const page = await open();
    await signIn(page, engine, '#/settings');
    const remote = page.getByRole('switch', { name: 'Let other machines use it' });
    await remote.click();
    await eventually(async () => (await setting(engine, 'server.host')) === '0.0.0.0');
    assert.deepEqual([await setting(engine, 'server.allow_remote'), await setting(engine, 'server.require_token')], [true, true]);
    assert.ok(await page.getByRole('switch', { name: 'Ask clients for the token' }).isDisabled());
    const names = page.getByLabel('Names other machines call it by');
    await names.fill('workstation.lan');
    await names.blur();
    await eventually(async () => (await setting(engine, 'server.allowed_hosts'))[0] === 'workstation.lan');
    await checkAccess(page);
    await checkFits(page);
    await remote.click();
    await eventually(async () => (await setting(engine, 'server.host')) === '127.0.0.1');
    assert.equal(await setting(engine, 'server.allow_remote'), false);
  },

  async 'a new port is checked, and it is said from when on it counts'({ startEngine, open }) {
    const engine = await startEngine({});
    const page = await open();
    await signIn(page, engine, '#/settings');
    const port = page.getByLabel('Port', { exact: true });
    await port.fill('70000');
    await port.press('Enter');
    await page.getByText('A number from 1 to 65535').waitFor();
    await port.fill('4555');
    await port.press('Enter');
    await eventually(async () => (await setting(engine, 'server.port')) === 4555);
    await page.getByText(/the new port counts when Branchline is started again/).waitFor();
    assert.equal(await page.getByText('Start at login').count(), 0, 'a browser cannot start the app');
  },

  async 'settings are exported and reset; the old file is kept'({ startEngine, open }) {
    const engine = await startEngine({});
    const page = await open();
    await signIn(page, engine, '#/settings');
    await page.getByRole('button', { name: 'Export settings' }).click();
    await page.getByRole('dialog').getByText('[backends.lmstudio]').waitFor();
    const coming = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save as a file' }).click();
    assert.equal((await coming).suggestedFilename(), 'branchline-settings.toml');
    await page.getByText('Your settings are saved').waitFor();
    assert.equal(await page.getByRole('dialog').count(), 0);
    await page.getByRole('button', { name: 'Reset all settings' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Reset all settings' }).click();
    await page.getByText('All settings are reset').waitFor();
    await page.getByText(/The old ones are in .*before-reset/).waitFor();
    await eventually(async () => !JSON.stringify((await engine.rpc('settings.get')).settings.roles).includes('lmstudio:'));
  },

  async 'folders, version and the licences of others are shown'({ engine, open }) {
    const page = await open();
    await signIn(page, await engine('full'), '#/settings');
    const { data_dir, version } = await (await engine('full')).rpc('about');
    await page.getByText(data_dir, { exact: true }).waitFor();
    await page.getByText(`Branchline ${version}`).waitFor();
    await page.getByRole('button', { name: 'Licences of others' }).click();
    const dialog = page.getByRole('dialog', { name: 'Licences of others' });
    await dialog.getByRole('searchbox').fill('svelte');
    await dialog.getByRole('cell', { name: 'svelte', exact: true }).waitFor();
    await checkAccess(page);
  },

  async 'a mistake in the file is shown with its line, and taken out with a press'({ startEngine, open }) {
    const byHand = '# by hand\n[window]\nguide = false\n[log]\nkeep_days = 9\n';
    const engine = await startEngine({ demo: false, settings: byHand });
    const file = join(engine.folder, 'settings.toml');
    const page = await open();
    await signIn(page, engine, '#/settings');
    await page.getByLabel('Port', { exact: true }).waitFor();
    appendFileSync(file, 'kep_days = 3\n[routing]\nthreshold = 700\n');
    const wrong = page.getByRole('region', { name: 'The settings file has mistakes' });
    await wrong.getByText('(line 8)').waitFor();
    await wrong.getByText('did you mean "keep_days"?').waitFor();
    await checkAccess(page);
    await checkFits(page);
    await wrong.getByRole('button', { name: 'Take it out: routing.threshold' }).click();
    await page.getByRole('region', { name: 'Remarks on the settings file' }).getByText('(line 6)').waitFor();
    await page.getByRole('button', { name: 'Take it out: log.kep_days' }).click();
    await page.getByText('log.kep_days is out of the file').waitFor();
    await eventually(async () => (await page.getByRole('region', { name: 'Remarks on the settings file' }).count()) === 0);
    assert.equal(readFileSync(file, 'utf8'), byHand);
  },

  async 'loading and error'({ engine, open }) {
    const full = await engine('full');
    const page = await open();
    const release = await holding(page, ['about']);
    await signIn(page, full, '#/settings');
    await page.getByRole('region', { name: 'Data' }).getByText('Loading…').waitFor({ state: 'attached' });
    release();
    const other = await open();
    await signIn(other, full, '#/overview');
    await failing(other, ['settings.get']);
    await other.evaluate(() => (location.hash = '#/settings'));
    await other.getByRole('alert').getByText('the database cannot be read').waitFor();
    await tryAgain(other, other, 'settings.get');
    await other.getByLabel('Port', { exact: true }).waitFor();
  },
};
