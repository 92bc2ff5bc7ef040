/**
 * K17: the dedup table is keyed by the first six bytes of the operation id, and the request is not compared.
 * In a v7 uuid these are its time: one of two writes of the same millisecond is answered and never applied.
 */
import type { Mutant } from '../mutant.js';

export const k17: Mutant = {
  id: 'K17',
  title: 'answers are stored under a part of the operation id',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/machine/dedup-index.ts',
      find: `const ID_BYTES = 16;`,
      replace: `const ID_BYTES = 6;`,
    },
    {
      file: 'src/shard/machine/dedup-index.ts',
      find: `word < ID_BYTES; word += 4`,
      replace: `word < 4; word += 4`,
    },
    {
      file: 'src/shard/machine/answers.ts',
      find: `  if (!same) return refuse('idempotency-key-reused');`,
      replace: `  if (!same && known.revision === 0) return refuse('idempotency-key-reused');`,
    },
  ],
};
