/**
 * How long one large put takes over slow links, and whether leaders stay:
 * `npx tsx scripts/slow-links.ts [--mbit 8] [--bytes 1000000] [--limit 60] [--tick-ms 50] [--dist dist]`.
 *
 * Three `kvorum node` processes with default settings (except the ticks, on a busy machine) and a proxy in each link,
 * which passes `--mbit` each way. The value is put at the leader of its shard; the report has the time until it was
 * acknowledged, the highest term and the changes of leaders meanwhile, links that broke, and the bytes on the links.
 * `--dist` selects the build.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { fetch } from 'undici';
import { HEALTHY, type Conditions } from '../src/faults/conditions.js';
import { LinkProxy } from '../src/faults/link-proxy.js';
import { CleanUp } from './support/clean-up.js';
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

const READY_MS = 60_000;
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

/** Of all links; healthy until the cluster is ready. */
let conditions: Conditions = HEALTHY;

async function startNodes(cleanUp: CleanUp): Promise<{ members: Member[]; proxies: LinkProxy[]; lines: string[] }> {
  const members = await makeMembers('slow-links', cleanUp);
  const proxies: LinkProxy[] = [];
  const lines: string[] = [];
  for (const member of members) {
    const detours: string[] = [];
    // Lower ids dial higher ones.
    for (const { peer } of members.filter(({ id }) => id > member.id)) {
      const both = { there: () => conditions, back: () => conditions };
      const proxy = new LinkProxy({ target: { host: HOST, port: peer }, ...both, random: Math.random });
      cleanUp.add('close a proxy', () => proxy.close());
      proxies.push(proxy);
      detours.push(`${HOST}:${peer}=${HOST}:${(await proxy.listen()).port}`);
    }
    const via: Record<string, string> = detours.length > 0 ? { via: detours.join(',') } : {};
    const args = { 'max-value-bytes': Math.max(MIB, Number(values.bytes)), 'tick-ms': values['tick-ms'], ...via };
    const onLine = (line: string): number => lines.push(line);
    programOf(member, members, values.dist, { args, onLine }, cleanUp).start();
  }
  return { members, proxies, lines };
}

/** The sum of a counter over all nodes. */
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
  for (const member of members) await until(`${member.name} ready`, READY_MS, () => isReady(member));
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

await withCleanUp(new CleanUp().onSignals(), run);
