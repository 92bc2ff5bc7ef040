/**
 * Which keys the deletion of a range removes. The same on every replica: it depends on the records alone, not on where
 * their rows are, though pages of rows do.
 */
import type { RowRange, StateKey } from '../../raft/index.js';
import { binaryString } from '../big-endian.js';
import type { DeleteRange } from '../program.js';
import { RECORD_SPACE, type Records } from './records.js';

const PAGE = { rows: 512, bytes: 1024 * 1024 };
const RECORDS_END = String.fromCharCode(RECORD_SPACE.charCodeAt(0) + 1);

const rowKeyOf = (key: Uint8Array): StateKey => RECORD_SPACE + binaryString(key, 0, key.length);

export interface RangeDeletion {
  readonly rows: readonly (readonly [rowKey: StateKey, row: Uint8Array])[];
  /** The first key that is left; undefined: none is. */
  readonly rest: StateKey | undefined;
}

export const rangeToDelete = ({ key, to }: Pick<DeleteRange, 'key' | 'to'>): RowRange => ({
  from: rowKeyOf(key),
  to: to === undefined ? RECORDS_END : rowKeyOf(to),
});

export function rowsToDelete(records: Records, { key, to, most, mostBytes }: DeleteRange): RangeDeletion {
  const rows: (readonly [StateKey, Uint8Array])[] = [];
  let bytes = 0;
  for (let left: RowRange | undefined = rangeToDelete({ key, to }); left !== undefined && !isEmpty(left);) {
    const page = records.range(left, PAGE);
    for (const row of page.rows) {
      bytes += row[0].length + row[1].length;
      if (rows.length === most || (rows.length > 0 && bytes > mostBytes)) return { rows, rest: row[0] };
      rows.push(row);
    }
    left = page.rest;
  }
  return { rows, rest: undefined };
}

const isEmpty = ({ from, to }: RowRange): boolean => to !== undefined && from >= to;
