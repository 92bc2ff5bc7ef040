/**
 * Client operations on a shard and their answers: plain data, the same in process, over a link and in the log.
 */
import type { ErrorCode, ErrorDetails, Outcome } from './errors.js';
import type { List, ListPage } from './list.js';

/** Precondition of a write, on the state of its key. */
export type Condition =
  | { readonly type: 'none' }
  | { readonly type: 'absent' }
  | { readonly type: 'exists' }
  | { readonly type: 'revision'; readonly revision: number };

/**
 * What the sender knows about earlier attempts at a write; decides the treatment of an operation id that is not in the
 * dedup table (`kv-machine.ts`).
 * - `initial`: the id was made for this attempt, so there was no earlier one;
 * - `keyed`: the client chose the id, and may have sent it before, unknown to the router;
 * - `retry`: the same sender sent it before and does not know the outcome;
 * - `keyed-retry`: the same, and the client chose the id;
 * - `client-keyed`: what `keyed` is to builds before feature level 3, which treat it differently.
 */
export type Attempt = 'initial' | 'client-keyed' | 'retry' | 'keyed' | 'keyed-retry';

/** Whether the client chose the id. */
export const isKeyed = (attempt: Attempt): boolean => attempt === 'keyed' || attempt === 'keyed-retry';

export interface Put {
  readonly type: 'put';
  /** Canonical key encoding (`keys/encoder.ts`), 1..4097 bytes: a tag and 0 to 4,096 of the user's. */
  readonly key: Uint8Array;
  readonly body: Uint8Array;
  /** ASCII, ≤ 255 bytes; kept with the value. */
  readonly contentType: string;
  readonly condition: Condition;
  /** 16 bytes of a UUID; a write is applied once per id. */
  readonly operationId: Uint8Array;
  readonly attempt: Attempt;
}

export interface Delete {
  readonly type: 'delete';
  readonly key: Uint8Array;
  readonly condition: Condition;
  readonly operationId: Uint8Array;
  readonly attempt: Attempt;
}

/** Runs a program whose keys are all in one shard, as one entry of its log. */
export interface RunProgram {
  readonly type: 'program';
  /** One of its keys, by which the shard is found. */
  readonly key: Uint8Array;
  /** The program (`program-codec.ts`). */
  readonly body: Uint8Array;
  readonly operationId: Uint8Array;
  readonly attempt: Attempt;
  /** For the router alone: the shard of a program over a range, to which no key leads. */
  readonly shard?: number;
}

/** Says something about a transaction over several shards to one of them (`transaction.ts`), as an entry of its log. */
export interface Transact {
  readonly type: 'transaction';
  /** One of the shard's keys in the transaction; empty if none is known: then `shard` alone says where it goes. */
  readonly key: Uint8Array;
  readonly shard: number;
  /** The message (`transaction-codec.ts`). */
  readonly body: Uint8Array;
  /** Of the transaction. */
  readonly operationId: Uint8Array;
  readonly attempt: Attempt;
}

export type Consistency = 'linearizable' | 'lease' | 'stale';

/** What a stale read demands of the replica that answers it, which waits until it can (`node/bounded-reads.ts`). */
export interface ReadBound {
  /** It has applied this revision of the shard. */
  readonly minRevision?: number | undefined;
  /**
   * It has applied everything that was committed so many ms before the read came to it. 1 to `MAX_STALENESS_MS`
   * (`bounds.ts`).
   */
  readonly maxStalenessMs?: number | undefined;
}

export interface Get {
  readonly type: 'get';
  readonly key: Uint8Array;
  readonly consistency: Consistency;
  /** Of a stale read. */
  readonly bound?: ReadBound | undefined;
}

/** Runs a program that only compares and gets: not an entry, but a read. */
export interface ReadProgram {
  readonly type: 'read';
  /** As in `RunProgram`. */
  readonly key: Uint8Array;
  readonly body: Uint8Array;
  readonly consistency: Consistency;
}

export type PlainWrite = Put | Delete;
export type KvWrite = PlainWrite | RunProgram | Transact;
export type KvRead = Get | ReadProgram | List;
export type KvOperation = KvWrite | KvRead;

export const isPlainWrite = (operation: KvOperation): operation is PlainWrite =>
  operation.type === 'put' || operation.type === 'delete';

export const isRead = (operation: KvOperation): operation is KvRead =>
  operation.type === 'get' || operation.type === 'read' || operation.type === 'list';

/** The bound of a stale read; undefined: none, whatever the replica has. */
export const boundOf = (read: KvOperation | undefined): ReadBound | undefined =>
  (read?.type === 'get' || read?.type === 'list') && read.consistency === 'stale' ? read.bound : undefined;

/** The shard that the operation names, or that its key leads to. */
export function shardOfOperation(operation: KvOperation, shardOfKey: (key: Uint8Array) => number): number {
  switch (operation.type) {
    case 'list':
    case 'transaction':
      return operation.shard;
    case 'program':
      return operation.shard ?? shardOfKey(operation.key);
    case 'get':
    case 'read':
    case 'put':
    case 'delete':
      return shardOfKey(operation.key);
  }
}

export interface ShardRequest {
  readonly shard: number;
  /** How long the sender still waits, in milliseconds from the arrival of the request. */
  readonly budgetMs: number;
  readonly operation: KvOperation;
}

/** A stored value as a reader sees it. `revision` is the shard's log index of the write. */
export interface KeyRecord {
  readonly revision: number;
  readonly createRevision: number;
  readonly version: number;
  readonly contentType: string;
  readonly body: Uint8Array;
  /** When the key expires: ms since 1970, by replicated time; undefined: never. */
  readonly expiresAtMs?: number | undefined;
}

export type Answer =
  | {
      readonly type: 'put';
      readonly revision: number;
      readonly version: number;
      readonly created: boolean;
      readonly replayed: boolean;
    }
  | { readonly type: 'delete'; readonly deleted: boolean; readonly revision: number; readonly replayed: boolean }
  | {
      readonly type: 'get';
      readonly record: KeyRecord | undefined;
      /** the shard's applied index */ readonly revision: number;
    }
  | {
      readonly type: 'program';
      /** Of what it wrote: the index of its entry; of a read: the shard's applied index. */
      readonly revision: number;
      /** Its outcome (`program-codec.ts`). */
      readonly outcome: Uint8Array;
      readonly replayed: boolean;
    }
  | ({
      readonly type: 'list';
      /** the shard's applied index */ readonly revision: number;
    } & ListPage)
  | Refusal;

/** A `KvorumError` as data. */
export interface Refusal {
  readonly type: 'refused';
  readonly code: ErrorCode;
  readonly outcome: Outcome;
  readonly message: string;
  readonly details: ErrorDetails;
  /** The refusal came from the dedup table. */
  readonly replayed?: boolean;
}

/** An answer with its origin. */
export interface ShardReply {
  readonly answer: Answer;
  /** Term of the group at the replica that answered; 0 if it holds none. */
  readonly term: number;
  /** Node that answered. */
  readonly servedBy: number;
}
