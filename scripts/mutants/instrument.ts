/** The interface between the bank and what catches bugs: an instrument is run in a folder and reports what it found. */
import type { InstrumentName } from './mutant.js';

/** The result of one run of an instrument. */
export type Sighting =
  /** It found a fault. `after` counts seeds, cuts or tests until then. */
  | {
      readonly type: 'caught';
      readonly after: string;
      readonly seconds: number;
      readonly what: string;
      readonly repeat?: string;
      /** If the instrument consists of many test files: the one that failed. */
      readonly file?: string;
    }
  /** It ran to its end and found nothing. */
  | { readonly type: 'silent'; readonly after: string; readonly seconds: number }
  /** It reached no verdict: it crashed, hung, or did not support the copy. Proves nothing. */
  | { readonly type: 'broken'; readonly seconds: number; readonly why: string };

export interface Instrument {
  readonly name: InstrumentName;
  /** What its budget counts. */
  readonly unit: string;
  readonly budget: number;
  /** Why it cannot be run in the project at `root` on this machine; undefined if it can. */
  unavailable(root: string): string | undefined;
  run(folder: string, budget: number): Promise<Sighting>;
}
