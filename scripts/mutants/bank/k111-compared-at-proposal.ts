/**
 * K111: A leader compares when a write comes in, and proposes it without its condition. Another write may be applied in
 * between: of two that compare with the same revision, both succeed.
 */
import type { Mutant } from '../mutant.js';

export const k111: Mutant = {
  id: 'K111',
  title: 'a condition is evaluated when a write is proposed, not when it is applied',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/node/admission.ts',
      find: `    else if (replica.isLeader) replica.write(this.#encode(operation, replica.entryClock.read(now)), waiter);
`,
      replace: `    else if (replica.isLeader) {
      const isMet =
        isPlainWrite(operation) &&
        operation.condition.type === 'revision' &&
        operation.condition.revision === replica.machine.get(operation.key)?.revision;
      const compared: KvWrite = isMet ? { ...operation, condition: { type: 'none' } } : operation;
      replica.write(this.#encode(compared, replica.entryClock.read(now)), waiter);
    }
`,
    },
  ],
};
