import { describe, expect, it } from 'vitest';
import { COVERAGE_SEEDS, hasPassed, REPLAY_EVERY, runCampaign, type CampaignOptions } from '../../src/sim/campaign.js';
import { generateScenario } from '../../src/sim/generate.js';
import { fakeRun, measured } from './fake-runs.js';

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const campaignOf = (options: Partial<CampaignOptions>) =>
  runCampaign({
    seeds: upTo(20),
    scenarioOf: generateScenario,
    run: fakeRun(() => undefined),
    lanes: 3,
    faultKinds: [],
    marks: [],
    mustReachAll: true,
    ...options,
  });

describe('a campaign', () => {
  it('sums up what its seeds did', async () => {
    const campaign = await campaignOf({ seeds: upTo(20) });
    expect(hasPassed(campaign)).toBe(true);
    expect(campaign).toMatchObject({ seeds: 20, failures: [], replayed: 0 });
    const { totals } = campaign;
    expect(totals).toMatchObject({
      simulatedMs: 20_000,
      cpuMs: 200,
      events: 140,
      faults: { kill: 40 },
      faultSeeds: { kill: 20 },
    });
    expect(totals.operations).toEqual({ ok: 60, failed: 40, unknown: 20 });
    expect([...totals.nodes.values()].reduce((a, b) => a + b)).toBe(20);
    expect([...totals.nodes.keys()]).toEqual([...new Set(upTo(20).map((seed) => generateScenario(seed).nodes))].sort());
  });

  it('goes on after a failure, and names each with its seed and scenario', async () => {
    const run = fakeRun((seed) => (seed === 4 ? 'liveness' : seed === 17 ? 'idle' : undefined));
    const campaign = await campaignOf({ run });
    expect(hasPassed(campaign)).toBe(false);
    expect(campaign.seeds).toBe(20);
    expect(campaign.failures).toEqual([
      { seed: 4, scenario: generateScenario(4), check: 'liveness', reason: 'it was liveness', atMs: 12 },
      { seed: 17, scenario: generateScenario(17), check: 'idle', reason: 'it was idle', atMs: 12 },
    ]);
  });

  it('stops after ten failures', async () => {
    const campaign = await campaignOf({ seeds: upTo(1_000), lanes: 1, run: fakeRun(() => 'invariant') });
    expect(campaign.seeds).toBe(10);
    expect(campaign.failures.map(({ seed }) => seed)).toEqual(upTo(10));
  });

  it('counts a run that throws as a failure of its seed alone', async () => {
    const good = fakeRun(() => undefined);
    const campaign = await campaignOf({
      run: (seed, scenario) =>
        seed === 6 ? Promise.reject(new Error('its process was killed')) : good(seed, scenario),
    });
    expect(campaign.seeds).toBe(20);
    expect(campaign.failures).toMatchObject([{ seed: 6, check: 'crash', reason: 'its process was killed' }]);
    expect(campaign.totals.events).toBe(19 * 7);
  });

  it('runs as many at a time as it has lanes, and no two the same seed', async () => {
    let running = 0;
    let most = 0;
    const seen: number[] = [];
    await campaignOf({
      lanes: 4,
      run: async (seed, scenario) => {
        seen.push(seed);
        most = Math.max(most, ++running);
        for (let turn = 0; turn < seed % 5; turn++) await Promise.resolve();
        running--;
        return measured(seed, scenario);
      },
    });
    expect(most).toBe(4);
    expect(seen.sort((a, b) => a - b)).toEqual(upTo(20));
  });

  it('ends when stopped, and does not pass if nothing was run', async () => {
    let left = 5;
    const cut = await campaignOf({ lanes: 1, mayGoOn: () => left-- > 0 });
    expect(cut.seeds).toBe(5);
    expect(hasPassed(cut)).toBe(true);
    expect(hasPassed(await campaignOf({ mayGoOn: () => false }))).toBe(false);
  });

  it('gives the same summary and digest in whatever order the seeds end', async () => {
    const late = async (seed: number, scenario: ReturnType<typeof generateScenario>) => {
      for (let turn = 0; turn < (seed * 7) % 11; turn++) await Promise.resolve();
      return measured(seed, scenario);
    };
    const one = await campaignOf({ lanes: 1 });
    const many = await campaignOf({ lanes: 6, run: late });
    expect(many.totals).toEqual(one.totals);
    const other = await campaignOf({ seeds: upTo(19) });
    expect(other.totals.digest).not.toBe(one.totals.digest);
  });
});

describe('checks across seeds', () => {
  it('a kind of fault that never happened fails a campaign of enough seeds', async () => {
    const faultKinds = ['kill', 'ring'];
    const few = await campaignOf({ seeds: upTo(COVERAGE_SEEDS - 1), faultKinds });
    expect(few.missingFaults).toEqual([]);
    expect(hasPassed(few)).toBe(true);
    const enough = await campaignOf({ seeds: upTo(COVERAGE_SEEDS), faultKinds });
    expect(enough.missingFaults).toEqual(['ring']);
    expect(hasPassed(enough)).toBe(false);
  });

  it('a mark that no seed reached fails a campaign of enough seeds', async () => {
    const marks = ['lease-held', 'entries-dropped'];
    const run: CampaignOptions['run'] = (seed, scenario) => {
      const { result, cpuMs } = measured(seed, scenario);
      return Promise.resolve({ result: seed === 7 ? { ...result, reached: { 'lease-held': 3 } } : result, cpuMs });
    };
    const few = await campaignOf({ seeds: upTo(COVERAGE_SEEDS - 1), marks, run });
    expect(few.missingMarks).toEqual([]);
    expect(hasPassed(few)).toBe(true);
    const enough = await campaignOf({ seeds: upTo(COVERAGE_SEEDS), marks, run });
    expect(enough.missingMarks).toEqual(['entries-dropped']);
    expect(enough.missingFaults).toEqual([]);
    expect(hasPassed(enough)).toBe(false);
    const narrowed = await campaignOf({ seeds: upTo(COVERAGE_SEEDS), marks, run, mustReachAll: false });
    expect(hasPassed(narrowed)).toBe(true);
    // Either way the table has it.
    for (const { totals } of [few, enough, narrowed])
      expect(totals.reached).toEqual({ 'entries-dropped': 0, 'lease-held': 1 });
  });

  it('a kind of fault that never happened is counted as 0', async () => {
    const { totals } = await campaignOf({ faultKinds: ['kill', 'ring'] });
    expect([totals.faults, totals.faultSeeds]).toEqual([
      { kill: 40, ring: 0 },
      { kill: 20, ring: 0 },
    ]);
  });

  it('a seed with another digest when repeated is reported', async () => {
    const runs = new Map<number, number>();
    const campaign = await campaignOf({
      seeds: upTo(3 * REPLAY_EVERY),
      lanes: 1,
      run: (seed, scenario) => {
        const nth = (runs.get(seed) ?? 0) + 1;
        runs.set(seed, nth);
        const { result, cpuMs } = measured(seed, scenario);
        const differs = seed === 2 * REPLAY_EVERY && nth === 2;
        return Promise.resolve({ result: differs ? { ...result, digest: 'ffffffff' } : result, cpuMs });
      },
    });
    expect(campaign.replayed).toBe(3);
    expect([...runs].filter(([, times]) => times === 2).map(([seed]) => seed)).toEqual([50, 100, 150]);
    expect(campaign.failures).toMatchObject([{ seed: 100, check: 'determinism' }]);
    expect(campaign.failures[0]?.reason).toContain('ffffffff');
  });
});
