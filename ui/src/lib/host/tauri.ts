// The desktop app's door. Nothing else may import from `@tauri-apps`.

import { invoke } from '@tauri-apps/api/core';
import { listen } from '@tauri-apps/api/event';
import type { LiveEvent, SaveRes } from '$lib/api/generated/api';
import { CallError, type Host } from './types';

/** The channel the engine's events come through. */
const CHANNEL = 'event';

export const tauri: Host = {
  kind: 'desktop',
  async call(name, request) {
    try {
      return await invoke('rpc', { name, request });
    } catch (thrown) {
      throw CallError.from(thrown);
    }
  },
  listen(onEvent, onLink) {
    const stop = listen<LiveEvent>(CHANNEL, (event) => onEvent(event.payload));
    stop.then(
      () => onLink('open'),
      () => onLink('lost'),
    );
    return () => void stop.then((end) => end());
  },
  // The app keeps the text: what this process copied would be gone with the window.
  copy: (text) => invoke<void>('rpc', { name: 'desktop.copy', request: { text } }),
  // The webview has no place for downloads: the app writes the file.
  save: async (name, text) => ((await tauri.call('desktop.save', { name, text })) as SaveRes).path,
  open: (address) => invoke<void>('plugin:opener|open_url', { url: address }),
};
