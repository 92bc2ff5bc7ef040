/**
 * K135: Each step of an entry is checked as if those before it had added nothing: a batch fills its namespace beyond the limit.
 */
import type { Mutant } from '../mutant.js';

export const k135: Mutant = {
  id: 'K135',
  title: 'the limit of a namespace is checked against what was there before the entry',
  caughtBy: ['sim-ranges'],
  edits: [
    {
      file: 'src/shard/machine/quotas.ts',
      find: 'namespace.keys + added.keys + keys > maxKeys',
      replace: 'namespace.keys + keys > maxKeys',
    },
  ],
};
