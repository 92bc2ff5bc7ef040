/** A cluster in which every node keeps its data on a disk of its own. */
import getPort from 'get-port';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { NodeProgram } from '../support/node-program.js';

/** Below the range of ephemeral ports, so that they are free again after each restart. */
const PORTS = Array.from({ length: 64 }, () => 20_000 + Math.floor(Math.random() * 12_000));
const POLL_MS = 20;
const STOP_LIMIT_MS = 15_000;

export interface ClusterOptions {
  readonly cli: string;
  readonly shards: number;
  /** One folder per node, on the node's disk. */
  readonly folders: readonly string[];
}

export interface Served {
  /** From the start of the processes until every node was ready; undefined if that took too long. */
  readonly afterMs: number | undefined;
  /** The last output of nodes that exited instead. */
  readonly refusals: readonly string[];
}

export class Cluster {
  readonly urls: readonly string[];
  readonly #nodes: readonly NodeProgram[];
  #closed = false;

  private constructor(options: ClusterOptions, ports: readonly { readonly peer: number; readonly http: number }[]) {
    const { cli, shards, folders } = options;
    const clusterId = randomUUID();
    const members = ports.map(({ peer, http }, i) => `n${i + 1}=127.0.0.1:${peer}@127.0.0.1:${http}`).join(',');
    this.urls = ports.map(({ http }) => `http://127.0.0.1:${http}`);
    this.#nodes = folders.map((folder, i) => {
      const name = `n${i + 1}`;
      // One level below the mount, so that the creation of the data folder has to be durable, too.
      const data = join(folder, name);
      const args = { name, cluster: members, data, 'cluster-id': clusterId, shards, 'log-level': 'warn' };
      return new NodeProgram({ name, cli, args: { ...args, replicas: Math.min(3, folders.length) } });
    });
  }

  /** Does not start anything yet. */
  static async plan(options: ClusterOptions): Promise<Cluster> {
    const ports = [];
    for (let i = 0; i < options.folders.length; i++) {
      const [peer, http] = [
        await getPort({ port: PORTS, host: '127.0.0.1' }),
        await getPort({ port: PORTS, host: '127.0.0.1' }),
      ];
      ports.push({ peer, http });
    }
    return new Cluster(options, ports);
  }

  /** Starts all nodes and waits until each is ready or has exited, or until the limit. */
  async start(limitMs: number): Promise<Served> {
    if (this.#closed) throw new Error('the cluster is closed');
    const startedAt = performance.now();
    for (const node of this.#nodes) node.start();
    for (;;) {
      const alive = this.#nodes.flatMap((node, i) => (node.running ? [this.urls[i] ?? ''] : []));
      const ready = await Promise.all(alive.map(isReady));
      const afterMs = performance.now() - startedAt;
      const refusals = this.#nodes.flatMap((node) => (node.running ? [] : [`${node.name} ended: ${node.lastOutput}`]));
      if (alive.length > 0 && ready.every((yes) => yes)) return { afterMs, refusals };
      if (alive.length === 0 || afterMs > limitMs) return { afterMs: undefined, refusals };
      await pause(POLL_MS);
    }
  }

  /** SIGTERM, as an orderly shutdown does. */
  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.stopped(STOP_LIMIT_MS)));
  }

  /** Stops all threads of every node, as a power failure would. */
  async suspend(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.suspend()));
  }

  /** Kills the nodes; none is started any more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.kill();
  }

  /** SIGKILL; settles when all processes are gone. */
  async kill(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.killed()));
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz?strict`, { signal: AbortSignal.timeout(2_000) })).ok;
  } catch {
    return false;
  }
}
