/**
 * K110: A namespace forgets what an overwritten value took. Its bytes only ever rise by overwrites, until it refuses
 * writes far below its limit.
 */
import type { Mutant } from '../mutant.js';

export const k110: Mutant = {
  id: 'K110',
  title: 'the bytes of a namespace drift with every overwrite',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/machine/namespaces.ts',
      find: 'namespace.bytes + kept.bytes - left.bytes;',
      replace: 'namespace.bytes + kept.bytes - (row === undefined ? left.bytes : 0);',
    },
  ],
};
