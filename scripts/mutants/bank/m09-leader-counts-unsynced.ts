/**
 * M9: a leader counts its own entry, and applies it, before its own disk has it.
 * Shipped by etcd 3.5.0 to 3.5.4 for groups of one (etcd #14370).
 */
import type { Mutant } from '../mutant.js';

export const m9: Mutant = {
  id: 'M9',
  title: 'leader counts itself before its own sync',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/raft/leader.ts',
      find: `member === id ? log.stableIndex : `,
      replace: `member === id ? log.lastIndex : `,
    },
    {
      file: 'src/raft/log.ts',
      find: `return Math.min(this.#commit, this.#stable) > this.#delivered;`,
      replace: `return this.#commit > this.#delivered;`,
    },
    {
      file: 'src/raft/log.ts',
      find: `this.#delivered = Math.min(this.#commit, this.#stable);`,
      replace: `this.#delivered = this.#commit;`,
    },
    {
      file: 'src/raft/raft.ts',
      find: `  ready(): Ready {
    const core = this.#core;
    const { outbox, log } = core;
`,
      replace: `  ready(): Ready {
    const core = this.#core;
    const { outbox, log } = core;
    if (core.role.type === 'leader') entriesAreDurable(core, core.role);
`,
    },
  ],
};
