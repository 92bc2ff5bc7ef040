/**
 * How a quota of the journal is divided among what fills the journal and what frees space in it.
 *
 * Commits may fill one half. The other half is for copying live entries forward, which frees rows that an idle group
 * keeps alive, for the commits that were numbered before the copy, and for those that no checkpoint can help.
 * A checkpoint, which frees everything else, is due after growth of an eighth; rows are split so that a few of them fit
 * into each half. So work that frees space always has space itself.
 */
import { SLOT_BYTES } from './journal-index.js';

/** Pages without slots, and preallocated slots: see `preallocate` of the journal. */
const FIXED_BYTES = 512 * 1024;
/** A row holds at least one entry, and in addition hard states of all groups. */
const ROW_OVERHEAD_BYTES = 16 * 1024;
/** Rows in each half: one that a checkpoint leaves, one that arrived during it, one being written. */
const ROWS_A_HALF = 3;

export interface JournalLimits {
  /** Bytes of entries in one row; the rest goes into further rows. */
  readonly rowBytes: number;
  /** Growth of the journal after which a checkpoint is due. */
  readonly checkpointBytes: number;
  /** Dead bytes that are tolerated before live entries are copied forward. */
  readonly slackBytes: number;
  /**
   * Bytes that a node may have in flight as leader of all its groups. As a follower it stores as much for each other
   * leader: if rows of uncommitted entries filled all journals, none of these entries would ever reach a quorum.
   */
  readonly inFlightBytes: number;
}

/** The limits that follow from a quota in bytes. */
export const journalLimits = (maxBytes: number): JournalLimits => ({
  rowBytes: Math.floor(maxBytes / 16),
  checkpointBytes: Math.floor(maxBytes / 8),
  slackBytes: Math.floor(maxBytes / 16),
  inFlightBytes: Math.floor(maxBytes / 16),
});

/** The smallest quota, in bytes, under which entries of `entryBytes` can be written indefinitely. */
export function minJournalBytes(entryBytes: number): number {
  const row = Math.ceil((entryBytes + ROW_OVERHEAD_BYTES) / SLOT_BYTES) * SLOT_BYTES;
  return 2 * ROWS_A_HALF * row + FIXED_BYTES;
}

/** How many of `slots` commits may use. */
export const slotsForCommits = (slots: number): number => Math.floor(slots / 2);
