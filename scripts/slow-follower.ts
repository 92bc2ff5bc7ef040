/**
 * How long an empty follower takes to catch up over a slow link, and how much is sent for it:
 * `npx tsx scripts/slow-follower.ts [--mbit 8] [--mib 19] [--writes 0] [--dist dist] [--limit 600]`.
 *
 * Three `kvorum node` processes with default settings. Two take `--mib` of values and are restarted, so that their logs
 * are compacted; then the third starts with an empty folder, behind proxies of `--mbit` each way (one for each of the
 * others). It has caught up when it has applied, of every shard, what was committed a second ago. With `--writes` so
 * many puts of 1 KiB per second go on meanwhile. `--dist` selects the build.
 */
import { statSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Agent, fetch, setGlobalDispatcher } from 'undici';
import { CleanUp } from './support/clean-up.js';
import type { NodeProgram } from './support/node-program.js';
import {
  HOST,
  isReady,
  json,
  makeMembers,
  programOf,
  until,
  urlOf,
  withCleanUp,
  type Member,
} from './support/three-nodes.js';
import { RateProxy } from './slow-follower/rate-proxy.js';

const MIB = 1024 * 1024;
const VALUE_BYTES = 1024;
const CLIENTS = 32;
const READY_MS = 60_000;

const { values } = parseArgs({
  options: {
    mbit: { type: 'string', default: '8' },
    mib: { type: 'string', default: '19' },
    writes: { type: 'string', default: '0' },
    limit: { type: 'string', default: '600' },
    dist: { type: 'string', default: 'dist' },
  },
});
setGlobalDispatcher(new Agent({ connections: CLIENTS }));

interface Setting {
  readonly members: readonly Member[];
  readonly programs: readonly NodeProgram[];
  readonly proxies: readonly RateProxy[];
}

async function makeSetting(cleanUp: CleanUp): Promise<Setting> {
  const members = await makeMembers('slow-follower', cleanUp);
  const last = members.at(-1);
  const slow = last?.peer ?? 0;
  const bytesPerSecond = (Number(values.mbit) * 1e6) / 8;
  const proxies: RateProxy[] = [];
  const programs: NodeProgram[] = [];
  for (const member of members) {
    const via: Record<string, string> = {};
    if (member !== last) {
      // Lower ids dial higher ones: all traffic of the last node goes through its dialers' detours.
      const proxy = new RateProxy({ host: HOST, port: slow }, bytesPerSecond);
      proxies.push(proxy);
      cleanUp.add('close a proxy', () => proxy.close());
      via['via'] = `${HOST}:${slow}=${HOST}:${await proxy.listen()}`;
    }
    const args = { 'log-level': 'warn', ...via };
    programs.push(programOf(member, members, values.dist, { args }, cleanUp));
  }
  return { members, programs, proxies };
}

async function put(member: Member | undefined, key: string): Promise<boolean> {
  const response = await fetch(urlOf(member, `/v1/kv/${key}`), { method: 'PUT', body: randomBytes(VALUE_BYTES) });
  await response.arrayBuffer();
  return response.ok;
}

async function fill({ members }: Setting): Promise<number> {
  const keys = Math.round((Number(values.mib) * MIB) / VALUE_BYTES);
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < keys) {
      const key = next++;
      while (!(await put(members[key % 2], `key-${key}`).catch(() => false))) await pause(100);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return keys;
}

interface Shards {
  readonly shards: readonly {
    readonly commit: number;
    readonly replicas: readonly { node: number; applied?: number }[];
  }[];
}

const shards = async (member: Member | undefined): Promise<Shards['shards']> =>
  (await json<Shards>(member, '/v1/shards')).shards;

/** The number of shards of which the last node has applied what was committed a second ago. */
async function level({ members }: Setting): Promise<{ level: number; all: number }> {
  const before = (await shards(members[0])).map(({ commit }) => commit);
  await pause(1000);
  const own = (await shards(members[2])).map(({ replicas }) => replicas.find(({ node }) => node === 3)?.applied ?? 0);
  return { level: own.filter((applied, i) => applied > 0 && applied >= (before[i] ?? 0)).length, all: before.length };
}

/** Puts at a steady rate, whatever their outcome; the result stops it and returns how many were acknowledged. */
function writer({ members }: Setting, keys: number): () => number {
  const perSecond = Number(values.writes);
  let done = 0;
  if (perSecond === 0) return () => done;
  let sent = 0;
  const startedAt = performance.now();
  const timer = setInterval(() => {
    for (const due = ((performance.now() - startedAt) / 1000) * perSecond; sent < due; sent++) {
      put(members[sent % 2], `key-${Math.floor(Math.random() * keys)}`).then(
        (ok) => (done += ok ? 1 : 0),
        () => undefined,
      );
    }
  }, 20);
  return () => {
    clearInterval(timer);
    return done;
  };
}

const walBytes = ({ members }: Setting): number =>
  Math.max(
    ...members
      .slice(0, 2)
      .map(({ data }) => statSync(join(data, 'state.db-wal'), { throwIfNoEntry: false })?.size ?? 0),
  );

async function run(cleanUp: CleanUp): Promise<void> {
  const setting = await makeSetting(cleanUp);
  const { members, programs, proxies } = setting;
  const two = programs.slice(0, 2);
  for (const program of two) program.start();
  for (const member of members.slice(0, 2)) await until(`${member.name} ready`, READY_MS, () => isReady(member));
  const keys = await fill(setting);
  for (const program of two) await program.stopped(20_000);
  for (const program of two) program.start();
  for (const member of members.slice(0, 2)) await until(`${member.name} ready`, READY_MS, () => isReady(member));
  console.log(`${keys} keys of ${VALUE_BYTES} bytes; links of ${values.mbit} Mbit/s; ${values.writes} writes/s`);
  const before = proxies.reduce((sum, { there }) => sum + there, 0);
  const stop = writer(setting, keys);
  const startedAt = performance.now();
  programs[2]?.start();
  let largest = 0;
  let last = '';
  for (;;) {
    const seconds = (performance.now() - startedAt) / 1000;
    const { level: now, all } = await level(setting).catch(() => ({ level: 0, all: NaN }));
    const sent = (proxies.reduce((sum, { there }) => sum + there, 0) - before) / MIB;
    largest = Math.max(largest, walBytes(setting));
    last = `${seconds.toFixed(1)} s: ${now} of ${all} shards level, ${sent.toFixed(1)} MiB sent, state.db-wal ≤ ${(largest / MIB).toFixed(1)} MiB`;
    console.log(last);
    if (now === all || seconds > Number(values.limit)) break;
    await pause(1000);
  }
  console.log(`${stop()} writes acknowledged meanwhile`);
}

await withCleanUp(new CleanUp().onSignals(), run);
