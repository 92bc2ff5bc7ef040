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

/** Of every call that asks nodes for anything. A call that takes longer ends in a `KvorumError`, most often a `timeout`. */
export interface CallOptions {
  /**
   * Milliseconds that the call may take, 1 to 3,600,000; of a list, a count and a deletion of a range, each of the steps in
   * which it is done. Default: `timeoutMs` of the store, 5,000 unless it was given another. Out of bounds: a RangeError.
   */
  readonly timeoutMs?: number;
}

/** Of a call that may be repeated after an outcome that is not known, and is done once all the same. */
export interface OnceOptions extends CallOptions {
  /**
   * A UUID that stands for this call, so that it can be made again when its outcome is not known: the same call under the
   * same key is done once, and each further one gets the first result, with `replayed: true`; so do errors that came after
   * the shard had looked at the key. Another call under the key is refused as `idempotency-key-reused`, and one that comes
   * too late to tell as `idempotency-key-expired` (outcome `unknown`). Default: one that nobody else has.
   */
  readonly idempotencyKey?: string;
}

/**
 * Of `append`, `patch` and `touch`, and with more besides of `put` and `increment`. Without any the write happens whatever the
 * key holds, and its result has neither `previous` nor `entry`.
 */
export interface WriteOptions extends StepOptions, OnceOptions {}

/** Of `put`. Without any the key is overwritten, and never expires. */
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

/**
 * Of `get` and `getEntry`. `maxStaleness` and `minRevision` are only for `consistency: 'stale'`, a TypeError otherwise; with
 * both, both hold.
 */
export interface GetOptions extends ReadOptions {
  /** Of a stale read: what was written to the key's shard up to this revision is there, as after one's own write. 0 to 2^48−1. */
  readonly minRevision?: number;
}

/** Of a deletion that resolves to whether the key was there. With a condition that does not hold it is an error instead. */
export interface DeleteOptions extends Conditions, CallOptions {}

