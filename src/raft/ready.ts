/**
 * `Ready`: the whole output of the core as one value, with durability as a field.
 *
 * The owner of a `Raft` takes it with `raft.ready()` after any input, and must then, in this order:
 *  1. send `messages` (at once: they do not depend on this node's disk);
 *  2. make `write` durable, all of it or nothing, and writes in the order in which they were handed out;
 *  3. when that is durable, call `raft.persisted(write.receipt)` and, if `raft.maySend(write.receipt)`, send `write.messages`;
 *  4. apply `committed` in order, then call `raft.applied(index)`;
 *  5. answer `reads` once the state machine has applied `index`; fail `readsLost`;
 *  6. fetch the chunks in `chunksWanted` and hand them in with `raft.offerChunk(...)`.
 * Steps 2 and 3 may take as long as they like: other `Ready`s may be taken meanwhile.
 */
import type { Message } from './messages.js';
import type { Entry, HardState, NodeId, SnapshotMeta } from './types.js';

/** Identifies one write, which distinguishes its completion from that of a later write of the same indexes (s33). */
export interface Receipt {
  /** Rises by one with every write that a `Raft` hands out. */
  readonly sequence: number;
}

/** State to make durable, atomically, before `messages` may be sent. At least one of the parts is present. */
export interface Write {
  readonly receipt: Receipt;
  /** Undefined: unchanged. */
  readonly hardState: HardState | undefined;
  /** Consecutive. The first replaces whatever the log has at its index and all that follows (§5.3). */
  readonly entries: readonly Entry[];
  /** A snapshot chunk to stage; with `done`, replace state and log by the staged snapshot, atomically. */
  readonly chunk: IncomingChunk | undefined;
  /** Votes and acknowledgements, which depend on this node's disk. */
  readonly messages: readonly Message[];
}

/** One chunk of a snapshot that this replica receives. */
export interface IncomingChunk {
  readonly meta: SnapshotMeta;
  /** Rises by one from chunk to chunk; 0 begins a snapshot and drops what was staged. */
  readonly sequence: number;
  /** Opaque; empty in the messages that open a transfer. */
  readonly data: Uint8Array;
  /** The last chunk. */
  readonly done: boolean;
}

/** Leadership was confirmed after the read arrived: answer it once `index` is applied (thesis §6.4). */
export interface ConfirmedRead {
  /** As returned by `Raft.readIndex`. */
  readonly context: number;
  readonly index: number;
  /** With `leaseReads`: for how many ms from the sending of this round a quorum promised to vote for nobody else. */
  readonly promiseMs?: number;
}

/**
 * The leader needs chunk `sequence` of a snapshot for member `to`: answer with `Raft.offerChunk` or `Raft.chunkUnavailable`.
 * 0 opens a new snapshot, of any index ≥ `LogView.snapshotIndex`.
 */
export interface ChunkWanted {
  readonly to: NodeId;
  readonly sequence: number;
}

export interface Ready {
  readonly messages: readonly Message[];
  readonly write: Write | undefined;
  /** Committed and durable here, consecutive, each entry once. Of every kind: only `command` is for the state machine. */
  readonly committed: readonly Entry[];
  readonly reads: readonly ConfirmedRead[];
  /** Contexts that will never be confirmed: leadership was lost. */
  readonly readsLost: readonly number[];
  readonly chunksWanted: readonly ChunkWanted[];
}
