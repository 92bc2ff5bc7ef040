/**
 * K16: a retry's condition is checked before the dedup table.
 * The retry of a compare-and-set that succeeded fails, and the client is told that it was not applied.
 */
import type { Mutant } from '../mutant.js';

export const k16: Mutant = {
  id: 'K16',
  title: 'a retried compare-and-set fails because it succeeded',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/machine/kv-machine.ts',
      find: `    const known = this.#dedup.find(data, command.idAt, command.attempt);
    if (known !== undefined) return replayedAnswer(known, command);`,
      replace: `    const known = this.#dedup.find(data, command.idAt, command.attempt);
    if (known !== undefined) {
      const row = this.#store.get(binaryString(command.data, command.rowKeyAt, command.contentTypeAt));
      if (holds(command, row)) return replayedAnswer(known, command);
      return refuse('precondition-failed', undefined, { currentRevision: row === undefined ? 0 : revisionOf(row) });
    }`,
    },
  ],
};
