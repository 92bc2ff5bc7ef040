/**
 * How a quota of the journal is divided among what fills the journal and what frees space in it.
 *
 * Commits may fill one half. The other is for copying live entries forward, which is what frees rows that a group at
 * rest keeps alive, for the commits that were numbered before the copy, and for those that no checkpoint can help. Checkpoints, which free all else, come after
 * an eighth; rows are split so that a few of them fit into each half. So what frees room always has room itself.
 */
import { SLOT_BYTES } from './journal-index.js';

/** Of pages that hold no slots, and of what is preallocated: see `preallocate` of the journal. */
const FIXED_BYTES = 512 * 1024;
/** A row holds at least one entry, and besides it hard states of all groups. */
const ROW_OVERHEAD_BYTES = 16 * 1024;
/** Rows in each half: what a checkpoint leaves, what came meanwhile, what is being written. */
const ROWS_A_HALF = 3;

export interface JournalLimits {
  /** Entries of one row, beyond which the rest goes into further rows. */
  readonly rowBytes: number;
  /** Growth of the journal after which a checkpoint is due. */
  readonly checkpointBytes: number;
  /** Dead bytes that are put up with before live entries are copied forward. */
  readonly slackBytes: number;
  /**
   * What a node may have under way as leader, of all its groups. What it follows is as much for each other leader: rows
   * of entries that cannot commit yet may not fill all journals, or none of these entries ever finds its quorum.
   */
  readonly inFlightBytes: number;
}

/** Of a quota in bytes. */
export const journalLimits = (maxBytes: number): JournalLimits => ({
  rowBytes: Math.floor(maxBytes / 16),
  checkpointBytes: Math.floor(maxBytes / 8),
  slackBytes: Math.floor(maxBytes / 16),
  inFlightBytes: Math.floor(maxBytes / 16),
});

/** The smallest quota, in bytes, under which entries of so many bytes can be written for ever. */
export function minJournalBytes(entryBytes: number): number {
  const row = Math.ceil((entryBytes + ROW_OVERHEAD_BYTES) / SLOT_BYTES) * SLOT_BYTES;
  return 2 * ROWS_A_HALF * row + FIXED_BYTES;
}

/** How many of so many slots commits may use. */
export const slotsForCommits = (slots: number): number => Math.floor(slots / 2);
