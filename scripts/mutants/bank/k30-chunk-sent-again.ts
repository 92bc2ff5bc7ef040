/**
 * K30: A leader that waits for the answer to a chunk resends the chunk instead of a delivery check.
 * Over a slow link a snapshot never completes.
 */
import type { Mutant } from '../mutant.js';

export const k30: Mutant = {
  id: 'K30',
  title: 'a chunk whose answer is late is resent without a delivery check',
  caughtBy: ['sim-links', 'repairs'],
  edits: [
    {
      file: 'src/raft/snapshot-sender.ts',
      find: `    const { meta } = phase.chunk;
    // One that opens the transfer has no data: it is its own check.
    const sequence = phase.number < OPENING_MESSAGES ? phase.number : phase.number - 1;
    return { meta, sequence, data: NO_DATA, done: false };`,
      replace: '    return phase.chunk;',
    },
  ],
};
