/**
 * The composition root: the only file that wires a node process, or a router process, out of all rooms.
 *
 * Knows the order in which parts start and stop, and nothing of what they do.
 */
import { formatAddress, type Address, type Detour, type NodeConfig, type RouterConfig } from './config/index.js';
import {
  Dispatcher,
  HttpServer,
  Metrics,
  NodeBackend,
  RemoteBackend,
  maxOpenFiles,
  measureLoopDelay,
  shareDescriptors,
  type Backend,
  type DescriptorShares,
} from './router/index.js';
import {
  ShardNode,
  SqliteStorage,
  StorageFull,
  WsTransport,
  loadHash,
  quotaOptions,
  shardOfGroup,
  shardOfKey,
  systemRuntime,
  SYSTEM_GROUP,
  type ClusterConfig,
  type Logger,
  type NodeStatus,
  type Runtime,
} from './shard/index.js';
import { version } from './version.js';
import { asError } from './thrown.js';

export interface RunningNode {
  /** Where it really listens: a configured port 0 has become a number. */
  readonly http: Address;
  readonly peer: Address;
  /**
   * Settles if the node can do no more by itself, such as on a failing disk; never rejects. A disk that is merely full
   * is no reason to end: the node says so to whoever asks, and others serve its shards.
   */
  readonly failed: Promise<Error>;
  /** It has served. */
  readonly hasComeUp: () => boolean;
  /** Refuses new work, finishes what is under way, hands leadership over, closes the files. */
  stop(): Promise<void>;
}

/** What the process knows about itself, for its metrics. */
export interface ProcessFacts {
  /** Lines of the log that could not be written. */
  readonly lostLogLines?: () => number;
}

export interface RunningRouter {
  readonly http: Address;
  /** Shards that no node says it leads; undefined while the topology is not known. */
  leaderless(): Promise<readonly number[] | undefined>;
  stop(): Promise<void>;
}

/** How long answers under way, and then the hand-over of leadership, may hold up a stop. */
const FINISH_MS = 1_500;
const HAND_OVER_MS = 1_500;
/** A node that has not come up by then, for its disk hangs or has much to read, answers probes all the same. */
const SLOW_START_MS = 2_000;
/** Each look at the event loop wakes an idle process. */
const STATUS_TIMEOUT_MS = 500;

/**
 * Serves when it settles; or, if the disk is full or hangs, says so over HTTP, and serves as soon as it can.
 * @throws what is wrong with the data folder, the addresses, or the plan
 */
export async function startNode(config: NodeConfig, logger: Logger, facts: ProcessFacts = {}): Promise<RunningNode> {
  await loadHash();
  const runtime = systemRuntime();
  const dialled = dialledAddress(config.via);
  const shares = descriptors({ peers: config.members.length - 1, node: { shards: config.shards } }, logger);
  const transport = new WsTransport({
    self: { role: 'node', id: config.id, clusterId: config.clusterId },
    runtime,
    logger,
    listen: config.listenPeer,
    peers: new Map(config.members.map((member) => [member.id, dialled(formatAddress(member.peer))])),
    maxConnections: shares.peerConnections,
    maxRouters: shares.routerLinks,
  });
  let onDiskStall = (): void => undefined;
  const stalled = new Promise<void>((resolve) => (onDiskStall = resolve));
  const node = new ShardNode({
    id: config.id,
    name: config.name,
    clusterConfig: planOf(config),
    storage: storageOf(config, logger),
    transport,
    runtime,
    logger,
    ...quotaOptions(config.maxJournalBytes),
    trustDataFolder: config.trustDataFolder,
    timers: { tickMs: config.tickMs, electionTicks: config.electionTicks, heartbeatTicks: config.heartbeatTicks },
    onDiskStall,
  });
  const starting = node.start();
  const failed = failureOf(node, starting, logger);
  let isUp = false;
  void starting.then(
    () => (isUp = true),
    () => undefined,
  );
  try {
    await upOrSlow(starting, stalled);
    const backend = new NodeBackend({ host: node, runtime });
    const listen = config.listenHttp;
    const front = await startFront({ backend, runtime, logger, transport, listen, facts, shares, ...config });
    return {
      http: front.address,
      peer: { host: config.listenPeer.host, port: transport.port === 0 ? config.listenPeer.port : transport.port },
      failed,
      hasComeUp: () => isUp,
      async stop() {
        await front.stop();
        backend.close();
        await node.stop(HAND_OVER_MS);
      },
    };
  } catch (error) {
    await node.crash().catch(() => undefined);
    throw error;
  }
}

/** Settles when the node serves, waits for room, or has taken so long that those who ask should be told. */
async function upOrSlow(starting: Promise<void>, stalled: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const slow = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, SLOW_START_MS);
  });
  try {
    await Promise.race([starting, stalled, slow]);
  } finally {
    clearTimeout(timer);
  }
}

