/**
 * Derives the verdict on a mutant, and the exit code, from the results of the instruments. Pure.
 *
 * - caught: an instrument that must catch it did.
 * - survived: all of them ran to their end and none caught it. The worst result.
 * - unclear: one of them reached no verdict, and no other caught it. Counts as survived: nothing was shown.
 * - not run: none of them can be run here. Reported, and never counted as caught.
 */
import type { Sighting } from './instrument.js';
import type { InstrumentName, Mutant } from './mutant.js';

export interface Look {
  readonly instrument: InstrumentName;
  readonly sighting: Sighting;
}

export type Verdict = 'caught' | 'survived' | 'unclear' | 'not run';

export interface Finding {
  /** `caughtBy`: as the bank records it, including instruments that were not run because another one had caught it. */
  readonly mutant: Pick<Mutant, 'id' | 'title' | 'caughtBy'>;
  readonly verdict: Verdict;
  readonly looks: readonly Look[];
  /** Instruments that should have been run and cannot be run here, with the reason. */
  readonly missing: readonly { readonly instrument: InstrumentName; readonly why: string }[];
}

export function verdictOf(looks: readonly Look[]): Verdict {
  if (looks.some(({ sighting }) => sighting.type === 'caught')) return 'caught';
  if (looks.length === 0) return 'not run';
  return looks.some(({ sighting }) => sighting.type === 'broken') ? 'unclear' : 'survived';
}

/** A control must be silent. Returns what is wrong with it; undefined if nothing is. */
export function complaintAbout(control: Look): string | undefined {
  const { instrument, sighting } = control;
  switch (sighting.type) {
    case 'silent':
      return undefined;
    case 'caught':
      return `${instrument} catches the source without a mutant (${sighting.what}): whatever it catches proves nothing`;
    case 'broken':
      return `${instrument} does not run on the source without a mutant: ${sighting.why}`;
  }
}

export const EXIT = { caught: 0, survived: 1, usage: 2, notRun: 3 } as const;

/** 1: a mutant survived, or nothing was shown of it; 3: all that could be run here were caught, others were not run. */
export function exitCodeOf(findings: readonly Finding[]): number {
  if (findings.some(({ verdict }) => verdict === 'survived' || verdict === 'unclear')) return EXIT.survived;
  return findings.some(({ verdict }) => verdict === 'not run') ? EXIT.notRun : EXIT.caught;
}
