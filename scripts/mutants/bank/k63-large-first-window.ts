/**
 * K63: A new link is assumed to be fast. At 64 kbit/s the first chunks take seconds, and no heartbeat passes.
 */
import type { Mutant } from '../mutant.js';

export const k63: Mutant = {
  id: 'K63',
  title: 'a new link may have 128 KiB under way',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/transport/send-window.ts',
      find: 'const MIN_WINDOW_BYTES = 2 * KIB;',
      replace: 'const MIN_WINDOW_BYTES = 128 * KIB;',
    },
  ],
};
