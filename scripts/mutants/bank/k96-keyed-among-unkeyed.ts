/**
 * K96: Ids that clients choose are kept among those that routers make, and pushed out by them. A client that repeats
 * an increment whose answer was lost has it applied twice.
 */
import type { Mutant } from '../mutant.js';

export const k96: Mutant = {
  id: 'K96',
  title: "clients' ids are pushed out of the dedup table by those of routers",
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/machine/dedup.ts',
      find: '    if (!isKeyed(attempt)) this.#unkeyed.insert(data, idAt, clockMs, entry);\n    else this.#tables[kindOf(attempt, operationTimeMs(data, idAt), clockMs)].insert(data, idAt, clockMs, entry);\n',
      replace: '    this.#unkeyed.insert(data, idAt, clockMs, entry);\n',
    },
    {
      file: 'src/shard/machine/dedup.ts',
      find: "  if (!isKeyed(attempt)) return 'unkeyed';\n  return isTimed(timeMs, clockMs) ? 'timed' : 'untimed';\n",
      replace: "  return isKeyed(attempt) && isTimed(timeMs, clockMs) && clockMs < 0 ? 'timed' : 'unkeyed';\n",
    },
  ],
};
