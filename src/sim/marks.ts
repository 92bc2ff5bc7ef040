/**
 * Marks: situations that only some runs reach, counted so that a campaign can tell whether the intended situations
 * occurred at all. They decide nothing.
 */
export const MARKS = [
  /** A group that a node led, or a write that it wanted, stood still for long, and the node reported itself unready. */
  'unready-by-own-fault',
  /** A serving node was ready although other shards had no service. */
  'ready-beside-unserved',
  /** A leader could have read by lease. */
  'lease-held',
  /** All nodes were restarted with the same new timers, and these came into force. */
  'timers-changed',
  /** A node continued with timers that were no longer those of the cluster. */
  'served-by-old-timers',
  /** Two nodes of different builds, or two of the previous build, are linked. */
  'linked-in-former-protocol',
  /** A node of another cluster was refused by a node, or refused the link itself. */
  'foreign-node-refused',
  /** A process on a copy of a node's disk was refused as a duplicate, and ended. */
  'copied-node-refused',
  /** On a narrow link, pieces of a long message waited until earlier ones had arrived, so that urgent messages pass. */
  'urgent-passes-bulk',
  /** A leader lost leadership while reads, or writes, of clients waited at it. */
  'leadership-lost-while-read-waited',
  'leadership-lost-while-write-waited',
  /** A leader's lease, or its leadership, expired while a read waited at it, for a round or for its index. */
  'lease-lost-while-read-waited',
  /** Two attempts of one write were at nodes at the same time, and neither was answered. */
  'two-attempts-open',
  /** Leadership was handed over. */
  'leadership-handed-over',
  /** A follower dropped entries that the next leader did not have. */
  'entries-dropped',
  /** A replica continued from a snapshot. */
  'snapshot-installed',
  /**
   * Part of a snapshot was sent, and then its leader sent an append before the rest: the follower caught up otherwise.
   * Not counted for a replica in quarantine: there a leader aborts a snapshot because all it knew of the log is void.
   */
  'snapshot-overtaken',
  /** A replica evicted the answer to a write for its age (`dedupWindowMs`), not for lack of room. */
  'answer-evicted-by-age',
  /** A key whose deadline had come was removed by an entry that expires keys, by the leader that wrote it or by another. */
  'expired-by-entry',
  'expired-by-later-leader',
  /** A write or comparison met a key whose deadline had come, before such an entry. */
  'expired-by-write',
  /** The answer of a program was repeated from the dedup table. */
  'program-replayed',
  /** A write under an id that its client chose was refused: the id may have been evicted; or there was no room for it. */
  'keyed-id-evicted',
  'keyed-id-without-room',
  /** A replica whose disk was rolled back was restored, and its leader knows. */
  'quarantine-ended',
  /** A new leader's first entry had a time, and an entry of an earlier leader in its log to compare it with. */
  'time-continued',
  /** A transaction over shards found a key held by another one, and was aborted to be tried again. */
  'transaction-met-another',
  'transactions-in-one-entry',
  /** A transaction was finished by a process that did not begin it. */
  'transaction-finished-by-another',
  /** A client's repeat of a transaction under its id was answered with the outcome of an earlier attempt. */
  'transaction-replayed',
  /** The leader that decided a transaction in its shard was not the one that prepared it. */
  'transaction-outlives-leadership',
  /** A read waited until a transaction let go of its keys. */
  'read-waited-for-transaction',
  /** A write met a key of a transaction, and was proposed again when that had ended. */
  'write-waited-for-transaction',
  /** A page ended before it was full, since a shard had changed while it was read. */
  'page-cut-short',
  /** A stream read its view of a shard after a later checkpoint of the replica, whose log was compacted. */
  'view-outlived-checkpoint',
  /** A range with keys was deleted. */
  'range-deleted',
  /** A write met the limit of its namespace. */
  'namespace-full',
  /** A stale read was answered as of a revision that its client had seen; or with less than was committed, within its bound. */
  'read-with-min-revision',
  'stale-read-within-bound',
] as const;

export type Mark = (typeof MARKS)[number];

export class Marks {
  readonly counts: Partial<Record<Mark, number>> = {};

  readonly reached = (mark: Mark): void => {
    this.counts[mark] = (this.counts[mark] ?? 0) + 1;
  };
}
