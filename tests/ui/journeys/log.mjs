// The live log and the detail of a request.

import { answering, assert, checkAccess, checkFits, eventually, failing, goTo, holding, signIn, tryAgain } from '../rig.mjs';

const rows = (page) => page.locator('tbody tr');

export const journeys = {
  async 'full: a request is seen while it runs, and how it ended'({ engine, open }) {
    const full = await engine('full');
    const page = await open();
    await signIn(page, full, '#/log');
    await rows(page).first().waitFor();
    const before = await rows(page).count();
    const asking = full.ask('Explain the borrow checker', { stream: true, max_tokens: 60 });
    await rows(page).first().getByText('Running').waitFor({ state: 'attached' });
    assert.equal(await rows(page).count(), before + 1);
    await asking;
    await rows(page).first().getByText('OK', { exact: true }).waitFor({ state: 'attached' });
    assert.equal(await rows(page).count(), before + 1, 'the row stays the same one');
    await rows(page).first().getByText('Local', { exact: true }).waitFor();
  },

  async 'filters are asked of the database, and hold for what happens next'({ engine, open }) {
    const full = await engine('full');
    const page = await open();
    await signIn(page, full, '#/log');
    await page.getByRole('combobox', { name: 'Backend' }).selectOption({ label: 'Anthropic' });
    await eventually(async () => (await rows(page).count()) > 0 && (await rows(page).getByText('Local').count()) === 0);
    const shown = await rows(page).count();
    await full.ask('Hello', { max_tokens: 10 });
    await page.getByRole('combobox', { name: 'Status' }).selectOption({ label: 'Failed' });
    await page.getByText('Nothing matches').waitFor();
    await page.getByRole('button', { name: 'Clear filters' }).click();
    await eventually(async () => (await rows(page).count()) > shown);
    await page.getByRole('searchbox').fill('nowhere');
    await eventually(async () => (await rows(page).count()) === 1);
    await checkAccess(page);
  },

  async 'questions of the check-up are marked, and are shown or left out'({ startEngine, open }) {
    const engine = await startEngine({});
    await engine.ready();
    await engine.rpc('doctor.run', { models: ['lmstudio:qwen/qwen3-coder-next'], context_tokens: 0 });
    await eventually(async () => (await engine.rpc('doctor.last')).running === false);
    await engine.ask('Hello', { max_tokens: 10 });
    const page = await open();
    await signIn(page, engine, '#/log');
    const marked = rows(page).filter({ has: page.getByText('check', { exact: true }) });
    await marked.first().waitFor();
    const [all, checks] = [await rows(page).count(), await marked.count()];
    assert.equal(all, checks + 1);
    await page.getByRole('combobox', { name: 'Asked by' }).selectOption({ label: 'Clients' });
    await eventually(async () => (await rows(page).count()) === 1 && (await marked.count()) === 0);
    await engine.ask('Hello', { max_tokens: 10 });
    await eventually(async () => (await rows(page).count()) === 2);
    await page.getByRole('combobox', { name: 'Asked by' }).selectOption({ label: 'Check-ups' });
    await eventually(async () => (await rows(page).count()) === checks && (await marked.count()) === checks);
    await checkAccess(page);
    await checkFits(page);
  },

  async 'pause holds the list still and counts, resume catches up'({ engine, open }) {
    const full = await engine('full');
    const page = await open();
    await signIn(page, full, '#/log');
    await rows(page).first().waitFor();
    const before = await rows(page).count();
    await page.getByRole('button', { name: 'Pause' }).click();
    await full.ask('One', { max_tokens: 10 });
    await full.ask('Two', { max_tokens: 10 });
    await page.getByText('2 new requests').waitFor();
    assert.equal(await rows(page).count(), before);
    await page.getByRole('button', { name: 'Resume' }).click();
    await eventually(async () => (await rows(page).count()) === before + 2);
  },

  async 'the list is saved as lines of JSON'({ engine, open }) {
    const page = await open();
    await signIn(page, await engine('full'), '#/log');
    await rows(page).first().waitFor();
    const coming = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Export' }).click();
    const file = await coming;
    assert.equal(file.suggestedFilename(), 'branchline-requests.jsonl');
    const chunks = [];
    for await (const chunk of await file.createReadStream()) chunks.push(chunk);
    const lines = Buffer.concat(chunks).toString().trim().split('\n');
    assert.equal(lines.length, await rows(page).count());
    assert.ok(lines.every((line) => JSON.parse(line).id.startsWith('req_')));
    await page.getByText(`${lines.length} requests saved`).waitFor();
  },

  async 'detail: why, where, how long, what was changed'({ engine, open }) {
    const full = await engine('full');
    const { records } = await full.rpc('requests.list');
    const hard = records.find((record) => record.decision.score >= 50 && record.decision.points.length > 1);
    const page = await open();
    await signIn(page, full, '#/log');
    await page.getByRole('link', { name: new RegExp(`at ${clock(hard.at)}`) }).first().waitFor();
    await goTo(page, `#/log/${hard.id}`);
    const meter = page.getByRole('meter', { name: 'Score' });
    assert.equal(await meter.getAttribute('aria-valuenow'), String(hard.decision.score));
    for (const point of hard.decision.points) await page.getByRole('rowheader', { name: point.signal }).waitFor();
    for (const reason of hard.decision.reasons) await page.getByText(reason).first().waitFor();
    await page.getByText(hard.decision.candidates[0]).first().waitFor();
    await page.getByText('To the first token').waitFor();
    await checkAccess(page);
    await checkFits(page);
    await page.getByRole('link', { name: 'Live log' }).last().click();
    await page.getByRole('searchbox').waitFor();
  },

  async 'detail: a failed request says its error and the hint'({ engine, open }) {
    const full = await engine('full');
    const { records } = await full.rpc('requests.list', { filter: { outcome: 'error' } });
    const page = await open();
    await signIn(page, full, `#/log/${records[0].id}`);
    const alert = page.getByRole('alert');
    await alert.getByText(records[0].error.message).waitFor();
    await alert.getByText(records[0].error.hint).waitFor();
    await page.getByText('No model was called').waitFor();
  },

  async 'detail: what could not be carried, repairs, images and bodies are shown'({ engine, open }) {
    const full = await engine('full');
    const { records } = await full.rpc('requests.list');
    const page = await open({ dark: true });
    await answering(page, {
      'requests.get': (real) => ({
        ...real,
        dropped: [{ path: 'messages[3].content[1]', reason: 'citations have no place in this protocol' }],
        repairs: ['a call written as text became a call'],
        images: { total: 2, described: 1, cached: 1, failed: 0 },
        fallback: 'lmstudio is offline',
        bodies: { request: '{"model":"auto"}', response: 'event: message_start' },
      }),
    });
    await signIn(page, full, `#/log/${records[0].id}`);
    await page.getByText('messages[3].content[1]').waitFor();
    await page.getByText('a call written as text became a call').waitFor();
    await page.getByText('2 in the request: 1 described, 1 known already, 0 failed').waitFor();
    await page.getByText('lmstudio is offline').first().waitFor();
    await page.getByRole('region', { name: 'Request' }).getByText('"model": "auto"').waitFor();
    await page.getByRole('radio', { name: 'Answer' }).check({ force: true });
    await page.getByText('event: message_start').waitFor();
    await checkAccess(page);
  },

  async 'a request is sent again to another model, and the cloud only when that was confirmed'({ startEngine, open }) {
    const engine = await startEngine({ settings: '[log]\nbodies = "full"\n' });
    await engine.ready();
    await engine.ask('What is a mutex?', { max_tokens: 30 });
    const [record] = await eventually(async () => {
      const { records } = await engine.rpc('requests.list');
      return records.length > 0 && records;
    });
    const page = await open();
    await signIn(page, engine, `#/log/${record.id}`);
    await page.getByRole('button', { name: 'Send again' }).click();
    await page.getByRole('region', { name: 'Now' }).first().getByText('qwen').first().waitFor();
    await page.getByRole('combobox', { name: 'Model' }).selectOption({ label: 'Cloud, by role' });
    await page.getByRole('button', { name: 'Send again' }).click();
    await page.getByText('is in the cloud').waitFor();
    await checkAccess(page);
    const before = (await engine.rpc('requests.stats')).stats.cloud.requests;
    assert.equal(before, 0, 'nothing was sent before it was confirmed');
    await page.getByRole('button', { name: 'Send it to the cloud' }).click();
    await page.getByRole('region', { name: 'Now' }).first().getByText('claude').first().waitFor();
    await checkAccess(page);
  },

  async 'detail: a request that is gone says so'({ engine, open }) {
    const page = await open();
    await signIn(page, await engine('full'), '#/log/req_nothing');
    await page.getByRole('alert').getByText('records are kept for').waitFor();
    await checkAccess(page);
  },

  async 'empty: leads to Connect'({ engine, open }) {
    const page = await open();
    await signIn(page, await engine('empty'), '#/log');
    await page.getByText('No request yet').waitFor();
    await checkAccess(page);
    await page.getByRole('link', { name: 'Connect a client' }).click();
    await page.getByRole('heading', { name: 'Connect', level: 1 }).waitFor();
  },

  async 'loading and error: both are told, and another try works'({ engine, open }) {
    const page = await open();
    await signIn(page, await engine('full'), '#/connect');
    const release = await holding(page, ['requests.list']);
    await page.getByRole('navigation').getByRole('link', { name: 'Live log' }).click();
    await page.getByText('Loading…').waitFor({ state: 'attached' });
    await checkAccess(page);
    release();
    await rows(page).first().waitFor();
    await failing(page, ['requests.list']);
    await page.getByRole('searchbox').fill('quota');
    await page.getByRole('alert').getByText('look at the log file').waitFor();
    await checkAccess(page);
    await tryAgain(page, page, 'requests.list');
    await page.getByRole('alert').waitFor({ state: 'detached' });
  },

  async 'older requests come page by page'({ engine, open }) {
    const full = await engine('full');
    const page = await open();
    await answering(page, {
      'requests.list': (real) => {
        const [first] = real.records;
        // As many as a page has: there may be more.
        const records = Array.from({ length: 100 }, (_, n) => ({ ...first, id: `${first.id}-${first.at - n}`, at: first.at - n }));
        return { ...real, records };
      },
    });
    await signIn(page, full, '#/log');
    await eventually(async () => (await rows(page).count()) === 100);
    await page.getByRole('button', { name: 'Show older requests' }).click();
    await eventually(async () => (await rows(page).count()) === 200);
    await checkFits(page);
  },
};

function clock(at) {
  return new Date(at).toISOString().slice(11, 19);
}
