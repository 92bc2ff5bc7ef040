/**
 * The nodes behind an embedded store: their disks, the network between them, and one router that reaches them all.
 *
 * Nodes are numbered from 0 here and from 1 inside the cluster. Knows keys as canonical bytes only.
 */
import { join } from 'node:path';
import { v4 as uuidv4 } from 'uuid';
import { Dispatcher, RemoteBackend, type DispatchReply } from '../router/index.js';
import {
  KvorumError,
  MemoryDisk,
  MemoryNetwork,
  MemoryStorage,
  ShardNode,
  SqliteStorage,
  SqliteThread,
  loadHash,
  seededRandom,
  shardOfKey,
  silentLogger,
  systemRuntime,
  type ClusterPlan,
  type Operation,
  type Runtime,
  type Storage,
} from '../shard/index.js';
import { readOrMakePlan } from './plan.js';
import type { CheckedOptions } from './options.js';

/** SQLite workers shared by all nodes of the process. */
const WORKERS = 2;
const READY_POLL_MS = 5;

export interface EmbeddedNodeStatus {
  readonly node: number;
  readonly alive: boolean;
  /** Shards that it leads, and shards of which it holds a replica. */
  readonly leads: number;
  readonly replicas: number;
}

export interface ClusterStatus {
  readonly nodes: readonly EmbeddedNodeStatus[];
  readonly shards: number;
  readonly replicas: number;
  readonly shardsWithLeader: number;
}

/** Where a key lives. Nodes are numbered from 0. */
export interface KeyLocation {
  readonly shard: number;
  readonly replicas: readonly number[];
  /** Undefined while the shard has none. */
  readonly leader: number | undefined;
}

export class EmbeddedCluster {
  readonly #options: CheckedOptions;
  readonly #runtime: Runtime;
  readonly #network: MemoryNetwork;
  readonly #plan: ClusterPlan;
  readonly #disks: readonly MemoryDisk[];
  readonly #workers: SqliteThread[] = [];
  /** Undefined = failed. */
  readonly #nodes: (ShardNode | undefined)[] = [];
  /** Per node: settles when what was asked of it last is done. */
  readonly #changes: Promise<void>[] = [];
  readonly #backend: RemoteBackend;
  readonly #dispatcher: Dispatcher;
  readonly #started: Promise<void>;
  #closed = false;

  constructor(options: CheckedOptions) {
    this.#options = options;
    this.#runtime = systemRuntime(options.seed === undefined ? undefined : seededRandom(options.seed));
    this.#network = new MemoryNetwork(this.#runtime);
    this.#plan = readOrMakePlan(options, uuidv4());
    this.#disks = Array.from({ length: options.nodes }, () => new MemoryDisk());
    this.#backend = new RemoteBackend({ transport: this.#network.router(), runtime: this.#runtime });
    this.#dispatcher = new Dispatcher({ backend: this.#backend, runtime: this.#runtime, shardOfKey });
    this.#started = this.#start();
    // Whoever calls an operation hears of a failed start; an unhandled rejection would end the process first.
    this.#started.catch(() => undefined);
  }

  async ready(): Promise<void> {
    await this.#started;
    // A large cluster on a busy machine may take longer, as long as it gets on.
    let deadline = this.#runtime.now() + this.#options.timeoutMs;
    let most = 0;
    for (;;) {
      if (this.#closed) throw new KvorumError('shutting-down', 'the store is closed');
      const { nodes, shards, shardsWithLeader } = this.status();
      if (shardsWithLeader === shards) return;
      if (shardsWithLeader > most) {
        most = shardsWithLeader;
        deadline = this.#runtime.now() + this.#options.timeoutMs;
      }
      if (this.#runtime.now() >= deadline) {
        const down = nodes.filter(({ alive }) => !alive).map(({ node }) => node);
        const why = down.length === 0 ? '' : `; nodes ${down.join(', ')} are down`;
        throw new KvorumError('no-leader', `${shards - shardsWithLeader} of ${shards} shards have no leader${why}`);
      }
      await new Promise<void>((resolve) => this.#runtime.after(READY_POLL_MS, resolve));
    }
  }

  async execute(operation: Operation, timeoutMs: number): Promise<DispatchReply> {
    await this.#started;
    return this.#dispatcher.execute(operation, { deadlineMs: timeoutMs, forward: true });
  }

  async fail(index: number): Promise<void> {
    await this.#running();
    await this.#inTurn(index, async () => {
      const node = this.#nodes[index];
      if (node === undefined) return;
      this.#nodes[index] = undefined;
      this.#network.kill(index + 1);
      await node.crash();
    });
  }

