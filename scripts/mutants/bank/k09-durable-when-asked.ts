/**
 * K9: the pipeline reports a commit as durable once the storage has accepted it.
 * Like M8, but one layer higher, where a simulated disk can detect it.
 */
import type { Mutant } from '../mutant.js';

export const k9: Mutant = {
  id: 'K9',
  title: 'the pipeline acknowledges before the commit is durable',
  caughtBy: ['sim'],
  edits: [
    {
      file: 'src/shard/node/commit-pipeline.ts',
      find: `    this.#storage.commit(writes).then(
      () => {
        this.#commitsInFlight--;
        this.#startTimes.shift();
        this.#writesInFlight -= weight;
        this.#onDurable(batch);
      },`,
      replace: `    this.#onDurable(batch);
    this.#storage.commit(writes).then(
      () => {
        this.#commitsInFlight--;
        this.#startTimes.shift();
        this.#writesInFlight -= weight;
        this.maybeFlush();
      },`,
    },
  ],
};
