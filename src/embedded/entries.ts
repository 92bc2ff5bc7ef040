/** What operations of a keyspace take and give. */

/** Time to live: whole milliseconds, or text such as `250ms`, `30s`, `15m`, `24h`, `7d`; 1 ms to 10 years. */
export type Ttl = number | string;

export interface PutOptions {
  /** The key expires so long after the write; `keep`: when it would have. Default: never, whatever held before. */
  readonly ttl?: Ttl;
  /** Only if the key has this revision. Excludes `ifAbsent`. */
  readonly ifRevision?: number;
  /** Only if the key is absent. */
  readonly ifAbsent?: boolean;
}

export interface GetOptions {
  /**
   * `linearizable` is the default. `stale`: any replica answers, with what it has applied, without asking others; or, with
   * one of the bounds below, once it meets them. What a stale read gives may have been overwritten.
   */
  readonly consistency?: 'linearizable' | 'stale';
  /** Of a stale read: what was written to the key's shard up to this revision is there, as after one's own write. */
  readonly minRevision?: number;
  /**
   * Of a stale read: what was written so long before the call is there. Milliseconds, or text such as `500ms`, `30s`; 1 ms
   * to 24 h.
   */
  readonly maxStaleness?: number | string;
}

export interface DeleteOptions {
  /** Only if the key has this revision. */
  readonly ifRevision?: number;
}

/** Integers are from −2^63 to 2^63−1; as numbers, safe integers. */
export interface IncrementOptions {
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

export interface ListOptions extends KeyRange {
  /** From the last key to the first. */
  readonly reverse?: boolean;
  /** At most so many entries. */
  readonly limit?: number;
  /** Keys without values. */
  readonly keysOnly?: boolean;
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
}

export interface IncrementResult extends WriteResult {
  /** The number now. */
  readonly value: bigint;
  /** What was added; 0 where a bound left no room: then nothing was written, and an absent key is absent still. */
  readonly applied: bigint;
}

/** One operation of a batch; options as in the method of that name. */
export type BatchOperation =
  | { readonly op: 'get'; readonly key: unknown }
  | ({ readonly op: 'put'; readonly key: unknown; readonly value: unknown } & PutOptions)
  | ({ readonly op: 'delete'; readonly key: unknown } & DeleteOptions)
  | ({ readonly op: 'increment'; readonly key: unknown; readonly by?: bigint | number } & IncrementOptions)
  | { readonly op: 'append'; readonly key: unknown; readonly value: string | Uint8Array }
  | { readonly op: 'patch'; readonly key: unknown; readonly patch: unknown }
  | { readonly op: 'touch'; readonly key: unknown; readonly ttl: Ttl | null };

/** What an operation of a batch gives: that which the method of its name resolves to. */
export type BatchValue<Op extends { readonly op: string }> = Op['op'] extends 'get'
  ? unknown
  : Op['op'] extends 'delete'
    ? boolean
    : Op['op'] extends 'increment'
      ? IncrementResult
      : WriteResult;

/** For each operation of a batch, in its place, as of `Promise.allSettled`; `reason` is a `KvorumError`. */
export type BatchResults<Ops extends readonly BatchOperation[]> = {
  -readonly [At in keyof Ops]: PromiseSettledResult<BatchValue<Ops[At]>>;
};
