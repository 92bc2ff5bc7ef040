/**
 * K94: A leader expires what is due by its own wall clock, and applying the entry trusts it. Where that clock is ahead,
 * keys go before their time to live is over.
 */
import type { Mutant } from '../mutant.js';

export const k94: Mutant = {
  id: 'K94',
  title: "keys expire by a replica's own clock",
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/node/expirer.ts',
      find: 'replica.machine.dueKeys?.(replica.entryClock.read(this.#runtime.now()), most)',
      replace: 'replica.machine.dueKeys?.(this.#runtime.wallTime(), most)',
    },
    {
      file: 'src/shard/node/expirer.ts',
      find: 'earliestMs - replica.entryClock.read(this.#runtime.now())',
      replace: 'earliestMs - this.#runtime.wallTime()',
    },
    {
      file: 'src/shard/machine/kv-machine.ts',
      find: '      if (row === undefined || !isDue(row, this.#clockMs) || this.#locks.isHeld(rowKey)) continue;\n',
      replace: '      if (row === undefined || this.#locks.isHeld(rowKey)) continue;\n',
    },
  ],
};
