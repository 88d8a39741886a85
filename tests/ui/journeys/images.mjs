// The gallery of described images.

import { checkAccess, checkFits, eventually, failing, holding, signIn, tryAgain } from '../rig.mjs';

// A red and a blue square of 8 by 8 pixels.
const RED = 'iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGP4z8CAFWEXHbQSACj/P8Fu7N9hAAAAAElFTkSuQmCC';
const tiles = (page) => page.getByRole('main').getByRole('listitem');

async function show(engine, data) {
  const source = { type: 'base64', media_type: 'image/png', data };
  await engine.ask([{ type: 'image', source }, { type: 'text', text: 'What is on it?' }], { model: 'local', max_tokens: 10 });
}

export const journeys = {
  async 'full: an image appears when it is described, is rewritten, used again and forgotten'({ startEngine, open }) {
    const engine = await startEngine({});
    await engine.ready();
    const page = await open();
    await signIn(page, engine, '#/images');
    await page.getByText('No image was described yet').waitFor();
    await checkAccess(page);
    await show(engine, RED);
    await tiles(page).first().waitFor();
    await tiles(page).getByRole('button').click();
    const dialog = page.getByRole('dialog', { name: 'Image' });
    await dialog.getByText('lmstudio:mistralai/devstral-small-2-2512').waitFor();
    const words = dialog.getByLabel('Description');
    await words.fill('  ');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByText('the description is empty').waitFor();
    await words.fill('A red square, drawn by hand');
    await checkAccess(page);
    await dialog.getByRole('button', { name: 'Save' }).click();
    await tiles(page).getByText('A red square, drawn by hand').waitFor();
    await tiles(page).getByText('Edited').waitFor();
    await page.getByRole('searchbox').fill('nothing like it');
    await page.getByText('No description with these words').waitFor();
    await page.getByRole('searchbox').fill('red');
    await tiles(page).getByText('A red square').waitFor();
    await tiles(page).getByRole('button').click();
    await dialog.getByRole('button', { name: 'Describe again' }).click();
    await page.getByText('It is described anew when it comes again').waitFor();
    await page.getByRole('searchbox').fill('');
    await page.getByText('No image was described yet').waitFor();
    await show(engine, RED);
    await tiles(page).first().waitFor();
    await page.getByRole('button', { name: 'Clear all' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Clear all' }).click();
    await page.getByText('1 description is forgotten').waitFor();
    await eventually(async () => (await engine.rpc('images.list')).totals.images === 0);
  },

  async 'the gallery in the dark is accessible and fits'({ engine, open }) {
    const page = await open({ dark: true });
    await signIn(page, await engine('full'), '#/images');
    await tiles(page).first().waitFor();
    await checkAccess(page);
    await checkFits(page);
  },

  async 'empty: without a vision model the way to one is shown'({ engine, open }) {
    const page = await open();
    await signIn(page, await engine('empty'), '#/images');
    await page.getByText(/No model has the role Vision yet/).waitFor();
    await page.getByRole('link', { name: 'Choose a vision model' }).click();
    await page.getByRole('heading', { name: 'Models', level: 1 }).waitFor();
  },

  async 'loading and error'({ engine, open }) {
    const full = await engine('full');
    const page = await open();
    const release = await holding(page, ['images.list']);
    await signIn(page, full, '#/images');
    await page.getByText('Loading…').first().waitFor({ state: 'attached' });
    release();
    await tiles(page).first().waitFor();
    const other = await open();
    await failing(other, ['images.list']);
    await signIn(other, full, '#/images');
    await other.getByRole('alert').getByText('the database cannot be read').waitFor();
    await tryAgain(other, other, 'images.list');
    await tiles(other).first().waitFor();
  },
};
