/**
 * Decides how much of a log is kept in memory after a checkpoint, so that followers get entries and not the whole
 * state.
 *
 * Every replica keeps a little. A leader keeps more, within bounds of bytes for the group and for the node, for
 * followers that answer and lag, and for those to which a snapshot is being sent: if the log no longer contained the
 * entries after the snapshot, another one would have to follow, without end while writes continue. Beyond the bounds,
 * and for followers that do not answer, the log is compacted regardless. All this is in memory only: the journal drops
 * what a checkpoint covers.
 */
import type { GroupId } from '../../raft/index.js';
import type { Replica } from './replica.js';

export interface RetentionLimits {
  /** Entries, and their bytes, that every replica of a group keeps after a checkpoint. */
  readonly keepEntries: number;
  readonly keepBytes: number;
  /** Bytes kept for followers that need them: by a leader for one group, and by a node for all groups. */
  readonly followerBytes: number;
  readonly nodeFollowerBytes: number;
}

/** Memory of an entry besides its data. */
export const ENTRY_OVERHEAD_BYTES = 64;

interface RetainedLog {
  readonly group: Replica;
  /** Index of the newest durable checkpoint; `from` is the first entry that is kept. */
  readonly checkpoint: number;
  readonly from: number;
  readonly bytes: number;
}

export class LogRetention {
  /** Groups that retain more than every replica keeps. */
  readonly #retained = new Map<GroupId, RetainedLog>();
  readonly #limits: RetentionLimits;

  constructor(limits: RetentionLimits) {
    this.#limits = limits;
  }

  /** Bytes kept for followers, over all groups. */
  get bytes(): number {
    let sum = 0;
    for (const { bytes } of this.#retained.values()) sum += bytes;
    return sum;
  }

  /** The index up to which the group's log may be compacted, given a durable checkpoint at `checkpoint`. */
  compactTo(group: Replica, checkpoint: number): number {
    this.#retained.delete(group.id);
    const { keepEntries, keepBytes, followerBytes, nodeFollowerBytes } = this.#limits;
    const little = within(group, checkpoint, checkpoint - keepEntries + 1, keepBytes, 0).from;
    const needed = group.raft.entriesNeeded().filter((index) => index < little);
    if (needed.length === 0) return little - 1;
    const room = Math.min(followerBytes, nodeFollowerBytes - this.bytes);
    const kept = within(group, checkpoint, Math.min(...needed), room, ENTRY_OVERHEAD_BYTES);
    // Start at an entry that some follower needs next; followers that are further behind need a snapshot in any case.
    const from = Math.min(little, ...needed.filter((index) => index >= kept.from));
    if (from === little) return little - 1;
    const { bytes } = within(group, checkpoint, from, room, ENTRY_OVERHEAD_BYTES);
    this.#retained.set(group.id, { group, checkpoint, from, bytes });
    return from - 1;
  }

  /** Groups whose retained entries no follower needs any more, and the index to which each may be compacted. */
  review(): { readonly group: Replica; readonly index: number }[] {
    const done: { group: Replica; index: number }[] = [];
    for (const { group, checkpoint, from } of this.#retained.values()) {
      const isNeeded = group.raft.entriesNeeded().some((index) => index >= from && index <= checkpoint);
      if (!isNeeded) done.push({ group, index: this.compactTo(group, checkpoint) });
    }
    return done;
  }
}

/** The first index ≥ `lowest` such that the entries from it to `last` have at most `maxBytes`, and their bytes. */
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
