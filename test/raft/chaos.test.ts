import { expect, it } from 'vitest';
import { Chaos, type ChaosOptions } from './chaos.js';

const RUNS: (ChaosOptions & { name: string })[] = [
  { name: 'three voters', seed: 1, size: 3, steps: 6000 },
  { name: 'three voters that fall quiet', seed: 2, size: 3, steps: 6000, quiesceTicks: 4 },
  { name: 'five voters', seed: 3, size: 5, steps: 8000 },
  { name: 'three voters and a learner', seed: 4, size: 4, learners: 1, steps: 6000 },
  { name: 'two voters', seed: 5, size: 2, steps: 4000 },
  { name: 'one voter', seed: 6, size: 1, steps: 2000 },
];

/** A failure's seed goes into this list, so that it is never met again. */
for (const run of RUNS) {
  for (let i = 0; i < 4; i++) {
    const seed = run.seed * 1000 + i;
    it(`s72 s76 ${run.name} stay safe under every fault, and level afterwards (seed ${seed})`, () => {
      const chaos = new Chaos({ ...run, seed });
      chaos.run();
      chaos.calm(60);
      const leaders = [...chaos.nodes.values()].filter(({ raft }) => raft.role === 'leader');
      expect(leaders).toHaveLength(1);
      // Served again: a proposal and a read go through.
      const before = chaos.history.highestCommit;
      expect(leaders[0]!.raft.propose([new Uint8Array([1])]).type).toBe('appended');
      chaos.read(leaders[0]!);
      chaos.calm(20);
      chaos.checkDurable();
      expect(chaos.history.highestCommit).toBe(before + 1);
      expect(leaders[0]!.pendingReads.size).toBe(0);
      for (const { raft, state } of chaos.nodes.values()) {
        expect(raft.log.applied).toBe(before + 1);
        expect(state).toEqual(leaders[0]!.state);
      }
    });
  }
}
