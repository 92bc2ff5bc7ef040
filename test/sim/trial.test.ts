/** One node in trouble that is left alone: who is asked meanwhile, and that the seed fails if the others do not serve. */
import { describe, expect, it } from 'vitest';
import { generateScenario, runSeed, type Scenario } from '../../src/sim/index.js';
import { fair } from '../../src/sim/overrides.js';
import { TRIALS } from '../../src/sim/trial.js';

const scenarioOf = (seed: number): Scenario => ({
  ...generateScenario(seed, []),
  nodes: 3,
  replicas: 3,
  shards: 2,
  durationMs: 1_000,
  faults: [],
});

describe('a node that is left alone', () => {
  it.each(TRIALS)('is tried after the healing: %s', async (kind) => {
    const trace: string[] = [];
    const scenario: Scenario = { ...scenarioOf(7), trial: { kind, lullElections: 0, seed: 1 } };
    const result = await runSeed(7, scenario, { trace: (line) => trace.push(line) });
    expect(result.failure).toBeUndefined();
    const [begins, ends] = [`${kind}, and left alone`, 'trial: over'].map((words) =>
      trace.findIndex((line) => line.includes(words)),
    );
    expect(begins).toBeGreaterThan(trace.findIndex((line) => line.includes('phase two')));
    expect(ends).toBeGreaterThan(begins ?? Infinity);
  });

  it('fails the seed when the others cannot serve: here there are none', async () => {
    // Of a seed in which some of those that are asked write: what is read needs no disk.
    const alone: Scenario = {
      ...scenarioOf(9),
      nodes: 1,
      replicas: 1,
      // A deadline that passes while nobody can commit would be noticed first.
      programShare: 0,
      trial: { kind: 'hung', lullElections: 0, seed: 1 },
    };
    const { failure } = await runSeed(9, alone);
    expect(failure).toMatchObject({ check: 'liveness' });
    expect(failure?.reason).toContain('while n1 alone is hung: ');
  });

  it('is skipped in a cluster that cannot do without the node', () => {
    const generated = generateScenario(9, ['hung-alone']);
    const tried: Scenario = { ...generated, nodes: 3, replicas: 3, trial: { kind: 'hung', lullElections: 0, seed: 1 } };
    expect(fair(tried).trial).toBeDefined();
    expect(fair({ ...tried, replicas: 2 }).trial).toBeUndefined();
  });
});
