/**
 * A cluster of `kvorum node` processes and a `kvorum router`, with default durability, and the target that drives it
 * through the router and reads its nodes' /metrics. Runs the build in dist/.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NodeProgram } from '../support/node-program.js';
import { type Context, freePorts } from './context.js';
import { type Api, type Counters, type HttpDriver, HttpSide, type Target } from './target.js';
import { readDelays } from './latencies.js';
import type { Form, ManyKeysApi, Put } from './many-keys.js';
import { BATCH_PUTS, isMany, PAGE_KEYS, type HttpRequest, type Protocol, type Row } from './workload.js';

export interface ClusterShape {
  readonly nodes: number;
  readonly replicas: number;
  readonly shards: number;
  /** Allows `?consistency=lease`; off by default, as in the product. */
  readonly leaseReads?: boolean;
  /** The dist/cli.js of another build than this one. */
  readonly cli?: string;
}

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const READY_LIMIT_MS = 120_000;
const SPREAD_LIMIT_MS = 10_000;
const STOP_LIMIT_MS = 10_000;
const POLL_MS = 20;
const ASK_LIMIT_MS = 5_000;

export interface ShardPlace {
  readonly leader: number | null;
  readonly preferred_leader: number | null;
}

export class KvorumCluster {
  readonly shape: ClusterShape;
  readonly routerUrl: string;
  readonly nodeUrls: readonly string[];
  readonly #nodes: readonly NodeProgram[];
  readonly #router: NodeProgram;
  readonly #folder: string;

