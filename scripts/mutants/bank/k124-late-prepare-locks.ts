/**
 * K124: A prepare that waited for keys is proposed again as if for the first time. When its transaction was aborted, and
 * that was evicted, while it waited, it locks keys for nobody.
 */
import type { Mutant } from '../mutant.js';

export const k124: Mutant = {
  id: 'K124',
  title: 'a prepare that waited locks keys after its abort was forgotten',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/machine/command.ts',
      find: `if (attempt === 'initial') return ATTEMPTS.indexOf('retry');`,
      replace: `if (attempt === 'initial') return ATTEMPTS.indexOf('initial');`,
    },
  ],
};
