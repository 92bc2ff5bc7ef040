/**
 * K122: A prepare that comes late finds that its transaction was given up, and is accepted all the same.
 */
import type { Mutant } from '../mutant.js';

export const k122: Mutant = {
  id: 'K122',
  title: 'a late prepare is accepted after its transaction was aborted',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/machine/transactions.ts',
      find: `const before = this.#earlierReply(id, holder) ?? this`,
      replace: `const known = this.#earlierReply(id, holder);
    const isGivenUp = known?.type === 'vote' && known.vote.type === 'aborted';
    const before = (isGivenUp ? undefined : known) ?? this`,
    },
  ],
};
