/**
 * How much of a log is kept in memory behind a checkpoint, so that followers get entries and not the whole state.
 *
 * Every replica keeps a little. A leader keeps more, within bounds of bytes for the group and for the node, for
 * followers that answer and lag, and for those whose snapshot is on its way: one that ended where the log no longer
 * begins would be followed by another, for ever while writes go on. Beyond the bounds, and for followers that do
 * not answer, the log is compacted regardless. Nothing of this is on the disk: the journal drops what a checkpoint covers.
 */
import type { GroupId } from '../../raft/index.js';
import type { Replica } from './replica.js';

export interface RetentionLimits {
  /** Entries, and bytes of them, that every replica keeps of a group behind a checkpoint. */
  readonly keepEntries: number;
  readonly keepBytes: number;
  /** Bytes that a leader keeps of a group for followers that need them, and that a node keeps of all groups. */
  readonly followerBytes: number;
  readonly nodeFollowerBytes: number;
}

/** What an entry costs besides its data. */
export const ENTRY_OVERHEAD_BYTES = 64;

interface RetainedLog {
  readonly group: Replica;
  /** The newest durable checkpoint, and the first entry that is kept. */
  readonly checkpoint: number;
  readonly from: number;
  readonly bytes: number;
}

export class LogRetention {
  /** Groups of which more is retained than every replica keeps. */
  readonly #retained = new Map<GroupId, RetainedLog>();
  readonly #limits: RetentionLimits;

  constructor(limits: RetentionLimits) {
    this.#limits = limits;
  }

  /** Kept of all groups for followers. */
  get bytes(): number {
    let sum = 0;
    for (const { bytes } of this.#retained.values()) sum += bytes;
    return sum;
  }

  /** The index up to which the log of a group may be compacted that is durably checkpointed up to `checkpoint`. */
  compactTo(group: Replica, checkpoint: number): number {
    this.#retained.delete(group.id);
    const { keepEntries, keepBytes, followerBytes, nodeFollowerBytes } = this.#limits;
    const little = within(group, checkpoint, checkpoint - keepEntries + 1, keepBytes, 0).from;
    const needed = group.raft.entriesNeeded().filter((index) => index < little);
    if (needed.length === 0) return little - 1;
    const room = Math.min(followerBytes, nodeFollowerBytes - this.bytes);
    const kept = within(group, checkpoint, Math.min(...needed), room, ENTRY_OVERHEAD_BYTES);
    // Begin at an entry that a follower needs next; followers that are further behind need a snapshot in any case.
    const from = Math.min(little, ...needed.filter((index) => index >= kept.from));
    if (from === little) return little - 1;
    const { bytes } = within(group, checkpoint, from, room, ENTRY_OVERHEAD_BYTES);
    this.#retained.set(group.id, { group, checkpoint, from, bytes });
    return from - 1;
  }

  /** Groups whose retained entries no follower needs any more, and up to where to compact them; else only a checkpoint would. */
  review(): { readonly group: Replica; readonly index: number }[] {
    const done: { group: Replica; index: number }[] = [];
    for (const { group, checkpoint, from } of this.#retained.values()) {
      const isNeeded = group.raft.entriesNeeded().some((index) => index >= from && index <= checkpoint);
      if (!isNeeded) done.push({ group, index: this.compactTo(group, checkpoint) });
    }
    return done;
  }
}

/** The first index ≥ `lowest` from which on there are at most `maxBytes` up to `last`, and how many there are. */
function within(
  group: Replica,
  last: number,
  lowest: number,
  maxBytes: number,
  overhead: number,
): { readonly from: number; readonly bytes: number } {
  const { log } = group.raft;
  const end = Math.max(lowest, log.firstIndex);
  let from = last + 1;
  let bytes = 0;
  while (from > end) {
    const size = (log.entryAt(from - 1)?.data.length ?? 0) + overhead;
    if (bytes + size > maxBytes) break;
    bytes += size;
    from--;
  }
  return { from, bytes };
}
