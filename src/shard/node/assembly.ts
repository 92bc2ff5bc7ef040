/** Builds the parts of a node and connects them; `node.ts` and `turn.ts` run them. */
import { DEFAULT_TIMERS, LeasePromises, ClusterSettings, TopologyStore } from '../cluster/index.js';
import { RowCache } from '../machine/index.js';
import type { NodeStatus } from '../status.js';
import { Admission, PROGRAM_LEVEL } from './admission.js';
import type { AskIndex } from './bounded-reads.js';
import { ClockOffset } from './clock-offset.js';
import { ClockWatch } from './clock-watch.js';
import { Checkpointer, DEFAULT_CHECKPOINT_LIMITS } from './checkpointer.js';
import { CommitPipeline } from './commit-pipeline.js';
import { DiskStalls } from './disk-stalls.js';
import { DiskWatch } from './disk-watch.js';
import { DuplicateWatch } from './duplicate-watch.js';
import { Expirer } from './expirer.js';
import { FailureDetector } from './failure-detector.js';
import { HungDiskHandler } from './hung-disk.js';
import { Inbox } from './inbox.js';
import { DEFAULT_NODE_LIMITS, type NodeLimits, type ShardNodeOptions } from './options.js';
import { OutgoingSnapshots } from './outgoing-snapshots.js';
import { PeerHandler } from './peer-handler.js';
import { PeerHeartbeats } from './peer-heartbeats.js';
import { NodeQuarantine } from './quarantine.js';
import { createReplica } from './replica-factory.js';
import type { Replica } from './replica.js';
import { ReplicaSet } from './replica-set.js';
import { RollbackDetector } from './rollback-detector.js';
import { StatusReporter } from './status-reporter.js';
import { Ticker } from './ticker.js';
import { TopologySync } from './topology-sync.js';
import { Turn } from './turn.js';

/** The calls of a node that its parts use. */
export interface NodeCalls {
  /** Called in a separate task to handle the contents of the inbox. */
  readonly turn: () => void;
  /** Called in a turn when periodic maintenance is due. */
  readonly maintain: () => void;
  readonly checkpoint: () => void;
  readonly status: () => NodeStatus;
  readonly fail: (error: Error) => void;
}

export interface NodeParts {
  /** Timers and leases in force. */
  readonly settings: ClusterSettings;
  readonly inbox: Inbox;
  readonly replicas: ReplicaSet;
  readonly admission: Admission;
  readonly diskWatch: DiskWatch;
  readonly diskStalls: DiskStalls;
  readonly checkpointer: Checkpointer;
  readonly snapshots: OutgoingSnapshots;
  readonly topologyStore: TopologyStore;
  readonly topologySync: TopologySync;
  readonly failureDetector: FailureDetector;
  readonly peerHeartbeats: PeerHeartbeats;
  readonly clockWatch: ClockWatch;
  readonly peers: PeerHandler;
  readonly rollbackDetector: RollbackDetector;
  readonly promises: LeasePromises;
  readonly quarantine: NodeQuarantine;
  readonly ticker: Ticker;
  readonly expirer: Expirer;
  readonly turn: Turn;
  readonly reporter: StatusReporter;
}

type Base = Pick<NodeParts, 'settings' | 'inbox' | 'rollbackDetector' | 'promises' | 'replicas'> & {
  readonly limits: NodeLimits;
};
type Disk = Pick<NodeParts, 'diskWatch' | 'diskStalls' | 'checkpointer' | 'snapshots'> & {
  readonly pipeline: CommitPipeline;
};
type Peers = Pick<
  NodeParts,
  'topologyStore' | 'topologySync' | 'failureDetector' | 'peerHeartbeats' | 'clockWatch' | 'quarantine'
>;

export function assemble(options: ShardNodeOptions, node: NodeCalls): NodeParts {
  const { id, clusterConfig, transport, runtime, logger } = options;
  // The peers' hellos begin the quarantine, long after everything is built.
  const base = baseOf(options, node, (boot, why, peer) => {
    peersParts.quarantine.begin(boot, why, peer);
  });
  const { settings, inbox, replicas, limits, rollbackDetector } = base;
  const disk = diskOf(options, node, base);
  const peersParts = peersOf(options, node, base);
  const { failureDetector } = peersParts;
  const parts = { ...base, ...disk, ...peersParts, transport, runtime, logger };
  const featureLevel = (): number => peersParts.topologySync.clusterFeatureLevel;
  const { shardCount } = clusterConfig;
  const admission = new Admission(id, replicas, { shardCount, limits, logger, disk: disk.diskStalls, featureLevel });
  const duplicateWatch = new DuplicateWatch({
    transport,
    runtime,
    logger,
    peers: () => replicas.peers(),
    isDead: (peer) => failureDetector.isDead(peer),
    lastProcess: (peer) => rollbackDetector.lastProcess(peer),
  });
  const peers = new PeerHandler({
    ...parts,
    self: id,
    admission,
    duplicateWatch,
    status: node.status,
    fail: node.fail,
  });
  const ticker = new Ticker(runtime, settings, {
    tick: () => {
      inbox.tick();
    },
    maintenance: () => {
      inbox.task(node.maintain);
    },
  });
  const hungDisk = new HungDiskHandler(parts);
  const expirer = new Expirer({ replicas, runtime, inbox, mayPropose: () => featureLevel() >= PROGRAM_LEVEL });
  const turn = new Turn({ ...parts, admission, peers, ticker, expirer, hungDisk });
  return { ...parts, admission, peers, ticker, expirer, turn, reporter: new StatusReporter(parts) };
}

