// Writes a note for every webhook: the example of a Hookyard plugin in JavaScript.
//
// The world is described in ../../../wit. Values of WIT become JavaScript as the component model's
// bindings say: records are objects with camelCase keys, a variant is {tag, val}, an option is the
// value or undefined, a result of an import throws its error.

import { get as readConfig } from 'hookyard:plugin/config@0.1.0';
import { write as log } from 'hookyard:plugin/log@0.1.0';
import { reference } from 'hookyard:plugin/secrets@0.1.0';
import { get as getState, compareAndSwap } from 'hookyard:plugin/state@0.1.0';

/** Most tries to count up while others count too. */
const MAX_SWAPS = 10;

/** Who this plugin is and what it asks for: a constant, no import works while it runs. */
export function describe() {
  return {
    name: 'notes-js',
    version: '1.0.0',
    summary: 'Writes a note for every webhook',
    configSchema: JSON.stringify({
      type: 'object',
      additionalProperties: false,
      required: ['api'],
      properties: { api: { type: 'string', pattern: '^https?://' } },
    }),
    secrets: [
      { name: 'token', kind: 'plain', description: 'A token of the notes service', required: true },
    ],
    http: ['POST {config:api}/notes'],
    permissions: [],
    actions: [],
    batches: false,
  };
}

/** Does the jobs, one result each in the same order. */
export async function handle(jobs) {
  const config = JSON.parse(readConfig());
  const results = [];
  for (const job of jobs) results.push(await settle(config, job));
  return results;
}

async function settle(config, job) {
  if (job.trigger.tag !== 'webhook') return rejected(`notes are written for webhooks, not for a ${job.trigger.tag}`);
  const event = job.trigger.val;
  const number = count();
  log('info', `note ${number} is about ${event.eventType}`);
  let answer;
  try {
    answer = await fetch(`${config.api}/notes`, {
      method: 'POST',
      headers: { authorization: `Bearer ${reference('token')}`, 'content-type': 'application/json' },
      body: JSON.stringify({ number, about: event.eventType, delivery: job.delivery.id }),
    });
  } catch (error) {
    return retry(`the notes service did not answer: ${error.payload?.val ?? error}`);
  }
  if (answer.status === 429 || answer.status >= 500) return retry(`the notes service said ${answer.status}`);
  if (!answer.ok) return rejected(`the notes service said ${answer.status}: ${await answer.text()}`);
  return { tag: 'ok', val: { summary: `note ${number} written`, output: JSON.stringify({ number }) } };
}

/** One more than the last note's number; several runs at once never get the same. */
function count() {
  for (let tries = 0; tries < MAX_SWAPS; tries += 1) {
    const entry = getState('notes');
    const number = entry ? Number(new TextDecoder().decode(entry.value)) + 1 : 1;
    const value = new TextEncoder().encode(String(number));
    if (compareAndSwap('notes', entry?.version, value) !== undefined) return number;
  }
  throw new Error('too many notes at once');
}

const retry = (reason) => ({ tag: 'err', val: { tag: 'retry', val: { reason, after: undefined } } });
const rejected = (reason) => ({ tag: 'err', val: { tag: 'reject', val: reason } });
