/**
 * Row `expiry`: 50,000 keys that fall due in the same second, while 64 clients go on with puts and gets; on a cluster of
 * its own. Measured are the time until the last is gone, and p99 of the clients in these seconds to that before.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Context } from './context.js';
import type { KvorumTarget } from './kvorum.js';
import { median } from './latencies.js';
import type { Options } from './options.js';
import { valueOf } from './workload.js';

export interface ExpiryRound {
  /** From the earliest deadline until no key is found any more. */
  readonly goneAfterS: number;
  readonly p99BeforeMs: number;
  readonly p99ThenMs: number;
  readonly failures: number;
}

export interface ExpiryResult {
  readonly keys: number;
  /** The longest of all rounds. */
  readonly goneAfterS: number;
  /** Median of the rounds. */
  readonly p99Ratio: number;
  readonly failures: number;
  readonly rounds: readonly ExpiryRound[];
}

const KEYS = 50_000;
const BATCH = 1_000;
const LOADING_CLIENTS = 4;
const ROW = { operation: 'mix50', clients: 64 } as const;
const WARM_UP_S = { quick: 1, full: 5 };
/** For the load, and for what comes between the load of clients and the deadlines. */
const LOAD_MS = 10_000;
const MARGIN_MS = 1_000;
/** All are to be gone within this time. */
const THEN_S = 2;
/** Each look costs the nodes some ms, in which the clients wait: none before this time, and few then. */
const FIRST_LOOK_MS = 1_000;
const POLL_MS = 100;
const GIVE_UP_MS = 60_000;
const SAME_SECOND_MS = 1_000;

/** @param target loaded with the keys of the clients @throws Error if a key went early, or not at all */
export async function measureExpiry(target: KvorumTarget, options: Options, { say }: Context): Promise<ExpiryResult> {
  const { quick, rounds, seconds } = options;
  say(`expiry: ${KEYS.toLocaleString('en')} keys that fall due together`);
  await target.drive(ROW, quick ? WARM_UP_S.quick : WARM_UP_S.full);
  const sizes = { seconds, valueBytes: options.valueBytes };
  // The first that a cluster expires runs code that is not compiled yet.
  if (!quick) await measureRound(target, 'due0/', sizes);
  const all: ExpiryRound[] = [];
  for (let round = 1; round <= rounds; round++) {
    const one = await measureRound(target, `due${round}/`, sizes);
    all.push(one);
    const { goneAfterS, p99BeforeMs, p99ThenMs } = one;
    say(
      `expiry ${round}/${rounds}: gone after ${goneAfterS.toFixed(2)} s, ` +
        `p99 ${p99BeforeMs.toFixed(1)} ms before and ${p99ThenMs.toFixed(1)} ms then`,
    );
  }
  return expiryResult(all);
}

export const expiryResult = (rounds: readonly ExpiryRound[]): ExpiryResult => ({
  keys: KEYS,
  goneAfterS: Math.max(...rounds.map(({ goneAfterS }) => goneAfterS)),
  p99Ratio: median(rounds.map(({ p99BeforeMs, p99ThenMs }) => p99ThenMs / p99BeforeMs)),
  failures: rounds.reduce((sum, { failures }) => sum + failures, 0),
  rounds,
});

interface RoundOptions {
  readonly seconds: number;
  readonly valueBytes: number;
}

async function measureRound(target: KvorumTarget, prefix: string, options: RoundOptions): Promise<ExpiryRound> {
  const { seconds, valueBytes } = options;
  const url = target.routerUrl;
  const others = await target.mostKeys();
  const wanted = Date.now() + LOAD_MS + seconds * 1_000 + MARGIN_MS;
  const { earliest, latest } = await putDueKeys(url, prefix, wanted, valueBytes);
  if (latest - earliest >= SAME_SECOND_MS) throw new Error(`the deadlines are ${latest - earliest} ms apart`);
  if (Date.now() + seconds * 1_000 + MARGIN_MS / 2 > earliest) throw new Error('the keys could not be put in time');
  const before = await target.drive(ROW, seconds);
  const early = await countOf(url, prefix);
  if (Date.now() < earliest && early !== KEYS) throw new Error(`${KEYS - early} keys went before their time`);
  await pause(Math.max(0, earliest - Date.now()));
  const [then, goneAt] = await Promise.all([target.drive(ROW, THEN_S), goneOf(target, others, prefix)]);
  return {
    goneAfterS: (goneAt - earliest) / 1_000,
    p99BeforeMs: before.p99Ms,
    p99ThenMs: then.p99Ms,
    failures: before.failures + then.failures,
  };
}

/**
 * Unix time in ms at which all were gone, in every replica. Nodes count their keys at no cost; a list would have to pass
 * over what was just deleted, and slow the clients.
 * @param others keys that stay
 */
async function goneOf(target: KvorumTarget, others: number, prefix: string): Promise<number> {
  const deadline = Date.now() + GIVE_UP_MS;
  await pause(FIRST_LOOK_MS);
  for (;;) {
    const keys = await target.mostKeys();
    const now = Date.now();
    if (keys <= others) {
      const left = await countOf(target.routerUrl, prefix);
      if (left > 0) throw new Error(`${left} keys are found that no node counts`);
      return now;
    }
    if (now > deadline) throw new Error(`keys are still there ${GIVE_UP_MS / 1_000} s after their time`);
    await pause(POLL_MS);
  }
}

const countOf = async (url: string, prefix: string): Promise<number> =>
  ((await listed(`${url}/v1/kv?prefix=${prefix}&count_only=true`)) as { count: number }).count;

async function listed(url: string): Promise<unknown> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`a list was answered by ${answer.status}: ${await answer.text()}`);
  return answer.json();
}

interface Deadlines {
  readonly earliest: number;
  readonly latest: number;
}

/** @param wanted deadline of all, as near as the time on the way allows @returns what the answers say */
async function putDueKeys(url: string, prefix: string, wanted: number, valueBytes: number): Promise<Deadlines> {
  const said: number[] = [];
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < KEYS) {
      const first = next;
      next += BATCH;
      const ttl = `${wanted - Date.now()}ms`;
      const ops = Array.from({ length: BATCH }, (_, i) => {
        return { op: 'put', key: `${prefix}${first + i}`, value: valueOf(first + i, valueBytes), ttl };
      });
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(`${url}/v1/batch`, { method: 'POST', headers, body: JSON.stringify({ ops }) });
      said.push(...deadlinesIn(answer.status, await answer.text()));
    }
  };
  await Promise.all(Array.from({ length: LOADING_CLIENTS }, client));
  return { earliest: said.reduce((a, b) => Math.min(a, b)), latest: said.reduce((a, b) => Math.max(a, b)) };
}

/** The deadlines of all puts of a batch. @throws Error if one was not done */
export function deadlinesIn(status: number, body: string): number[] {
  if (status !== 200) throw new Error(`a batch was answered by ${status}: ${body.slice(0, 500)}`);
  const { results } = JSON.parse(body) as { results: readonly { expires_at?: string }[] };
  return results.map((result) => {
    if (result.expires_at === undefined) throw new Error(`a key was not put: ${JSON.stringify(result)}`);
    return Date.parse(result.expires_at);
  });
}
