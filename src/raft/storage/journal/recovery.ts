/**
 * Recovery: computes the state that the groups start from out of the contents of the two files. Pure.
 *
 * - A hard state in the journal counts if its row is newer than the one that the state file stored.
 * - A reset in a row newer than the state file's last one is an activation yet to be done: the journal row commits the
 *   installation, and the state file follows (s65).
 * - A prefix of the rows has been truncated, so a log may begin in the middle of what a later row repeats or resets.
 *   Only the final log must be consecutive from the snapshot on.
 * - An unreadable row is a torn tail only if it is the last one and nothing shows that it was ever acknowledged (s68);
 *   every other one is corruption (s69).
 * - A row with a valid checksum is complete. If this build cannot read it, a later build wrote it: nothing is dropped,
 *   and the files are not damaged.
 */
import { UnknownFormat } from '../../codec.js';
import { crc32c } from './crc32c.js';
import { JournalIndex } from './journal-index.js';
import { decodeRow } from './row.js';
import type { JournalRecord } from './row.js';
import { StorageCorruption, StorageFailure } from '../storage.js';
import type { RecoveredGroup } from '../storage.js';
import type { Entry, GroupId, HardState, SnapshotMeta } from '../../types.js';
import { messageOf } from '../../../thrown.js';

/** A group's row in the state file. */
export interface StoredGroup {
  readonly group: GroupId;
  readonly slot: number;
  readonly hardState: HardState;
  readonly hardSeq: number;
  readonly resetSeq: number;
  /** undefined before the first checkpoint. */
  readonly meta: SnapshotMeta | undefined;
}

/** Metadata from both files, besides rows. All numbers are row numbers, unless noted. */
export interface JournalMetadata {
  /** The last row of the truncated prefix; 0 = none. */
  readonly truncatedTo: number;
  /** Every row up to here is known to be durable: the state file or a clean shutdown recorded it. */
  readonly knownDurable: number;
  /** The last row in the file; `truncatedTo` if there is none. */
  readonly last: number;
  /** The count of checkpoints in state.db, and the least count that it must have. */
  readonly checkpoints: number;
  readonly checkpointsDue: number;
}

export interface RawRow {
  readonly seq: number;
  readonly crc: number;
  readonly data: Uint8Array;
}

/** A snapshot installation that the journal records and the state file has not executed yet. */
export interface Activation {
  readonly group: GroupId;
  readonly slot: number;
  readonly meta: SnapshotMeta;
  readonly seq: number;
}

export interface RecoveryResult {
  readonly groups: Map<GroupId, RecoveredGroup>;
  readonly placements: Map<GroupId, { readonly slot: number; readonly meta: SnapshotMeta | undefined }>;
  readonly index: JournalIndex;
  readonly activations: readonly Activation[];
  /** Number of the torn last row, which is to be deleted. */
  readonly torn: number | undefined;
}

export const EMPTY_META: SnapshotMeta = {
  index: 0,
  term: 0,
  configuration: { voters: [], votersOutgoing: [], learners: [] },
};

const WHAT_TO_DO =
  'Nothing was changed. If all other nodes of the cluster are healthy, move this data folder away and start the node ' +
  'with an empty one, or with a copy of the whole folder (journal.db and state.db of the same moment): the others notice ' +
  'that it went back in time, and its replicas count again once they were brought up. If one of them is away, bring it ' +
  'back first. With fewer than three replicas nobody can bring them up: they count again only with --trust-data-folder, ' +
  'and what this node had acknowledged alone is lost. Starting a node with a part of its journal could undo acknowledged writes and votes.';

const WHICH_BUILD = 'Nothing was changed. Start the node with the build that it ran with last, or a later one.';

export const corruption = (what: string): StorageCorruption => new StorageCorruption(`${what}. ${WHAT_TO_DO}`);

interface Log {
  entries: Entry[];
  meta: SnapshotMeta | undefined;
  slot: number | undefined;
  activation: Activation | undefined;
}

/**
 * Takes the rows in order, then computes the `result`. Both throw `StorageCorruption`, and `StorageFailure` for data
 * that only another build can read.
 */
export class Recovery {
  readonly #logs = new Map<GroupId, Log>();
  readonly #resetSeqs = new Map<GroupId, number>();
  readonly #index: JournalIndex;
  readonly #metadata: JournalMetadata;
  #torn: number | undefined;

