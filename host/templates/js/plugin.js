// Counts the webhooks it gets. The world is described in wit/.
//
// Values of WIT become JavaScript as the component model's bindings say: records are objects with
// camelCase keys, a variant is {tag, val}, an option is the value or undefined, a result of an import
// throws its error.

import { get as readConfig } from 'hookyard:plugin/config@0.1.0';
import { write as log } from 'hookyard:plugin/log@0.1.0';
import { get as getState, compareAndSwap } from 'hookyard:plugin/state@0.1.0';

/** Who this plugin is and what it asks for: a constant, no import works while it runs. */
export function describe() {
  return {
    name: '{{name}}',
    version: '0.1.0',
    summary: 'Counts the webhooks it gets',
    configSchema: JSON.stringify({
      type: 'object',
      additionalProperties: false,
      properties: { greeting: { type: 'string', default: 'hello' } },
    }),
    secrets: [],
    http: [],
    permissions: [],
    actions: [],
    batches: false,
  };
}

/** Does the jobs, one result each in the same order. */
export async function handle(jobs) {
  const config = JSON.parse(readConfig());
  return jobs.map((job) => settle(config, job));
}

function settle(config, job) {
  if (job.trigger.tag !== 'webhook') return rejected(`it counts webhooks, not a ${job.trigger.tag}`);
  const event = job.trigger.val;
  const number = count();
  if (number === undefined) return retry('too many events at once');
  log('info', `event ${number} is ${event.eventType} from ${event.source}`);
  return { tag: 'ok', val: { summary: `${config.greeting}: event ${number}`, output: JSON.stringify({ number }) } };
}

/** One more than last time; several runs at once never get the same number. */
function count() {
  for (let tries = 0; tries < 10; tries += 1) {
    const entry = getState('count');
    const number = entry ? Number(new TextDecoder().decode(entry.value)) + 1 : 1;
    const value = new TextEncoder().encode(String(number));
    if (compareAndSwap('count', entry?.version, value) !== undefined) return number;
  }
  return undefined;
}

const retry = (reason) => ({ tag: 'err', val: { tag: 'retry', val: { reason, after: undefined } } });
const rejected = (reason) => ({ tag: 'err', val: { tag: 'reject', val: reason } });
