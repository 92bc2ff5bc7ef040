/**
 * How long one large put takes over slow links, and whether leaders stay:
 * `npx tsx scripts/slow-links.ts [--mbit 8] [--bytes 1000000] [--limit 60] [--tick-ms 50] [--dist dist]`.
 *
 * Three `kvorum node` processes with default settings (but for the ticks, on a busy machine) and a proxy in each link, which passes `--mbit` each way. The value
 * is put at the leader of its shard; what is told is when it was acknowledged, the highest term and the changes of
 * leaders meanwhile, links that broke, and what the links carried. `--dist` says which build runs.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import getPort from 'get-port';
import { fetch } from 'undici';
import { HEALTHY, type Conditions } from '../src/faults/conditions.js';
import { LinkProxy } from '../src/faults/link-proxy.js';
import { CleanUp } from './support/clean-up.js';
import { NodeProgram } from './support/node-program.js';

const HOST = '127.0.0.1';
const NODES = [1, 2, 3];
const MIB = 1024 * 1024;

const { values } = parseArgs({
  options: {
    mbit: { type: 'string', default: '8' },
    bytes: { type: 'string', default: '1000000' },
    limit: { type: 'string', default: '60' },
    'tick-ms': { type: 'string', default: '50' },
    dist: { type: 'string', default: 'dist' },
  },
});

interface Member {
  readonly id: number;
  readonly peer: number;
  readonly http: number;
}

/** Of all links; healthy until the cluster is ready. */
let conditions: Conditions = HEALTHY;

async function startNodes(cleanUp: CleanUp): Promise<{ members: Member[]; proxies: LinkProxy[]; lines: string[] }> {
  const data = mkdtempSync(join(tmpdir(), 'kvorum-slow-links-'));
  cleanUp.add(`delete ${data}`, () => {
    rmSync(data, { recursive: true, force: true });
  });
  const members: Member[] = [];
  for (const id of NODES) members.push({ id, peer: await getPort(), http: await getPort() });
  const cluster = members.map(({ id, peer, http }) => `n${id}=${HOST}:${peer}@${HOST}:${http}`).join(',');
  const proxies: LinkProxy[] = [];
  const lines: string[] = [];
  for (const { id } of members) {
    const detours: string[] = [];
    // The lower id dials the higher.
    for (const { peer } of members.filter((other) => other.id > id)) {
      const both = { there: () => conditions, back: () => conditions };
      const proxy = new LinkProxy({ target: { host: HOST, port: peer }, ...both, random: Math.random });
      cleanUp.add('close a proxy', () => proxy.close());
      proxies.push(proxy);
      detours.push(`${HOST}:${peer}=${HOST}:${(await proxy.listen()).port}`);
    }
    const via: Record<string, string> = detours.length > 0 ? { via: detours.join(',') } : {};
    const most = Math.max(MIB, Number(values.bytes));
    const args = {
      name: `n${id}`,
      cluster,
      data: join(data, `n${id}`),
      'max-value-bytes': most,
      'tick-ms': values['tick-ms'],
      ...via,
    };
    const cli = resolve(values.dist, 'cli.js');
    const program = new NodeProgram({ name: `n${id}`, cli, args, onLine: (line) => lines.push(line) });
    cleanUp.add(`end n${id}`, async () => {
      await program.killed();
    });
    program.start();
  }
  return { members, proxies, lines };
}

const urlOf = (member: Member | undefined, path: string): string => `http://${HOST}:${member?.http ?? 0}${path}`;

async function json<T>(member: Member | undefined, path: string): Promise<T> {
  return (await (await fetch(urlOf(member, path))).json()) as T;
}

/** The sum of a counter of all nodes. */
async function total(members: readonly Member[], metric: string): Promise<number> {
  let sum = 0;
  for (const member of members) {
    const text = await (await fetch(urlOf(member, '/metrics'))).text();
    for (const line of text.split('\n')) if (line.startsWith(metric)) sum += Number(line.split(' ').at(-1));
  }
  return sum;
}

interface Shard {
  readonly term: number;
}

async function highestTerm(members: readonly Member[]): Promise<number> {
  const { shards } = await json<{ shards: Shard[] }>(members[0], '/v1/shards');
  return Math.max(...shards.map(({ term }) => term));
}

async function run(cleanUp: CleanUp): Promise<void> {
  const { members, proxies, lines } = await startNodes(cleanUp);
  for (const member of members) {
    while (
      !(await fetch(urlOf(member, '/readyz')).then(
        ({ ok }) => ok,
        () => false,
      ))
    )
      await pause(100);
  }
  await pause(2_000);
  const { leader } = await json<{ leader: { id?: number; node?: number } | number }>(members[0], '/v1/where/large');
  const leaderId = typeof leader === 'number' ? leader : (leader.id ?? leader.node);
  const termBefore = await highestTerm(members);
  const bytesBefore = await total(members, 'kvorum_link_sent_bytes_total');
  const linesBefore = lines.length;
  conditions = { ...HEALTHY, kbitPerSecond: Number(values.mbit) * 1000 };
  for (const proxy of proxies) proxy.changed();
  console.log(`${values.bytes} bytes, links of ${values.mbit} Mbit/s, at the leader n${leaderId}, ${values.dist}`);

  const startedAt = performance.now();
  const seconds = (): string => ((performance.now() - startedAt) / 1000).toFixed(1);
  const body = new Uint8Array(Number(values.bytes));
  const headers = { 'Kv-Timeout': `${values.limit}s` };
  const url = urlOf(members.find(({ id }) => id === leaderId) ?? members[0], '/v1/kv/large');
  const signal = AbortSignal.timeout(1000 * Number(values.limit) + 5_000);
  const answer = await fetch(url, { method: 'PUT', body, headers, signal }).then(
    async (response) => `${response.status} ${response.ok ? '' : await response.text()}`,
    (error: unknown) => String(error),
  );
  console.log(`${seconds()} s: ${answer}`);
  const since = lines.slice(linesBefore);
  const count = (text: string): number => since.filter((line) => line.includes(text)).length;
  const sent = ((await total(members, 'kvorum_link_sent_bytes_total')) - bytesBefore) / MIB;
  console.log(
    `highest term ${termBefore} before, ${await highestTerm(members)} after; ${sent.toFixed(1)} MiB handed to links`,
  );
  console.log(`in the logs: ${count('"leader"')} changes of a leader, ${count('link down')} times a link down`);
}

const cleanUp = new CleanUp().onSignals();
try {
  await run(cleanUp);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await cleanUp.run();
}
