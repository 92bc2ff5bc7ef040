/** What operations of a keyspace take and give. */

/** Time to live: whole milliseconds, or text such as `250ms`, `30s`, `15m`, `24h`, `7d`; 1 ms to 10 years. */
export type Ttl = number | string;

/**
 * What must hold of the key, at most one of these; default: nothing. Where it does not hold, nothing is written, and the
 * error is `precondition-failed` with `details.currentRevision` (0: absent).
 */
export interface Conditions {
  /** The key has this revision. */
  readonly ifRevision?: number;
  /** The key is absent. */
  readonly ifAbsent?: boolean;
  /** The key exists. */
  readonly ifExists?: boolean;
}

/** Of a write on its own, or of one among several. */
export interface StepOptions extends Conditions {
  /**
   * What the result shows besides revision and version: what the key held before (`previous`), or what it holds now
   * (`representation`, as `entry`). Default: neither.
   */
  readonly returning?: 'previous' | 'representation';
}

export interface CallOptions {
  /**
   * Milliseconds that the call may take, 1 to 3,600,000; of a list, a count and a deletion of a range, each of the steps in
   * which it is done. Default: that of the store.
   */
  readonly timeoutMs?: number;
}

export interface OnceOptions extends CallOptions {
  /**
   * A UUID that stands for this call, so that it can be made again when its outcome is not known: the same call under the
   * same key is done once, and each further one gets the first result, with `replayed: true`; so do errors that came after
   * the shard had looked at the key. Another call under the key is refused as `idempotency-key-reused`, and one that comes
   * too late to tell as `idempotency-key-expired` (outcome `unknown`). Default: one that nobody else has.
   */
  readonly idempotencyKey?: string;
}

export interface WriteOptions extends StepOptions, OnceOptions {}

export interface PutOptions extends WriteOptions {
  /** The key expires so long after the write; `keep`: when it would have. Default: never, whatever held before. */
  readonly ttl?: Ttl;
}

/** How fresh what is read has to be. */
export interface ReadOptions extends CallOptions {
  /**
   * `linearizable` is the default. `stale`: any replica answers, with what it has applied, without asking others; or, with
   * one of the bounds below, once it meets them. What a stale read gives may have been overwritten.
   */
  readonly consistency?: 'linearizable' | 'stale';
  /**
   * Of a stale read: what was written so long before the call is there. Milliseconds, or text such as `500ms`, `30s`; 1 ms
   * to 24 h.
   */
  readonly maxStaleness?: number | string;
}

export interface GetOptions extends ReadOptions {
  /** Of a stale read: what was written to the key's shard up to this revision is there, as after one's own write. */
  readonly minRevision?: number;
}

export interface DeleteOptions extends Conditions, CallOptions {}

/** Of a deletion that tells more than whether the key was there. */
export type DetailedDeleteOptions = DeleteOptions &
  (
    | { readonly returning: 'previous'; readonly idempotencyKey?: string }
    | { readonly returning?: 'previous'; readonly idempotencyKey: string }
  );

/** Integers are from −2^63 to 2^63−1; as numbers, safe integers. */
export interface IncrementOptions extends WriteOptions {
  /** What an absent key counts as; default 0. */
  readonly initial?: bigint | number;
  /** Bound of decrements; default −2^63. */
  readonly min?: bigint | number;
  /** Bound of increments; default 2^63−1. */
  readonly max?: bigint | number;
  /** At a bound, go as far as it; default false: nothing changes. */
  readonly clamp?: boolean;
  /** Counts from the creation of the key only: with `max` this limits a rate. */
  readonly ttl?: Ttl;
}

/** A JSON Patch (RFC 6902), if an object has this member and no other; anything else is a JSON Merge Patch (RFC 7396). */
export interface JsonPatch {
  readonly jsonPatch: readonly object[];
}

/**
 * A range of keys, in the canonical order of keys (`shard/keys/format.ts`): text by its UTF-8, numbers by value, arrays
 * element by element. Without bounds: all keys.
 */
export interface KeyRange {
  /**
   * The keys that begin with it: text, bytes, or arrays with these first elements. Excludes `start` and `end`.
   */
  readonly prefix?: string | Uint8Array | readonly unknown[];
  /** The first key, inclusive. */
  readonly start?: unknown;
  /** The key before which the range ends. */
  readonly end?: unknown;
}

export interface CountOptions extends KeyRange, ReadOptions {}

export interface DeleteRangeOptions extends KeyRange {
  /** Only counts the keys; default false. */
  readonly dryRun?: boolean;
}

export interface ListOptions extends KeyRange, ReadOptions {
  /** From the last key to the first. */
  readonly reverse?: boolean;
  /** At most so many rows, at least 1; default: all. */
  readonly limit?: number;
  /** Keys without values; default false. */
  readonly keysOnly?: boolean;
}

