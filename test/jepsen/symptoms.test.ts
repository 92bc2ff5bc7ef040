/** By what it is seen that a fault bites, on what real nodes say; and that each of these is missed when it does not. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { FaultStatus, NodeView } from '../../src/faults/index.js';
import { Warnings } from '../../src/cli/warnings.js';
import { FOLDER_KINDS, type FaultKind } from '../../scripts/jepsen/kinds.js';
import { SYMPTOMS } from '../../scripts/jepsen/symptoms.js';

const WENT_BACK =
  '{"level":50,"time":1,"node":"n2","peer":1,"why":"its journal ended at row 0, and row 9 was seen","boot":2,"msg":"the data folder of this node went back in time: its replicas do not count until they are brought up"}';
const DIFFERS =
  '{"level":40,"time":1,"node":"n2","own":"{}","cluster":"{}","msg":"this node was started with other timers or lease reads than the cluster has: it goes by the cluster’s until all nodes are started with the same"}';
const REFUSED =
  '{"level":50,"time":1,"node":"n2","reason":"node 3 refused this process: another one is alive as node 2, so one","msg":"node failed, stopping"}';

const node: NodeView = {
  ...{ node: 2, name: 'n2', pid: 7, state: 'running', ended: null, killed: false },
  ...{ url: 'http://127.0.0.1:9', slowDiskMs: 0, warnings: [] },
};
const dead = { state: 'dead', ended: 'ended with code 1' } as const;
const shown = (kind: FaultKind, view: Partial<NodeView>): Promise<boolean> => {
  const status: FaultStatus = { nodes: [{ ...node, ...view }], shards: [], links: [], routers: [] };
  return SYMPTOMS[kind]!(status);
};
const copy = { pid: 8, ...dead, warnings: [REFUSED] };

it('every fault of data folders has a symptom', () => {
  for (const kind of [...FOLDER_KINDS, 'failed-disk', 'other-settings', 'rolling-settings'] as const) {
    expect(SYMPTOMS[kind]).toBeDefined();
  }
});

describe('the symptom of', () => {
  it.each<[FaultKind, Partial<NodeView>, boolean]>([
    ['wiped-disk', { warnings: [WENT_BACK] }, true],
    ['wiped-disk', { warnings: [DIFFERS] }, false],
    ['rolled-back-disk', { warnings: [DIFFERS, WENT_BACK] }, true],
    ['rolled-back-disk', {}, false],
    ['copied-node', { copy }, true],
    ['copied-node', { copy: { ...copy, state: 'running', ended: null } }, false],
    ['copied-node', { copy: { ...copy, warnings: [WENT_BACK] } }, false],
    // The original itself.
    ['copied-node', { ...dead, warnings: [REFUSED] }, false],
    ['failed-disk', { ...dead, disk: ['fails'] }, true],
    ['failed-disk', { disk: ['fails'] }, false],
    ['failed-disk', { ...dead, ended: 'was killed by SIGKILL', disk: ['fails'] }, false],
    ['failed-disk', { ...dead, disk: ['full'] }, false],
    ['other-settings', { settings: { tickMs: 20 }, warnings: [DIFFERS] }, true],
    ['other-settings', { settings: { tickMs: 20 } }, false],
    ['other-settings', { warnings: [DIFFERS] }, false],
    ['stray', { warnings: [WENT_BACK] }, false],
  ])('%s by %j: %s', async (kind, view, isSeen) => {
    expect(await shown(kind, view)).toBe(isSeen);
  });

  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });
  it.each([
    [0, false],
    [12, true],
  ])('stray is that it was turned away, %i times: %s', async (times, isSeen) => {
    const text = `# TYPE x counter\nkvorum_link_refused_total{reason="wrong-cluster"} ${times}\nother 1\n`;
    expect(await shown('stray', { url: await answering(text) })).toBe(isSeen);
  });

  const HOUR_MS = 3_600_000;
  it.each([
    ['off by what it was told', -HOUR_MS, -HOUR_MS, true],
    ['right, although it was told to be off', HOUR_MS, 0, false],
    ['off the other way', HOUR_MS, -HOUR_MS, false],
    ['off, and nobody set it', undefined, HOUR_MS, false],
    ['off by what an answer may take', 1_000, 1_000, false],
  ])('clock-steps is that a date which was set is off by that: %s', async (_, clockOffMs, offMs, isSeen) => {
    const url = await answering('', { date: new Date(Date.now() + offMs).toUTCString() });
    expect(await shown('clock-steps', { url, ...(clockOffMs === undefined ? {} : { clockOffMs }) })).toBe(isSeen);
  });

  const settings = { tickMs: 40, electionTicks: 20 };
  const inForce = (ms: number, more = '') =>
    `{"lease_reads":false,"timers":{"tick_ms":${ms},"election_ticks":20,"heartbeat_ticks":2}${more}}`;
  it.each<[string, string, Partial<NodeView>[], boolean]>([
    ['in force', inForce(40), [{ settings }, { settings }], true],
    ['the former', inForce(50), [{ settings }, { settings }], false],
    ['no timers', '{"lease_reads":false,"timers":null}', [{ settings }, { settings }], false],
    ['a problem', '{"code":"no-leader"}', [{ settings }, { settings }], false],
    ['leases missing', inForce(40), [{ settings: { ...settings, leaseReads: true } }], false],
    ['one node to go', inForce(40), [{ settings }, {}], false],
    ['two minds', inForce(40), [{ settings }, { settings: { tickMs: 40, electionTicks: 12 } }], false],
    ['nobody restarted', inForce(40), [{}, {}], false],
  ])('rolling-settings is that the whole cluster goes by them: %s', async (_, text, views, isSeen) => {
    const url = await answering(text);
    const nodes = views.map((view): NodeView => ({ ...node, ...view, url }));
    expect(await SYMPTOMS['rolling-settings']!({ nodes, shards: [], links: [], routers: [] })).toBe(isSeen);
  });

  /** @returns the base URL of a node that says this to everything. */
  async function answering(text: string, headers: Record<string, string> = {}): Promise<string> {
    const server = createServer((_, response) => {
      response.writeHead(200, headers);
      response.end(text);
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
});

describe('of a log', () => {
  it('warnings and errors are kept, the first of each message, until the next start', () => {
    const warnings = new Warnings();
    for (const line of ['plain', '{"level":30,"msg":"node listens"}', WENT_BACK, WENT_BACK.replace('row 0', 'row 1')])
      warnings.add(line);
    expect(warnings.lines).toEqual([WENT_BACK]);
    for (let i = 0; i < 100; i++) warnings.add(`{"level":40,"msg":"m${i} ${'x'.repeat(2_000)}"}`);
    expect(warnings.lines).toHaveLength(20);
    for (const line of warnings.lines) expect(line.length).toBeLessThanOrEqual(600);
    warnings.clear();
    expect(warnings.lines).toEqual([]);
  });
});
