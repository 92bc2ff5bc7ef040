/**
 * K18: after an attempt with unknown outcome the router retries under a new operation id.
 * Both attempts may be applied.
 */
import type { Mutant } from '../mutant.js';

export const k18: Mutant = {
  id: 'K18',
  title: 'the router repeats a write under a new operation id',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/router/dispatch/call.ts',
      find: `  return { ...operation, attempt: isKeyed(operation.attempt) ? 'keyed-retry' : 'retry' };`,
      replace: `  const operationId = operation.operationId.map((byte, at) => (at === 15 ? byte ^ 0x5a : byte));
  return { ...operation, attempt: isKeyed(operation.attempt) ? 'keyed' : 'initial', operationId };`,
    },
  ],
};
