/**
 * K97: A delivery check has the number of the chunk before the one that it asks about, and no data. A receiver that
 * duplicates of the opening messages have set back takes it for that chunk: the snapshot lacks its rows.
 */
import type { Mutant } from '../mutant.js';

export const k97: Mutant = {
  id: 'K97',
  title: 'a delivery check is taken for the chunk whose number it has',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/raft/snapshot-receiver.ts',
      find: `(isCheck && sequence === incoming.next)`,
      replace: `(isCheck && sequence > incoming.next)`,
    },
  ],
};
