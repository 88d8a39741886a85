import { expect, test } from 'vitest';
import { useHost, type Host } from '$lib/host';
import { settings } from './store.svelte';

/** A door whose answers are given by hand, by the name of what was asked, in any order. */
function handHost() {
  const waiting: { name: string; give: (value: unknown) => void; fail: (error: unknown) => void }[] = [];
  useHost({ kind: 'browser', call: (name: string) => new Promise((give, fail) => waiting.push({ name, give, fail })) } as unknown as Host);
  return async (name: string) => {
    await expect.poll(() => waiting.some((one) => one.name === name)).toBe(true);
    const [found] = waiting.splice(waiting.findIndex((one) => one.name === name), 1);
    return found!;
  };
}

const withThreshold = (threshold: number) => ({ settings: { routing: { threshold } }, defaults: {}, file: 'settings.toml' });

test('an answer from before a change does not take it back', async () => {
  const next = handHost();
  const loading = settings.load();
  const old = await next('settings.get');
  const saving = settings.save({ path: 'routing.threshold', value: 70 });
  old.give(withThreshold(50));
  (await next('settings.set')).give({});
  expect(await saving).toBeUndefined();
  expect(settings.get('routing.threshold')).toBe(70);
  (await next('settings.get')).give(withThreshold(70));
  await loading;
  expect(settings.get('routing.threshold')).toBe(70);
});

test('a change that is refused is taken back, and what was asked meanwhile is asked again', async () => {
  const next = handHost();
  const loading = settings.load();
  const old = await next('settings.get');
  const saving = settings.save({ path: 'routing.threshold', value: 700 });
  expect(settings.get('routing.threshold')).toBe(700);
  (await next('settings.set')).fail(new Error('700 is too much'));
  expect((await saving)?.message).toBe('700 is too much');
  old.give(withThreshold(60));
  (await next('settings.get')).give(withThreshold(61));
  await loading;
  expect(settings.get('routing.threshold')).toBe(61);
});

test('an answer that was overtaken is let go', async () => {
  const next = handHost();
  const [first, second] = [settings.load(), settings.load()];
  const [old, newer] = [await next('settings.get'), await next('settings.get')];
  newer.fail(new Error('the database cannot be read'));
  await second;
  old.give(withThreshold(40));
  await first;
  expect(settings.error?.message).toBe('the database cannot be read');
  expect(settings.get('routing.threshold')).not.toBe(40);
});
