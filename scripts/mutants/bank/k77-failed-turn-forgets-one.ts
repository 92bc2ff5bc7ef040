/**
 * K77: Of the operations that a failed turn did not reach, the first is taken for the one that failed. It is never
 * answered.
 */
import type { Mutant } from '../mutant.js';

export const k77: Mutant = {
  id: 'K77',
  title: 'an operation is never answered after a failed turn',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/inbox.ts',
      find: 'submissions.slice(started)',
      replace: 'submissions.slice(started + 1)',
    },
  ],
};