  async recover(index: number): Promise<void> {
    await this.#running();
    await this.#inTurn(index, async () => {
      if (this.#closed) throw new KvorumError('shutting-down', 'the store is closed');
      if (this.#nodes[index] === undefined) await this.#startNode(index);
    });
  }

  /** Failing and recovering a node end in the order of the calls: a start must not meet the files of a life not yet over. */
  #inTurn(index: number, change: () => Promise<void>): Promise<void> {
    const result = (this.#changes[index] ?? Promise.resolve()).then(change);
    this.#changes[index] = result.catch(() => undefined);
    return result;
  }

  async #running(): Promise<void> {
    await this.#started;
    if (this.#closed) throw new KvorumError('shutting-down', 'the store is closed');
  }

  partition(groups: readonly (readonly number[])[]): void {
    const groupOf = new Map(groups.flatMap((group, i) => group.map((node) => [node + 1, i] as const)));
    const isNode = (id: number): boolean => id <= this.#options.nodes;
    // The router stands outside: it reaches every node, as clients on both sides would.
    this.#network.dropWhen((from, to) => isNode(from) && isNode(to) && groupOf.get(from) !== groupOf.get(to));
  }

  heal(): void {
    this.#network.dropWhen(undefined);
  }

  where(key: Uint8Array): KeyLocation {
    const shard = shardOfKey(key, this.#options.shards);
    const replicas = this.#backend.topology()?.shards[shard] ?? [];
    const leader = this.#leaderOf(shard);
    return { shard, replicas: replicas.map((id) => id - 1), leader };
  }

  status(): ClusterStatus {
    const shards = this.#backend.topology()?.shards ?? [];
    const leaders = shards.map((_, shard) => this.#leaderOf(shard));
    const nodes = Array.from({ length: this.#options.nodes }, (_, node) => ({
      node,
      alive: (this.#nodes[node]?.state() ?? 'failed') !== 'failed',
      leads: leaders.filter((leader) => leader === node).length,
      replicas: shards.filter((replicas) => replicas.includes(node + 1)).length,
    }));
    return {
      nodes,
      shards: this.#options.shards,
      replicas: this.#options.replicas,
      shardsWithLeader: leaders.filter((leader) => leader !== undefined).length,
    };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#started.catch(() => undefined);
    await Promise.all(Object.values(this.#changes));
    this.#dispatcher.close();
    await this.#backend.close();
    await Promise.all(this.#nodes.filter((node) => node !== undefined).map((node) => node.stop(0)));
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }

  async #start(): Promise<void> {
    await loadHash();
    if (this.#options.dataDir !== undefined) {
      const count = Math.min(WORKERS, this.#options.nodes);
      for (let i = 0; i < count; i++) this.#workers.push(new SqliteThread());
    }
    await this.#backend.start();
    await Promise.all(this.#disks.map((_, index) => this.#startNode(index)));
  }

  async #startNode(index: number): Promise<void> {
    const id = index + 1;
    const node = new ShardNode({
      id,
      name: `n${id}`,
      plan: this.#plan,
      storage: this.#storage(index),
      transport: this.#network.node(id),
      runtime: this.#runtime,
      logger: silentLogger,
    });
    this.#nodes[index] = node;
    try {
      await node.start();
    } catch (error) {
      // It runs no more than one that failed: it can be recovered.
      this.#nodes[index] = undefined;
      throw error;
    }
  }

  #storage(index: number): Storage {
    const { dataDir } = this.#options;
    const worker = this.#workers[index % WORKERS];
    if (dataDir !== undefined)
      return new SqliteStorage({ directory: join(dataDir, `n${index + 1}`), ...(worker && { worker }) });
    const disk = this.#disks[index];
    if (disk === undefined) throw new RangeError(`there is no node ${index}`);
    return new MemoryStorage(disk);
  }

  /** The replica that leads the shard and is alive, asked directly: all nodes are in this process. */
  #leaderOf(shard: number): number | undefined {
    const replicas = this.#backend.topology()?.shards[shard] ?? [];
    for (const id of replicas) if (this.#nodes[id - 1]?.leaderOf(shard) === id) return id - 1;
    return undefined;
  }
}
