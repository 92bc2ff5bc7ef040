/**
 * K72: Received bytes of a link are acknowledged in 32 bits. The link breaks after 4 GiB, and again after the next 4
 * GiB.
 */
import type { Mutant } from '../mutant.js';

export const k72: Mutant = {
  id: 'K72',
  title: 'receipts of a link use 32-bit integers',
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
