/**
 * K88: A chunk of a snapshot without an answer for half a minute counts as stuck, however slow the link is. Below 140
 * kbit/s a chunk of every shard is soon in flight, and all other messages to the follower queue behind them.
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
