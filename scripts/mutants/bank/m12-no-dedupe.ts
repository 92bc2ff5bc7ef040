/**
 * M12: answers are recorded but never looked up: a retried write is applied again.
 */
import type { Mutant } from '../mutant.js';

export const m12: Mutant = {
  id: 'M12',
  title: 'a retried write is applied again',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/machine/kv-machine.ts',
      find: `    const known = this.#dedup.find(data, command.idAt, command.attempt);
    if (known !== undefined) return replayedAnswer(known, command);`,
      replace: `    const known = this.#dedup.find(data, command.idAt, command.attempt);
    if (known !== undefined && this.#windowMs < 0) return replayedAnswer(known, command);`,
    },
  ],
};
