/**
 * Builds the parts of a node and ties them together. Decides nothing: `node.ts` runs them.
 */
import type { GroupId, NodeId, RecoveredGroup } from '../../raft/index.js';
import { Checkpointer, DEFAULT_CHECKPOINT_LIMITS } from './checkpointer.js';
import { CommitPipeline, type QueuedWrite } from './commit-pipeline.js';
import { DiskStalls } from './disk-stalls.js';
import { DuplicateWatch } from './duplicate-watch.js';
import { DuplicateNode, ROUTER_PEERS, type TransportEvents } from '../transport/index.js';
import { KvorumError } from '../errors.js';
import { makeGroup } from './replica-factory.js';
import type { Replica, ReplicaHost } from './replica.js';
import { DiskWatch } from './disk-watch.js';
import { ReplicaSet } from './replica-set.js';
import { Inbox } from './inbox.js';
import { Confinement } from './confinement.js';
import { Lives } from './lives.js';
import { FailureDetector } from './failure-detector.js';
import { PeerHeartbeats } from './peer-heartbeats.js';
import { DEFAULT_NODE_LIMITS, type NodeLimits, type ShardNodeOptions } from './options.js';
import {
  topologyCopyIn,
  DEFAULT_TIMERS,
  LeasePromises,
  ClusterSettings,
  type Topology,
  TopologyStore,
} from '../cluster/index.js';
import { Admission } from './admission.js';
import { RowCache } from '../machine/index.js';
import { RecoveredGroups } from './recovered-groups.js';
import type { Runtime } from '../runtime.js';
import { OutgoingSnapshots } from './outgoing-snapshots.js';
import { TopologySync } from './topology-sync.js';
import { asError } from '../../thrown.js';

/** What the parts call back. */
export interface NodeHooks {
  readonly turn: () => void;
  readonly fail: (error: Error) => void;
  readonly checkpoint: () => void;
  readonly onSystemApplied: () => void;
  readonly onSystemLeader: () => void;
  readonly recovered: (group: GroupId) => RecoveredGroup | undefined;
}

export interface NodeParts {
  /** Timers and leases, as they are in force. */
  readonly settings: ClusterSettings;
  readonly inbox: Inbox;
  readonly groups: ReplicaSet;
  readonly operations: Admission;
  readonly pipeline: CommitPipeline;
  readonly disk: DiskWatch;
  /** Since when (monotonic ms) the data folder is being opened; absent: it is not, or no longer. */
  readonly opening: { sinceMs?: number | undefined };
  readonly checkpointer: Checkpointer;
  readonly stalls: DiskStalls;
  readonly snapshots: OutgoingSnapshots;
  readonly keeper: TopologyStore;
  readonly sync: TopologySync;
  readonly liveness: FailureDetector;
  readonly neighbourhood: PeerHeartbeats;
  readonly lives: Lives;
  readonly promises: LeasePromises;
  readonly confinement: Confinement;
  readonly duplicates: DuplicateWatch;
}

export function buildParts(options: ShardNodeOptions, hooks: NodeHooks): NodeParts {
  const { id, clusterConfig, storage, transport, runtime } = options;
  const settings = settingsOf(options);
  const limits = { ...DEFAULT_NODE_LIMITS, ...options.limits };
  const inbox = new Inbox(runtime, limits.inbox, hooks.turn);
  const inTurn = (group: Replica, task: () => void): void => {
    inbox.task(() => {
      task();
      groups.touch(group);
    });
  };
  const pipeline = commitPipeline(options, hooks, { inbox, limits });
  const disk = new DiskWatch(pipeline, settings.electionMs);
  const checkpoints = { ...DEFAULT_CHECKPOINT_LIMITS, ...options.checkpoints };
  const checkpointer = new Checkpointer(storage, checkpoints, (group, index) => {
    inTurn(group, () => {
      group.raft.compact(index);
    });
  });
  const stalls = diskStalls(options, hooks, { inbox, checkpointer });
  const snapshots = snapshotSender(options, hooks, { limits, inTurn });
  const promises = new LeasePromises(storage);
  const lives = new Lives(storage, transport, {
    fail: hooks.fail,
    accused: (life, why, accuser) => {
      confinement.begin(life, why, accuser);
    },
  });
  const host = groupHost(options, hooks, { pipeline, checkpointer, snapshots, lives });
  const recent = new RowCache(limits.rowCacheBytes);
  const factory = { self: id, storage, runtime, settings, limits, recent, host };
  const groups = new ReplicaSet(id, (group, voters) => {
    const confined = { ...lives.optionsOf(group), trusted: options.trustDataFolder };
    const past = { confined, owedTicks: promises.remainingTicks(settings.tickMs) };
    return makeGroup({ ...factory, ...past }, group, voters, hooks.recovered(group));
  });
  const operations = new Admission(id, groups, runtime, {
    shardCount: clusterConfig.shardCount,
    limits,
    logger: options.logger,
    disk: stalls,
  });
  const keeper = new TopologyStore(clusterConfig, id, storage);
  const liveness = new FailureDetector(settings.electionMs);
  const neighbourhood = new PeerHeartbeats(transport, keeper, liveness, clusterConfig, settings);
  const sync = topologySync(options, hooks, { keeper, groups, settings, neighbourhood, lives });
  const confinement = new Confinement({ lives, groups, keeper, liveness, inbox, logger: options.logger });
  const duplicates = duplicateWatch(options, { groups, liveness, lives });
  const running = { settings, inbox, groups, operations, pipeline, disk, stalls, checkpointer, snapshots };
  return { ...running, opening: {}, keeper, sync, liveness, neighbourhood, lives, promises, confinement, duplicates };
}

