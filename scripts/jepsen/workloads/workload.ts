/** What clients do in a run, and what must hold at its end beside linearizability. The port of the workloads. */
import type { Operation } from '../../../src/check/index.js';
import type { Session } from '../session.js';

/** The value of each key at the end; null = absent. */
export type Finals = ReadonlyMap<string, string | null>;

export interface Workload {
  /** The next thing that this client does: one operation, or a few that belong together. */
  step(session: Session): Promise<void>;
  /** All keys that were touched, and any that were not and must be absent: to be read at the end. */
  readonly keys: readonly string[];
  /** What the workload's own check found wrong, one line each; empty when all is well. */
  problems(operations: readonly Operation[], finals: Finals): string[];
}
