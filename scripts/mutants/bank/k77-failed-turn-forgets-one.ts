/**
 * K77: Of what a failed turn did not come to, the first operation is taken for the one that failed. Nobody answers it.
 */
import type { Mutant } from '../mutant.js';

export const k77: Mutant = {
  id: 'K77',
  title: 'a failed turn forgets an operation',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/inbox.ts',
      find: 'submissions.slice(started)',
      replace: 'submissions.slice(started + 1)',
    },
  ],
};
