/**
 * The namespaces of a shard: a row each, with limits and counters. `Records` reports every change of a record, so the
 * counters are exact after each entry, whatever it did.
 *
 * Rows, not memory, are what is kept: a shard may have any number of namespaces, and a snapshot has them as it has the
 * records. A hash over all rows is part of the hash of the state.
 */
import { StorageCorruption, type RowPage, type StateKey } from '../../raft/index.js';
import { borrowWriter, ByteReader, finish } from '../byte-buffer.js';
import { binaryString } from '../big-endian.js';
import { FORMATS, numberWritten, reads, unknownNumber } from '../formats.js';
import { MAX_LIST_ROWS, type List, type ListItem, type ListPage } from '../list.js';
import type { Namespace, NamespaceLimits } from '../namespace.js';
import { readLimits, writeLimits } from '../step-fields.js';
import { bodyBytesOf } from './record-row.js';
import { HashSum, hashRow } from './state-hash.js';
import type { StateStore } from './state-store.js';

/** First character of the row key of a namespace; its key follows, without the tag. */
const SPACE = '\u0005';
const END = '\u0006';
const TAG = FORMATS.keyTag.numbers.namespace;
const LAYOUT = numberWritten(FORMATS.namespaceRow);
const LIST_PAGE_BYTES = 256 * 1024;

export interface NamespacesState {
  readonly count: number;
  readonly hashHigh: number;
  readonly hashLow: number;
}

export class Namespaces {
  #count = 0;
  readonly #hash = new HashSum();
  readonly #store: StateStore;

  constructor(store: StateStore) {
    this.#store = store;
  }

  /** @param key of the namespace, or one in it @throws StorageCorruption */
  of(key: Uint8Array): Namespace | undefined {
    const row = this.#store.get(rowKeyOf(key));
    return row === undefined ? undefined : decodeNamespace(row);
  }

  /** Creates the namespace, or changes its limits. @returns whether it is new */
  put(key: Uint8Array, { maxKeys, maxBytes }: NamespaceLimits, revision: number): boolean {
    const rowKey = rowKeyOf(key);
    const old = this.#store.get(rowKey);
    const before = old === undefined ? { createRevision: revision, keys: 0, bytes: 0 } : decodeNamespace(old);
    this.#write(rowKey, old, { ...before, revision, maxKeys, maxBytes });
    return old === undefined;
  }

  /** Of a namespace without keys. */
  remove(key: Uint8Array): void {
    const rowKey = rowKeyOf(key);
    const row = this.#store.get(rowKey);
    if (row === undefined) return;
    this.#subtract(rowKey, row);
    this.#store.delete(rowKey);
  }

  /**
   * A record with this row key, in a namespace, has changed: its row is another one, or there is none any more.
   * @throws StorageCorruption if the namespace does not exist
   */
  onChange(recordKey: StateKey, old: Uint8Array | undefined, row: Uint8Array | undefined, revision: number): void {
    const end = recordKey.indexOf('\0', 2) + 1;
    const rowKey = SPACE + recordKey.slice(2, end);
    const before = this.#store.get(rowKey);
    if (before === undefined) throw new StorageCorruption('a record is in a namespace that does not exist');
    const namespace = decodeNamespace(before);
    // The user's key has a tag, which does not count.
    const keyBytes = recordKey.length - end - 1;
    const [kept, left] = [usageOf(keyBytes, row), usageOf(keyBytes, old)];
    const keys = namespace.keys + kept.keys - left.keys;
    const bytes = namespace.bytes + kept.bytes - left.bytes;
    this.#write(rowKey, before, { ...namespace, revision, keys, bytes });
  }

  state(): NamespacesState {
    return { count: this.#count, hashHigh: this.#hash.high, hashLow: this.#hash.low };
  }

  load({ count, hashHigh, hashLow }: NamespacesState): void {
    this.#count = count;
    this.#hash.set(hashHigh, hashLow);
  }

  /** A page of the namespaces whose keys are in the range. */
  list({ from, to, reverse, rows }: List): ListPage {
    const range = { from: boundOf(from), to: to === undefined ? END : boundOf(to), reverse };
    if (range.from >= range.to) return { items: [], count: 0, rest: undefined };
    const bounds = { rows: Math.min(rows, MAX_LIST_ROWS), bytes: LIST_PAGE_BYTES };
    const page: RowPage = this.#store.range(range, bounds);
    const items = page.rows.map(([rowKey, row]): ListItem => ({
      type: 'namespace',
      key: keyOf(rowKey),
      namespace: decodeNamespace(row),
    }));
    const rest = page.rest && (reverse ? (page.rest.to ?? END) : page.rest.from);
    return { items, count: 0, rest: rest === undefined ? undefined : keyOf(rest) };
  }

  #write(rowKey: StateKey, old: Uint8Array | undefined, namespace: Namespace): void {
    if (old !== undefined) this.#subtract(rowKey, old);
    const row = encodeNamespace(namespace);
    const { high, low } = hashOf(rowKey, row);
    this.#hash.add(high, low);
    this.#count += 1;
    this.#store.set(rowKey, row);
  }

  #subtract(rowKey: StateKey, row: Uint8Array): void {
    const { high, low } = hashOf(rowKey, row);
    this.#hash.subtract(high, low);
    this.#count -= 1;
  }
}

function usageOf(keyBytes: number, row: Uint8Array | undefined): { readonly keys: number; readonly bytes: number } {
  return row === undefined ? { keys: 0, bytes: 0 } : { keys: 1, bytes: keyBytes + bodyBytesOf(row) };
}

/** The row key of the namespace that a key is in. */
const rowKeyOf = (key: Uint8Array): StateKey => SPACE + binaryString(key, 1, key.indexOf(0, 1) + 1);

const keyOf = (rowKey: StateKey): Uint8Array =>
  // What is behind all namespaces is behind their tag.
  rowKey === END ? Uint8Array.of(TAG + 1) : Buffer.concat([Uint8Array.of(TAG), Buffer.from(rowKey.slice(1), 'latin1')]);

/** A bound of keys as one of rows. */
function boundOf(bound: Uint8Array): StateKey {
  const tag = bound[0] ?? 0;
  if (tag !== TAG) return tag < TAG ? SPACE : END;
  return SPACE + binaryString(bound, 1, bound.length);
}

function hashOf(rowKey: StateKey, row: Uint8Array): Readonly<{ high: number; low: number }> {
  return hashRow(row, Buffer.from(rowKey, 'latin1'), 0, rowKey.length);
}

function encodeNamespace(namespace: Namespace): Uint8Array {
  const out = borrowWriter();
  out.u8(LAYOUT);
  out.u48(namespace.createRevision);
  out.u48(namespace.revision);
  out.u48(namespace.keys);
  out.u48(namespace.bytes);
  writeLimits(out, namespace);
  return finish(out);
}

/** @throws StorageCorruption */
export function decodeNamespace(row: Uint8Array): Namespace {
  const input = new ByteReader(row);
  const layout = input.u8();
  if (!reads(FORMATS.namespaceRow, layout)) throw new StorageCorruption(unknownNumber(FORMATS.namespaceRow, layout));
  const createRevision = input.u48();
  const revision = input.u48();
  const keys = input.u48();
  const bytes = input.u48();
  return { createRevision, revision, keys, bytes, ...readLimits(input) };
}
