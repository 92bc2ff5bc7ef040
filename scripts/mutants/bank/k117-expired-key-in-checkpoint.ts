/**
 * K117: A checkpoint drops a key that has expired from the index of deadlines only, and leaves its record. From then on the
 * key is there again, and goes on with every snapshot.
 */
import type { Mutant } from '../mutant.js';

export const k117: Mutant = {
  id: 'K117',
  title: 'a key that has expired comes back from a checkpoint or snapshot',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/machine/row-layer.ts',
      find: `    for (let at = 0; at < expiryAt; at++) yield rowOf(this.#rows, keys[at] ?? '');
`,
      replace: `    const gone = [...this.#expiry].filter(([, row]) => row === undefined).map(([key]) => key.slice(7));
    const expired = new Set(gone.filter((key) => this.#rows.get(key) === undefined));
    for (let at = 0; at < expiryAt; at++)
      if (!expired.has(keys[at] ?? '')) yield rowOf(this.#rows, keys[at] ?? '');
`,
    },
  ],
};
