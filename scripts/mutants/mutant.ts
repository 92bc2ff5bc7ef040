/**
 * What a mutant is: a known bug, as exact edits of the present source. Knows no instrument beyond its name.
 *
 * A mutant is never a switch in the product: it is planted into a copy (`plant.ts`, `copies.ts`).
 */

/** What can catch a mutant; `instruments.ts` says how each is run. */
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
  /** `M7` of the shared list of known bugs, `K8` of this project's own thinking. */
  readonly id: string;
  /** A line for the table. */
  readonly title: string;
  /** Instruments that must catch it: one of them is enough, the cheapest is asked first. */
  readonly caughtBy: readonly InstrumentName[];
  /** Bounds for this mutant instead of the instrument's own: seeds, or power cuts. */
  readonly budget?: Partial<Record<InstrumentName, number>>;
  readonly edits: readonly Edit[];
  /** Planted with it, and alone as one more control: what must be so for the bug to show, and is no bug by itself. */
  readonly harmless?: readonly Edit[];
}

/** As much of a mutant as is needed to plant it. */
export type Planted = Pick<Mutant, 'id' | 'edits' | 'harmless'>;
