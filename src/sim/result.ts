/** What comes of one simulated seed: plain data, the same for the same seed and scenario, byte for byte. */
import type { Scenario } from './scenario.js';

export interface SimResult {
  /** As it is written on the command line: hexadecimal. */
  readonly seed: string;
  readonly scenario: Scenario;
  /** Undefined = everything held. */
  readonly failure: SimFailure | undefined;
  /** Virtual milliseconds. */
  readonly simulatedMs: number;
  /** Events that happened. */
  readonly events: number;
  readonly operations: { readonly ok: number; readonly failed: number; readonly unknown: number };
  /** Faults that were injected, by kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** What it came to, of `marks.ts`, and how often. */
  readonly reached: Readonly<Record<string, number>>;
  /** A hash of everything that happened, in order: equal exactly if two runs were. 8 hex digits. */
  readonly digest: string;
}

export interface SimFailure {
  /** Which check: `invariant`, `linearizability`, `liveness`, `convergence`, `idle` (the seed did too little), `crash` (an exception). */
  readonly check: 'invariant' | 'linearizability' | 'liveness' | 'convergence' | 'idle' | 'crash';
  readonly reason: string;
  /** Virtual milliseconds at which it was seen. */
  readonly atMs: number;
}
