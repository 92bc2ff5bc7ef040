/**
 * After the faults: waits until the cluster serves again, and reads every key.
 *
 * The reads go into the history like any other; only the probes do not, which touch keys of their own.
 */
import { outcomeOf } from './outcome.js';
import type { Session, Stage } from './session.js';
import type { Finals } from './workloads/workload.js';

const PROBE_LIMIT_MS = 1_000;
const PROBE_PAUSE_MS = 20;
const READ_PAUSE_MS = 100;
/** Each key is read so often, each time wherever chance leads: replicas that disagree are to be found out. */
const READS_PER_KEY = 2;

/** One key in each shard, found by asking; they are written once on the way. */
export async function probeKeys(endpoint: string, shards: number): Promise<string[]> {
  const keys = new Map<number, string>();
  for (let number = 0; keys.size < shards; number++) {
    const key = `probe-${number}`;
    const response = await fetch(`${endpoint}/v1/where/${key}`);
    const { shard } = (await response.json()) as { shard?: unknown };
    if (typeof shard !== 'number') throw new Error(`${endpoint} does not say where ${key} is (${response.status})`);
    if (!keys.has(shard)) keys.set(shard, key);
  }
  return [...keys.values()];
}

/** Milliseconds until every endpoint has written to every shard; undefined if that took longer than `limitMs`. */
export async function untilServed(
  stage: Stage,
  probes: readonly string[],
  limitMs: number,
): Promise<number | undefined> {
  const startedAt = performance.now();
  const over = () => performance.now() - startedAt > limitMs;
  const served = await Promise.all(
    stage.endpoints.flatMap((endpoint) => probes.map((key) => probe(stage, { endpoint, key, over }))),
  );
  return served.every(Boolean) ? performance.now() - startedAt : undefined;
}

async function probe(
  { http, pause }: Stage,
  { endpoint, key, over }: { endpoint: string; key: string; over: () => boolean },
): Promise<boolean> {
  while (!over()) {
    const headers = { 'kv-timeout': `${PROBE_LIMIT_MS}ms`, 'content-type': 'text/plain' };
    const request = { method: 'PUT', key, body: 'probe', headers, limitMs: 2 * PROBE_LIMIT_MS } as const;
    if (outcomeOf('PUT', await http.ask(endpoint, request)).ok === true) return true;
    await pause(PROBE_PAUSE_MS);
  }
  return false;
}

/** Reads until it succeeds; a key that cannot be read within `limitMs` is missing in the result. */
export async function readBack(
  sessions: readonly Session[],
  keys: readonly string[],
  limitMs: number,
): Promise<Finals> {
  const giveUpAt = performance.now() + limitMs;
  const finals = new Map<string, string | null>();
  const open = Array.from({ length: READS_PER_KEY }, () => keys).flat();
  await Promise.all(
    sessions.map(async (session) => {
      for (let key = open.pop(); key !== undefined; key = open.pop()) {
        const value = await read(session, key, giveUpAt);
        if (value !== undefined) finals.set(key, value);
      }
    }),
  );
  return finals;
}

async function read(session: Session, key: string, giveUpAt: number): Promise<string | null | undefined> {
  while (performance.now() < giveUpAt) {
    const outcome = await session.get(key);
    if (outcome.ok === true) return outcome.result ?? null;
    await session.pause(READ_PAUSE_MS);
  }
  return undefined;
}
