/** What clients do in a run, and what must hold at its end besides linearizability. The interface of the workloads. */
import type { Operation } from '../../../src/check/index.js';
import type { FaultWindow } from '../nemesis.js';
import type { ClientOutcome } from '../outcome.js';
import type { Session } from '../session.js';

/** The value of each key at the end; null = absent. */
export type Finals = ReadonlyMap<string, string | null>;

export interface Workload {
  /** The client's next step: one operation, or a few that belong together. */
  step(session: Session): Promise<void>;
  /** All keys to be read at the end: those that were used, and some that were not and must be absent. */
  readonly keys: readonly string[];
  /** What the workload's own check found wrong, one line each; empty if nothing. */
  problems(operations: readonly Operation[], finals: Finals, windows?: readonly FaultWindow[]): string[];
  /** Reads a key at the end; absent: by a get. */
  read?(session: Session, key: string): Promise<ClientOutcome>;
}
