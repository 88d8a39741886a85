// Models and the roles they are given.

import { answering, assert, checkAccess, checkFits, eventually, failing, holding, signIn, tryAgain } from '../rig.mjs';

const roles = (page) => page.getByRole('region', { name: 'Roles' });
const checks = (page) => page.getByRole('region', { name: 'Check-up' });
const table = (page) => page.getByRole('region', { name: 'Models', exact: true });

export const journeys = {
  async 'full: models stand under their servers, with what they can and how long their context is'({ engine, open }) {
    const page = await open();
    await signIn(page, await engine('full'), '#/models');
    const row = table(page).getByRole('row', { name: /Qwen3 Coder Next/ });
    await row.getByText('131').waitFor();
    await row.getByText('Loaded').waitFor();
    await row.getByText('Tools').waitFor();
    await row.locator('.badge', { hasText: /^Coder$/ }).waitFor();
    const heads = await table(page).locator('tr.head').allTextContents();
    assert.deepEqual(heads.map((one) => one.trim()), ['LM Studio', 'Anthropic'], 'the own machine comes first');
    await table(page).getByRole('searchbox').fill('claude opus');
    await eventually(async () => (await table(page).locator('tbody tr:not(.head)').count()) === 1);
    await table(page).getByRole('searchbox').fill('nothing of this name');
    await page.getByText('No model of this name').waitFor();
    await table(page).getByRole('searchbox').fill('');
    await checkAccess(page);
    await checkFits(page);
  },

  async 'a model that is picked takes the next request'({ startEngine, open }) {
    const engine = await startEngine({});
    await engine.ready();
    const page = await open();
    await signIn(page, engine, '#/models');
    await roles(page).getByLabel('Coder', { exact: true }).selectOption({ label: 'Qwen3 4B · 262\u202fk' });
    await page.getByText('Coder is saved').waitFor();
    await engine.ask('hello', { model: 'local' });
    const { records } = await engine.rpc('requests.list');
    assert.equal(records[0].model, 'qwen/qwen3-4b');
    // From the table as well, and back to what Branchline picks by itself.
    const use = table(page).getByRole('combobox', { name: 'Use Qwen3 Coder Next as' });
    await use.selectOption('coder');
    await eventually(async () => (await engine.rpc('settings.get')).settings.roles.coder === 'lmstudio:qwen/qwen3-coder-next');
    await roles(page).getByLabel('Coder', { exact: true }).selectOption('');
    await roles(page).getByText('Automatic: lmstudio:').first().waitFor({ state: 'attached' });
  },

  async 'a role falls back to others, and any model can be typed'({ startEngine, open }) {
    const engine = await startEngine({});
    await engine.ready();
    const page = await open();
    await signIn(page, engine, '#/models');
    await roles(page).getByRole('button', { name: 'Cloud: Add another to fall back to' }).click();
    const more = roles(page).getByRole('combobox', { name: 'Cloud: Add another to fall back to' });
    await more.selectOption('…');
    const typed = roles(page).getByLabel('Model, as backend:model');
    await typed.fill('no ref');
    await typed.press('Enter');
    await roles(page).getByText('Write it as backend:model').waitFor();
    await typed.fill('anthropic:claude-next');
    await typed.press('Enter');
    const set = async () => (await engine.rpc('settings.get')).settings.roles.cloud;
    await eventually(async () => JSON.stringify(await set()) === '["anthropic:claude-sonnet-5-5","anthropic:claude-next"]');
    await roles(page).getByRole('button', { name: 'Remove anthropic:claude-next' }).click();
    await eventually(async () => (await set()) === 'anthropic:claude-sonnet-5-5');
  },

  async 'a model that cannot do its role is warned of'({ startEngine, open }) {
    const engine = await startEngine({});
    await engine.ready();
    const page = await open({ dark: true });
    const lacking = (real) => ({
      ...real,
      models: real.models.map((one) => (one.id.includes('coder') ? { ...one, tools: false, context_loaded: 4096 } : one)),
    });
    await answering(page, { 'models.list': lacking });
    await signIn(page, engine, '#/models');
    await roles(page).getByText(/does not call tools/).waitFor();
    await roles(page).getByText(/context is under 48 k/).waitFor();
    await roles(page).getByLabel('Vision', { exact: true }).selectOption('lmstudio:qwen/qwen3-4b');
    await roles(page).getByText('It cannot see images.').waitFor();
    await roles(page).getByLabel('Cloud', { exact: true }).selectOption('…');
    await roles(page).getByLabel('Model, as backend:model').fill('ollama:qwen3:8b');
    await roles(page).getByLabel('Model, as backend:model').press('Enter');
    await roles(page).getByText(/There is no backend of this name/).waitFor();
    await checkAccess(page);
  },

  async 'empty: leads to the backends'({ engine, open }) {
    const page = await open();
    await signIn(page, await engine('empty'), '#/models');
    await page.getByText('No model yet').waitFor();
    await roles(page).getByText('Automatic: none found').first().waitFor({ state: 'attached' });
    await checkAccess(page);
    await page.getByRole('main').getByRole('link', { name: 'Backends & keys' }).click();
    await page.getByRole('heading', { name: 'Backends & keys', level: 1 }).waitFor();
  },

  async 'loading and error'({ engine, open }) {
    const full = await engine('full');
    const page = await open();
    const release = await holding(page, ['models.list']);
    await signIn(page, full, '#/models');
    await table(page).getByText('Loading…').waitFor({ state: 'attached' });
    release();
    await table(page).getByText('Devstral Small 2').waitFor();
    const other = await open();
    await failing(other, ['models.list']);
    await signIn(other, full, '#/models');
    await table(other).getByRole('alert').getByText('the database cannot be read').waitFor();
    await tryAgain(other, table(other), 'models.list');
    await table(other).getByText('Devstral Small 2').waitFor();
  },

  async 'check-up: nothing at first, row by row while it runs, and the result stays'({ startEngine, open }) {
    const engine = await startEngine({});
    await engine.ready();
    const page = await open();
    await signIn(page, engine, '#/models');
    await checks(page).getByText('Nothing checked yet').waitFor();
    await checkAccess(page);
    await table(page).getByRole('button', { name: 'Check Qwen3 Coder Next' }).click();
    const tests = checks(page).getByRole('table', { name: 'Tests of lmstudio:qwen/qwen3-coder-next' });
    await tests.getByRole('row', { name: /^Answers Pass/ }).waitFor();
    await checks(page).getByRole('button', { name: 'Stop' }).waitFor();
    await tests.getByText('Running…').waitFor();
    // It folds up when it is done; what came of it stays in its line.
    const line = checks(page).locator('summary', { hasText: 'qwen3-coder-next' });
    await line.getByText('tok/s').waitFor();
    await eventually(async () => (await engine.rpc('doctor.last')).running === false);
    await line.getByText('Repaired').waitFor();
    await line.click();
    await tests.getByRole('row', { name: /^Tool call Pass called get_weather/ }).waitFor();
    await tests.getByRole('row', { name: /^Vision Repaired the picture was described to it by lmstudio:mistralai/ }).waitFor();
    await checkAccess(page);
    await checkFits(page);
    const again = await open({ dark: true });
    await signIn(again, engine, '#/models');
    await checks(again).getByText('lmstudio:qwen/qwen3-coder-next').waitFor();
    await checkAccess(again);
  },

  async 'check-up: of the roles, stopped half way'({ startEngine, open }) {
    const engine = await startEngine({});
    await engine.ready();
    const page = await open();
    await signIn(page, engine, '#/models');
    await checks(page).getByRole('button', { name: 'Check the roles' }).click();
    await checks(page).locator('summary', { hasText: 'anthropic:claude-sonnet-5-5' }).getByText('Waits').waitFor();
    await checks(page).getByRole('button', { name: 'Stop' }).click();
    await checks(page).getByText('Stopped').first().waitFor();
    await eventually(async () => (await engine.rpc('doctor.last')).running === false);
  },

  async 'check-up: a failure says what to do next; loading and error'({ engine, open }) {
    const full = await engine('full');
    const page = await open();
    const failed = {
      model: 'lmstudio:qwen/qwen3-4b', progress: 'done', current: null, at: Date.now(), verdict: 'fail', ttft_ms: 120, tokens_per_second: 41.5,
      results: [{ test: 'call', verdict: 'fail', reason: 'it answered in words', hint: 'choose another model', request: null, ms: 900 }],
    };
    await answering(page, { 'doctor.last': () => ({ running: false, models: [], checkups: [failed] }) });
    await signIn(page, full, '#/models');
    const line = checks(page).locator('summary');
    await line.getByText('Fail').waitFor();
    await line.getByText('Tool call: it answered in words').waitFor();
    await line.click();
    await checks(page).getByText('choose another model').waitFor();
    await checkAccess(page);
    const waiting = await open();
    const release = await holding(waiting, ['doctor.last']);
    await signIn(waiting, full, '#/models');
    await checks(waiting).getByText('Loading…').waitFor({ state: 'attached' });
    release();
    await checks(waiting).getByText('Nothing checked yet').waitFor();
    const broken = await open();
    await failing(broken, ['doctor.last']);
    await signIn(broken, full, '#/models');
    await checks(broken).getByRole('alert').getByText('the database cannot be read').waitFor();
    await tryAgain(broken, checks(broken), 'doctor.last');
    await checks(broken).getByText('Nothing checked yet').waitFor();
  },

  async 'a model is loaded with the context that is wanted, and unloaded'({ startEngine, open }) {
    const engine = await startEngine({});
    await engine.ready();
    const page = await open();
    await signIn(page, engine, '#/models');
    const row = table(page).getByRole('row', { name: /Qwen3 4B/ });
    await row.getByText('Not loaded').waitFor();
    await row.getByRole('button', { name: 'Load Qwen3 4B' }).click();
    const dialog = page.getByRole('dialog', { name: 'Load Qwen3 4B' });
    await dialog.getByLabel('Context, in tokens').fill('16384');
    await checkAccess(page);
    await dialog.getByRole('button', { name: 'Load', exact: true }).click();
    await page.getByText('Qwen3 4B is loaded').waitFor();
    await row.getByText('Loaded', { exact: true }).waitFor();
    const card = async () => (await engine.rpc('models.list')).models.find((one) => one.id === 'qwen/qwen3-4b');
    assert.equal((await card()).context_loaded, 16384);
    await row.getByRole('button', { name: 'Unload Qwen3 4B' }).click();
    await row.getByText('Not loaded').waitFor();
    // A server that does not do it says so where it was asked for.
    await failing(page, ['models.load'], 'it is a server with one model');
    await row.getByRole('button', { name: 'Load Qwen3 4B' }).click();
    await dialog.getByRole('button', { name: 'Load', exact: true }).click();
    await dialog.getByText('it is a server with one model').waitFor();
  },

  async 'a request that waits for its model says so in the log'({ startEngine, open }) {
    const engine = await startEngine({});
    await engine.ready();
    const page = await open();
    await signIn(page, engine, '#/log');
    // The demonstration takes a second to load a model.
    const asked = engine.ask('hello', { model: 'lmstudio:qwen/qwen3-4b' });
    await page.getByText('Loading model…').waitFor();
    await asked;
    await page.getByText('Loading model…').waitFor({ state: 'detached' });
  },
};
