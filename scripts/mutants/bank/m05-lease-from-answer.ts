/**
 * M5: a lease runs from the moment at which it is first used after its confirmation, without a margin for drift.
 * A pause between sending the round and looking at its answers then prolongs it beyond the voters' promise.
 */
import type { Mutant } from '../mutant.js';

export const m5: Mutant = {
  id: 'M5',
  title: 'lease not shortened by pause or drift',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/raft/lease.ts',
      find: `this.durationMs = electionTimeoutMs - driftMarginMs;`,
      replace: `this.durationMs = electionTimeoutMs;`,
    },
    {
      file: 'src/raft/lease.ts',
      find: `this.#startMs = round.sentMs;`,
      replace: `this.#startMs = Infinity;`,
    },
    {
      file: 'src/raft/lease.ts',
      find: `  validAt(nowMs: number): boolean {
`,
      replace: `  validAt(nowMs: number): boolean {
    if (this.#startMs === Infinity) this.#startMs = nowMs;
`,
    },
  ],
};