/** Settles if the node can do no more by itself. */
function failureOf(node: ShardNode, starting: Promise<void>, logger: Logger): Promise<Error> {
  return new Promise((resolve) => {
    node.onFailure((error) => {
      if (error instanceof StorageFull) logger.error({ reason: error.message }, 'the disk is full');
      else resolve(error);
    });
    // While its disk was full it was stopped, or had to find out only then what is wrong with its data.
    starting.catch((error: unknown) => {
      if (!(error instanceof StorageFull)) resolve(asError(error));
    });
  });
}

/** Serves when it settles, even if no node can be reached yet. */
export async function startRouter(
  config: RouterConfig,
  logger: Logger,
  facts: ProcessFacts = {},
): Promise<RunningRouter> {
  await loadHash();
  const runtime = systemRuntime();
  const { clusterId, nodes } = config;
  const dialled = dialledAddress(config.via);
  const transport = new WsTransport({
    self: clusterId === undefined ? { role: 'router' } : { role: 'router', clusterId },
    runtime,
    logger,
    seeds: nodes.map((address) => dialled(formatAddress(address))),
  });
  const backend = new RemoteBackend({ transport, runtime });
  backend.onTopology((topology) => {
    transport.setPeers(new Map(topology.nodes.map((node) => [node.id, dialled(node.peerAddress)])));
  });
  const shares = descriptors({ peers: nodes.length, node: undefined }, logger);
  const front = await startFront({ backend, runtime, logger, transport, facts, shares, ...config });
  await backend.start();
  return {
    http: front.address,
    async leaderless() {
      const topology = backend.topology();
      if (topology === undefined) return undefined;
      const led = ledShards((await backend.statuses(STATUS_TIMEOUT_MS)).values());
      return [...topology.shards.keys()].filter((shard) => !led.has(shard));
    },
    async stop() {
      await front.stop();
      await backend.close();
    },
  };
}

/** The topology says where nodes are; how this process gets there is its own affair, and nobody else's to know. */
function dialledAddress(via: readonly Detour[]): (address: string) => string {
  const detours = new Map(via.map(({ to, through }) => [formatAddress(to), formatAddress(through)]));
  return (address) => detours.get(address) ?? address;
}

function planOf(config: NodeConfig): ClusterConfig {
  return {
    clusterId: config.clusterId,
    nodes: config.members.map(({ id, name, peer, http }) => ({
      id,
      name,
      peerAddress: formatAddress(peer),
      httpAddress: formatAddress(http),
    })),
    shardCount: config.shards,
    replicas: config.replicas,
    leaseReads: config.leaseReads,
  };
}

function storageOf({ dataDir, maxJournalBytes }: NodeConfig, logger: Logger): SqliteStorage {
  return new SqliteStorage({
    directory: dataDir,
    ...(maxJournalBytes === undefined ? {} : { maxJournalBytes }),
    onNotice: (notice) => {
      logger.warn({}, notice);
    },
  });
}

/** What this process may do with its file descriptors. */
function descriptors(needs: Parameters<typeof shareDescriptors>[1], logger: Logger): DescriptorShares {
  const openFiles = maxOpenFiles();
  const shares = shareDescriptors(openFiles, needs);
  const { reserved, tooFew } = shares;
  if (tooFew) logger.warn({ openFiles, reserved }, 'the limit of open files (ulimit -n) is too low for this process');
  return shares;
}

interface FrontOptions {
  readonly backend: Backend;
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly transport: WsTransport;
  readonly facts: ProcessFacts;
  readonly shares: DescriptorShares;
  readonly listen: Address;
  readonly insecure: boolean;
  readonly allowedHosts: readonly string[];
  readonly maxValueBytes: number;
}

/** HTTP in front of a backend: the same in a node and in a router of its own. */
async function startFront(options: FrontOptions): Promise<{ address: Address; stop(): Promise<void> }> {
  const { backend, runtime, logger, transport, listen, insecure, allowedHosts, maxValueBytes, facts, shares } = options;
  const dispatcher = new Dispatcher({ backend, runtime, shardOfKey });
  const loopDelay = measureLoopDelay(runtime);
  const server = new HttpServer({
    backend,
    dispatcher,
    metrics: new Metrics({
      backend,
      dispatcher,
      loopDelay,
      linkStats: () => transport.stats(),
      ...facts,
    }),
    build: { version },
    host: listen.host,
    port: listen.port,
    insecure,
    allowedHosts,
    limits: { valueBytes: maxValueBytes, maxConnections: shares.clientConnections },
    logger,
  });
  const stop = async (): Promise<void> => {
    await server.close(FINISH_MS);
    dispatcher.close();
    loopDelay.stop();
  };
  try {
    const { port } = await server.listen();
    return { address: { host: listen.host, port }, stop };
  } catch (error) {
    dispatcher.close();
    loopDelay.stop();
    throw error;
  }
}

function ledShards(statuses: Iterable<NodeStatus | undefined>): ReadonlySet<number> {
  const groups = [...statuses].flatMap((status) => status?.groups ?? []);
  const led = groups.filter(({ group, raft }) => group !== SYSTEM_GROUP && raft.role === 'leader');
  return new Set(led.map(({ group }) => shardOfGroup(group)));
}
