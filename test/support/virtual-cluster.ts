/**
 * A cluster of real `ShardNode`s in virtual time: in-memory network (through the wire format), in-memory disks that
 * outlive their nodes, and one router with the real dispatcher. Nothing happens but in `runtime.run`.
 */
import { Dispatcher, RemoteBackend } from '../../src/router/index.js';
import {
  MemoryDisk,
  MemoryNetwork,
  MemoryStorage,
  ShardNode,
  groupOfShard,
  loadHash,
  shardOfKey,
  silentLogger,
  stringKey,
  type Answer,
  type ClusterConfig,
  type Condition,
  type Consistency,
  type GroupStatus,
  type MemoryTransport,
  type Protocol,
  type Runtime,
  type ShardNodeOptions,
  type Storage,
  type Transport,
} from '../../src/shard/index.js';
import { SortedTable } from '../../src/raft/storage/index.js';
import { VirtualRuntime } from './virtual-runtime.js';

export interface VirtualClusterOptions {
  readonly nodes?: number;
  readonly replicas?: number;
  readonly shards?: number;
  readonly seed?: number;
  readonly leaseReads?: boolean;
  /** What all nodes and the router speak. Default: this build's. */
  readonly protocol?: Protocol;
  /** What each node's build speaks, if it is not this one. */
  readonly protocols?: ReadonlyMap<number, Protocol>;
  readonly node?: Partial<Pick<ShardNodeOptions, 'timers' | 'limits' | 'checkpoints'>>;
  /** Wraps a node's storage, to make it slow or failing. */
  readonly storage?: (id: number, storage: Storage, runtime: VirtualRuntime) => Storage;
  /** Wraps a node's transport, to make its links slow. */
  readonly transport?: (id: number, transport: Transport, runtime: VirtualRuntime) => Transport;
}

function copyOf(disk: MemoryDisk): MemoryDisk {
  const copy = new MemoryDisk();
  copy.position = disk.position;
  for (const [name, value] of disk.metas) copy.metas.set(name, value);
  for (const [id, group] of disk.groups) {
    const table = new SortedTable();
    for (const [key, value] of group.table.rows()) table.put(key, value);
    copy.groups.set(id, { ...group, entries: [...group.entries], table });
  }
  return copy;
}

export class VirtualCluster {
  readonly runtime: VirtualRuntime;
  readonly network: MemoryNetwork;
  readonly clusterConfig: ClusterConfig;
  readonly nodes = new Map<number, ShardNode>();
  readonly dispatcher: Dispatcher;
  readonly backend: RemoteBackend;
  /** May be changed while a node is down. */
  readonly protocols: Map<number, Protocol>;
  readonly disks = new Map<number, MemoryDisk>();
  /** How far each node's wall clock is from the common one, ms. */
  readonly wallOffsets = new Map<number, number>();
  readonly #options: VirtualClusterOptions;
  #operations = 0;

  constructor(options: VirtualClusterOptions = {}) {
    const { nodes = 3, shards = 4, seed = 1, leaseReads = false } = options;
    this.#options = options;
    this.protocols = new Map(options.protocols);
    this.runtime = new VirtualRuntime(seed);
    this.network = new MemoryNetwork(this.runtime, { encode: true });
    this.clusterConfig = {
      clusterId: 'test-cluster',
      nodes: Array.from({ length: nodes }, (_, i) => ({
        id: i + 1,
        name: `n${i + 1}`,
        peerAddress: `127.0.0.1:${7001 + i}`,
        httpAddress: `127.0.0.1:${8001 + i}`,
      })),
      shardCount: shards,
      replicas: options.replicas ?? Math.min(3, nodes),
      leaseReads,
    };
    this.backend = new RemoteBackend({ transport: this.network.router(options.protocol), runtime: this.runtime });
    this.dispatcher = new Dispatcher({ backend: this.backend, runtime: this.runtime, shardOfKey });
  }

  static async start(options: VirtualClusterOptions = {}): Promise<VirtualCluster> {
    await loadHash();
    const cluster = new VirtualCluster(options);
    await cluster.backend.start();
    for (const { id } of cluster.clusterConfig.nodes) await cluster.startNode(id);
    if (!(await cluster.runtime.until(() => cluster.everyShardHasALeader()))) throw new Error('no leaders');
    return cluster;
  }

  /** Starts a node on the disk that it had. */
  async startNode(
    id: number,
    clusterConfig: ClusterConfig = this.clusterConfig,
    own: Partial<Pick<ShardNodeOptions, 'timers' | 'logger' | 'trustDataFolder'>> = {},
  ): Promise<ShardNode> {
    const disk = this.disks.get(id) ?? new MemoryDisk();
    this.disks.set(id, disk);
    const protocol = this.protocols.get(id) ?? this.#options.protocol;
    const node = this.#makeNode(id, clusterConfig, disk, this.network.node(id, protocol), own);
    this.nodes.set(id, node);
    await this.runtime.settle(node.start());
    return node;
  }

  /** One more process of a node, which is none of `nodes`. `transport`: of `network.copy`. */
  async startCopy(transport: MemoryTransport, disk: MemoryDisk): Promise<ShardNode> {
    const node = this.#makeNode(transport.id, this.clusterConfig, disk, transport);
    await this.runtime.settle(node.start());
    return node;
  }

