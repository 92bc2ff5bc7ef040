/**
 * K51: An acceptor composes its hello only after it has processed the caller's. The caller then accuses the incarnation
 * that this very hello has put into quarantine, and a restored node enters quarantine again at its next start: two of
 * three nodes that were restored once never lead again after a restart of the third.
 */
import type { Mutant } from '../mutant.js';

export const k51: Mutant = {
  id: 'K51',
  title: "a node sends its hello only after the caller's hello has changed its state",
  caughtBy: ['repairs'],
  edits: [
    {
      file: 'src/shard/transport/listener.ts',
      find: `      const extension = this.#context.helloTo(judgement.hello.from);
      const last = refused ?? this.#context.finalCheck(judgement.hello);
`,
      replace: `      const last = refused ?? this.#context.finalCheck(judgement.hello);
      const extension = this.#context.helloTo(judgement.hello.from);
`,
    },
  ],
};
