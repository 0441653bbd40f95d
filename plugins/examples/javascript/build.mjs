// node build.mjs OUT.wasm: makes the component of notes.js.

import { componentize } from '@bytecodealliance/componentize-js';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const out = process.argv[2] ?? here('notes.wasm');
const { component } = await componentize(await readFile(here('notes.js'), 'utf8'), {
  sourceName: 'notes.js',
  witPath: here('../../../wit'),
  worldName: 'plugin',
});
await writeFile(out, component);
