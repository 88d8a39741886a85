// The threshold and everything else that decides where a turn goes.

import { answering, assert, checkAccess, checkFits, eventually, failing, signIn, tryAgain } from '../rig.mjs';

const setting = async (engine, path) => path.split('.').reduce((node, part) => node[part], (await engine.rpc('settings.get')).settings);

export const journeys = {
  async 'full: what the threshold would do is said while it moves, and saved when it is let go'({ startEngine, open }) {
    const engine = await startEngine({});
    await engine.ready();
    for (const text of ['hello', 'fix the typo', 'Design a distributed rate limiter and prove its correctness; compare three architectures.']) {
      await engine.ask(text, { max_tokens: 10 });
    }
    const page = await open();
    await signIn(page, engine, '#/routing');
    const card = page.getByRole('region', { name: 'Threshold' });
    await card.getByRole('img', { name: /How often each score occurred/ }).waitFor();
    const said = () => card.getByText(/would go to the cloud/).textContent();
    await card.getByText(/would go to the cloud/).waitFor();
    const slider = page.getByRole('slider', { name: 'Threshold' });
    await slider.focus();
    const before = await said();
    // Dragged, and not let go yet.
    await slider.evaluate((one) => ((one.value = '0'), one.dispatchEvent(new Event('input', { bubbles: true }))));
    await eventually(async () => (await said()) !== before);
    await card.getByText(/about \$[\d.]+ a day/).waitFor();
    await card.getByText(/turns? would go elsewhere/).click();
    await card.getByRole('link', { name: 'anthropic:claude-sonnet-5-5' }).first().waitFor();
    await slider.focus();
    await page.keyboard.press('ArrowRight');
    await eventually(async () => (await setting(engine, 'routing.threshold')) === 1);
    await page.keyboard.press('Home');
    await eventually(async () => (await setting(engine, 'routing.threshold')) === 0);
    await card.getByRole('button', { name: 'Back to 50' }).click();
    await eventually(async () => (await setting(engine, 'routing.threshold')) === 50);
    await checkAccess(page);
    await checkFits(page);
  },

  async 'a share to aim for, a budget, and what was learned'({ startEngine, open }) {
    const engine = await startEngine({});
    await engine.ready();
    await engine.ask('hello', { max_tokens: 10 });
    const page = await open();
    await signIn(page, engine, '#/routing');
    await page.getByRole('switch', { name: 'Aim for a share of turns instead' }).click();
    const percent = page.getByLabel('Percent of turns to the cloud');
    await percent.fill('150');
    await percent.press('Enter');
    await page.getByText('A number from 1 to 99').waitFor();
    await percent.fill('35');
    await percent.press('Enter');
    await eventually(async () => (await setting(engine, 'routing.cloud_share')) === 35);
    await page.getByText(/The threshold follows your own log: now \d+/).waitFor();
    await page.getByRole('switch', { name: 'Learn from how turns went' }).click();
    await eventually(async () => (await setting(engine, 'routing.learn')) === false);
    const dollars = page.getByLabel('Dollars a day');
    await dollars.fill('a lot');
    await dollars.press('Enter');
    await page.getByText('A sum above 0').waitFor();
    await dollars.fill('2,50');
    await dollars.press('Enter');
    await eventually(async () => (await setting(engine, 'budget.daily_usd')) === 2.5);
    await page.getByRole('meter', { name: /budget/ }).waitFor();
    await page.getByRole('radio', { name: 'Refuse' }).check({ force: true });
    await eventually(async () => (await setting(engine, 'budget.when_spent')) === 'refuse');
    await checkAccess(page);
  },

  async 'modes, limits and fallbacks are a click each'({ startEngine, open }) {
    const engine = await startEngine({});
    const page = await open({ dark: true });
    await signIn(page, engine, '#/routing');
    await page.getByRole('radio', { name: 'All local' }).check({ force: true });
    await eventually(async () => (await setting(engine, 'routing.mode')) === 'local');
    await page.getByText('Not used in this mode.').waitFor();
    await page.getByRole('radio', { name: 'Dispatcher' }).check({ force: true });
    await page.getByText(/No model has the role Dispatcher/).waitFor();
    await page.getByRole('switch', { name: 'Fall back to the cloud' }).click();
    await eventually(async () => (await setting(engine, 'routing.fallback_to_cloud')) === false);
    await page.getByRole('radio', { name: 'Tokens' }).check({ force: true });
    const tokens = page.getByLabel('Tokens of the longest local prompt');
    await tokens.fill('many');
    await tokens.press('Enter');
    await page.getByText('A whole number of tokens').waitFor();
    await tokens.fill('64k');
    await tokens.press('Enter');
    await eventually(async () => (await setting(engine, 'routing.max_local_tokens')) === 64_000);
    await page.getByRole('radio', { name: 'Route', exact: true }).check({ force: true });
    await eventually(async () => (await setting(engine, 'vision.mode')) === 'route');
    await checkAccess(page);
  },

  async 'who makes titles, when a turn moves, when a budget warns: a click each'({ startEngine, open }) {
    const engine = await startEngine({});
    const page = await open();
    await signIn(page, engine, '#/routing');
    const side = page.getByRole('region', { name: 'Side requests' });
    await side.getByLabel('Titles').selectOption('Answer here');
    await eventually(async () => (await setting(engine, 'throwaway.title')) === 'answer');
    const ways = await side.getByLabel('The prefix of a command').locator('option').allTextContents();
    assert.deepEqual(ways, ['Background model', 'Coder'], 'permissions hang on it');
    await page.getByText('After how many signs').click();
    const failures = page.getByLabel('The very same call failed');
    await failures.fill('-1');
    await failures.press('Enter');
    await page.getByText('A whole number from 0 to 10000').waitFor();
    await failures.fill('5');
    await failures.press('Enter');
    await eventually(async () => (await setting(engine, 'escalation.same_failure')) === 5);
    const warn = page.getByLabel('Warn at');
    await warn.fill('60');
    await warn.press('Enter');
    await eventually(async () => (await setting(engine, 'budget.warn_percent')) === 60);
    await checkAccess(page);
    await checkFits(page);
  },

  async 'a model name stands for a model, and images and trust are set with words'({ startEngine, open }) {
    const engine = await startEngine({});
    const page = await open({ dark: true });
    await signIn(page, engine, '#/routing');
    const names = page.getByRole('region', { name: 'Model names' });
    const add = async (from, to) => {
      await names.getByLabel('Name a client asks for').fill(from);
      await names.getByLabel(/^Model that answers/).fill(to);
      await names.getByRole('button', { name: 'Add' }).click();
    };
    await add('claude-*-haiku*', 'no colon');
    await names.getByRole('alert').waitFor();
    await add('claude-*-haiku*', 'lmstudio:qwen/qwen3-4b, lmstudio:other');
    await eventually(async () => (await setting(engine, 'model_map'))['claude-*-haiku*']?.length === 2);
    await names.getByText('lmstudio:qwen/qwen3-4b, lmstudio:other').waitFor();
    await checkAccess(page);
    await names.getByRole('button', { name: 'Remove claude-*-haiku*' }).click();
    await eventually(async () => Object.keys(await setting(engine, 'model_map')).length === 0);
    await page.getByText('How images are described').click();
    const prompt = page.getByLabel('What the vision model is asked');
    await prompt.fill('Describe it\nfor a programmer.');
    await prompt.blur();
    await eventually(async () => (await setting(engine, 'vision.prompt')) === 'Describe it\nfor a programmer.');
    await page.getByText('Projects with rules of their own').click();
    const trusted = page.getByLabel('Trusted folders');
    await trusted.fill('/clients/acme');
    await trusted.blur();
    await eventually(async () => (await setting(engine, 'projects.trusted'))[0] === '/clients/acme');
    await checkAccess(page);
    await checkFits(page);
  },

  async 'a prompt is explained: score, points, steps, model'({ engine, open }) {
    const full = await engine('full');
    const page = await open();
    await signIn(page, full, '#/routing');
    const box = page.getByLabel('Prompt, or a whole request as JSON');
    await box.fill('Design a distributed rate limiter. Compare three architectures and prove correctness.');
    await box.press('Control+Enter');
    const card = page.getByRole('region', { name: 'Try a prompt' });
    await card.getByText('anthropic:claude-sonnet-5-5', { exact: true }).waitFor();
    await card.getByText(/^prove/i).or(card.getByText(/keywords: /)).first().waitFor();
    await checkAccess(page);
    await box.fill(JSON.stringify({ model: 'auto', max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] }));
    await card.getByRole('button', { name: 'Explain' }).click();
    await card.getByText('lmstudio:qwen/qwen3-coder-next', { exact: true }).waitFor();
    await card.getByText('Client, folder, headers').click();
    await card.getByLabel('Model asked for').fill('cloud');
    await box.fill('hi');
    await card.getByRole('button', { name: 'Explain' }).click();
    await card.getByText('anthropic:claude-sonnet-5-5', { exact: true }).waitFor();
    await card.getByText('model id asks for cloud').first().waitFor();
    await card.getByText('Every step').click();
    await card.getByText(/^rules:/i).or(card.getByText(/^score:/i)).first().waitFor();
    await checkAccess(page);
    await box.fill('{"messages": 3}');
    await card.getByRole('button', { name: 'Explain' }).click();
    await card.getByRole('alert').waitFor();
  },

  async 'what shall never leave is tried on past requests before it is saved'({ engine, open }) {
    const full = await engine('full');
    const page = await open();
    await signIn(page, full, '#/routing');
    const card = page.getByRole('region', { name: 'Never to the cloud' });
    await card.getByLabel('What kind it is').selectOption('Projects');
    await card.getByLabel('Try one first').fill('/clients/acme');
    await card.getByRole('button', { name: 'Try it on past requests' }).click();
    await card.getByText(/\d+ of \d+ turns would change\./).waitFor();
    await checkAccess(page);
    // Another word, another answer.
    await card.getByLabel('Try one first').fill('/clients/other');
    await card.getByText(/turns would change\./).waitFor({ state: 'detached' });
    assert.deepEqual(await setting(full, 'never_cloud.projects'), []);
  },

  async 'empty: without a turn the next step is named'({ engine, open }) {
    const page = await open();
    await answering(page, { 'whatif.scores': (real) => ({ ...real, scores: [] }) });
    await signIn(page, await engine('empty'), '#/routing');
    await page.getByText('No turn was scored yet').waitFor();
    await checkAccess(page);
  },

  async 'error: what cannot be read is said where it is missing'({ engine, open }) {
    const full = await engine('full');
    const page = await open();
    await failing(page, ['whatif.scores']);
    await signIn(page, full, '#/routing');
    const card = page.getByRole('region', { name: 'Threshold' });
    await card.getByRole('alert').getByText('the database cannot be read').waitFor();
    assert.equal(await page.getByRole('slider').isEnabled(), true);
    await tryAgain(page, card, 'whatif.scores');
    await card.getByRole('img').waitFor();
  },
};
