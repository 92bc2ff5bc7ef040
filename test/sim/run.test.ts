/** Whole simulations: the same twice, healthy when all is well, failing when they must. */
import { describe, expect, it } from 'vitest';
import { DEFAULT_FAULT_KINDS, generateScenario, runSeed, type Scenario } from '../../src/sim/index.js';

const SEEDS = Array.from({ length: 12 }, (_, i) => 5_000 + i);

/** Small and short: what is tested here is the simulator. */
const small = (seed: number): Scenario => ({ ...generateScenario(seed), durationMs: 1_500 });

describe('a simulation', () => {
  it.each(SEEDS)('holds every invariant and ends well (seed %i)', async (seed) => {
    const result = await runSeed(seed, generateScenario(seed));
    expect(result.failure).toBeUndefined();
    expect(result.operations.ok).toBeGreaterThan(20);
    expect(Object.values(result.faults).reduce((sum, n) => sum + n, 0)).toBeGreaterThan(0);
  });

  it('is deterministic byte for byte, and differs between seeds', async () => {
    const tell = async (seed: number): Promise<string> => {
      const lines: string[] = [];
      const result = await runSeed(seed, small(5_003), { trace: (line) => lines.push(line) });
      return [...lines, JSON.stringify(result)].join('\n');
    };
    const [first, second, other] = [await tell(5_003), await tell(5_003), await tell(5_004)];
    expect(first.length).toBeGreaterThan(10_000);
    expect(second).toBe(first);
    expect(other).not.toBe(first);
  });

  it('is the same with and without a trace', async () => {
    const told = await runSeed(5_005, small(5_005), { trace: () => undefined });
    expect(await runSeed(5_005, small(5_005))).toEqual(told);
  });

  it('fails a seed that did nothing', async () => {
    const scenario = small(5_001);
    const idle = await runSeed(5_001, { ...scenario, clients: 1, keys: 1, thinkMs: 1_000, faults: [] });
    expect(idle.failure).toMatchObject({ check: 'idle' });
    const alone = await runSeed(5_001, {
      ...scenario,
      routers: 0,
      faults: [{ id: 1, atMs: 9, kind: 'kill-router', lastsMs: 9, seed: 1 }],
    });
    expect(alone.failure).toMatchObject({ check: 'idle', reason: 'no fault was injected' });
  });

  it.each(DEFAULT_FAULT_KINDS)('injects %s, and survives it', async (kind) => {
    const scenario = { ...generateScenario(5_006, []), durationMs: 1_500, nodes: 5, replicas: 3, shards: 2 };
    // Disks of one group that went back within a second, one after the other, can leave it without a quorum: not promised.
    const first = kind === 'rolled-back-disk' ? 79 : 77;
    const faults = [400, 800, 1_200].map((atMs, i) => ({ id: i + 1, atMs, kind, lastsMs: 200, seed: first + i }));
    // One disk that rots, and no more.
    const former = kind === 'rolling-upgrade' ? { former: { nodes: 2, routers: 1 } } : {};
    const result = await runSeed(5_006, {
      ...scenario,
      ...former,
      faults: kind === 'bit-flip' ? faults.slice(0, 1) : faults,
    });
    expect(result.failure).toBeUndefined();
    expect(result.faults[kind]).toBeGreaterThan(0);
  });
});

describe('the scenario of a seed', () => {
  it('is deterministic, and all kinds of faults and sizes occur among many seeds', () => {
    const kinds = new Set<string>();
    const nodes = new Set<number>();
    for (let seed = 1; seed <= 300; seed++) {
      const scenario = generateScenario(seed);
      expect(generateScenario(seed)).toEqual(scenario);
      expect(scenario.replicas).toBeLessThanOrEqual(scenario.nodes);
      expect(scenario.faults.length).toBeGreaterThan(0);
      expect(scenario.faults.filter(({ kind }) => kind === 'bit-flip').length).toBeLessThanOrEqual(1);
      for (const { kind } of scenario.faults) kinds.add(kind);
      nodes.add(scenario.nodes);
    }
    expect([...kinds].sort()).toEqual([...DEFAULT_FAULT_KINDS].sort());
    expect([...nodes].sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 9]);
  });
});
