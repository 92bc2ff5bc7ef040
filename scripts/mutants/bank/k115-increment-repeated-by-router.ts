/**
 * K115: Only programs under ids of clients are inserted into the dedup table. A router that sends an increment again, because its answer was
 * lost on the way, has it applied again.
 */
import type { Mutant } from '../mutant.js';

export const k115: Mutant = {
  id: 'K115',
  title: 'an increment is applied again when its answer was lost',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/machine/kv-machine.ts',
      find: `    this.#dedup.insertProgram(data, idAt, inserted, answer, () => withoutResults(answer));
`,
      replace: `    if (isKeyed(attempt)) this.#dedup.insertProgram(data, idAt, inserted, answer, () => withoutResults(answer));
`,
    },
  ],
};
