// Backends, their keys, and new ones.

import { createServer } from 'node:http';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { answering, assert, checkAccess, checkFits, eventually, failing, holding, signIn, tryAgain } from '../rig.mjs';

const list = (page) => page.getByRole('region', { name: 'Backends', exact: true });

/** A model server as plain as they come. */
async function plainServer() {
  const server = createServer((request, response) => {
    const known = request.url === '/v1/models';
    response.writeHead(known ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(known ? { object: 'list', data: [{ id: 'plain-7b', object: 'model' }] } : { error: 'no' }));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** Whether a text stands in any file below a folder. */
function onDisk(folder, text) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .some((entry) => readFileSync(join(entry.parentPath, entry.name)).includes(text));
}

export const journeys = {
  async 'full: every backend says how it is, and opens with the keyboard'({ engine, open }) {
    const page = await open();
    await signIn(page, await engine('full'), '#/backends');
    const row = list(page).getByRole('button', { name: /LM Studio/ });
    await row.getByText('3 models').waitFor();
    await row.getByText('Answers').waitFor();
    await row.focus();
    await page.keyboard.press('Enter');
    const details = page.getByRole('group', { name: 'Details of lmstudio' });
    await details.getByRole('button', { name: 'Test connection' }).click();
    await details.getByText(/It answers: 3 models/).waitFor();
    await checkAccess(page);
    await checkFits(page);
  },

  async 'a window, a limit and a diet of its own are set, and taken back by emptying the field'({ startEngine, open }) {
    const engine = await startEngine({});
    await engine.ready();
    const lmstudio = async () => (await engine.rpc('settings.get')).settings.backends.lmstudio;
    const page = await open({ dark: true });
    await signIn(page, engine, '#/backends');
    await list(page).getByRole('button', { name: /LM Studio/ }).click();
    const details = page.getByRole('group', { name: 'Details of lmstudio' });
    await details.getByText('More settings').click();
    const type = async (label, text) => {
      await details.getByLabel(label).fill(text);
      await details.getByLabel(label).blur();
    };
    await type('Window models are loaded with', '100');
    await details.getByText('A whole number from 512 on').waitFor();
    await type('Window models are loaded with', '65,536');
    await eventually(async () => (await lmstudio()).context_length === 65_536);
    await type('Requests at the same time', '2');
    await eventually(async () => (await lmstudio()).concurrency === 2);
    await type('Tools left out of prompts', 'NotebookEdit\nmcp__github__*');
    await eventually(async () => (await lmstudio()).diet?.drop_tools?.length === 2);
    await type('Longest description of a tool', '600');
    await eventually(async () => (await lmstudio()).diet.tool_description_chars === 600);
    await checkAccess(page);
    await checkFits(page);
    await type('Requests at the same time', '');
    await eventually(async () => (await lmstudio()).concurrency === undefined);
  },

  async 'a wrong address is told with what failed and what to do, and mended'({ startEngine, open }) {
    const engine = await startEngine({});
    await engine.ready();
    const page = await open({ dark: true });
    await signIn(page, engine, '#/backends');
    const { backends } = await engine.rpc('backends.list');
    const good = backends.find((one) => one.name === 'lmstudio').base_url;
    await list(page).getByRole('button', { name: /LM Studio/ }).click();
    const details = page.getByRole('group', { name: 'Details of lmstudio' });
    const address = details.getByLabel('Address');
    await address.fill('nonsense');
    await address.press('Enter');
    await details.getByText(/nonsense/).waitFor();
    assert.equal(await address.getAttribute('aria-invalid'), 'true');
    await address.fill('http://127.0.0.1:9');
    await address.press('Enter');
    await details.getByRole('button', { name: 'Test connection' }).click();
    const note = details.getByRole('alert');
    await note.getByText(/127\.0\.0\.1:9/).waitFor();
    await note.getByText(/start the server in LM Studio/i).waitFor();
    await checkAccess(page);
    // The address takes its time to be saved, and the button is quicker: what is tested is the new one all the same.
    const save = await holding(page, ['settings.set']);
    await address.fill(good);
    await address.press('Enter');
    await details.getByRole('button', { name: 'Test connection' }).click();
    await new Promise((done) => setTimeout(done, 500));
    save();
    await details.getByText(/It answers/).waitFor();
  },

  async 'a key is set, shown, replaced and removed, and is in no file'({ startEngine, open }) {
    const engine = await startEngine({});
    await engine.ready();
    const page = await open();
    await signIn(page, engine, '#/backends');
    await list(page).getByRole('button', { name: /Anthropic/ }).click();
    const details = page.getByRole('group', { name: 'Details of anthropic' });
    await details.getByText('In the keyring').waitFor();
    await details.getByRole('button', { name: 'Replace' }).click();
    await details.getByLabel('Key for anthropic').fill('sk-ant-journey-77');
    await details.getByRole('button', { name: 'Set key' }).click();
    await page.getByText('The key is in the keyring of this system').waitFor();
    assert.ok(!(await page.content()).includes('sk-ant-journey-77'), 'the key is on the screen');
    await details.getByRole('button', { name: 'Reveal' }).click();
    await details.getByText('sk-ant-journey-77').waitFor();
    await details.getByRole('button', { name: 'Hide' }).click();
    assert.ok(!onDisk(engine.folder, 'sk-ant-journey-77'), 'the key is in a file');
    await details.getByRole('button', { name: 'Remove key' }).click();
    await details.getByLabel('Key for anthropic').waitFor();
    await list(page).getByText('Key missing').first().waitFor();
    await checkAccess(page);
  },

  async 'a server is added by its address after it was tried, switched off, on, and removed'({ startEngine, open }) {
    const engine = await startEngine({});
    await engine.ready();
    const server = await plainServer();
    const page = await open();
    await signIn(page, engine, '#/backends');
    await page.getByRole('button', { name: 'Add a backend' }).click();
    const dialog = page.getByRole('dialog', { name: 'Add a backend' });
    await dialog.getByRole('radio', { name: 'OpenAI-compatible server' }).check({ force: true });
    await dialog.getByLabel('Address').fill('http://127.0.0.1:9');
    await dialog.getByRole('button', { name: 'Test connection' }).click();
    await dialog.getByRole('alert').waitFor();
    await dialog.getByLabel('Address').fill(server.url);
    await dialog.getByLabel('Name').fill('lmstudio');
    await dialog.getByText('There is a backend of this name already').waitFor();
    await dialog.getByLabel('Name').fill('attic');
    await checkAccess(page);
    await dialog.getByRole('button', { name: 'Test connection' }).click();
    await dialog.getByText('attic answers with 1 model.').waitFor();
    await dialog.getByRole('button', { name: 'Add', exact: true }).click();
    await page.getByText('attic is added').waitFor();
    await list(page).getByRole('button', { name: /attic/ }).click();
    const details = page.getByRole('group', { name: 'Details of attic' });
    await details.getByRole('button', { name: 'Switch off' }).click();
    await page.getByText('attic is switched off').waitFor();
    assert.equal(await list(page).getByText('attic').count(), 0);
    await page.getByRole('button', { name: 'Switch on: attic' }).click();
    await page.getByText('attic is switched on').waitFor();
    await list(page).getByRole('button', { name: /attic/ }).click();
    await details.getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByText('attic is removed').waitFor();
    await eventually(async () => (await list(page).getByText('attic').count()) === 0);
    server.close();
  },

  async 'a server that was found is offered, and added with one press'({ startEngine, open }) {
    const engine = await startEngine({});
    const server = await plainServer();
    const page = await open();
    await answering(page, {
      'backends.discover': () => ({
        servers: [{ base_url: server.url, flavour: 'openai_compatible', preset: 'openai_compatible', display: 'OpenAI-compatible server', version: null, models: 1 }],
      }),
    });
    await signIn(page, engine, '#/backends');
    await page.getByRole('region', { name: 'Found on this machine' }).getByRole('button', { name: /^Add/ }).click();
    await page.getByText('server is added').waitFor();
    const { models } = await engine.rpc('models.list');
    assert.ok(models.some((one) => one.backend === 'server' && one.id === 'plain-7b'));
    server.close();
  },

  async 'no keyring: it is said, with the next step'({ engine, open }) {
    const page = await open();
    await answering(page, {
      'keys.list': (real) => ({
        ...real,
        keyring_error: { code: 'keyring', message: 'no secret service answers', hint: 'set BRANCHLINE_KEY_ANTHROPIC' },
      }),
    });
    await signIn(page, await engine('full'), '#/backends');
    await page.getByRole('alert').getByText(/Keys cannot be stored on this system/).waitFor();
    await page.getByText(/set BRANCHLINE_KEY_ANTHROPIC/i).waitFor();
  },

  async 'empty: the next step is named'({ engine, open }) {
    const page = await open();
    await signIn(page, await engine('empty'), '#/backends');
    await page.getByText('No backend yet').waitFor();
    await page.getByRole('button', { name: 'Switch on: anthropic' }).waitFor();
    await checkAccess(page);
  },

  async 'loading and error: the list keeps its place, an error can be tried again'({ engine, open }) {
    const full = await engine('full');
    const page = await open();
    const release = await holding(page, ['backends.list']);
    await signIn(page, full, '#/backends');
    await list(page).getByText('Loading…').waitFor({ state: 'attached' });
    release();
    await list(page).getByText('LM Studio').waitFor();
    const other = await open();
    await failing(other, ['backends.list']);
    await signIn(other, full, '#/backends');
    await list(other).getByRole('alert').getByText(/look at the log file/i).waitFor();
    await tryAgain(other, list(other), 'backends.list');
    await list(other).getByText('LM Studio').waitFor();
  },
};
