// The settings in force, shared by the pages. A change shows at once and is taken back when it is refused.

import type { SettingChange } from '$lib/api/generated/api';
import { call } from '$lib/api/call';
import { CallError } from '$lib/host';
import { live } from '$lib/stores/live.svelte';
import { toasts } from '$lib/stores/toasts.svelte';
import { at, withValue, type Tree } from './path';

class SettingsInForce {
  tree = $state.raw<Tree>();
  defaults = $state.raw<Tree>({});
  /** Where the user's file is. */
  file = $state('');
  error = $state.raw<CallError>();
  /** How often something was changed here, and asked for. */
  #changes = 0;
  #loads = 0;

  async load(): Promise<void> {
    const [before, mine] = [this.#changes, (this.#loads += 1)];
    try {
      const answer = await call('settings.get');
      if (mine !== this.#loads) return;
      // What was changed meanwhile is newer than this answer.
      if (before !== this.#changes) return await this.load();
      [this.tree, this.defaults, this.file, this.error] = [answer.settings, answer.defaults, answer.file, undefined];
    } catch (thrown) {
      if (mine === this.#loads) this.error = CallError.from(thrown);
    }
  }

  /** Loads, and again whenever the file changes: `$effect(() => settings.follow())`. */
  follow(): () => void {
    void this.load();
    return live.on((event) => {
      if (event.type === 'settings_changed') void this.load();
    });
  }

  get<T>(path: string): T | undefined {
    return at(this.tree, path) as T | undefined;
  }

  isDefault(path: string): boolean {
    return JSON.stringify(at(this.tree, path)) === JSON.stringify(at(this.defaults, path));
  }

  /** Saves changes, all or none; gives what was wrong. The page shows them at once. */
  async save(...changes: SettingChange[]): Promise<CallError | undefined> {
    const before = this.tree;
    this.#changes += 1;
    this.tree = changes.reduce((tree, { path, value }) => withValue(tree, path, value, this.defaults), this.tree ?? {});
    try {
      await call('settings.set', { changes });
      return undefined;
    } catch (thrown) {
      this.tree = before;
      return CallError.from(thrown);
    }
  }

  /** Saves one setting where nothing but a message in the corner can tell that it was refused. */
  async put(path: string, value: unknown): Promise<boolean> {
    const error = await this.save({ path, value });
    if (error) toasts.fail(error);
    return error === undefined;
  }
}

export const settings = new SettingsInForce();
