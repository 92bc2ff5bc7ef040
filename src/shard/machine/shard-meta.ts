/**
 * The row of a shard as a whole: what its machine keeps in memory besides pages and records.
 *
 * | at | bytes | field |
 * |----|---|--------------------------------------------------------------------------|
 * |  0 | 1 | layout: 1, or 2 once the shard has applied anything of feature level 3   |
 * |  1 | 6 | replicated time                                                          |
 * |  7 | 6 | number of keys                                                           |
 * | 13 | 8 | hash over the rows of all records                                        |
 * | 21 | 26 | dedup table of ids that routers made                                    |
 * | 47 | 52 | layout 2: those of timed and of untimed ids of clients                  |
 * | 99 | 6 | layout 2: bytes of kept answers                                          |
 * | 105 | 6 | layout 2: number of keys with a deadline                                |
 * | 111 | 24 | layout 2: the deletions                                                |
 * | 135 | 14 | layout 2: number of open transactions, and the hash over their rows    |
 * | 149 | 14 | layout 2: number of namespaces, and the hash over their rows           |
 */
import { StorageCorruption } from '../../raft/index.js';
import { readU32, readU48, writeU32, writeU48 } from '../big-endian.js';
import { FORMATS, reads, unknownNumber } from '../formats.js';
import type { DedupState } from './dedup.js';
import type { DedupTableState } from './dedup-table.js';
import type { DeletionsState } from './deletions.js';
import type { NamespacesState } from './namespaces.js';
import type { TransactionsState } from './transactions.js';

export const META_KEY = '\u0002';
const { first: PLAIN, programs: FULL } = FORMATS.shardMeta.numbers;
const PLAIN_BYTES = 47;
const FULL_BYTES = 163;
const AT = {
  unkeyed: 21,
  timed: 47,
  untimed: 73,
  answerBytes: 99,
  deadlines: 105,
  deletions: 111,
  transactions: 135,
  namespaces: 149,
} as const;

export interface ShardMeta {
  readonly clockMs: number;
  readonly keys: number;
  readonly hashHigh: number;
  readonly hashLow: number;
  readonly dedup: DedupState;
  readonly deletions: DeletionsState;
  /** Number of keys with a deadline. */
  readonly deadlines: number;
  readonly transactions: TransactionsState;
  readonly namespaces: NamespacesState;
}

/** In layout 1 as long as nothing else has to be said, so that builds before feature level 3 can read it. */
export function encodeMeta(meta: ShardMeta): Uint8Array {
  const { dedup, deletions, deadlines, transactions, namespaces } = meta;
  const isPlain =
    dedup.timed.tail === 0 &&
    dedup.untimed.tail === 0 &&
    dedup.answerBytes === 0 &&
    deletions.unknownUpTo === 0 &&
    deadlines === 0;
  const row = Buffer.alloc(isPlain ? PLAIN_BYTES : FULL_BYTES);
  row[0] = isPlain ? PLAIN : FULL;
  writeU48(row, 1, meta.clockMs);
  writeU48(row, 7, meta.keys);
  writeU32(row, 13, meta.hashHigh);
  writeU32(row, 17, meta.hashLow);
  writeTable(row, AT.unkeyed, dedup.unkeyed);
  if (isPlain) return row;
  writeTable(row, AT.timed, dedup.timed);
  writeTable(row, AT.untimed, dedup.untimed);
  writeU48(row, AT.answerBytes, dedup.answerBytes);
  writeU48(row, AT.deadlines, deadlines);
  writeU48(row, AT.deletions, deletions.unknownUpTo);
  writeU48(row, AT.deletions + 6, deletions.last);
  writeU48(row, AT.deletions + 12, deletions.head);
  writeU48(row, AT.deletions + 18, deletions.tail);
  writeU48(row, AT.transactions, transactions.count);
  writeU32(row, AT.transactions + 6, transactions.hashHigh);
  writeU32(row, AT.transactions + 10, transactions.hashLow);
  writeU48(row, AT.namespaces, namespaces.count);
  writeU32(row, AT.namespaces + 6, namespaces.hashHigh);
  writeU32(row, AT.namespaces + 10, namespaces.hashLow);
  return row;
}

/** @param row undefined: that of a shard which has applied nothing. @throws StorageCorruption */
export function decodeMeta(row: Uint8Array | undefined): ShardMeta {
  const from = Buffer.alloc(FULL_BYTES);
  if (row !== undefined) {
    const layout = row[0] ?? 0;
    if (!reads(FORMATS.shardMeta, layout)) throw new StorageCorruption(unknownNumber(FORMATS.shardMeta, layout));
    if (row.length !== (layout === PLAIN ? PLAIN_BYTES : FULL_BYTES)) {
      throw new StorageCorruption(`the meta row of a shard has ${row.length} bytes`);
    }
    from.set(row);
  }
  return {
    clockMs: readU48(from, 1),
    keys: readU48(from, 7),
    hashHigh: readU32(from, 13),
    hashLow: readU32(from, 17),
    dedup: {
      unkeyed: readTable(from, AT.unkeyed),
      timed: readTable(from, AT.timed),
      untimed: readTable(from, AT.untimed),
      answerBytes: readU48(from, AT.answerBytes),
    },
    deadlines: readU48(from, AT.deadlines),
    deletions: {
      unknownUpTo: readU48(from, AT.deletions),
      last: readU48(from, AT.deletions + 6),
      head: readU48(from, AT.deletions + 12),
      tail: readU48(from, AT.deletions + 18),
    },
    transactions: {
      count: readU48(from, AT.transactions),
      hashHigh: readU32(from, AT.transactions + 6),
      hashLow: readU32(from, AT.transactions + 10),
    },
    namespaces: {
      count: readU48(from, AT.namespaces),
      hashHigh: readU32(from, AT.namespaces + 6),
      hashLow: readU32(from, AT.namespaces + 10),
    },
  };
}

function writeTable(row: Uint8Array, at: number, state: DedupTableState): void {
  writeU48(row, at, state.head);
  writeU48(row, at + 6, state.tail);
  writeU48(row, at + 12, state.evictionWatermarkMs);
  writeU32(row, at + 18, state.hashHigh);
  writeU32(row, at + 22, state.hashLow);
}

function readTable(row: Uint8Array, at: number): DedupTableState {
  return {
    head: readU48(row, at),
    tail: readU48(row, at + 6),
    evictionWatermarkMs: readU48(row, at + 12),
    hashHigh: readU32(row, at + 18),
    hashLow: readU32(row, at + 22),
  };
}
