/**
 * The port between the bank and what catches bugs: an instrument is run in a folder and says what it saw.
 */
import type { InstrumentName } from './mutant.js';

/** What one run of an instrument showed. */
export type Sighting =
  /** It found the code wrong. `after` counts seeds, cuts or tests until then. */
  | {
      readonly type: 'caught';
      readonly after: string;
      readonly seconds: number;
      readonly what: string;
      readonly repeat?: string;
      /** Of an instrument that is many test files, the one that failed. */
      readonly file?: string;
    }
  /** It ran to its end and found nothing. */
  | { readonly type: 'silent'; readonly after: string; readonly seconds: number }
  /** It did not come to a verdict: it crashed, hung, or did not understand the copy. Proves nothing. */
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
