/**
 * K37: An append that had not arrived when a later heartbeat was answered is resent without a delivery check.
 * On a slow link it is resent again and again, and ever fewer new entries arrive.
 */
import type { Mutant } from '../mutant.js';

export const k37: Mutant = {
  id: 'K37',
  title: 'an append is taken for lost because a heartbeat was answered before it',
  caughtBy: ['sim-links', 'repairs'],
  edits: [
    {
      file: 'src/raft/progress.ts',
      find: `        flow.checkedTo = this.#next - 1;
        return 'check';`,
      replace: `        flow.checkedTo = this.#next - 1;
        this.#probe(this.#match + 1);
        return 'send';`,
    },
  ],
};
