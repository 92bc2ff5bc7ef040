/**
 * The state machine port: what a group applies its committed entries to.
 *
 * Implementations are deterministic: the same entries give the same rows, answers and hash on every replica. They know
 * no Raft, no clock and no disk; their rows live in a `StateStore`.
 */
import type { Answer, KeyRecord } from '../operation.js';

export interface Machine {
  /** Rebuilds what it keeps beside its rows; called at start and after a snapshot replaced the rows. */
  load(): void;
  /** Applies the entry at `index`. Every input has an answer; it never throws for what a client sent. */
  apply(index: number, data: Uint8Array): Answer;
  get(key: Uint8Array): KeyRecord | undefined;
  /** Writes what it keeps beside its rows into them; called before a checkpoint. */
  flush(): void;
  /** 16 hex digits; equal on all replicas at the same applied index. */
  stateHash(): string;
  readonly keyCount: number;
}
