/**
 * After the faults: waits until the cluster serves again, and reads every key.
 *
 * The reads are recorded in the history like any other; only the probes are not, which use keys of their own.
 */
import { outcomeOf } from './outcome.js';
import type { Session, Stage } from './session.js';
import type { Finals, Workload } from './workloads/workload.js';

const PROBE_LIMIT_MS = 1_000;
const PROBE_PAUSE_MS = 20;
const READ_PAUSE_MS = 100;
/** Each key is read several times, each time at a random endpoint, to find replicas that disagree. */
const READS_PER_KEY = 2;

/** One key in each shard, found by trying; each is written once in the process. */
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

export interface ServiceOptions {
  /** One key in each shard, in the order of `probeKeys`. */
  readonly probes: readonly string[];
  readonly limitMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Waits until every endpoint has written to every shard, for `limitMs` at most, or until `signal`; each is tried at
 * least once. @returns what is not served then, one line each
 */
export async function unserved(stage: Stage, { probes, limitMs, signal }: ServiceOptions): Promise<string[]> {
  const giveUpAt = performance.now() + limitMs;
  const over = () => performance.now() > giveUpAt || signal?.aborted === true;
  const complaints = await Promise.all(
    stage.endpoints.flatMap((endpoint) =>
      probes.map(async (key) => {
        const served = await probe(stage, { endpoint, key, over });
        return served ? [] : [`the shard of ${key} is not served through ${endpoint}`];
      }),
    ),
  );
  return complaints.flat();
}

async function probe(
  { http, pause }: Stage,
  { endpoint, key, over }: { endpoint: string; key: string; over: () => boolean },
): Promise<boolean> {
  for (;;) {
    const headers = { 'kv-timeout': `${PROBE_LIMIT_MS}ms`, 'content-type': 'text/plain' };
    const request = { method: 'PUT', key, body: 'probe', headers, limitMs: 2 * PROBE_LIMIT_MS } as const;
    if (outcomeOf('PUT', await http.ask(endpoint, request)).ok === true) return true;
    if (over()) return false;
    await pause(PROBE_PAUSE_MS);
  }
}

/** Reads until it succeeds; a key that cannot be read within `limitMs` is missing from the result. */
export async function readBack(
  sessions: readonly Session[],
  { keys, read: readKey }: Pick<Workload, 'keys' | 'read'>,
  limitMs: number,
): Promise<Finals> {
  const giveUpAt = performance.now() + limitMs;
  const finals = new Map<string, string | null>();
  const open = Array.from({ length: READS_PER_KEY }, () => keys).flat();
  await Promise.all(
    sessions.map(async (session) => {
      for (let key = open.pop(); key !== undefined; key = open.pop()) {
        const value = await read(session, key, { giveUpAt, readKey });
        if (value !== undefined) finals.set(key, value);
      }
    }),
  );
  return finals;
}

interface Reading {
  readonly giveUpAt: number;
  readonly readKey: Workload['read'];
}

async function read(
  session: Session,
  key: string,
  { giveUpAt, readKey = (by, name) => by.get(name) }: Reading,
): Promise<string | null | undefined> {
  while (performance.now() < giveUpAt) {
    const outcome = await readKey(session, key);
    if (outcome.ok === true) return outcome.result ?? null;
    await session.pause(READ_PAUSE_MS);
  }
  return undefined;
}