/** Of a deletion that tells more than whether the key was there. */
export type DetailedDeleteOptions = DeleteOptions &
  (
    | (Pick<OnceOptions, 'idempotencyKey'> & {
        /** The result shows as `previous` what the key held before. Nothing else is to be had of a deletion: a TypeError. */
        readonly returning: 'previous';
      })
    | (Required<Pick<OnceOptions, 'idempotencyKey'>> & { readonly returning?: 'previous' })
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
  /**
   * Operations such as `{ op: 'replace', path: '/price', value: 5 }`, run in order; `op` is `add`, `remove`, `replace`, `move`,
   * `copy` or `test`. One that does not fit the value is `patch-failed`, with its place, from 0, as `details.position`.
   */
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

/** Of `count`. Without any: all keys, linearizable in each shard, not at one moment over all of them. */
export interface CountOptions extends KeyRange, ReadOptions {}

/**
 * Of `deleteRange`. It needs a bound, so that a variable that was not set does not delete everything: without one, or with an
 * empty prefix, a TypeError.
 */
export interface DeleteRangeOptions extends KeyRange {
  /** Only counts the keys, linearizable; nothing is deleted, and an `idempotencyKey` has no meaning. Default false. */
  readonly dryRun?: boolean;
}

/** Of `list`. Without any: all keys with their values, in ascending order; what is read at once of one shard is linearizable. */
export interface ListOptions extends KeyRange, ReadOptions {
  /** From the last key of the range to the first; default false. */
  readonly reverse?: boolean;
  /** At most so many rows, at least 1; default: all. */
  readonly limit?: number;
  /** Keys without values; default false. */
  readonly keysOnly?: boolean;
}

/** Of a list that puts keys with a common prefix into one row. */
export interface GroupedListOptions extends ListOptions {
  /** As in `KeyRange`, but text only: another kind is a TypeError. */
  readonly prefix?: string;
  /**
   * Text of 1 to 255 bytes of UTF-8. Keys that are text, and have it somewhere behind the `prefix`, are not rows themselves:
   * all that have the same text up to its first occurrence there are one row, `{ prefix }`.
   */
  readonly delimiter: string;
}

/** Stands for all keys of a list that begin with it, up to and including the delimiter. */
export interface CommonPrefix {
  /** With the delimiter at its end. As `prefix` of another list it gives these keys. */
  readonly prefix: string;
}

/** A key's value with what is known of it. */
export interface Entry<T = unknown> {
  /** The key as it was passed. */
  readonly key: unknown;
  /** A copy of the value, the caller's own. */
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

/**
 * What a write has done. A write that was refused is a `KvorumError` instead.
 * @typeParam T type of the key's value, before and after, which is not checked
 */
export interface WriteResult<T = unknown> {
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
  readonly previous?: Entry<T>;
  /** With `returning: 'representation'`: what the key holds now; absent where nothing was written to an absent key. */
  readonly entry?: Entry<T>;
  /** What was to be returned had no room beside the other values of a batch or transaction (8 MiB). */
  readonly recordOmitted?: true;
  /**
   * Of a replay whose first result was longer than 4 KiB, which is not kept: the write was done, at about `revision`, and
   * nothing else is known any more: `version` is 0.
   */
  readonly resultOmitted?: true;
}

/**
 * Of a deletion that was asked for details.
 * @typeParam T type of the value that the key held, which is not checked
 */
export interface DeleteResult<T = unknown> {
  /** False: the key was absent already. */
  readonly deleted: boolean;
  /** Of the shard, as of the deletion; within a batch or transaction absent. */
  readonly revision?: number;
  /** As in `WriteResult`. */
  readonly replayed?: true;
  /** With `returning: 'previous'`: what the key held; absent: it was absent already. */
  readonly previous?: Entry<T>;
  /** As in `WriteResult`. */
  readonly recordOmitted?: true;
  /** Of a replay whose first result was longer than 4 KiB, which is not kept: only that the key was deleted is known. */
  readonly resultOmitted?: true;
}

/** Of a deletion of a range under an `idempotencyKey`; without one it resolves to the number alone. */
export interface DeleteRangeResult {
  /** Number of keys that were there, and are gone; with `dryRun`, that are there. */
  readonly deleted: number;
  /** All of it was done by an earlier call under the same `idempotencyKey`. */
  readonly replayed?: true;
}

/**
 * What an increment has done. `value` is a bigint always, while `previous` and `entry` have what `get` gives: a number, a bigint
 * where it is no safe integer, or text if an integer was put as text.
 * @typeParam T type of the key's value, before and after, which is not checked
 */
export interface IncrementResult<T = unknown> extends WriteResult<T> {
  /** The number now. */
  readonly value: bigint;
  /** What was added; 0 where a bound left no room: then nothing was written, and an absent key is absent still. */
  readonly applied: bigint;
}

type Among<Options> = Omit<Options, keyof OnceOptions>;

interface OnKey {
  /** As in every other call: plain data, at most 4,096 bytes encoded. */
  readonly key: unknown;
}

declare const VALUE: unique symbol;

/**
 * A `get` among several operations.
 * @typeParam T type of the value that the caller stored under the key; not checked
 * @example Named where the operation is made, the type is that of its result:
 * const ids = ['user1', 'user2'];
 * const users = await kvs.batch(ids.map((key): BatchGet<User> => ({ op: 'get', key })));
 */
export interface BatchGet<T = unknown> extends OnKey {
  readonly op: 'get';
  /** Never there: an operation has no other place for the type of its result. */
  readonly [VALUE]?: T;
}

/**
 * One operation of a batch or transaction; options as in the method of that name, but for `idempotencyKey` and `timeoutMs`,
 * which are those of the whole.
 */
export type BatchOperation =
  | BatchGet
  | (OnKey & {
      readonly op: 'put';
      /** To store, or to append: as in the methods of these names. Copied in before the call returns. */
      readonly value: unknown;
    } & Among<PutOptions>)
  | (OnKey & {
      readonly op: 'delete';
      /** With it the result is a `DeleteResult`, and says what the key held; without it, a boolean. */
      readonly returning?: 'previous';
    } & Conditions)
  | (OnKey & {
      readonly op: 'increment';
      /** From −2^63 to 2^63−1; default 1. */
      readonly by?: bigint | number;
    } & Among<IncrementOptions>)
  | (OnKey & { readonly op: 'append'; readonly value: string | Uint8Array } & StepOptions)
  | (OnKey & {
      readonly op: 'patch';
      /** A JSON Merge Patch, or a `JsonPatch`. */
      readonly patch: unknown;
    } & StepOptions)
  | (OnKey & {
      readonly op: 'touch';
      /** From 1 ms to 10 years after the call; null: the key never expires. */
      readonly ttl: Ttl | null;
    } & StepOptions);

/**
 * What an operation of a batch gives: that which the method of its name resolves to. Of an operation that may be one of
 * several, what any of these gives.
 */
export type BatchValue<Op extends { readonly op: string }> = Op extends { readonly op: 'get' }
  ? BatchGot<Op>
  : Op extends { readonly op: 'delete' }
    ? BatchDeleted<Op>
    : Op extends { readonly op: 'increment' }
      ? IncrementResult
      : WriteResult;

type BatchDeleted<Op> = Op extends { readonly returning: 'previous' }
  ? DeleteResult
  : 'returning' extends keyof Op
    ? boolean | DeleteResult
    : boolean;

/** Unknown, unless the operation is a `BatchGet` of something else. */
type BatchGot<Op> = Op extends { readonly op: string; readonly [VALUE]?: infer T } ? T | undefined : unknown;

/**
 * What became of one operation, as of `Promise.allSettled`; `reason` is a `KvorumError`, whose `outcome` is that of this
 * operation.
 */
export type BatchResult<Value> = PromiseSettledResult<Value> & {
  /** It was done by an earlier call under the same `idempotencyKey`; absent: by this one. */
  readonly replayed?: true;
};

/** For each operation, in its place. */
export type BatchResults<Ops extends readonly BatchOperation[]> = {
  -readonly [At in keyof Ops]: BatchResult<BatchValue<Ops[At]>>;
};