  private constructor(shape: ClusterShape, folder: string, ports: readonly number[]) {
    this.shape = shape;
    this.#folder = folder;
    const peers = ports.slice(0, shape.nodes).map((port) => `127.0.0.1:${port}`);
    const listeners = ports.slice(shape.nodes, 2 * shape.nodes).map((port) => `127.0.0.1:${port}`);
    const listen = `127.0.0.1:${ports.at(-1) ?? 0}`;
    this.nodeUrls = listeners.map((address) => `http://${address}`);
    this.routerUrl = `http://${listen}`;
    const { cli = CLI } = shape;
    const common = { 'cluster-id': randomUUID(), 'log-level': 'warn' } as const;
    const cluster = peers.map((peer, i) => `n${i + 1}=${peer}@${listeners[i] ?? ''}`).join(',');
    this.#nodes = peers.map((_, i) => {
      const name = `n${i + 1}`;
      const { shards, replicas } = shape;
      const lease: Readonly<Record<string, true>> = shape.leaseReads === true ? { 'lease-reads': true } : {};
      const own = { name, cluster, data: join(folder, name), shards, replicas, ...lease };
      return new NodeProgram({ name, cli, args: { ...common, ...own } });
    });
    const args = { ...common, nodes: peers.join(','), listen };
    this.#router = new NodeProgram({ name: 'router', cli, role: 'router', args });
  }

  /** Resolves when every shard is led by its preferred node. Killed at the end of the run, if not stopped before. */
  static async start(shape: ClusterShape, { folder, cleanUp }: Context): Promise<KvorumCluster> {
    const place = mkdtempSync(join(folder, 'kvorum-'));
    const cluster = new KvorumCluster(shape, place, await freePorts(2 * shape.nodes + 1));
    cleanUp.add('end the cluster', () => cluster.kill());
    cluster.#router.start();
    for (const node of cluster.#nodes) node.start();
    await cluster.ready();
    await cluster.#spread();
    return cluster;
  }

  get nodePids(): readonly number[] {
    return this.#nodes.map(({ pid }) => pid);
  }

  get routerPid(): number {
    return this.#router.pid;
  }

  /** Resolves when the router serves every shard. @throws Error with the last output of a process that ended */
  async ready(): Promise<void> {
    const deadline = performance.now() + READY_LIMIT_MS;
    while (!(await isReady(this.routerUrl))) {
      const gone = [...this.#nodes, this.#router].find(({ running }) => !running);
      if (gone !== undefined) throw new Error(`${gone.name} ended: ${gone.lastOutput}`);
      if (performance.now() > deadline) throw new Error(`the cluster is not ready after ${READY_LIMIT_MS / 1_000} s`);
      await pause(POLL_MS);
    }
  }

  async shards(): Promise<readonly ShardPlace[]> {
    const answer = await fetch(`${this.routerUrl}/v1/shards`, { signal: AbortSignal.timeout(ASK_LIMIT_MS) });
    return ((await answer.json()) as { shards: ShardPlace[] }).shards;
  }

  /** The text of each node's /metrics. */
  metrics(): Promise<string[]> {
    return Promise.all(this.nodeUrls.map(async (url) => (await fetch(`${url}/metrics`)).text()));
  }

  /** kill −9. @param node from 1 up */
  async killNode(node: number): Promise<void> {
    await this.#nodes[node - 1]?.killed();
  }

  /** Resolves when the node serves. @param node from 1 up */
  async startNode(node: number): Promise<void> {
    this.#nodes[node - 1]?.start();
    const url = this.nodeUrls[node - 1] ?? '';
    while (!(await isReady(url))) {
      if (this.#nodes[node - 1]?.running !== true) throw new Error(`n${node} ended: ${this.lastOutput(node)}`);
      await pause(POLL_MS);
    }
  }

  lastOutput(node: number): string {
    return this.#nodes[node - 1]?.lastOutput ?? '';
  }

  /** kill −9 of all nodes at once. */
  async killNodes(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.killed()));
  }

  startNodes(): void {
    for (const node of this.#nodes) node.start();
  }

  /** Ends it in order, the router first, and deletes its data. */
  async stop(): Promise<void> {
    await this.#router.stopped(STOP_LIMIT_MS);
    await Promise.all(this.#nodes.map((node) => node.stopped(STOP_LIMIT_MS)));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async kill(): Promise<void> {
    await Promise.all([this.#router, ...this.#nodes].map((program) => program.killed()));
  }

  /** Waits for leadership to move to the preferred nodes. Shards led elsewhere are slower, but no failure. */
  async #spread(): Promise<void> {
    const deadline = performance.now() + SPREAD_LIMIT_MS;
    while (performance.now() < deadline) {
      const shards = await this.shards();
      if (shards.every(({ leader, preferred_leader: preferred }) => leader === preferred)) return;
      await pause(10 * POLL_MS);
    }
  }
}

/** Whether every shard is served. An older build (`--base`) has no `strict` and means the same without it. */
async function isReady(url: string): Promise<boolean> {
  const ask = (target: string) => fetch(`${url}${target}`, { signal: AbortSignal.timeout(ASK_LIMIT_MS) });
  try {
    const strictly = await ask('/readyz?strict');
    return strictly.status === 400 ? (await ask('/readyz')).ok : strictly.ok;
  } catch {
    return false;
  }
}

const CONSISTENCY = { get: '', lease: '?consistency=lease', stale: '?consistency=stale' } as const;

export const kvorumProtocol: Protocol = (kind, key, value) =>
  kind === 'put'
    ? { method: 'PUT', path: `/v1/kv/${key}`, contentType: 'application/octet-stream', body: value }
    : { method: 'GET', path: `/v1/kv/${key}${CONSISTENCY[kind]}` };

const posted = (path: string, body: object): HttpRequest => ({
  ...{ method: 'POST', path, contentType: 'application/json' },
  body: JSON.stringify(body),
});
const asOperation = ({ key, value }: Put): object => ({ op: 'put', key, value });

export const putBatch: Form<readonly Put[]> = {
  request: (puts) => posted('/v1/batch', { ops: puts.map(asOperation) }),
  // What was not put has no such member.
  mark: { text: '"created":', times: BATCH_PUTS },
};

const kvorumMany: ManyKeysApi = {
  batch: putBatch,
  transaction: {
    request: (puts) => posted('/v1/txn', { then: puts.map(asOperation) }),
    mark: { text: '"succeeded":true', times: 1 },
  },
  page: {
    request: (prefix) => ({ method: 'GET', path: `/v1/kv?prefix=${prefix}&limit=${PAGE_KEYS}` }),
    mark: { text: '"create_revision":', times: PAGE_KEYS },
  },
};

export const kvorumApi: Api = { single: kvorumProtocol, many: kvorumMany };

export class KvorumTarget implements Target {
  readonly name: 'kvorum' | 'kvorum-base';
  readonly side: HttpSide;
  readonly #cluster: KvorumCluster;

  constructor(cluster: KvorumCluster, driver: HttpDriver) {
    this.#cluster = cluster;
    this.name = cluster.shape.cli === undefined ? 'kvorum' : 'kvorum-base';
    const { routerUrl, nodeUrls } = cluster;
    this.side = new HttpSide([routerUrl], kvorumApi, driver, [routerUrl, ...nodeUrls]);
  }

  get pids(): readonly number[] {
    return [...this.nodePids, this.#cluster.routerPid];
  }

  get nodePids(): readonly number[] {
    return this.#cluster.nodePids;
  }

  get routerUrl(): string {
    return this.#cluster.routerUrl;
  }

  get replicas(): number {
    return this.#cluster.shape.replicas;
  }

  cannot(row: Row): string | undefined {
    if (this.name === 'kvorum-base' && isMany(row.operation)) return 'only puts and gets are measured of it';
    return this.side.cannot(row);
  }

  prepare(row: Row): Promise<void> {
    return this.side.prepare(row);
  }

  drive(row: Row, seconds: number): ReturnType<HttpSide['drive']> {
    return this.side.drive(row, seconds);
  }

  /** Ends its cluster. */
  stop(): Promise<void> {
    return this.#cluster.stop();
  }

  async counters(): Promise<Counters> {
    return readCounters(await this.#cluster.metrics());
  }

  /** Keys of all shards, as the node counts them that has most of them: nothing is gone before it is gone in all replicas. */
  async mostKeys(): Promise<number> {
    return Math.max(
      ...(await this.#cluster.metrics()).map((text) => sum([text], /^kvorum_group_keys\{[^}]*\} (\S+)$/gm)),
    );
  }
}

/** @param texts each node's /metrics */
export function readCounters(texts: readonly string[]): Counters {
  return {
    // Earlier builds (`--base`) have it without the suffix.
    commits: sum(texts, /^kvorum_storage_commits(?:_total)? (\S+)$/gm),
    entries: sum(texts, /^kvorum_group_last_index\{[^}]*\} (\S+)$/gm),
    loopDelays: texts.map(readDelays),
  };
}

const sum = (texts: readonly string[], pattern: RegExp): number =>
  texts.flatMap((text) => [...text.matchAll(pattern)]).reduce((total, [, value]) => total + Number(value), 0);
