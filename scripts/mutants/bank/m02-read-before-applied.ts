/**
 * M2: a read is answered as soon as leadership is confirmed, whatever has been applied.
 * In this code a leader has nearly always applied what it knows to be committed, so the bug needs what the shared list
 * names with it, slow apply: `harmless` lets a leader apply one entry a turn. That alone breaks nothing, and is run as a
 * control.
 */
import type { Mutant } from '../mutant.js';

export const m2: Mutant = {
  id: 'M2',
  title: 'read-index does not wait for applied (apply is slow)',
  caughtBy: ['sim-crowd'],
  harmless: [
    {
      file: 'src/shard/node/replica.ts',
      find: `  #knownTerm = 0;
`,
      replace: `  #knownTerm = 0;
  #backlog: Entry[] = [];
`,
    },
    {
      file: 'src/shard/node/replica.ts',
      find: `    if (ready.committed.length > 0) this.#apply(ready.committed);
`,
      replace: `    this.#backlog.push(...ready.committed);
`,
    },
    {
      file: 'src/shard/node/replica.ts',
      find: `    while (this.raft.hasReady()) this.#process(this.raft.ready());
    this.#serveReads();
    this.#noticeOffice();
`,
      replace: `    while (this.raft.hasReady()) this.#process(this.raft.ready());
    do {
      const next = this.#backlog.shift();
      if (next !== undefined && next.index > this.applied) this.#apply([next]);
    } while (!this.isLeader && this.#backlog.length > 0);
    this.#serveReads();
    this.#noticeOffice();
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