function baseOf(
  { id, clusterConfig, storage, transport, runtime, logger, timers = DEFAULT_TIMERS, ...options }: ShardNodeOptions,
  { turn, fail }: NodeCalls,
  onRolledBack: (boot: number, why: string, peer: number) => void,
): Base {
  const limits = { ...DEFAULT_NODE_LIMITS, ...options.limits };
  const settings = new ClusterSettings({ timers, leaseReads: clusterConfig.leaseReads }, logger);
  const inbox = new Inbox(runtime, limits.inbox, turn);
  const promises = new LeasePromises(storage);
  const rollbackDetector = new RollbackDetector(storage, transport, { onRolledBack, fail });
  const recent = new RowCache(limits.rowCacheBytes);
  const replicas = new ReplicaSet(id, (group, voters, recovered) => {
    const quarantine = { ...rollbackDetector.optionsOf(group), trusted: options.trustDataFolder };
    const owedTicks = promises.remainingTicks(settings.tickMs);
    const askIndex: AskIndex = (leader, of, question) =>
      transport.send(leader, { type: 'read-index-request', group: of, id: question });
    return createReplica(
      { self: id, storage, runtime, settings, limits, recent, logger, quarantine, owedTicks, askIndex },
      group,
      voters,
      recovered,
    );
  });
  return { limits, settings, inbox, promises, rollbackDetector, replicas };
}

function diskOf(
  { storage, runtime, logger, onDiskStall, ...options }: ShardNodeOptions,
  { checkpoint, fail }: NodeCalls,
  { inbox, settings, replicas, limits }: Base,
): Disk {
  const now = (): number => runtime.now();
  const inTurn = (replica: Replica, task: () => void): void => {
    inbox.task(() => {
      task();
      replicas.markDirty(replica);
    });
  };
  const pipeline = new CommitPipeline(storage, {
    onDurable: (writes) => {
      inbox.durable(writes);
    },
    onFailure: fail,
    now,
    maxCommitBytes: limits.commitBytes,
  });
  const checkpointLimits = { ...DEFAULT_CHECKPOINT_LIMITS, ...options.checkpoints };
  const checkpointer = new Checkpointer(storage, checkpointLimits, (replica, index) => {
    inTurn(replica, () => {
      replica.raft.compact(index);
    });
  });
  const diskStalls = new DiskStalls(storage, runtime, logger, () => {
    onDiskStall?.();
    checkpointer.outOfRoom();
    inbox.task(() => {
      if (checkpointer.isDue(runtime.now())) checkpoint();
    });
  });
  const snapshots = new OutgoingSnapshots(storage, {
    chunkBytes: limits.snapshotChunkBytes,
    windowBytes: limits.snapshotWindowBytes,
    patienceMs: limits.snapshotPatienceMs,
    now,
    inTurn,
    wantCheckpoint: checkpoint,
    onFailure: fail,
  });
  return { pipeline, diskWatch: new DiskWatch(pipeline, settings.electionMs), diskStalls, checkpointer, snapshots };
}

function peersOf(
  { id, clusterConfig, storage, transport, runtime, logger, featureLevel }: ShardNodeOptions,
  { fail }: NodeCalls,
  { settings, replicas, inbox, rollbackDetector }: Base,
): Peers {
  const topologyStore = new TopologyStore(clusterConfig, id, storage);
  const failureDetector = new FailureDetector(settings.electionMs);
  const clockOffset = new ClockOffset();
  const peerHeartbeats = new PeerHeartbeats(transport, topologyStore, failureDetector, clusterConfig, settings, {
    clockOffset,
    wallTime: () => runtime.wallTime(),
  });
  const clockWatch = new ClockWatch({ clockOffset, peerHeartbeats, failureDetector, replicas, runtime, logger });
  const topologySync = new TopologySync({
    self: id,
    clusterConfig,
    topologyStore,
    replicas,
    transport,
    runtime,
    logger,
    settings,
    epochOf: (node) => peerHeartbeats.epochOf(node),
    knowsFolder: (node, folderId) => rollbackDetector.knowsFolder(node, folderId),
    fail,
    ...(featureLevel === undefined ? {} : { featureLevel }),
  });
  const quarantine = new NodeQuarantine({ rollbackDetector, replicas, topologyStore, failureDetector, inbox, logger });
  return { topologyStore, failureDetector, peerHeartbeats, clockWatch, topologySync, quarantine };
}
