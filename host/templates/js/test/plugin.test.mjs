import assert from 'node:assert/strict';
import { test } from 'node:test';

import { describe, handle } from '../plugin.js';

const job = (eventType) => ({
  delivery: { id: 'd', attempt: 1 },
  trigger: { tag: 'webhook', val: { source: 'github', eventType, headers: [], body: new Uint8Array() } },
});

test('events are counted', async () => {
  const results = await handle([job('push'), job('issues')]);
  assert.deepEqual(
    results.map((result) => result.val.summary),
    ['hi: event 1', 'hi: event 2'],
  );
});

test('the manifest is plain', () => {
  assert.equal(describe().name, '{{name}}');
});
