/**
 * K72: What has arrived over a link is acknowledged in 32 bits. The link breaks behind 4 GiB, and again behind the next.
 */
import type { Mutant } from '../mutant.js';

export const k72: Mutant = {
  id: 'K72',
  title: 'receipts of a link have 32 bits',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/transport/pieces.ts',
      find: 'out.u48(total);',
      replace: 'out.u32(total);',
    },
    {
      file: 'src/shard/transport/pieces.ts',
      find: 'input.u48();',
      replace: 'input.u32();',
    },
  ],
};
