/**
 * K51: Whoever is dialled says who it is only after it has judged itself by the caller's hello. The caller then accuses the
 * life that this very hello has put into quarantine, and a node that was brought up goes into quarantine again at its next
 * start: two of three that were brought up once never lead anything again after a start of the third.
 */
import type { Mutant } from '../mutant.js';

export const k51: Mutant = {
  id: 'K51',
  title: 'a hello is answered with what became true by judging it',
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
