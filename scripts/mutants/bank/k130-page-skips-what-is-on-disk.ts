/**
 * K130: A page that is full says that the next one begins behind the next key in memory: what the disk has before that is in
 * no page.
 */
import type { Mutant } from '../mutant.js';

export const k130: Mutant = {
  id: 'K130',
  title: 'a page goes on behind the next key in memory, whatever the disk has before it',
  caughtBy: ['sim-ranges'],
  edits: [
    {
      file: 'src/shard/machine/row-cursors.ts',
      find: 'page.full(last) : page.last();',
      replace: 'page.full(layers[0]?.key ?? last) : page.last();',
    },
  ],
};
