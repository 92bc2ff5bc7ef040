import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CampaignFailure } from '../../src/sim/campaign.js';
import type { Scenario } from '../../src/sim/scenario.js';
import { shrink, whyNotShrunk, type ShrinkOptions } from '../../src/sim/shrink.js';
import { fakeRun, mixWithFaults, measured } from './fake-runs.js';

const { seed, scenario } = mixWithFaults(8);
const faults = scenario.faults.map((fault) =>
  fault.kind === 'bit-flip' ? { ...fault, kind: 'kill' as const } : fault,
);
const full: Scenario = {
  ...scenario,
  faults,
  nodes: 7,
  replicas: 5,
  shards: 8,
  routers: 3,
  clients: 10,
  keys: 8,
  durationMs: 9_731,
};
const failure: CampaignFailure = { seed, scenario: full, check: 'invariant', reason: 'two leaders', atMs: 900 };
const ids = (m: Scenario): number[] => m.faults.map(({ id }) => id);

/** Fails exactly if `needs` holds. */
const shrinkTo = (needs: (m: Scenario) => boolean, more: Partial<ShrinkOptions> = {}) =>
  shrink({ failure, run: fakeRun((_, m) => (needs(m) ? 'invariant' : undefined)), maxRuns: 2_000, ...more });

describe('shrinking', () => {
  it('finds exactly what the failure needs', async () => {
    const atLeast = (most: number) => fc.integer({ min: 1, max: most });
    const needs = fc.record({
      faults: fc.subarray(ids(full)),
      nodes: atLeast(7),
      replicas: atLeast(5),
      shards: atLeast(8),
      routers: atLeast(3),
      clients: atLeast(10),
      keys: atLeast(8),
      durationMs: atLeast(9_731),
    });
    await fc.assert(
      fc.asyncProperty(needs, async (least) => {
        const shrunk = await shrinkTo(
          (m) =>
            least.faults.every((id) => ids(m).includes(id)) &&
            (['nodes', 'replicas', 'shards', 'routers', 'clients', 'keys', 'durationMs'] as const).every(
              (name) => m[name] >= least[name],
            ),
        );
        expect(shrunk?.finished).toBe(true);
        const { faults, durationMs, nodes, ...others } = least;
        expect(shrunk?.scenario).toMatchObject({ ...others, nodes: Math.max(nodes, least.replicas) });
        expect(ids(shrunk!.scenario)).toEqual(faults);
        expect(shrunk?.scenario.durationMs).toBe(durationMs > 9_700 ? 9_731 : Math.ceil(durationMs / 100) * 100);
      }),
      { numRuns: 200 },
    );
  });

  it('reports only scenarios that it has seen fail', async () => {
    const odd = (m: Scenario, salt: number) => {
      let hash = salt;
      for (const char of JSON.stringify([m.nodes, m.clients, m.keys, ids(m)]))
        hash = (hash * 31 + char.charCodeAt(0)) >>> 0;
      return hash % 3 === 0;
    };
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 60 }), async (salt, maxRuns) => {
        const needs = (m: Scenario) => m === full || odd(m, salt);
        let runs = 0;
        const run = fakeRun((_, m) => {
          runs++;
          return needs(m) ? 'invariant' : undefined;
        });
        const shrunk = await shrinkTo(needs, { run, maxRuns });
        expect(needs(shrunk!.scenario)).toBe(true);
        expect(shrunk?.failure).toEqual({ check: 'invariant', reason: 'it was invariant', atMs: 12 });
        expect(shrunk?.runs).toBe(runs);
        expect(runs).toBeLessThanOrEqual(maxRuns);
        expect(shrunk!.scenario.replicas).toBeLessThanOrEqual(shrunk!.scenario.nodes);
      }),
      { numRuns: 200 },
    );
  });

  it('does not accept a different failure as a smaller one', async () => {
    const run = fakeRun((_, m) => (m.faults.length === 0 ? 'idle' : m.clients < 4 ? 'liveness' : 'invariant'));
    const shrunk = await shrinkTo(() => true, { run });
    expect(shrunk?.scenario.faults).toHaveLength(1);
    expect(shrunk?.scenario.clients).toBe(4);
  });

  it('says so if the failure does not reproduce', async () => {
    expect(await shrinkTo(() => false)).toBeUndefined();
  });

  it('ends when stopped, with the smallest scenario so far', async () => {
    let runs = 0;
    const shrunk = await shrinkTo((m) => m.clients >= 2, { mayGoOn: () => ++runs <= 3 });
    expect(shrunk).toMatchObject({ finished: false, runs: 3 });
    expect(shrunk?.scenario.faults).toEqual([]);
  });

  it('shrinks a run that kills its process', async () => {
    const crash = { ...failure, check: 'crash' as const };
    const run: ShrinkOptions['run'] = (s, m) =>
      m.nodes >= 2 ? Promise.reject(new Error('killed')) : Promise.resolve(measured(s, m));
    const shrunk = await shrinkTo(() => true, { failure: crash, run });
    expect(shrunk?.scenario.nodes).toBe(2);
    expect(shrunk?.failure).toEqual({ check: 'crash', reason: 'killed', atMs: undefined });
  });

  it('keeps three replicas where a disk must rot', async () => {
    const rotten = { ...full, faults: [{ ...full.faults[0]!, kind: 'bit-flip' as const }, ...full.faults.slice(1)] };
    const rots = (m: Scenario) => m.faults.some(({ kind }) => kind === 'bit-flip');
    const shrunk = await shrinkTo(rots, { failure: { ...failure, scenario: rotten } });
    expect(shrunk?.scenario).toMatchObject({ nodes: 3, replicas: 3 });
    expect(shrunk?.scenario.faults.map(({ kind }) => kind)).toEqual(['bit-flip']);
  });

  it('says which failures cannot be shrunk: too little done, and not reproducible', () => {
    expect(whyNotShrunk({ ...failure, check: 'idle' })).toContain('too little');
    expect(whyNotShrunk({ ...failure, check: 'determinism' })).toContain('not the same twice');
    expect(whyNotShrunk(failure)).toBeUndefined();
  });
});
