/**
 * K88: A chunk of a snapshot that was not answered for half a minute is taken for stuck, however slow the link is. Below 140 kbit/s a
 * chunk of every shard is soon under way, and what else goes to the follower waits behind all of them.
 */
import type { Mutant } from '../mutant.js';

export const k88: Mutant = {
  id: 'K88',
  title: 'chunks over a slow link are taken for stuck',
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/node/outgoing-snapshots.ts',
      find: 'return this.#patienceMs.get(to) ?? this.#host.patienceMs;',
      replace: 'return this.#patienceMs.has(to) ? this.#host.patienceMs : this.#host.patienceMs;',
    },
  ],
};
