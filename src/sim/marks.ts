/**
 * What a run came to that only some do: counted, so that a campaign can tell whether what it was to try was tried at all.
 * Decides nothing.
 */
export const MARKS = [
  /** Something that a node led, or wanted written, stood still for long, and the node said that it is not ready. */
  'unready-by-own-fault',
  /** A node that served was ready although other shards had no service. */
  'ready-beside-unserved',
  /** A leader could have read by lease. */
  'lease-held',
  /** All nodes were started with the same other timers, and these came into force. */
  'timers-changed',
  /** A node went on by timers that were no longer those of the cluster. */
  'served-by-old-timers',
  /** Two nodes of different builds, or two of the build before, are linked. */
  'linked-in-former-protocol',
  /** A node of another cluster was turned away by a node, or turned away from it. */
  'foreign-node-refused',
  /** A process on a copy of a node's disk was told that the node is another process, and ended. */
  'copied-node-refused',
  /** Over a narrow link, pieces of something long waited for what had left to arrive, so that what is urgent could pass. */
  'urgent-passes-bulk',
  /** A leader lost its office while reads, or writes, of clients waited at it. */
  'office-lost-while-read-waited',
  'office-lost-while-write-waited',
  /** A leader's lease ran out, or its leadership did, while some read waited at it, for a round or for its index. */
  'lease-lost-while-read-waited',
  /** Two attempts of one write were at nodes at the same time, and neither was answered. */
  'two-attempts-open',
  /** Leadership was handed over. */
  'leadership-handed-over',
  /** A follower had entries that the next leader did not have, and dropped them. */
  'entries-dropped',
  /** A replica went on from a snapshot. */
  'snapshot-installed',
  /**
   * Part of a snapshot was sent, and then its leader sent an append before the rest: the follower had got as far by another way.
   * Not counted for a replica in quarantine: there a leader breaks a snapshot off because all that it knew of the log is void.
   */
  'snapshot-overtaken',
  /** A replica evicted the answer to a write for its age (`dedupWindowMs`), not for want of room. */
  'answer-evicted-by-age',
  /** A replica whose disk had gone back in time was brought up, and its leader knows. */
  'quarantine-ended',
] as const;

export type Mark = (typeof MARKS)[number];

export class Marks {
  readonly counts: Partial<Record<Mark, number>> = {};

  readonly reached = (mark: Mark): void => {
    this.counts[mark] = (this.counts[mark] ?? 0) + 1;
  };
}
