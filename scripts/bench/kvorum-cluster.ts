/**
 * A cluster of `kvorum node` processes and a `kvorum router`, with default durability, for a benchmark: started, spread,
 * killed in part and started again.
 *
 * Runs what is in dist/. Knows no load.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NodeProgram } from '../support/node-program.js';
import { freePorts, type Context } from './context.js';

export interface ClusterShape {
  readonly nodes: number;
  readonly replicas: number;
  readonly shards: number;
  /** Allows `?consistency=lease`; off by default, as for everybody. */
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
    const doors = ports.slice(shape.nodes, 2 * shape.nodes).map((port) => `127.0.0.1:${port}`);
    const listen = `127.0.0.1:${ports.at(-1) ?? 0}`;
    this.nodeUrls = doors.map((door) => `http://${door}`);
    this.routerUrl = `http://${listen}`;
    const { cli = CLI } = shape;
    const common = { 'cluster-id': randomUUID(), 'log-level': 'warn' } as const;
    const cluster = peers.map((peer, i) => `n${i + 1}=${peer}@${doors[i] ?? ''}`).join(',');
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

  /** Settles when every shard has its leader, each where it belongs. Gone at the end of the run, if not before. */
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

  /** Settles when the router serves every shard. @throws Error with the last words of a process that ended */
  async ready(): Promise<void> {
    const deadline = performance.now() + READY_LIMIT_MS;
    while (!(await isReady(this.routerUrl))) {
      const gone = [...this.#nodes, this.#router].find(({ running }) => !running);
      if (gone !== undefined) throw new Error(`${gone.name} ended: ${gone.lastWords}`);
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

  /** Settles when it serves. @param node from 1 up */
  async startNode(node: number): Promise<void> {
    this.#nodes[node - 1]?.start();
    const url = this.nodeUrls[node - 1] ?? '';
    while (!(await isReady(url))) {
      if (this.#nodes[node - 1]?.running !== true) throw new Error(`n${node} ended: ${this.lastWords(node)}`);
      await pause(POLL_MS);
    }
  }

  lastWords(node: number): string {
    return this.#nodes[node - 1]?.lastWords ?? '';
  }

  /** kill −9 of all nodes at once. */
  async killNodes(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.killed()));
  }

  startNodes(): void {
    for (const node of this.#nodes) node.start();
  }

  /** In order, as a person would end it; its data is gone afterwards. */
  async stop(): Promise<void> {
    await this.#router.stopped(STOP_LIMIT_MS);
    await Promise.all(this.#nodes.map((node) => node.stopped(STOP_LIMIT_MS)));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async kill(): Promise<void> {
    await Promise.all([this.#router, ...this.#nodes].map((program) => program.killed()));
  }

  /** Leaders find their places some time after a start. Not having them all is slower, but no failure. */
  async #spread(): Promise<void> {
    const deadline = performance.now() + SPREAD_LIMIT_MS;
    while (performance.now() < deadline) {
      const shards = await this.shards();
      if (shards.every(({ leader, preferred_leader: preferred }) => leader === preferred)) return;
      await pause(10 * POLL_MS);
    }
  }
}

/** Every shard is served. An older build, which may be the one measured, knows no `strict` and means the same without. */
async function isReady(url: string): Promise<boolean> {
  const ask = (target: string) => fetch(`${url}${target}`, { signal: AbortSignal.timeout(ASK_LIMIT_MS) });
  try {
    const strictly = await ask('/readyz?strict');
    return strictly.status === 400 ? (await ask('/readyz')).ok : strictly.ok;
  } catch {
    return false;
  }
}