  constructor(stored: readonly StoredGroup[], metadata: JournalMetadata) {
    this.#metadata = metadata;
    this.#index = new JournalIndex(metadata.truncatedTo);
    // Rows that were read back are durable.
    this.#index.durableTo(Infinity);
    if (metadata.last < metadata.knownDurable) {
      throw corruption(
        `journal.db ends at row ${metadata.last}, but row ${metadata.knownDurable} is known to have been written`,
      );
    }
    const { checkpoints, checkpointsDue } = metadata;
    if (checkpoints < checkpointsDue) {
      throw corruption(`state.db is older than journal.db: ${checkpoints} checkpoints, not ${checkpointsDue}`);
    }
    for (const { group, slot, hardState, hardSeq, resetSeq, meta } of stored) {
      this.#logs.set(group, { entries: [], meta, slot, activation: undefined });
      this.#resetSeqs.set(group, resetSeq);
      this.#index.restore(group, { covered: meta?.index ?? 0, hardState, hardSeq, resetSeq });
    }
  }

  add(row: RawRow): void {
    const due = this.#index.lastSeq + 1;
    if (row.seq !== due) throw corruption(`journal.db: row ${due} is missing (the next one is ${row.seq})`);
    const records = this.#decode(row);
    if (records === undefined) return;
    this.#index.append(records, row.data.length);
    for (const record of records) this.#replay(record, row.seq);
  }

  result(): RecoveryResult {
    const groups = new Map<GroupId, RecoveredGroup>();
    const placements: RecoveryResult['placements'] = new Map();
    const activations: Activation[] = [];
    for (const [group, log] of this.#logs) {
      const snapshot = log.meta ?? EMPTY_META;
      const entries = log.entries.filter(({ index }) => index > snapshot.index);
      const first = entries[0];
      if (first !== undefined && first.index !== snapshot.index + 1) {
        throw corruption(
          `group ${group}: journal.db has entries from ${first.index} on, but state.db ends at ${snapshot.index}`,
        );
      }
      groups.set(group, { group, hardState: this.#index.hardState(group), snapshot, entries });
      if (log.slot !== undefined) placements.set(group, { slot: log.slot, meta: log.meta });
      if (log.activation !== undefined) activations.push(log.activation);
    }
    return { groups, placements, index: this.#index, activations, torn: this.#torn };
  }

  #decode(row: RawRow): readonly JournalRecord[] | undefined {
    const crc = crc32c(row.data);
    if (crc === row.crc) return this.#decodeWhole(row);
    const { last, knownDurable } = this.#metadata;
    if (row.seq === last && row.seq > knownDurable) {
      this.#torn = row.seq;
      return undefined;
    }
    throw this.#damaged(row, `its checksum is ${hex(crc)} and should be ${hex(row.crc)}`);
  }

  /** Decodes a row with a valid checksum, which is never treated as torn. */
  #decodeWhole(row: RawRow): readonly JournalRecord[] {
    try {
      return decodeRow(row.data);
    } catch (error) {
      if (error instanceof UnknownFormat) {
        throw new StorageFailure(`journal.db: row ${row.seq}: ${error.message}. ${WHICH_BUILD}`, { cause: error });
      }
      throw this.#damaged(row, messageOf(error));
    }
  }

  #damaged({ seq }: RawRow, why: string): StorageCorruption {
    return corruption(
      `journal.db: row ${seq} of ${this.#metadata.truncatedTo + 1} to ${this.#metadata.last} is damaged: ${why}`,
    );
  }

  #replay({ group, reset, entries }: JournalRecord, seq: number): void {
    let log = this.#logs.get(group);
    if (log === undefined) {
      log = { entries: [], meta: undefined, slot: undefined, activation: undefined };
      this.#logs.set(group, log);
    }
    if (reset !== undefined) {
      log.entries = [];
      if (seq > (this.#resetSeqs.get(group) ?? 0)) {
        log.activation = { group, slot: reset.slot, meta: reset.meta, seq };
        log.meta = reset.meta;
        log.slot = reset.slot;
      }
    }
    appendEntries(log, entries);
  }
}

function appendEntries(log: Log, entries: readonly Entry[]): void {
  const first = entries[0];
  if (first === undefined) return;
  const logFirst = log.entries[0]?.index ?? first.index;
  const keep = first.index - logFirst;
  // Beyond the end: some earlier rows were truncated, and a later row repeats or resets them.
  if (keep < 0 || keep > log.entries.length) log.entries = [];
  else log.entries.length = keep;
  const covered = log.meta?.index ?? 0;
  for (const entry of entries) if (entry.index > covered) log.entries.push(entry);
}

const hex = (crc: number): string => crc.toString(16).padStart(8, '0');
