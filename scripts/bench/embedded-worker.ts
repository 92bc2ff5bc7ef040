/** The process of `measureEmbedded`. Argument: its job, as JSON. */
import { DistributedKeyValueStore } from '../../src/index.js';
import type { EmbeddedJob } from './embedded.js';
import { Random } from '../../src/random.js';
import { valueOf } from './workload.js';

const WARM_UP_S = 2;

process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(0));

const job = JSON.parse(process.argv[2] ?? '') as EmbeddedJob;
const store = new DistributedKeyValueStore({ nodes: job.nodes });
await store.ready();
const keys = Array.from({ length: job.keys }, (_, key) => `key${key}`);
const values = keys.map((_, key) => valueOf(key, job.valueBytes));
await callers(keys.entries(), ([i, key]) => store.put(key, values[i]));

const put = (i: number): Promise<unknown> => store.put(keys[i], values[i]);
const get = (i: number): Promise<unknown> => store.get(keys[i]);
await perSecond(put, WARM_UP_S);
await perSecond(get, WARM_UP_S);
const rounds: { put: number[]; get: number[] } = { put: [], get: [] };
for (let round = 0; round < job.rounds; round++) {
  rounds.put.push(await perSecond(put, job.seconds));
  rounds.get.push(await perSecond(get, job.seconds));
}
process.send?.(rounds);

async function perSecond(operation: (key: number) => Promise<unknown>, seconds: number): Promise<number> {
  const startedAt = performance.now();
  const deadline = startedAt + seconds * 1_000;
  const random = new Random(seconds);
  let done = 0;
  await callers(draws(random, deadline), async (key) => {
    await operation(key);
    done++;
  });
  return (done * 1_000) / (performance.now() - startedAt);
}

function* draws(random: Random, deadline: number): Generator<number> {
  while (performance.now() < deadline) yield random.integer(0, job.keys - 1);
}

/** All callers take items from one source until it is exhausted. */
async function callers<T>(source: Iterator<T>, act: (item: T) => Promise<unknown>): Promise<void> {
  await Promise.all(
    Array.from({ length: job.callers }, async () => {
      for (let next = source.next(); next.done !== true; next = source.next()) await act(next.value);
    }),
  );
}
