import { expect, test } from 'vitest';
import { useHost, type Host } from '$lib/host';
import { call } from './call';

/** A door that notes what is asked, and whose answers are given by hand. */
function handHost() {
  const asked: { name: string; give: (value?: unknown) => void; fail: (error: unknown) => void }[] = [];
  const ask = (name: string) => new Promise((give, fail) => asked.push({ name, give, fail }));
  useHost({ kind: 'browser', call: ask } as unknown as Host);
  return { asked, names: () => asked.map(({ name }) => name) };
}

const change = () => call('settings.set', { changes: [{ path: 'routing.threshold', value: 40 }] });

test('what is asked while a change is being saved is asked after it', async () => {
  const { asked, names } = handHost();
  const saved = change();
  const status = call('status');
  expect(names()).toEqual(['settings.set']);
  asked[0]?.give({});
  await saved;
  await expect.poll(names).toEqual(['settings.set', 'status']);
  asked[1]?.give({ version: '1' });
  expect(await status).toEqual({ version: '1' });
});

test('a refused change holds nobody up, and is refused to who made it alone', async () => {
  const { asked, names } = handHost();
  const [saved, status] = [change(), call('status')];
  asked[0]?.fail(new Error('refused'));
  await expect(saved).rejects.toThrow('refused');
  await expect.poll(names).toEqual(['settings.set', 'status']);
  asked[1]?.give('here');
  expect(await status).toBe('here');
});

test('with nothing to wait for, a command goes out at once', async () => {
  const { asked, names } = handHost();
  const saved = change();
  asked[0]?.give({});
  await saved;
  await Promise.resolve();
  void call('status');
  expect(names()).toEqual(['settings.set', 'status']);
});
