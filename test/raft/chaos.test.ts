/** Groups of fixed shapes under every kind of fault, with every check. `random.test.ts` uses random shapes and mixes. */
import { expect, it } from 'vitest';
import { Torture, type Shape } from './harness/torture.js';

/** Small appends and few of them: a follower that is behind stays so for a while. */
const timing = { maxAppendBytes: 40, maxInflight: 3 };

const RUNS: (Shape & { readonly name: string; readonly seed: number; readonly steps: number })[] = [
  { name: 'three voters', seed: 1, voters: 3, steps: 6000, timing },
  { name: 'three voters that go quiescent', seed: 2, voters: 3, steps: 6000, timing: { ...timing, quiesceTicks: 4 } },
  { name: 'five voters', seed: 3, voters: 5, steps: 8000, timing },
  { name: 'three voters and a learner', seed: 4, voters: 3, learners: 1, steps: 6000, timing },
  { name: 'two voters', seed: 5, voters: 2, steps: 8000, timing },
  { name: 'one voter', seed: 6, voters: 1, steps: 6000, timing },
];

/** The seed of every failure found goes into this list. */
for (const run of RUNS) {
  for (let i = 0; i < 4; i++) {
    const seed = run.seed * 1000 + i;
    it(`s72 s76 ${run.name} stay safe under every fault, and converge afterwards (seed ${seed})`, () => {
      const result = new Torture(seed, { shape: run, thorough: true }).run(run.steps);
      // Safety and recovery are checked by the run; here, that enough happened.
      expect(result.committed).toBeGreaterThan(10);
      expect(result.crashes).toBeGreaterThan(0);
    });
  }
}
