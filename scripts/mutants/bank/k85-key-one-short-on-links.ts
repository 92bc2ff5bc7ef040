/**
 * K85: What decodes frames takes a key one byte shorter than the front does. A write of the longest key ends the link that it
 * goes over, again and again.
 */
import type { Mutant } from '../mutant.js';

export const k85: Mutant = {
  id: 'K85',
  title: 'a link takes shorter keys than the front',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/transport/wire-operations.ts',
      find: 'key.length > MAX_ENCODED_KEY_BYTES) throw',
      replace: 'key.length >= MAX_ENCODED_KEY_BYTES) throw',
    },
  ],
};
