import { afterEach, expect, test, vi } from 'vitest';
import { useHost, type Host } from '$lib/host';
import { Demo } from './demo.svelte';

afterEach(() => void vi.useRealTimers());

/** An engine that is a demonstration. */
function engine() {
  const stage = { playing: false, asked: 0, end: () => {} };
  const call = async (name: string) => {
    if (name === 'demo.state') {
      stage.asked += 1;
      return { on: true, playing: stage.playing };
    }
    stage.playing = true;
    await new Promise<void>((end) => (stage.end = end));
    stage.playing = false;
    return { requests: 7 };
  };
  useHost({ kind: 'browser', call } as unknown as Host);
  return stage;
}

test('who comes back while a session is played sees that, and its end', async () => {
  vi.useFakeTimers();
  const stage = engine();
  const left = new Demo();
  left.follow()();
  const played = left.play();
  const back = new Demo();
  const stop = back.follow();
  await vi.advanceTimersByTimeAsync(0);
  expect([back.on, back.playing]).toEqual([true, true]);
  stage.end();
  expect(await played).toBe(7);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(back.playing).toBe(false);
  const { asked } = stage;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(stage.asked).toBe(asked);
  stop();
});

test('a session is over when its answer is there', async () => {
  const stage = engine();
  const demo = new Demo();
  const played = demo.play();
  expect(demo.playing).toBe(true);
  stage.end();
  await played;
  expect(demo.playing).toBe(false);
});
