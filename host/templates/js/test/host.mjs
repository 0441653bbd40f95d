// Stands in for Hookyard's imports in tests: node resolves `hookyard:…` to this file's exports.

import { register } from 'node:module';

register(
  `data:text/javascript,${encodeURIComponent(`
    export async function resolve(specifier, context, next) {
      if (specifier.startsWith('hookyard:plugin/')) {
        const name = specifier.slice('hookyard:plugin/'.length).split('@')[0];
        return { url: new URL(name + '.mjs', ${JSON.stringify(new URL('./fakes/', import.meta.url).href)}).href, shortCircuit: true };
      }
      return next(specifier, context);
    }
  `)}`,
  import.meta.url,
);
