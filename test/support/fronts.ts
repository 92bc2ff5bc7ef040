/**
 * The places at which a client meets the HTTP front: over the fake backend, and over a real cluster of three nodes in
 * this process (in memory, every message through the wire format) at the node that leads all shards, at another node,
 * and at a router of its own.
 */
import { NodeBackend, RemoteBackend, type Backend, type HttpServerOptions } from '../../src/router/index.js';
import {
  MemoryDisk,
  MemoryNetwork,
  MemoryStorage,
  ShardNode,
  loadHash,
  silentLogger,
  systemRuntime,
  type ClusterConfig,
} from '../../src/shard/index.js';
import type { HeldBackend } from './held-backend.js';
import { RecordingBackend } from './held-backend.js';
import { HttpHarness } from './http-harness.js';

export interface Front {
  readonly http: HttpHarness<HeldBackend>;
  /** Throws if a node behind the front has failed. */
  checkNodes(): void;
  close(): Promise<void>;
}

export type StartFront = (options?: Partial<HttpServerOptions>) => Promise<Front>;

/** With one shard, its preferred leader leads every key. */
const configOf = (shardCount: number): ClusterConfig => ({
  clusterId: 'c',
  nodes: [1, 2, 3].map((id) => ({
    id,
    name: `n${id}`,
    peerAddress: `127.0.0.1:${id}`,
    httpAddress: `127.0.0.1:900${id}`,
  })),
  shardCount,
  replicas: 3,
  leaseReads: false,
});

const startFake: StartFront = async (options) => {
  const http = await HttpHarness.start(options);
  return { http, checkNodes: () => undefined, close: () => http.close() };
};

export const startReal =
  (at: 'leader' | 'follower' | 'router', shardCount = 1): StartFront =>
  async (options) => {
    await loadHash();
    const runtime = systemRuntime();
    const network = new MemoryNetwork(runtime, { encode: true });
    const nodes: ShardNode[] = [];
    const clusterConfig = configOf(shardCount);
    for (const { id, name } of clusterConfig.nodes) {
      const storage = new MemoryStorage(new MemoryDisk());
      const node = new ShardNode({
        id,
        name,
        clusterConfig,
        storage,
        transport: network.node(id),
        runtime,
        logger: silentLogger,
      });
      await node.start();
      nodes.push(node);
    }
    const remote = new RemoteBackend({ transport: network.router(), runtime });
    await remote.start();
    const hasLeaders = (): boolean =>
      Array.from({ length: shardCount }, (_, shard) => shard).every((shard) => nodes[0]?.leaderOf(shard) !== undefined);
    await eventually(() => hasLeaders() && remote.topology() !== undefined);
    const leader = nodes.find((node) => node.leaderOf(0) === node.id);
    const host = at === 'leader' ? leader : nodes.find((node) => node !== leader);
    const local = host === undefined ? undefined : new NodeBackend({ host, runtime });
    const backend: Backend = at === 'router' || local === undefined ? remote : local;
    const http = await HttpHarness.over(new RecordingBackend(backend), options);
    return {
      http,
      checkNodes: () => {
        const failed = nodes.map((node) => node.status()).find(({ state }) => state !== 'serving');
        if (failed !== undefined) throw new Error(`${failed.name} is ${failed.state}: ${failed.failure ?? ''}`);
      },
      async close() {
        await http.close();
        await remote.close();
        local?.close();
        await Promise.all(nodes.map((node) => node.crash()));
      },
    };
  };

async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

export const FRONTS: readonly { readonly name: string; readonly start: StartFront }[] = [
  { name: 'the front over a fake backend', start: startFake },
  { name: 'the HTTP port of the node that leads', start: startReal('leader') },
  { name: 'the HTTP port of another node', start: startReal('follower') },
  { name: 'a router', start: startReal('router') },
];
