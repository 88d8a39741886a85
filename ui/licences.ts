// The list of other people's work in the programs, read from THIRD-PARTY.md when the window is built. `import … from
// 'virtual:licences'` gives it; it is loaded only when it is opened. That the file is true is a test's business.

import { readFileSync } from 'node:fs';
import type { Plugin } from 'vite';

export interface Licensed {
  name: string;
  version: string;
  licence: string;
}

const NOTICES = new URL('../THIRD-PARTY.md', import.meta.url);

export function licences(): Plugin {
  const id = 'virtual:licences';
  return {
    name: 'licences',
    resolveId: (wanted) => (wanted === id ? `\0${id}` : undefined),
    load: (wanted) => (wanted === `\0${id}` ? `export default ${JSON.stringify(all())};` : undefined),
  };
}

/** The rows of its table: `| name | version | licence |`. */
function all(): Licensed[] {
  const [, table = ''] = readFileSync(NOTICES, 'utf8').split('## Packages');
  const rows = (table.split('## Copyright')[0] ?? '').matchAll(/^\| (.+?) \| (\d.*?) \| (.+?) \|$/gm);
  return [...rows].map(([, name = '', version = '', licence = '']) => ({ name, version, licence }));
}
