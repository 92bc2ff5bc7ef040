/**
 * Encoding of one journal row: everything that one durable commit wrote, for all groups.
 *
 * Checksums and files are left to `slot.ts` and `journal-db.ts`. Little-endian, integers and entries as in `codec.ts`:
 *
 *     row:     version u8 · count u32 · records
 *     record:  group u32 · parts u8 (bits), then the parts that are present, in this order
 *       hard state:  term u53 · vote u16 · commit u53
 *       reset:       slot u53 · snapshot meta
 *       entries:     count u32 · entries
 */
import {
  MalformedBytes,
  UINT53_BYTES,
  UnknownFormat,
  entrySize,
  readEntry,
  readSnapshotMeta,
  readUint53,
  requireBytes,
  snapshotMetaSize,
  spanOf,
  writeEntry,
  writeSnapshotMeta,
  writeUint53,
} from '../../codec.js';
import type { Span } from '../../codec.js';
import { RAFT_FORMATS, numberWritten, reads } from '../../formats.js';
import type { Entry, HardState, SnapshotMeta } from '../../types.js';
import type { GroupWrite } from '../storage.js';

/** From this row on, the group's state is in `slot`, and its log is empty after `meta.index`. */
export interface Reset {
  readonly slot: number;
  readonly meta: SnapshotMeta;
}

export interface JournalRecord extends GroupWrite {
  readonly reset?: Reset | undefined;
}

const { journalRow, journalPart } = RAFT_FORMATS;
const VERSION = numberWritten(journalRow);
const { hardState: HARD_STATE, reset: RESET, entries: ENTRIES } = journalPart.numbers;
const ALL_PARTS = HARD_STATE | RESET | ENTRIES;
const HARD_STATE_BYTES = 2 * UINT53_BYTES + 2;

export const entriesSize = (entries: readonly Entry[]): number => {
  let size = 0;
  for (const entry of entries) size += entrySize(entry);
  return size;
};

export function rowSize(records: readonly JournalRecord[]): number {
  let size = 5;
  for (const { hardState, reset, entries } of records) {
    size += 5;
    if (hardState !== undefined) size += HARD_STATE_BYTES;
    if (reset !== undefined) size += UINT53_BYTES + snapshotMetaSize(reset.meta);
    if (entries.length > 0) size += 4 + entriesSize(entries);
  }
  return size;
}

/** Returns bytes with their own buffer, which can be transferred to another thread. */
export function encodeRow(records: readonly JournalRecord[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(rowSize(records));
  const span = spanOf(bytes);
  span.view.setUint8(0, VERSION);
  span.view.setUint32(1, records.length, true);
  let at = 5;
  for (const record of records) at = writeRecord(span, at, record);
  return bytes;
}

function writeRecord(span: Span, offset: number, record: JournalRecord): number {
  const { group, hardState, reset, entries } = record;
  const parts = (hardState ? HARD_STATE : 0) | (reset ? RESET : 0) | (entries.length > 0 ? ENTRIES : 0);
  span.view.setUint32(offset, group, true);
  span.view.setUint8(offset + 4, parts);
  let at = offset + 5;
  if (hardState !== undefined) {
    at = writeUint53(span, at, hardState.term);
    span.view.setUint16(at, hardState.vote, true);
    at = writeUint53(span, at + 2, hardState.commit);
  }
  if (reset !== undefined) at = writeSnapshotMeta(span, writeUint53(span, at, reset.slot), reset.meta);
  if (entries.length > 0) {
    span.view.setUint32(at, entries.length, true);
    at += 4;
    for (const entry of entries) at = writeEntry(span, at, entry);
  }
  return at;
}

/** The entries' data are views into `bytes`. Throws `MalformedBytes`. */
export function decodeRow(bytes: Uint8Array): JournalRecord[] {
  const span = spanOf(bytes);
  requireBytes(span, 0, 5);
  const version = span.view.getUint8(0);
  if (!reads(journalRow, version)) throw new UnknownFormat(journalRow, version);
  const count = span.view.getUint32(1, true);
  const records: JournalRecord[] = [];
  let at = 5;
  for (let i = 0; i < count; i++) {
    const [record, end] = readRecord(span, at);
    records.push(record);
    at = end;
  }
  if (at !== bytes.length) throw new MalformedBytes(`${bytes.length - at} bytes are left over behind the last record`);
  return records;
}

function readRecord(span: Span, offset: number): readonly [JournalRecord, number] {
  requireBytes(span, offset, 5);
  const group = span.view.getUint32(offset, true);
  const parts = span.view.getUint8(offset + 4);
  const unknown = parts & ~ALL_PARTS;
  if (unknown !== 0) throw new UnknownFormat(journalPart, unknown);
  let at = offset + 5;
  let hardState: HardState | undefined;
  let reset: Reset | undefined;
  let entries: readonly Entry[] = [];
  if (parts & HARD_STATE) {
    requireBytes(span, at, HARD_STATE_BYTES);
    hardState = {
      term: readUint53(span, at),
      vote: span.view.getUint16(at + 8, true),
      commit: readUint53(span, at + 10),
    };
    at += HARD_STATE_BYTES;
  }
  if (parts & RESET) {
    reset = { slot: readUint53(span, at), meta: readSnapshotMeta(span, at + 8) };
    at += UINT53_BYTES + snapshotMetaSize(reset.meta);
  }
  if (parts & ENTRIES) {
    entries = readEntries(span, at);
    at += 4 + entriesSize(entries);
  }
  return [{ group, hardState, reset, entries }, at];
}

function readEntries(span: Span, offset: number): Entry[] {
  requireBytes(span, offset, 4);
  const count = span.view.getUint32(offset, true);
  const entries: Entry[] = [];
  let at = offset + 4;
  for (let i = 0; i < count; i++) {
    const entry = readEntry(span, at);
    const previous = entries[i - 1];
    if (previous !== undefined && entry.index !== previous.index + 1) {
      throw new MalformedBytes(`entry ${entry.index} follows entry ${previous.index}`);
    }
    entries.push(entry);
    at += entrySize(entry);
  }
  return entries;
}

/**
 * Splits records over rows, in the same order, with about `mostBytes` of entries per row; one entry always fits. The
 * durable part of several rows is a prefix: a group's hard state precedes its entries, which keep their order.
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

/** Length of the longest prefix of entries that fits. */
function fitting(entries: readonly Entry[], room: number): number {
  let bytes = 0;
  for (const [i, entry] of entries.entries()) {
    bytes += entrySize(entry);
    if (bytes > room) return i;
  }
  return entries.length;
}
