/**
 * K139: a node whose disk hangs hands its groups over once. If no peer was fit then, a group whose other follower needs a
 * snapshot keeps a leader that commits nothing for as long as the disk hangs.
 */
import type { Mutant } from '../mutant.js';

export const k139: Mutant = {
  id: 'K139',
  title: 'leadership of a hung disk is handed over once, whether or not a peer was fit',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/hung-disk.ts',
      find: `if (!diskWatch.hangs(now) || (!began && now - this.#handedOverMs < diskWatch.timeoutMs)) return;`,
      replace: `if (!began) return;`,
    },
  ],
};
