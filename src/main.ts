/**
 * The composition root: the only file that wires the rooms into a node process or a router process, and the order in which
 * the parts start and stop.
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
  /** Where it listens: a configured port 0 has been replaced. */
  readonly http: Address;
  readonly peer: Address;
  /**
   * Settles if the node has failed, such as on a broken disk; never rejects. A full disk is no failure: the node refuses
   * writes and reports it, and others serve its shards.
   */
  readonly failed: Promise<Error>;
  /** It had started completely. */
  readonly hasServed: () => boolean;
  /** Refuses new requests, finishes open ones, transfers leadership, closes the files. */
  stop(): Promise<void>;
}

/** Metrics of the log, which only the entry point has. */
export interface LogMetrics {
  /** Log lines that could not be written. */
  readonly lostLogLines?: () => number;
}

export interface RunningRouter {
  readonly http: Address;
  /** Shards without a leader; undefined while the topology is not known. */
  leaderless(): Promise<readonly number[] | undefined>;
  stop(): Promise<void>;
}

/** How long open requests, and then the transfer of leadership, may delay a stop. */
const FINISH_MS = 1_500;
const HAND_OVER_MS = 1_500;
/** A node that has not started by then, because its disk hangs or has much to read, answers HTTP probes from then on. */
const SLOW_START_MS = 2_000;
const STATUS_TIMEOUT_MS = 500;

/**
 * Serves when it settles; or, if the disk is full or hangs, reports that over HTTP, and serves as soon as it can.
 * @throws what is wrong with the data folder, the addresses, or the cluster config
 */
export async function startNode(config: NodeConfig, logger: Logger, metrics: LogMetrics = {}): Promise<RunningNode> {
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
    clusterConfig: clusterConfigOf(config),
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
    await startedOrSlow(starting, stalled);
    const backend = new NodeBackend({ host: node, runtime });
    const listen = config.listenHttp;
    const front = await startFront({ backend, runtime, logger, transport, listen, metrics, shares, ...config });
    return {
      http: front.address,
      peer: { host: config.listenPeer.host, port: transport.port === 0 ? config.listenPeer.port : transport.port },
      failed,
      hasServed: () => isUp,
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

/** Settles when the node serves, is stalled by a full disk, or has taken so long that probes should be answered. */
async function startedOrSlow(starting: Promise<void>, stalled: Promise<void>): Promise<void> {
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

/** Settles if the node has failed. */
function failureOf(node: ShardNode, starting: Promise<void>, logger: Logger): Promise<Error> {
  return new Promise((resolve) => {
    node.onFailure((error) => {
      if (error instanceof StorageFull) logger.error({ reason: error.message }, 'the disk is full');
      else resolve(error);
    });
    // After a full disk: it was stopped meanwhile, or its data turned out to be damaged.
    starting.catch((error: unknown) => {
      if (!(error instanceof StorageFull)) resolve(asError(error));
    });
  });
}

/** Listens when it settles, even if no node can be reached yet. */
export async function startRouter(
  config: RouterConfig,
  logger: Logger,
  metrics: LogMetrics = {},
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
  const front = await startFront({ backend, runtime, logger, transport, metrics, shares, ...config });
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

/** Detours are local to this process: they replace addresses of the topology when it dials. */
function dialledAddress(via: readonly Detour[]): (address: string) => string {
  const detours = new Map(via.map(({ to, through }) => [formatAddress(to), formatAddress(through)]));
  return (address) => detours.get(address) ?? address;
}

function clusterConfigOf(config: NodeConfig): ClusterConfig {
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

/** The shares of this process's file descriptors. */
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
  readonly metrics: LogMetrics;
  readonly shares: DescriptorShares;
  readonly listen: Address;
  readonly insecure: boolean;
  readonly allowedHosts: readonly string[];
  readonly maxValueBytes: number;
}

/** The HTTP server over a backend: the same in a node and in a router process. */
async function startFront(options: FrontOptions): Promise<{ address: Address; stop(): Promise<void> }> {
  const { backend, runtime, logger, transport, listen, insecure, allowedHosts, maxValueBytes, metrics, shares } =
    options;
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
      ...metrics,
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
