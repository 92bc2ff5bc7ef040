import { describe, expect, it } from 'vitest';
import { runCampaign, type Campaign } from '../../src/sim/campaign.js';
import { generateScenario } from '../../src/sim/generate.js';
import { applyOverrides } from '../../src/sim/overrides.js';
import {
  campaignDocument,
  campaignReport,
  seedDocument,
  seedReport,
  type CampaignSummary,
} from '../../src/sim/report.js';
import { fakeRun, measured, type Verdict } from './fake-runs.js';

const campaignOf = (verdict: Verdict, faultKinds: readonly string[] = []): Promise<Campaign> =>
  runCampaign({
    seeds: [0x8f39, 0x8f3a, 0x8f3b],
    scenarioOf: (seed) => applyOverrides(generateScenario(seed), { clients: 11 }),
    run: fakeRun(verdict),
    lanes: 2,
    faultKinds,
    marks: ['lease-held'],
    mustReachAll: true,
  });

const factsOf = (campaign: Campaign, more: Partial<CampaignSummary> = {}): CampaignSummary => ({
  campaign,
  first: 0x8f39,
  interrupted: false,
  wallMs: 1_500,
  lanes: 2,
  scenarioOf: generateScenario,
  shrunk: undefined,
  ...more,
});

describe('the report of a campaign', () => {
  it('shows counts and rates, in total and per core', async () => {
    const facts = factsOf(await campaignOf(() => undefined));
    const report = campaignReport(facts);
    expect(report.startsWith('PASSED: 3 seeds from 8f39 on, 0 failed\n')).toBe(true);
    expect(report).toContain('2 simulated seconds a second with 2 jobs, 100 a second of one core');
    expect(report).toContain('9 ok, 6 failed, 3 unknown');
    expect(report).toMatch(/^ {2}kill {2}6 {2}3$/m);
    expect(report).toMatch(/^seeds that reached\n {2}lease-held {2}0$/m);
    expect(campaignDocument(facts)).toMatchObject({
      seeds: 3,
      first: '8f39',
      passed: true,
      failed: 0,
      failures: [],
      simulatedSeconds: 3,
      wallSeconds: 1.5,
      cpuSeconds: 0.03,
      simulatedSecondsPerSecond: 2,
      perCore: 100,
      events: 21,
      operations: { ok: 9, failed: 6, unknown: 3 },
      faults: { kill: 6 },
    });
  });

  it('names for each failure seed, check, reason, and the command that repeats it, overrides included', async () => {
    const campaign = await campaignOf((seed) => (seed === 0x8f39 ? undefined : 'convergence'));
    const shrunk = {
      scenario: applyOverrides(generateScenario(0x8f3a), { clients: 1, faults: [] }),
      failure: { check: 'convergence', reason: 'n1 and n2 differ', atMs: 5 },
      runs: 31,
      finished: true,
    } as const;
    const facts = factsOf(campaign, { shrunk });
    const report = campaignReport(facts);
    expect(report.startsWith('FAILED: 3 seeds from 8f39 on, 2 failed\n')).toBe(true);
    expect(report).toContain(
      `FAILED: seed 8f3a, convergence, at 12 ms\n  it was convergence\n  again: npx kvorum sim --seed 8f3a --clients 11\n` +
        `  smallest, after 31 runs: convergence, at 5 ms\n  n1 and n2 differ\n` +
        `  again: npx kvorum sim --seed 8f3a --clients 1 --faults none\n`,
    );
    expect(report).toContain('again: npx kvorum sim --seed 8f3b --clients 11\n');
    expect(campaignDocument(facts)).toMatchObject({
      passed: false,
      failed: 2,
      failures: [
        {
          seed: '8f3a',
          check: 'convergence',
          reason: 'it was convergence',
          atMs: 12,
          command: 'npx kvorum sim --seed 8f3a --clients 11',
          shrunk: { command: 'npx kvorum sim --seed 8f3a --clients 1 --faults none', runs: 31, finished: true },
        },
        { seed: '8f3b', command: 'npx kvorum sim --seed 8f3b --clients 11' },
      ],
    });
  });

  it('does not say passed of a campaign that was interrupted, did nothing, or missed a kind of fault', async () => {
    const good = await campaignOf(() => undefined);
    for (const facts of [
      factsOf(good, { interrupted: true }),
      factsOf({ ...good, seeds: 0 }),
      factsOf({ ...good, missingFaults: ['ring'] }),
      factsOf({ ...good, missingMarks: ['lease-held'] }),
    ]) {
      expect(campaignReport(facts)).not.toMatch(/^PASSED/);
      expect(campaignDocument(facts)).toMatchObject({ passed: false });
    }
    expect(campaignReport(factsOf({ ...good, missingFaults: ['ring'] }))).toContain('no fault of kind ring');
    expect(campaignReport(factsOf({ ...good, missingMarks: ['lease-held'] }))).toContain(
      'FAILED: lease-held was reached in none of',
    );
  });
});

describe('the report of one seed', () => {
  const generated = generateScenario(0x8f3a);

  it('shows the first failure, and the command that repeats it', () => {
    const scenario = applyOverrides(generated, { shards: 9 });
    const { result } = measured(0x8f3a, scenario, 'linearizability');
    const report = seedReport(0x8f3a, generated, result);
    expect(report.startsWith('FAILED: seed 8f3a, linearizability, at 12 ms\n  it was linearizability\n')).toBe(true);
    expect(report.endsWith('again: npx kvorum sim --seed 8f3a --shards 9\n')).toBe(true);
    for (const { kind } of scenario.faults) expect(report).toContain(kind);
    expect(seedDocument(0x8f3a, generated, result)).toMatchObject({
      passed: false,
      seed: '8f3a',
      command: 'npx kvorum sim --seed 8f3a --shards 9',
      failure: { check: 'linearizability' },
    });
  });

  it('of a passed run has a null failure in JSON', () => {
    const { result } = measured(0x8f3a, generated);
    expect(seedReport(0x8f3a, generated, result).startsWith('PASSED: seed 8f3a\n')).toBe(true);
    expect(seedDocument(0x8f3a, generated, result)).toMatchObject({ passed: true, failure: null });
  });
});