const snapshotSender = (
  { storage, runtime }: ShardNodeOptions,
  { checkpoint, fail }: NodeHooks,
  { limits, inTurn }: { readonly limits: NodeLimits; readonly inTurn: (group: Replica, task: () => void) => void },
): OutgoingSnapshots =>
  new OutgoingSnapshots(storage, {
    chunkBytes: limits.snapshotChunkBytes,
    windowBytes: limits.snapshotWindowBytes,
    patienceMs: limits.snapshotPatienceMs,
    now: () => runtime.now(),
    inTurn,
    wantCheckpoint: checkpoint,
    onFailure: fail,
  });

function settingsOf({ timers = DEFAULT_TIMERS, clusterConfig, logger }: ShardNodeOptions): ClusterSettings {
  return new ClusterSettings({ timers, leaseReads: clusterConfig.leaseReads }, logger);
}

const duplicateWatch = (
  { transport, runtime, logger }: ShardNodeOptions,
  { groups, liveness, lives }: Pick<NodeParts, 'groups' | 'liveness' | 'lives'>,
): DuplicateWatch =>
  new DuplicateWatch({
    transport,
    runtime,
    logger,
    neighbours: () => groups.neighbours(),
    isDead: (peer) => liveness.isDead(peer),
    lastProcess: (peer) => lives.lastProcess(peer),
  });

function diskStalls(
  { storage, runtime, logger, onDiskStall }: ShardNodeOptions,
  hooks: NodeHooks,
  { inbox, checkpointer }: Pick<NodeParts, 'inbox' | 'checkpointer'>,
): DiskStalls {
  return new DiskStalls(storage, runtime, logger, () => {
    onDiskStall?.();
    checkpointer.outOfRoom();
    inbox.task(() => {
      if (checkpointer.isDue(runtime.now())) hooks.checkpoint();
    });
  });
}

function commitPipeline(
  { storage, runtime }: ShardNodeOptions,
  hooks: NodeHooks,
  { inbox, limits }: { readonly inbox: Inbox; readonly limits: NodeLimits },
): CommitPipeline {
  const events = {
    onDurable: (writes: readonly QueuedWrite[]) => {
      inbox.durable(writes);
    },
    onFailure: hooks.fail,
  };
  return new CommitPipeline(storage, events, () => runtime.now(), limits.commitBytes);
}

function topologySync(
  { id, clusterConfig, transport, runtime, logger, featureLevel }: ShardNodeOptions,
  { fail }: NodeHooks,
  parts: Pick<NodeParts, 'keeper' | 'groups' | 'settings' | 'neighbourhood' | 'lives'>,
): TopologySync {
  const { keeper, groups, settings, neighbourhood, lives } = parts;
  return new TopologySync({
    self: id,
    clusterConfig,
    keeper,
    groups,
    transport,
    runtime,
    logger,
    settings,
    epochOf: (node) => neighbourhood.epochOf(node),
    knowsFolder: (node, folderId) => lives.knowsFolder(node, folderId),
    fail,
    ...(featureLevel === undefined ? {} : { featureLevel }),
  });
}