  #makeNode(
    id: number,
    clusterConfig: ClusterConfig,
    disk: MemoryDisk,
    transport: MemoryTransport,
    own: Partial<Pick<ShardNodeOptions, 'timers' | 'logger' | 'trustDataFolder'>> = {},
  ): ShardNode {
    const protocol = this.protocols.get(id) ?? this.#options.protocol;
    const storage = new MemoryStorage(disk);
    return new ShardNode({
      id,
      name: `n${id}`,
      clusterConfig,
      storage: this.#options.storage?.(id, storage, this.runtime) ?? storage,
      transport: this.#options.transport?.(id, transport, this.runtime) ?? transport,
      runtime: this.#runtimeOf(id),
      logger: silentLogger,
      ...(protocol === undefined ? {} : { featureLevel: protocol.featureLevel }),
      ...this.#options.node,
      ...own,
    });
  }

  #runtimeOf(id: number): Runtime {
    const { runtime } = this;
    return {
      now: () => runtime.now(),
      wallTime: () => runtime.wallTime() + (this.wallOffsets.get(id) ?? 0),
      random: () => runtime.random(),
      defer: (task) => {
        runtime.defer(task);
      },
      after: (ms, task) => runtime.after(ms, task),
      every: (ms, task) => runtime.every(ms, task),
    };
  }

  /** Of a node that is down: to look into its disk, or to change it. */
  storageOf(id: number): Storage {
    return new MemoryStorage(this.disks.get(id) ?? new MemoryDisk());
  }

  /** The disk of a node as it is now. */
  copyDisk(id: number): MemoryDisk {
    return copyOf(this.disks.get(id) ?? new MemoryDisk());
  }

  /** Kills a node if it runs; its disk becomes `disk`, by default an empty one. */
  async replaceDisk(id: number, disk = new MemoryDisk()): Promise<void> {
    if (this.nodes.has(id)) await this.kill(id);
    this.disks.set(id, copyOf(disk));
  }

  async kill(id: number): Promise<void> {
    const node = this.node(id);
    this.nodes.delete(id);
    this.network.kill(id);
    await this.runtime.settle(node.crash());
  }

  disk(id: number): MemoryDisk {
    const disk = this.disks.get(id);
    if (disk === undefined) throw new Error(`node ${id} was never started`);
    return disk;
  }

  node(id: number): ShardNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`node ${id} is not running`);
    return node;
  }

  /** Nodes that are running and say that they lead the shard. */
  leaders(shard: number): number[] {
    return [...this.nodes].filter(([id, node]) => node.leaderOf(shard) === id).map(([id]) => id);
  }

  leader(shard: number): number {
    const [leader] = this.leaders(shard);
    if (leader === undefined) throw new Error(`shard ${shard} has no leader`);
    return leader;
  }

  everyShardHasALeader(): boolean {
    return this.shards().every((shard) => this.leaders(shard).length === 1);
  }

  shards(): number[] {
    return Array.from({ length: this.clusterConfig.shardCount }, (_, shard) => shard);
  }

  shardOf(key: string): number {
    return shardOfKey(stringKey(key), this.clusterConfig.shardCount);
  }

  group(id: number, shard: number): GroupStatus | undefined {
    return this.node(id)
      .status()
      .groups.find((g) => g.group === groupOfShard(shard));
  }

  /** The status of the shard at each running replica. */
  replicas(shard: number): GroupStatus[] {
    return [...this.nodes.keys()].map((id) => this.group(id, shard)).filter((g) => g !== undefined);
  }

  /** All replicas of every shard have applied the same index, and have the same state. */
  converged(): boolean {
    return this.shards().every((shard) => {
      const states = this.replicas(shard).map((g) => `${g.raft.applied} ${g.stateHash}`);
      return new Set(states).size === 1;
    });
  }

  /** Begins a write; it goes on as virtual time does. */
  async startPut(key: string, value: string, options: PutOptions = {}): Promise<Answer> {
    const operation = {
      type: 'put',
      key: stringKey(key),
      body: Buffer.from(value),
      contentType: 'text/plain',
      condition: options.condition ?? { type: 'none' },
      operationId: options.operationId ?? this.operationId(),
      attempt: options.operationId === undefined ? 'initial' : 'keyed',
    } as const;
    const deadlineMs = options.deadlineMs ?? 5_000;
    return (await this.dispatcher.execute(operation, { deadlineMs, forward: true })).answer;
  }

  async startGet(key: string, consistency: Consistency = 'linearizable', deadlineMs = 5_000): Promise<Answer> {
    const operation = { type: 'get', key: stringKey(key), consistency } as const;
    return (await this.dispatcher.execute(operation, { deadlineMs, forward: true })).answer;
  }

  put(key: string, value: string, options: PutOptions = {}): Promise<Answer> {
    return this.runtime.settle(this.startPut(key, value, options));
  }

  get(key: string, consistency: Consistency = 'linearizable', deadlineMs = 5_000): Promise<Answer> {
    return this.runtime.settle(this.startGet(key, consistency, deadlineMs));
  }

  async text(key: string): Promise<string | undefined> {
    const answer = await this.get(key);
    if (answer.type !== 'get') throw new Error(`the read was refused: ${JSON.stringify(answer)}`);
    return answer.record && Buffer.from(answer.record.body).toString();
  }

  operationId(): Uint8Array {
    const id = Buffer.alloc(16);
    id.writeUInt32BE(++this.#operations, 12);
    return id;
  }
}

export interface PutOptions {
  readonly condition?: Condition;
  readonly operationId?: Uint8Array;
  readonly deadlineMs?: number;
}
