/**
 * K44: A store that is closed while the first of several commits has just found room again leaves the others
 * unanswered.
 */
import type { Mutant } from '../mutant.js';

export const k44: Mutant = {
  id: 'K44',
  title: 'closing a store leaves commits unanswered that waited for room',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/raft/storage/engine/store-engine.ts',
      find: 'if (this.#ordered.length === 0) this.#finishClose();\n      return this.#ordered.length > 0;',
      replace: 'this.#finishClose();\n      return false;',
    },
  ],
};
