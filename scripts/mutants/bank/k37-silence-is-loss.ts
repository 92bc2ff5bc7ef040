/**
 * K37: An append that was not there when a later heartbeat was answered is sent again, without a question.
 * On a link that carries little it is sent again and again, and less and less of what is new arrives.
 */
import type { Mutant } from '../mutant.js';

export const k37: Mutant = {
  id: 'K37',
  title: 'a heartbeat answered before an append makes it lost',
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
