/**
 * K15: a staged snapshot is reported as installed before the storage has made it durable.
 * The leader counts the replica as matching up to there, and a crash loses it.
 */
import type { Mutant } from '../mutant.js';

export const k15: Mutant = {
  id: 'K15',
  title: 'a snapshot is acknowledged before it is durable',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/node/commit-pipeline.ts',
      find: `    if (chunk.done) await this.#storage.install(group, chunk.meta, hardState);`,
      replace: `    if (chunk.done) void this.#storage.install(group, chunk.meta, hardState);`,
    },
  ],
};
