/**
 * `Ready`: all that leaves the core, as one value, with durability as a field.
 *
 * The owner of a `Raft` takes it with `raft.ready()` after any input, and must then, in this order:
 *  1. send `messages` (at once, they promise nothing about this node's disk);
 *  2. make `write` durable, all of it or nothing, and writes in the order in which they were handed out;
 *  3. when that is durable, call `raft.persisted(write.receipt)` and, if `raft.maySay(write.receipt)`, send `write.messages`;
 *  4. apply `committed` in order, then call `raft.applied(index)`;
 *  5. answer `reads` once the state machine has applied `index`; fail `readsLost`;
 *  6. fetch the chunks in `chunksWanted` and hand them in with `raft.offerChunk(...)`.
 * Steps 2 and 3 may take as long as they like: other `Ready`s may be taken meanwhile.
 */
import type { Message } from './messages.js';
import type { Entry, HardState, NodeId, SnapshotMeta } from './types.js';

/** Names one write, so that its completion can be told from that of a later write of the same indexes (s33). */
export interface Receipt {
  /** Rises by one with every write that a `Raft` hands out. */
  readonly sequence: number;
}

/** What must be on disk before `messages` may be sent. At least one of the parts is present. */
export interface Write {
  readonly receipt: Receipt;
  readonly hardState: HardState | undefined;
  /** Consecutive. The first replaces whatever the log has at its index and all that follows (§5.3). */
  readonly entries: readonly Entry[];
  /** A chunk to stage; `done` means: replace state and log by the staged snapshot, atomically. */
  readonly chunk: IncomingChunk | undefined;
  /** Votes, acknowledgements: what speaks of this node's disk. */
  readonly messages: readonly Message[];
}

export interface IncomingChunk {
  readonly meta: SnapshotMeta;
  readonly sequence: number;
  readonly data: Uint8Array;
  readonly done: boolean;
}

/** Leadership was confirmed after the read arrived: answer once `index` is applied (thesis §6.4). */
export interface ConfirmedRead {
  readonly context: number;
  readonly index: number;
  /** With `leaseReads`: how long a quorum promised to vote for nobody else, from the sending of this round on. */
  readonly promiseMs?: number;
}

/** The leader needs chunk `sequence` of a snapshot for `to`; 0 opens a new one (any index ≥ the log's first − 1 will do). */
export interface ChunkWanted {
  readonly to: NodeId;
  readonly sequence: number;
}

export interface Ready {
  readonly messages: readonly Message[];
  readonly write: Write | undefined;
  readonly committed: readonly Entry[];
  readonly reads: readonly ConfirmedRead[];
  /** Contexts that will never be confirmed: leadership was lost. */
  readonly readsLost: readonly number[];
  readonly chunksWanted: readonly ChunkWanted[];
}
