/** Parts a commit into rows of the journal that are not too large for its quota. Pure; knows no file. */
import { entrySize } from '../../codec.js';
import type { Entry } from '../../types.js';
import type { JournalRecord } from './row.js';

/**
 * The same records in the same order, with about `mostBytes` of entries in a row; one entry always fits. What is durable
 * of several rows is a prefix: a group's hard state comes before its entries, and the entries in their order.
 */
export function splitRecords(records: readonly JournalRecord[], mostBytes: number): JournalRecord[][] {
  const rows: JournalRecord[][] = [];
  let row: JournalRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    let rest = record;
    for (let count = fitting(rest.entries, mostBytes - bytes); count < rest.entries.length;) {
      if (count > 0 || row.length === 0) {
        const first = Math.max(1, count);
        row.push({ ...rest, entries: rest.entries.slice(0, first) });
        rest = { group: record.group, hardState: undefined, entries: rest.entries.slice(first) };
      }
      rows.push(row);
      row = [];
      bytes = 0;
      count = fitting(rest.entries, mostBytes);
    }
    if (rest !== record && rest.entries.length === 0) continue;
    row.push(rest);
    for (const entry of rest.entries) bytes += entrySize(entry);
  }
  if (row.length > 0) rows.push(row);
  return rows;
}

/** How many of the first entries have room. */
function fitting(entries: readonly Entry[], room: number): number {
  let bytes = 0;
  for (const [i, entry] of entries.entries()) {
    bytes += entrySize(entry);
    if (bytes > room) return i;
  }
  return entries.length;
}
