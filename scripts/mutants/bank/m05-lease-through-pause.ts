/**
 * M5: a lease is measured by a clock that stands still while the process does (ticks), and has no margin for drift.
 * A leader that was paused (SIGSTOP, a stalled machine) keeps reading by a lease that expired long ago for the others.
 */
import type { Mutant } from '../mutant.js';

export const m5: Mutant = {
  id: 'M5',
  title: 'a lease is not shortened by a pause, nor by drift',
  caughtBy: ['sim-contention'],
  edits: [
    {
      file: 'src/raft/lease.ts',
      find: `round.sentMs + promiseMs * (1 - MAX_CLOCK_DRIFT);`,
      replace: `round.sentMs + promiseMs;`,
    },
    {
      file: 'src/shard/node/replica-factory.ts',
      find: `  const replica = new Replica({ id, raft, machine, table, clocks: runtime, logger, askIndex });
`,
      replace: `  let leaseMs = 0;
  runtime.every(1, () => {
    leaseMs++;
  });
  const { wallTime, random, every } = runtime;
  const clocks = { now: () => leaseMs, wallTime: wallTime.bind(runtime), random: random.bind(runtime), every: every.bind(runtime) };
  const replica = new Replica({ id, raft, machine, table, clocks, logger, askIndex });
`,
    },
  ],
};
