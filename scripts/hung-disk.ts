/**
 * How long the shards that a node leads are unavailable when its disk hangs:
 * `npx tsx scripts/hung-disk.ts [--seconds 15] [--dist dist] [--tick-ms 50]`.
 *
 * Three `kvorum node` processes with default settings, and the shim of scripts/slow-disk. Through another node, a key
 * of each shard that the first one leads is put and read without a pause; then syncs of the first one do not return for
 * `--seconds`. Reports for each shard the longest time between two puts that succeeded, and between two reads, from the
 * start of the hang on; and when the node became unready, and ready again. Linux with a C compiler only.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { fetch } from 'undici';
import { buildSlowDiskShim } from './slow-disk/index.js';
import { CleanUp } from './support/clean-up.js';
import {
  isReady,
  json,
  makeMembers,
  programOf,
  until,
  urlOf,
  withCleanUp,
  type Member,
} from './support/three-nodes.js';

const READY_MS = 60_000;
const SETTLE_MS = 3_000;
const ASK_PAUSE_MS = 10;
const LOOK_PAUSE_MS = 50;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '15' },
    dist: { type: 'string', default: 'dist' },
    'tick-ms': { type: 'string', default: '50' },
  },
});

interface Shard {
  readonly shard: number;
  readonly leader: number | null;
}

/** One key in each shard. */
async function keysOf(member: Member, shards: readonly number[]): Promise<Map<number, string>> {
  const keys = new Map<number, string>();
  for (let number = 0; shards.some((shard) => !keys.has(shard)); number++) {
    const { shard } = await json<{ shard: number }>(member, `/v1/where/key-${number}`);
    if (!keys.has(shard)) keys.set(shard, `key-${number}`);
  }
  return keys;
}

/** The longest time between two successes, from `since` on. */
class Gap {
  #last = 0;
  longestMs = 0;

  begin(now: number): void {
    this.#last = now;
    this.longestMs = 0;
  }

  success(now: number): void {
    this.longestMs = Math.max(this.longestMs, now - this.#last);
    this.#last = now;
  }
}

/** Sends the next request as soon as the last was answered, until `signal`. */
async function ask(url: string, method: 'GET' | 'PUT', gap: Gap, signal: AbortSignal): Promise<void> {
  const init = { method, ...(method === 'PUT' ? { body: 'x' } : {}), headers: { 'Kv-Timeout': '1s' } };
  while (!signal.aborted) {
    const isOk = await fetch(url, init).then(
      async (response) => {
        await response.arrayBuffer();
        return response.ok;
      },
      () => false,
    );
    if (isOk) gap.success(performance.now());
    await pause(ASK_PAUSE_MS);
  }
}

/** When its readiness was first as wanted, in ms from now. */
async function readyAfter(member: Member, wanted: boolean, limitMs: number): Promise<number | undefined> {
  const startedAt = performance.now();
  while (performance.now() - startedAt < limitMs) {
    if ((await isReady(member).catch(() => undefined)) === wanted) return performance.now() - startedAt;
    await pause(LOOK_PAUSE_MS);
  }
  return undefined;
}

const inMs = (ms: number | undefined): string => (ms === undefined ? 'never' : `${Math.round(ms)} ms`);

async function run(cleanUp: CleanUp): Promise<void> {
  const shim = await buildSlowDiskShim();
  if (shim === undefined) throw new Error('a disk cannot be made to hang here');
  const members = await makeMembers('hung-disk', cleanUp);
  const [hurt, other] = members;
  if (hurt === undefined || other === undefined) throw new Error('there are no nodes');
  const options = { args: { 'tick-ms': values['tick-ms'] }, env: { LD_PRELOAD: shim } };
  for (const member of members) programOf(member, members, values.dist, options, cleanUp).start();
  for (const member of members) await until(`${member.name} ready`, READY_MS, () => isReady(member));
  await pause(SETTLE_MS);
  const { shards } = await json<{ shards: Shard[] }>(other, '/v1/shards');
  const led = shards.filter(({ leader }) => leader === hurt.id).map(({ shard }) => shard);
  const keys = await keysOf(other, led);
  console.log(`${hurt.name} leads ${led.length} of ${shards.length} shards; its disk hangs for ${values.seconds} s`);
  const over = new AbortController();
  const asked = led.map((shard) => ({ shard, puts: new Gap(), reads: new Gap() }));
  const asking = asked.flatMap(({ shard, puts, reads }) => {
    const url = urlOf(other, `/v1/kv/${keys.get(shard) ?? ''}`);
    return [ask(url, 'PUT', puts, over.signal), ask(url, 'GET', reads, over.signal)];
  });
  await pause(SETTLE_MS);
  const signal = join(hurt.data, 'slow-sync');
  const hangMs = 1_000 * Number(values.seconds);
  const startedAt = performance.now();
  for (const { puts, reads } of asked) for (const gap of [puts, reads]) gap.begin(startedAt);
  writeFileSync(signal, 'hang');
  const unreadyMs = await readyAfter(hurt, false, hangMs);
  await pause(Math.max(0, startedAt + hangMs - performance.now()));
  // A shard that has not been served until now was unavailable for the whole time.
  for (const { puts, reads } of asked) for (const gap of [puts, reads]) gap.success(performance.now());
  over.abort();
  rmSync(signal);
  const readyMs = await readyAfter(hurt, true, READY_MS);
  await Promise.all(asking);
  for (const { shard, puts, reads } of asked) {
    console.log(
      `shard ${shard}: without a put for ${inMs(puts.longestMs)}, without a read for ${inMs(reads.longestMs)}`,
    );
  }
  const longest = Math.max(...asked.flatMap(({ puts, reads }) => [puts.longestMs, reads.longestMs]));
  console.log(`longest time without service: ${inMs(longest)}`);
  console.log(`${hurt.name} is not ready after ${inMs(unreadyMs)}, and ready again ${inMs(readyMs)} after the hang`);
}

await withCleanUp(new CleanUp().onSignals(), run);
