// How clients are pointed here.

import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { assert, checkAccess, failing, holding, signIn, tryAgain } from '../rig.mjs';

const clipboard = (page) => page.evaluate(() => navigator.clipboard.readText());

export const journeys = {
  async 'full: every shell has its snippet; the token is hidden on the screen and copied in full'({ engine, open }) {
    const full = await engine('full');
    const page = await open();
    await signIn(page, full, '#/connect');
    await page.getByRole('radio', { name: 'bash, zsh' }).check({ force: true });
    const snippet = page.getByRole('region', { name: 'bash, zsh' });
    await snippet.getByText(`export ANTHROPIC_BASE_URL='${full.url}'`).waitFor();
    assert.ok(!(await page.content()).includes(full.token), 'the token is on the screen');
    await page.getByRole('button', { name: 'Copy: bash, zsh' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    assert.ok((await clipboard(page)).includes(`ANTHROPIC_AUTH_TOKEN='${full.token}'`));
    await page.getByRole('button', { name: 'Show the token' }).first().click();
    await snippet.getByText(full.token).waitFor();
    for (const [shell, sign] of Object.entries({
      fish: 'set -gx ANTHROPIC_BASE_URL',
      PowerShell: '$env:ANTHROPIC_BASE_URL',
      cmd: 'set "ANTHROPIC_BASE_URL=',
      'settings.json': '"ANTHROPIC_BASE_URL":',
    })) {
      await page.getByRole('radio', { name: shell, exact: true }).check({ force: true });
      await page.getByRole('region', { name: shell, exact: true }).getByText(sign).waitFor();
    }
    await page.getByText('What each variable does').click();
    await page.getByRole('rowheader', { name: 'ANTHROPIC_BASE_URL' }).waitFor();
    await checkAccess(page);
  },

  async 'the settings file of Claude Code: written, and taken back to the byte'({ startEngine, open }) {
    const engine = await startEngine({});
    const folder = join(engine.folder, '.claude');
    const file = join(folder, 'settings.json');
    const before = '{\n\n  "model":   "opus"\n}\n';
    mkdirSync(folder);
    writeFileSync(file, before);
    chmodSync(file, 0o644);
    const page = await open();
    await signIn(page, engine, '#/connect');
    await page.getByText(file).waitFor();
    await page.getByRole('button', { name: 'Write it' }).click();
    await page.getByText('Your Claude Code settings point here').waitFor();
    const written = readFileSync(file, 'utf8');
    assert.ok(written.includes('"model":   "opus"') && written.includes(engine.url) && written.includes(engine.token));
    await page.getByText(`chmod go-rwx ${file}`).waitFor();
    await checkAccess(page);
    await page.getByRole('button', { name: 'Take it back' }).click();
    await page.getByRole('button', { name: 'Write it' }).waitFor();
    assert.equal(readFileSync(file, 'utf8'), before);
    writeFileSync(file, '{ "env": { "ANTHROPIC_BASE_URL": "http://other" } }');
    await page.reload();
    await page.getByText('The file already sets env.ANTHROPIC_BASE_URL').waitFor();
    await page.getByRole('button', { name: 'Overwrite' }).click();
    await page.getByRole('button', { name: 'Take it back' }).click();
    await page.getByRole('button', { name: 'Overwrite' }).waitFor();
    assert.ok(readFileSync(file, 'utf8').includes('http://other'));
    // What somebody changed meanwhile stays, and is named.
    await page.getByRole('button', { name: 'Overwrite' }).click();
    await page.getByRole('button', { name: 'Take it back' }).waitFor();
    writeFileSync(file, readFileSync(file, 'utf8').replace(engine.url, 'http://third'));
    await page.getByRole('button', { name: 'Take it back' }).click();
    await page.getByText('but not env.ANTHROPIC_BASE_URL').waitFor();
    assert.ok(readFileSync(file, 'utf8').includes('http://third'));
  },

  async 'other clients have theirs, and what is copied works'({ engine, open }) {
    const full = await engine('full');
    const page = await open();
    await signIn(page, full, '#/connect');
    await page.getByRole('button', { name: 'Write it', disabled: false }).waitFor();
    for (const client of ['Anthropic SDK', 'opencode', 'Codex', 'OpenAI SDK']) {
      await page.getByRole('radio', { name: client }).check({ force: true });
      await page.getByRole('button', { name: `Copy: ${client}` }).click();
      await page.waitForFunction((base) => navigator.clipboard.readText().then((text) => text.includes(base)), full.url);
    }
    const [, base] = /OPENAI_BASE_URL='([^']+)'/.exec(await clipboard(page));
    const [, key] = /OPENAI_API_KEY='([^']+)'/.exec(await clipboard(page));
    const response = await fetch(`${base}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'auto', messages: [{ role: 'user', content: 'Hello' }] }),
    });
    assert.equal(response.status, 200);
  },

  async 'empty: waits for the first request and turns green when it arrives'({ startEngine, open }) {
    const engine = await startEngine({});
    await engine.ready();
    const page = await open();
    await signIn(page, engine, '#/connect');
    await page.getByText('Waiting for the first request…').waitFor();
    await checkAccess(page);
    await engine.ask('Hello', { max_tokens: 10 }, { 'user-agent': 'claude-cli/2.4.1 (external, cli)' });
    await page.getByText('Connected', { exact: true }).waitFor();
    await page.getByText('claude-cli/2.4.1').waitFor();
    await checkAccess(page);
    await page.getByRole('link', { name: 'Open it' }).click();
    await page.getByRole('heading', { name: /^Request req_/, level: 1 }).waitFor();
  },

  async 'loading and error: both are told, and another try works'({ engine, open }) {
    const page = await open();
    await signIn(page, await engine('full'), '#/overview');
    const release = await holding(page, ['connect.env']);
    await page.getByRole('navigation').getByRole('link', { name: 'Connect' }).click();
    await page.getByText('Loading…').first().waitFor({ state: 'attached' });
    release();
    await page.getByText('Other clients').waitFor();
    await page.getByRole('navigation').getByRole('link', { name: 'Overview' }).click();
    await failing(page, ['connect.env']);
    await page.getByRole('navigation').getByRole('link', { name: 'Connect' }).click();
    await page.getByRole('alert').getByText('look at the log file').waitFor();
    await checkAccess(page);
    await tryAgain(page, page, 'connect.env');
    await page.getByText('Other clients').waitFor();
  },
};
