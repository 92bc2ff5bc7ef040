/**
 * What a run came to that only some do: counted, so that a campaign can tell whether what it was to try was tried at all.
 * Decides nothing.
 */
export const MARKS = [
  /** Something that a node led, or wanted written, stood still for long, and the node said that it is not ready. */
  'unready-by-own-fault',
  /** A node that served was ready although other shards had no service. */
  'ready-beside-unserved',
] as const;

export type Mark = (typeof MARKS)[number];

export class Marks {
  readonly counts: Partial<Record<Mark, number>> = {};

  readonly reached = (mark: Mark): void => {
    this.counts[mark] = (this.counts[mark] ?? 0) + 1;
  };
}
