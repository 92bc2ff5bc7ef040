/**
 * Reads one page of keys in order (`list.ts`).
 *
 * With a grouping, keys that have a common prefix are skipped by going on behind the prefix, not by reading them: as
 * long as pages end within a group, little is read at once, and otherwise more and more.
 */
import { prefixEnd } from '../../raft/index.js';
import type { RowPage, RowRange, StateKey } from '../../raft/index.js';
import { binaryString } from '../big-endian.js';
import { MAX_COUNTED_ROWS, MAX_LIST_BYTES, MAX_LIST_ROWS, type List, type ListItem, type ListPage } from '../list.js';
import { FORMATS } from '../formats.js';
import { decodeRecord } from './record-row.js';
import { RECORD_SPACE } from './records.js';
import type { StateStore } from './state-store.js';

/** Reads of rows for one page with a grouping. */
const MAX_READS = 256;
const FIRST_READ_ROWS = 4;
const MOST_READ_ROWS = 256;
const GROUPED_READ_BYTES = 64 * 1024;

const { string: STRING_TAG, namespace: NAMESPACE_TAG } = FORMATS.keyTag.numbers;
/** No key begins with this byte. */
const BEHIND_ALL_KEYS = Uint8Array.of(0xff);
const RECORDS_END = String.fromCharCode(RECORD_SPACE.charCodeAt(0) + 1);

export function readKeyPage(store: Pick<StateStore, 'range'>, list: List): ListPage {
  const range = rowRangeOf(list);
  if (range.to !== undefined && range.from >= range.to) return { items: [], count: 0, rest: undefined };
  if (list.content === 'count') {
    const { rows, rest } = store.range(range, { rows: MAX_COUNTED_ROWS, bytes: MAX_LIST_BYTES });
    return { items: [], count: rows.length, rest: rest && boundOf(rest) };
  }
  const builder = new KeyPage(list);
  return list.grouping === undefined ? builder.read(store, range) : builder.readGrouped(store, range);
}

/** The rows that a list reads. */
export function rowRangeOf({ from, to, reverse, content }: List): RowRange {
  return {
    from: rowKeyOf(from),
    to: to === undefined ? RECORDS_END : rowKeyOf(to),
    reverse,
    keysOnly: content !== 'values',
  };
}

const rowKeyOf = (key: Uint8Array): StateKey => RECORD_SPACE + binaryString(key, 0, key.length);
const keyOf = (rowKey: StateKey): Uint8Array => Buffer.from(rowKey.slice(1), 'latin1');

/** Where to go on, as the answer has it. */
const boundOf = ({ from, to = RECORDS_END, reverse }: RowRange): Uint8Array => {
  if (reverse !== true) return keyOf(from);
  return to === RECORDS_END ? BEHIND_ALL_KEYS : keyOf(to);
};

class KeyPage {
  readonly #list: List;
  readonly #items: ListItem[] = [];
  readonly #mostRows: number;
  readonly #mostBytes: number;
  #bytes = 0;

  constructor(list: List) {
    this.#list = list;
    this.#mostRows = Math.min(list.rows, MAX_LIST_ROWS);
    this.#mostBytes = Math.min(list.bytes, MAX_LIST_BYTES);
  }

  #isFull(): boolean {
    return this.#items.length >= this.#mostRows || this.#bytes >= this.#mostBytes;
  }

  read(store: Pick<StateStore, 'range'>, range: RowRange): ListPage {
    const page = store.range(range, { rows: this.#mostRows, bytes: this.#mostBytes });
    for (const [rowKey, row] of page.rows) if (!this.#add(rowKey, row)) return this.#endBefore(rowKey);
    return this.#end(page.rest);
  }

  readGrouped(store: Pick<StateStore, 'range'>, range: RowRange): ListPage {
    let left: RowRange | undefined = range;
    let rows = FIRST_READ_ROWS;
    for (let reads = 0; left !== undefined && reads < MAX_READS && !this.#isFull(); reads += 1) {
      const page: RowPage = store.range(left, { rows, bytes: GROUPED_READ_BYTES });
      let group: StateKey | undefined;
      for (const [rowKey, row] of page.rows) {
        if (group !== undefined && rowKey.startsWith(group)) continue;
        if (this.#isFull()) return this.#endBefore(rowKey);
        group = this.#groupOf(rowKey);
        if (group !== undefined) this.#addPrefix(group);
        else if (!this.#add(rowKey, row)) return this.#endBefore(rowKey);
      }
      const endsInGroup = group !== undefined && page.rest !== undefined;
      left = endsInGroup && group !== undefined ? behind(range, group) : page.rest;
      rows = endsInGroup ? FIRST_READ_ROWS : Math.min(2 * rows, MOST_READ_ROWS);
    }
    return this.#end(left);
  }

  /** The row key of the common prefix that the key belongs to; undefined: it stands for itself. */
  #groupOf(rowKey: StateKey): StateKey | undefined {
    const { grouping } = this.#list;
    if (grouping === undefined || rowKey.charCodeAt(userKeyAt(rowKey)) !== STRING_TAG) return undefined;
    const delimiter = binaryString(grouping.delimiter, 0, grouping.delimiter.length);
    const at = rowKey.indexOf(delimiter, 1 + grouping.prefixBytes);
    return at < 0 ? undefined : rowKey.slice(0, at + delimiter.length);
  }

  #addPrefix(group: StateKey): void {
    this.#items.push({ type: 'prefix', key: keyOf(group) });
    this.#bytes += group.length;
  }

  /** @returns false: the item does not fit any more */
  #add(rowKey: StateKey, row: Uint8Array): boolean {
    const key = keyOf(rowKey);
    const bytes = key.length + row.length;
    const fits = this.#bytes + bytes <= Math.max(this.#mostBytes, this.#list.bytes);
    if (!fits && this.#items.length > 0) return false;
    if (this.#list.content === 'keys') this.#items.push({ type: 'key', key });
    else if (fits) this.#items.push({ type: 'record', key, record: decodeRecord(row) });
    else this.#items.push({ type: 'deferred', key });
    this.#bytes += bytes;
    return true;
  }

  /** The page ends before a row that was read, but not taken. */
  #endBefore(rowKey: StateKey): ListPage {
    // In reverse the bound is exclusive: the smallest one behind the row.
    return { items: this.#items, count: 0, rest: keyOf(this.#list.reverse ? `${rowKey}\0` : rowKey) };
  }

  #end(rest: RowRange | undefined): ListPage {
    return { items: this.#items, count: 0, rest: rest && boundOf(rest) };
  }
}

/** Where the user's key begins. */
const userKeyAt = (rowKey: StateKey): number =>
  rowKey.charCodeAt(1) === NAMESPACE_TAG ? rowKey.indexOf('\0', 2) + 1 : 1;

/** What is left of a range behind all keys that begin with `group`; undefined: nothing. */
function behind(range: RowRange, group: StateKey): RowRange | undefined {
  const left = range.reverse === true ? { ...range, to: group } : { ...range, from: prefixEnd(group) ?? RECORDS_END };
  return left.to !== undefined && left.from >= left.to ? undefined : left;
}
