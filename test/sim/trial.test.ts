/** One node in trouble that is left alone: who is asked meanwhile, and that the seed fails if the others do not serve. */
import { describe, expect, it } from 'vitest';
import { drawMix, runSeed, type Mix } from '../../src/sim/index.js';
import { fair } from '../../src/sim/overrides.js';
import { TRIALS } from '../../src/sim/trial.js';

const mixOf = (seed: number): Mix => ({
  ...drawMix(seed, []),
  nodes: 3,
  replicas: 3,
  shards: 2,
  durationMs: 1_000,
  faults: [],
});

describe('a node that is left alone', () => {
  it.each(TRIALS)('is tried after the healing: %s', async (kind) => {
    const story: string[] = [];
    const mix: Mix = { ...mixOf(7), trial: { kind, lullElections: 0, seed: 1 } };
    const result = await runSeed(7, mix, { trace: (line) => story.push(line) });
    expect(result.failure).toBeUndefined();
    const [begins, ends] = [`${kind}, and left alone`, 'trial: over'].map((words) =>
      story.findIndex((line) => line.includes(words)),
    );
    expect(begins).toBeGreaterThan(story.findIndex((line) => line.includes('phase two')));
    expect(ends).toBeGreaterThan(begins ?? Infinity);
  });

  it('fails the seed when the others cannot serve: here there are none', async () => {
    const alone: Mix = { ...mixOf(8), nodes: 1, replicas: 1, trial: { kind: 'hung', lullElections: 0, seed: 1 } };
    const { failure } = await runSeed(8, alone);
    expect(failure).toMatchObject({ check: 'liveness' });
    expect(failure?.reason).toContain('while n1 alone is hung: ');
  });

  it('is not asked of a cluster that cannot do without it', () => {
    const drawn = drawMix(9, ['hung-alone']);
    const tried: Mix = { ...drawn, nodes: 3, replicas: 3, trial: { kind: 'hung', lullElections: 0, seed: 1 } };
    expect(fair(tried).trial).toBeDefined();
    expect(fair({ ...tried, replicas: 2 }).trial).toBeUndefined();
  });
});
