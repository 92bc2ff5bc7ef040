/**
 * Reading keys in order: one page of a range of one shard, as plain data.
 *
 * A shard is asked for by its number, since a range has keys of all of them. A page is bounded in rows, in bytes and in
 * work, so that the node that reads it is not held up for more than a few milliseconds: behind many deleted keys it may
 * have no item and still something left of the range.
 */
import { namespaceBytesOf, userKeyOf, type Namespace } from './namespace.js';
import type { Consistency, KeyRecord, ReadBound } from './operation.js';

/** Items of one page, whatever was asked for. */
export const MAX_LIST_ROWS = 1_000;
/** Bytes of keys and values of one page, whatever was asked for. */
export const MAX_LIST_BYTES = 1024 * 1024;
/** Keys that one page counts. */
export const MAX_COUNTED_ROWS = 4_096;
export const MAX_DELIMITER_BYTES = 255;

/**
 * What a page has of each key. `count`: nothing, only how many there are. `namespaces`: not keys are listed, but the
 * namespaces whose own keys (`namespaceKey`) are in the range.
 */
export type ListContent = 'values' | 'keys' | 'count' | 'namespaces';

/** Puts string keys that have `delimiter` behind their first `prefixBytes` bytes into one item: their common prefix. */
export interface Grouping {
  /** Of the encoded key. */
  readonly prefixBytes: number;
  /** UTF-8, 1 to `MAX_DELIMITER_BYTES`. */
  readonly delimiter: Uint8Array;
}

/** @param prefix with which all keys of the range begin, within a namespace or not; undefined: they have bounds */
export function groupingBy(delimiter: Uint8Array, prefix: Uint8Array | undefined): Grouping {
  // Without a prefix there is the tag of strings.
  const isWhole = prefix === undefined || namespaceBytesOf(prefix) === prefix.length;
  return { prefixBytes: (prefix?.length ?? 0) + (isWhole ? 1 : 0), delimiter };
}

/** The text of a common prefix; only string keys have one. @param key as of an item of type `prefix` */
export const prefixTextOf = (key: Uint8Array): string => Buffer.from(userKeyOf(key).subarray(1)).toString();

export interface List {
  readonly type: 'list';
  readonly shard: number;
  /** Encoded key, inclusive; 1 to `MAX_BOUND_BYTES` (`bounds.ts`). */
  readonly from: Uint8Array;
  /** Exclusive; undefined: to the end. */
  readonly to: Uint8Array | undefined;
  /** From the last key to the first. */
  readonly reverse: boolean;
  readonly content: ListContent;
  /** Only of values and keys. */
  readonly grouping: Grouping | undefined;
  /** Items wanted, at least 1. */
  readonly rows: number;
  /**
   * Bytes of keys and values wanted. An item that is alone too long for it is sent without its value (`deferred`).
   */
  readonly bytes: number;
  readonly consistency: Consistency;
  /** Of a stale read. */
  readonly bound?: ReadBound | undefined;
  /** Reads a view of the shard; undefined: its state as it is. */
  readonly view?: ListView;
}

/** A view that the replica keeps between the pages of a list. It ends with the last page, or by its bounds. */
export interface ListView {
  /** As the answer to the first page has it; 0: opens one. */
  readonly id: number;
  /** Ends the view; there is no page. */
  readonly isLast: boolean;
}

export type ListItem =
  | { readonly type: 'record'; readonly key: Uint8Array; readonly record: KeyRecord }
  /** A key whose value was not asked for. */
  | { readonly type: 'key'; readonly key: Uint8Array }
  /** A key whose value is longer than the page may be. */
  | { readonly type: 'deferred'; readonly key: Uint8Array }
  /** At least one key begins with this. */
  | { readonly type: 'prefix'; readonly key: Uint8Array }
  | { readonly type: 'namespace'; readonly key: Uint8Array; readonly namespace: Namespace };

export interface ListPage {
  readonly items: readonly ListItem[];
  /** Of keys, if only their number was asked for. */
  readonly count: number;
  /**
   * Where to go on: the next page's `from`, or its `to` in reverse. There may be no key left. Undefined: this page
   * reaches the end.
   */
  readonly rest: Uint8Array | undefined;
  /** Of the view that was read. */
  readonly view?: number;
}
