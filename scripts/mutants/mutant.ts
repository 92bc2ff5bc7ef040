/**
 * What a mutant is: a known bug, as exact edits of the present source.
 *
 * A mutant is never a switch in the product: it is planted into a copy (`plant.ts`, `copies.ts`).
 */

/** What can catch a mutant; `instruments.ts` defines how each is run. */
export const INSTRUMENT_NAMES = [
  'core',
  'nodes',
  'files',
  'repairs',
  'sim',
  'sim-contention',
  'sim-links',
  'sim-patience',
  'sim-disks',
  'sim-leases',
  'sim-transactions',
  'sim-ranges',
  'power-cut',
  'jepsen',
] as const;
export type InstrumentName = (typeof INSTRUMENT_NAMES)[number];

export interface Edit {
  /** From the project's root, with slashes. */
  readonly file: string;
  /** Must occur in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

export interface Mutant {
  /** `M7` or `K8`, as in docs/known-bugs.md. */
  readonly id: string;
  /** A line for the table. */
  readonly title: string;
  /** Instruments that must catch it: one of them is enough, the cheapest is run first. */
  readonly caughtBy: readonly InstrumentName[];
  /** Bounds for this mutant instead of the instrument's own: seeds, or power cuts. */
  readonly budget?: Partial<Record<InstrumentName, number>>;
  readonly edits: readonly Edit[];
  /**
   * Planted with it, and alone as one more control: a change that the bug needs to show, and that is no bug by itself.
   */
  readonly harmless?: readonly Edit[];
}

/** The part of a mutant that is needed to plant it. */
export type Planted = Pick<Mutant, 'id' | 'edits' | 'harmless'>;
