/** What tools see of a replica. */
import type { GroupId, Raft } from '../../raft/index.js';
import type { Machine } from '../machine/index.js';

/** A read-only view of a replica for tools, valid between two turns of its node. */
export interface ReplicaView {
  readonly id: GroupId;
  readonly raft: Pick<
    Raft,
    'id' | 'role' | 'term' | 'vote' | 'leader' | 'commit' | 'configuration' | 'log' | 'status' | 'quarantinedBoot'
  >;
  /** The state machine has applied everything up to here. */
  readonly applied: number;
  readonly installing: boolean;
  /** It would answer a read by lease now: no other replica can have committed anything that this one has not. */
  readonly holdsLease: boolean;
  /** Operations that began here and were not answered yet. */
  readonly waitingReads: number;
  readonly waitingWrites: number;
  /** Of these, operations that wait for keys of transactions. */
  readonly blocked: { readonly reads: number; readonly writes: number };
  readonly machine: Pick<
    Machine,
    'stateHash' | 'keyCount' | 'dedupEntries' | 'replicatedTimeMs' | 'openTransactions' | 'dueKeys' | 'releases'
  >;
}
