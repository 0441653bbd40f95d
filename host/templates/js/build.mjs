// node build.mjs OUT.wasm: makes the component of plugin.js.

import { componentize } from '@bytecodealliance/componentize-js';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const { component } = await componentize(await readFile(here('plugin.js'), 'utf8'), {
  sourceName: 'plugin.js',
  witPath: here('wit'),
  worldName: 'plugin',
});
await writeFile(process.argv[2] ?? here('{{name}}.wasm'), component);
