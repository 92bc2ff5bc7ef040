/**
 * M2: a read is answered as soon as leadership is confirmed, whatever has been applied. In this code a leader has
 * nearly always applied what it knows to be committed, so the bug needs what the shared list names with it, slow apply:
 * `harmless` lets a leader apply one entry at a time, and serve reads between. That alone breaks nothing, and is run as a
 * control.
 */
import type { Mutant } from '../mutant.js';

export const m2: Mutant = {
  id: 'M2',
  title: 'read-index does not wait for applied (apply is slow)',
  caughtBy: ['sim-contention'],
  harmless: [
    {
      file: 'src/shard/node/replica.ts',
      find: `  #knownTerm = 0;
`,
      replace: `  #knownTerm = 0;
  readonly backlog: Entry[] = [];
`,
    },
    {
      file: 'src/shard/node/turn.ts',
      find: `    if (ready.committed.length > 0) this.#onApplied(replica, replica.apply(ready.committed, now), now);
`,
      replace: `    replica.backlog.push(...ready.committed);
`,
    },
    {
      file: 'src/shard/node/turn.ts',
      find: `      while (replica.raft.hasReady()) this.#handOut(replica, replica.raft.ready(), now);
`,
      replace: `      while (replica.raft.hasReady()) this.#handOut(replica, replica.raft.ready(), now);
      do {
        const next = replica.backlog.shift();
        if (next !== undefined && next.index > replica.applied) this.#onApplied(replica, replica.apply([next], now), now);
      } while (!replica.isLeader && replica.backlog.length > 0);
`,
    },
    {
      file: 'src/shard/node/turn.ts',
      find: `    } while (replica.serveReads());
`,
      replace: `    } while (replica.serveReads() || replica.backlog.length > 0);
`,
    },
  ],
  edits: [
    {
      file: 'src/shard/node/pending.ts',
      find: `      if (index > applied) return true;
`,
      replace: `      if (index > applied + Infinity) return true;
`,
    },
  ],
};
