/** The result of one simulated seed: plain data, the same for the same seed and scenario, byte for byte. */
import type { Scenario } from './scenario.js';

export interface SimResult {
  /** As it is written on the command line: hexadecimal. */
  readonly seed: string;
  readonly scenario: Scenario;
  /** Undefined = every check passed. */
  readonly failure: SimFailure | undefined;
  /** Virtual milliseconds. */
  readonly simulatedMs: number;
  /** Number of events. */
  readonly events: number;
  readonly operations: { readonly ok: number; readonly failed: number; readonly unknown: number };
  /** Number of injected faults, by kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** How often each mark of `marks.ts` was reached. */
  readonly reached: Readonly<Record<string, number>>;
  /** A hash of everything that happened, in order: equal exactly if two runs were. 8 hex digits. */
  readonly digest: string;
}

export interface SimFailure {
  /** Failed check; `idle`: the seed did too little to prove anything; `crash`: an exception. */
  readonly check: 'invariant' | 'linearizability' | 'serializability' | 'liveness' | 'convergence' | 'idle' | 'crash';
  readonly reason: string;
  /** Virtual milliseconds at which it was detected. */
  readonly atMs: number;
}