/** Of a list that puts keys with a common prefix into one row. */
export interface GroupedListOptions extends ListOptions {
  readonly prefix?: string;
  /**
   * Text of 1 to 255 bytes of UTF-8. Keys that are text, and have it somewhere behind the `prefix`, are not rows themselves:
   * all that have the same text up to its first occurrence there are one row, `{ prefix }`.
   */
  readonly delimiter: string;
}

/** Stands for all keys of a list that begin with it, up to and including the delimiter. */
export interface CommonPrefix {
  readonly prefix: string;
}

/** A key's value with what is known of it. */
export interface Entry<T = unknown> {
  /** The key as it was passed. */
  readonly key: unknown;
  readonly value: T;
  /** Rises with every write to the key; unique within its shard. */
  readonly revision: number;
  /** Revision of the write that created the key. */
  readonly createRevision: number;
  /** Number of writes since the creation, which is 1. */
  readonly version: number;
  /** When the key goes; absent: never. */
  readonly expiresAt?: Date;
}

export interface WriteResult {
  /** The key's revision after the write. */
  readonly revision: number;
  /** Number of writes to the key since its creation, which is 1. */
  readonly version: number;
  /** The key was absent before. */
  readonly created: boolean;
  /** When the key goes, if the write was asked for or keeps a `ttl`; absent: never, or not known to this operation. */
  readonly expiresAt?: Date;
  /** The write was done by an earlier call under the same `idempotencyKey`; the result is that of then. */
  readonly replayed?: true;
  /** With `returning: 'previous'`: what the key held before; absent: it was absent. */
  readonly previous?: Entry;
  /** With `returning: 'representation'`: what the key holds now; absent where nothing was written to an absent key. */
  readonly entry?: Entry;
  /** What was to be returned had no room beside the other values of a batch or transaction (8 MiB). */
  readonly recordOmitted?: true;
  /**
   * Of a replay whose first result was longer than 4 KiB, which is not kept: the write was done, at about `revision`, and
   * nothing else is known any more: `version` is 0.
   */
  readonly resultOmitted?: true;
}

/** Of a deletion that was asked for details. */
export interface DeleteResult {
  /** False: the key was absent already. */
  readonly deleted: boolean;
  /** Of the shard, as of the deletion; within a batch or transaction absent. */
  readonly revision?: number;
  /** As in `WriteResult`, as are the next two. */
  readonly replayed?: true;
  readonly previous?: Entry;
  readonly recordOmitted?: true;
  /** Of a replay whose first result was longer than 4 KiB, which is not kept: only that the key was deleted is known. */
  readonly resultOmitted?: true;
}

export interface DeleteRangeResult {
  /** Number of keys. */
  readonly deleted: number;
  /** All of it was done by an earlier call under the same `idempotencyKey`. */
  readonly replayed?: true;
}

export interface IncrementResult extends WriteResult {
  /** The number now. */
  readonly value: bigint;
  /** What was added; 0 where a bound left no room: then nothing was written, and an absent key is absent still. */
  readonly applied: bigint;
}

type Among<Options> = Omit<Options, keyof OnceOptions>;

/** One operation of a batch or transaction; options as in the method of that name, but for `idempotencyKey`. */
export type BatchOperation =
  | { readonly op: 'get'; readonly key: unknown }
  | ({ readonly op: 'put'; readonly key: unknown; readonly value: unknown } & Among<PutOptions>)
  | ({ readonly op: 'delete'; readonly key: unknown; readonly returning?: 'previous' } & Conditions)
  | ({ readonly op: 'increment'; readonly key: unknown; readonly by?: bigint | number } & Among<IncrementOptions>)
  | ({ readonly op: 'append'; readonly key: unknown; readonly value: string | Uint8Array } & StepOptions)
  | ({ readonly op: 'patch'; readonly key: unknown; readonly patch: unknown } & StepOptions)
  | ({ readonly op: 'touch'; readonly key: unknown; readonly ttl: Ttl | null } & StepOptions);

/** What an operation of a batch gives: that which the method of its name resolves to. */
export type BatchValue<Op extends { readonly op: string }> = Op['op'] extends 'get'
  ? unknown
  : Op['op'] extends 'delete'
    ? Op extends { readonly returning: 'previous' }
      ? DeleteResult
      : boolean
    : Op['op'] extends 'increment'
      ? IncrementResult
      : WriteResult;

/**
 * What became of one operation, as of `Promise.allSettled`; `reason` is a `KvorumError`. `replayed`: it was done by an earlier
 * call under the same `idempotencyKey`.
 */
export type BatchResult<Value> = PromiseSettledResult<Value> & { readonly replayed?: true };

/** For each operation, in its place. */
export type BatchResults<Ops extends readonly BatchOperation[]> = {
  -readonly [At in keyof Ops]: BatchResult<BatchValue<Ops[At]>>;
};
