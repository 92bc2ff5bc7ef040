/** Creates replicas: the core with its options, the group's state machine, the table over storage. */
import {
  type Configuration,
  type GroupId,
  type NodeId,
  type RaftOptions,
  type RaftTimers,
  type RecoveredGroup,
  type Storage,
} from '../../raft/index.js';
import type { AskIndex } from './bounded-reads.js';
import { Replica } from './replica.js';
import { KvMachine, Memtable, type RowCache } from '../machine/index.js';
import type { NodeLimits } from './options.js';
import type { Logger, Runtime } from '../runtime.js';
import { type ClusterSettings, SYSTEM_GROUP, SystemMachine } from '../cluster/index.js';
const MAX_INFLIGHT_APPENDS = 64;
/**
 * Enough for 200 MB/s to a follower that answers after 20 ms, but one group alone does not fill a slow link's queue.
 */
const MAX_INFLIGHT_BYTES = 4 * 1024 * 1024;

export interface ReplicaFactoryOptions {
  readonly self: NodeId;
  readonly storage: Storage;
  readonly runtime: Runtime;
  readonly settings: ClusterSettings;
  readonly limits: NodeLimits;
  readonly recent: RowCache;
  readonly logger: Logger;
  readonly askIndex: AskIndex;
  /** The quarantine that the replica starts in, or has left (`rollback-detector.ts`). */
  readonly quarantine?: Pick<RaftOptions, 'quarantine' | 'released' | 'trusted'>;
  /** Rest of the lease promises of earlier runs of the node (`promises.ts`). */
  readonly owedTicks?: number;
}

export function createReplica(
  options: ReplicaFactoryOptions,
  id: GroupId,
  voters: readonly NodeId[],
  recovered: RecoveredGroup | undefined,
): Replica {
  const { storage, limits, runtime, logger, askIndex } = options;
  const table = new Memtable(storage, id, options.recent);
  const machine =
    id === SYSTEM_GROUP
      ? new SystemMachine(table)
      : new KvMachine(table, {
          maxDedupEntries: limits.dedupEntries,
          maxKeyedEntries: limits.keyedEntries,
          windowMs: limits.dedupWindowMs,
        });
  const raft = raftOptions(options, voters, recovered);
  const replica = new Replica({ id, raft, machine, table, clocks: runtime, logger, askIndex });
  replica.leases = options.settings.leases;
  return replica;
}

export const raftTimers = ({ electionTicks, heartbeatTicks, promises, promiseMs }: ClusterSettings): RaftTimers => ({
  electionTicks,
  heartbeatTicks,
  quiesceTicks: electionTicks,
  leaseReads: promises,
  promiseMs,
});

function raftOptions(
  { self, runtime, settings, limits, quarantine, owedTicks = 0 }: ReplicaFactoryOptions,
  voters: readonly NodeId[],
  recovered: RecoveredGroup | undefined,
): RaftOptions {
  const configuration: Configuration = { voters, votersOutgoing: [], learners: [] };
  return {
    id: self,
    configuration,
    hardState: recovered?.hardState ?? { term: 0, vote: 0, commit: 0 },
    snapshot: recovered?.snapshot ?? { index: 0, term: 0, configuration },
    entries: recovered?.entries ?? [],
    random: () => runtime.random(),
    maxAppendBytes: limits.appendBytes,
    maxInflight: MAX_INFLIGHT_APPENDS,
    maxInflightBytes: Math.min(MAX_INFLIGHT_BYTES, limits.commitBytes),
    maxUncommittedBytes: limits.uncommittedBytes,
    ...raftTimers(settings),
    owedTicks,
    ...quarantine,
  };
}
