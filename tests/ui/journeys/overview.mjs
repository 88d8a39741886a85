// The overview with its faces.

import { readFileSync, writeFileSync } from 'node:fs';
import { answering, assert, checkAccess, eventually, failing, goTo, holding, signIn, tryAgain } from '../rig.mjs';

export const journeys = {
  async 'full: state, figures, the last hour, backends and what was out of the ordinary'({ engine, open }) {
    const full = await engine('full');
    const page = await open();
    await signIn(page, full);
    const main = page.getByRole('main');
    await main.getByText('Running', { exact: true }).waitFor();
    await main.getByText(full.url).waitFor();
    const { stats } = await full.rpc('requests.stats');
    const figures = page.getByRole('region', { name: 'Today' });
    await figures.getByText(String(stats.requests), { exact: true }).waitFor();
    await page.getByRole('img', { name: /requests in the last hour/ }).waitFor();
    const backends = page.getByRole('region', { name: 'Backends' });
    await backends.getByText('LM Studio').waitFor();
    assert.equal(await backends.getByText('Up', { exact: true }).count(), 2);
    await page.getByRole('region', { name: 'Last events' }).getByRole('link', { name: /failed/ }).click();
    await page.getByRole('heading', { level: 1, name: /^Request req_/ }).waitFor();
  },

  async 'the mode is changed for the next request'({ engine, open }) {
    const full = await engine('full');
    const page = await open();
    await signIn(page, full);
    const modes = page.getByRole('radiogroup', { name: 'Where work goes' });
    await modes.getByRole('radio', { name: 'All cloud' }).check({ force: true });
    await page.getByText('Changed for the next request').waitFor();
    await page.getByText('Everything goes to the cloud.').waitFor();
    assert.equal((await full.rpc('status')).mode, 'cloud');
    // Arrow keys move in the group, as in every other.
    await modes.getByRole('radio', { name: 'All cloud' }).focus();
    await page.keyboard.press('ArrowLeft');
    await eventually(async () => (await full.rpc('status')).mode === 'local');
    await page.keyboard.press('ArrowLeft');
    await eventually(async () => (await full.rpc('status')).mode === 'auto');
  },

  async 'a privacy rule that is mistyped keeps everything here, which is said first of all, until it is mended'({ startEngine, open }) {
    const engine = await startEngine({});
    await engine.ready();
    const page = await open();
    await signIn(page, engine);
    await page.getByRole('main').getByText('Running', { exact: true }).waitFor();
    const { file } = await engine.rpc('settings.get');
    const good = readFileSync(file, 'utf8');
    writeFileSync(file, `${good}\n[never_cloud]\ntext = ["falcon"]\n`);
    const note = page.getByRole('alert').filter({ hasText: 'Everything stays on your machines until the settings are mended' });
    await note.getByText(/did you mean "texts"\?/).waitFor();
    await checkAccess(page);
    const sentTo = async (backend) => {
      await engine.ask('What is a rebase?', {}, { 'x-force-route': 'cloud' });
      await eventually(async () => (await engine.rpc('requests.list')).records[0]?.decision.candidates[0].startsWith(`${backend}:`));
    };
    await sentTo('lmstudio');
    await note.getByRole('link').click();
    await page.getByRole('button', { name: 'Take it out: never_cloud.text' }).click();
    await eventually(async () => (await engine.rpc('status')).held === null);
    await goTo(page, '#/overview');
    await eventually(async () => (await note.count()) === 0);
    await sentTo('anthropic');
    assert.equal(readFileSync(file, 'utf8').trim(), good.trim());
  },

  async 'a request is counted while the window looks on'({ engine, open }) {
    const full = await engine('full');
    const page = await open();
    await signIn(page, full);
    const asking = full.ask('Tell me about rebase', { stream: true, max_tokens: 60 });
    await page.getByText('1 request is running').waitFor();
    await asking;
    await page.getByText('No request is running').waitFor();
  },

  async 'the demonstration plays a session, and the log has it'({ startEngine, open }) {
    const engine = await startEngine({});
    await engine.ready();
    const page = await open();
    await signIn(page, engine);
    const demo = page.getByRole('region', { name: 'Demonstration' });
    await demo.getByRole('button', { name: 'Play a session' }).click();
    await demo.getByRole('button', { name: 'Playing…' }).waitFor();
    await checkAccess(page);
    await demo.getByRole('link', { name: 'Watch the log' }).click();
    await page.getByRole('heading', { level: 1, name: 'Live log' }).waitFor();
    // Whoever comes back is not offered a second one, until the first is over.
    await page.getByRole('link', { name: 'Overview' }).click();
    await demo.getByRole('button', { name: 'Playing…' }).waitFor();
    await eventually(async () => (await engine.rpc('requests.list')).records.some((record) => record.fallback !== null), 60_000);
    await eventually(async () => !(await engine.rpc('demo.state')).playing);
    await demo.getByRole('button', { name: 'Play a session' }).waitFor();
  },

  async 'where real models answer there is nothing to play'({ engine, open }) {
    const page = await open();
    const told = page.waitForResponse((response) => response.request().postData()?.includes('demo.state') ?? false);
    await signIn(page, await engine('empty'));
    await (await told).finished();
    await page.getByText('No backend is set up').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Play a session' }).count(), 0);
  },

  async 'empty: no backend and no request lead to the next step'({ engine, open }) {
    const page = await open();
    await signIn(page, await engine('empty'));
    await page.getByText('No backend is set up').waitFor();
    await page.getByText('No request in the last hour').waitFor();
    await page.getByText('Nothing out of the ordinary').waitFor();
    await checkAccess(page);
    await page.getByRole('link', { name: 'Connect a client' }).click();
    await page.getByRole('heading', { name: 'Connect', level: 1 }).waitFor();
  },

  async 'loading: says so, and nothing jumps when the answer comes'({ engine, open }) {
    const page = await open();
    await signIn(page, await engine('full'), '#/connect');
    const release = await holding(page, ['requests.timeline']);
    await page.getByRole('link', { name: 'Overview' }).click();
    const hour = page.getByRole('region', { name: 'Last hour' });
    await hour.getByText('Loading…').waitFor({ state: 'attached' });
    await checkAccess(page);
    const before = await page.getByRole('region', { name: 'Backends' }).boundingBox();
    release();
    await page.getByRole('img', { name: /requests in the last hour/ }).waitFor();
    const after = await page.getByRole('region', { name: 'Backends' }).boundingBox();
    assert.ok(Math.abs(before.y - after.y) < 2, `${before.y} became ${after.y}`);
  },

  async 'what only a demonstration has does not push away what is there already'({ engine, open }) {
    const page = await open();
    const release = await holding(page, ['demo.state']);
    const isAsked = (answer) => answer.url().endsWith('/api/rpc') && answer.request().postDataJSON().name === 'requests.timeline';
    const hour = page.waitForResponse(isAsked);
    await signIn(page, await engine('full'));
    // It is asked for once the state of the engine is known.
    await hour;
    assert.equal(await page.getByRole('region', { name: 'Backends' }).count(), 0);
    release();
    await page.getByRole('region', { name: 'Demonstration' }).waitFor();
    await page.getByRole('region', { name: 'Backends' }).waitFor();
  },

  async 'error: what failed, what to do, and another try'({ engine, open }) {
    const page = await open();
    await signIn(page, await engine('full'), '#/connect');
    await failing(page, ['requests.timeline', 'requests.list']);
    await page.reload();
    await page.getByRole('link', { name: 'Overview' }).click();
    const hour = page.getByRole('region', { name: 'Last hour' });
    await hour.getByRole('alert').getByText('look at the log file').waitFor();
    await checkAccess(page);
    await tryAgain(page, hour, 'requests.timeline');
    await page.getByRole('img', { name: /requests in the last hour/ }).waitFor();
  },

  async 'a backend that is offline is told with its reason'({ engine, open }) {
    const page = await open();
    await answering(page, {
      status: (real) => ({
        ...real,
        state: 'degraded',
        backends: real.backends.map((one) =>
          one.local ? { ...one, up: false, latency_ms: null, detail: 'connection refused' } : one,
        ),
      }),
    });
    await signIn(page, await engine('full'));
    await page.getByRole('main').getByText('Degraded', { exact: true }).waitFor();
    await page.getByRole('region', { name: 'Backends' }).getByText('connection refused').waitFor();
    await checkAccess(page);
  },
};
