/**
 * K113: A yes vote goes by time, as other votes do, although not all participants have acknowledged the decision. Whoever
 * asks then is told that there was none, while others have committed.
 */
import type { Mutant } from '../mutant.js';

export const k113: Mutant = {
  id: 'K113',
  title: 'a yes vote is forgotten before all have acknowledged the decision',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/machine/transactions.ts',
      find: `      case 'inquire':
`,
      replace: `      case 'inquire': {
        const holder = textOf(id);
        const open = this.#open.get(holder);
        if (open?.type === 'prepared' && entry.clockMs > open.clockMs + 60_000) {
          this.#release(holder, open);
          this.#open.delete(holder);
        }
      }
      // falls through
`,
    },
  ],
};