/** @throws KvorumError `shutting-down` when the node was stopped while it started: it must not come up after that. */
export async function joinNetwork(
  parts: NodeParts,
  { id, transport }: Pick<ShardNodeOptions, 'id' | 'transport'>,
  hooks: Pick<TransportEvents, 'onLink'> & Pick<NodeHooks, 'fail'> & { readonly isClosed: () => boolean },
): Promise<void> {
  if (hooks.isClosed()) throw new KvorumError('shutting-down');
  await transport.start(transportEvents(parts, id, hooks));
  if (hooks.isClosed()) throw new KvorumError('shutting-down');
}

/** What comes in only enters the inbox; hellos are judged at once, before anything goes over their link. */
function transportEvents(
  { inbox, lives, sync, duplicates }: NodeParts,
  self: NodeId,
  { onLink, fail }: { readonly onLink: TransportEvents['onLink']; readonly fail: NodeHooks['fail'] },
): TransportEvents {
  return {
    onMessages: (from, messages) => {
      inbox.frame({ from, messages });
    },
    onLink: (peer, up) => {
      inbox.task(() => {
        onLink(peer, up);
      });
    },
    onDuplicate: (peer) => {
      if (peer < ROUTER_PEERS) fail(new DuplicateNode(self, peer));
    },
    checkMembership: (hello) => sync.objection(hello),
    validateHello: (hello, decide) => {
      duplicates.examine(hello, decide);
    },
    helloTo: (peer) => ({ ...sync.helloTo(), ...lives.helloTo(peer) }),
    finalCheck: (hello) => {
      const refused = sync.objection(hello);
      if (refused === undefined) lives.met(hello, sync.hasShownUid(hello));
      return refused;
    },
  };
}

/** Before anything is said or promised: the disk is read back, with what earlier lives left behind, and this one begins. */
export async function beginLife(
  parts: NodeParts,
  { runtime, storage }: Pick<ShardNodeOptions, 'runtime' | 'storage'>,
): Promise<RecoveredGroups> {
  const { lives, promises, settings, opening } = parts;
  opening.sinceMs = runtime.now();
  try {
    const recovered = new RecoveredGroups(await storage.open());
    const { meta } = recovered;
    settings.loadCopy(topologyCopyIn(meta));
    retimeWatches(parts);
    await promises.start(meta, settings.promiseMs);
    await lives.start(meta, () => runtime.random());
    return recovered;
  } finally {
    opening.sinceMs = undefined;
  }
}

/** The node goes over to the settings in the topology; `pace` is called when its own clocks are to be set anew. */
export function followSettings(
  parts: NodeParts,
  topology: Topology,
  fail: (error: Error) => void,
  pace: () => void,
): void {
  const { settings, promises, groups, inbox } = parts;
  const inTurn = (task: () => void): void => {
    inbox.task(task);
  };
  const changed = (stretch: number): void => {
    groups.retime(settings, stretch);
    retimeWatches(parts);
    pace();
  };
  settings.applyTopology(topology, { promises, inTurn, changed }).catch((error: unknown) => {
    fail(asError(error));
  });
}

function retimeWatches({ settings, liveness, disk }: NodeParts): void {
  liveness.timeoutMs = settings.electionMs;
  disk.timeoutMs = settings.electionMs;
}

/** A checkpoint of what was applied, and of what the other nodes said of themselves. */
export async function saveAll({ checkpointer, lives }: NodeParts): Promise<void> {
  await checkpointer.run();
  await lives.save();
}

/** The same when the node stops, for a bounded time: what is not saved costs the next start some time, and nothing else. */
export function saveLast({ checkpointer, lives }: NodeParts, runtime: Pick<Runtime, 'after'>): Promise<void> {
  lives.save().catch(() => undefined);
  return checkpointer.runLast(runtime);
}

function groupHost(
  { transport, logger, runtime }: ShardNodeOptions,
  hooks: NodeHooks,
  parts: Pick<NodeParts, 'pipeline' | 'checkpointer' | 'snapshots' | 'lives'>,
): ReplicaHost {
  return {
    logger,
    now: () => runtime.now(),
    send: (group, message) => {
      parts.lives.speaksTo(message.to);
      return transport.send(message.to, { type: 'raft', group, message });
    },
    persist: (group, write) => {
      parts.pipeline.push({ group, write });
    },
    wantChunk: (group, to, sequence) => {
      parts.snapshots.want(group, to, sequence);
    },
    onApplied: (group, bytes) => {
      parts.checkpointer.applied(group, bytes, runtime.now());
      if (group.isSystem) hooks.onSystemApplied();
    },
    onLeader: (group) => {
      if (group.isSystem) hooks.onSystemLeader();
    },
  };
}
