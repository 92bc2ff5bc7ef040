/** Made-up runs of seeds, for what happens around them. */
import { generateScenario } from '../../src/sim/generate.js';
import type { Measured, RunOne } from '../../src/sim/campaign.js';
import type { Scenario } from '../../src/sim/scenario.js';
import type { SimFailure } from '../../src/sim/result.js';

export type Verdict = (seed: number, scenario: Scenario) => SimFailure['check'] | undefined;

export function measured(seed: number, scenario: Scenario, check?: SimFailure['check']): Measured {
  const result = {
    seed: seed.toString(16),
    scenario,
    failure: check === undefined ? undefined : { check, reason: `it was ${check}`, atMs: 12 },
    simulatedMs: 1_000,
    events: 7,
    operations: { ok: 3, failed: 2, unknown: 1 },
    faults: { kill: 2 },
    reached: {},
    digest: (seed * 2_654_435_761).toString(16).slice(-8).padStart(8, '0'),
  };
  return { result, cpuMs: 10 };
}

export const fakeRun =
  (verdict: Verdict): RunOne =>
  (seed, scenario) =>
    Promise.resolve(measured(seed, scenario, verdict(seed, scenario)));

/** The scenario of some seed that has at least so many faults. */
export function mixWithFaults(faults: number): { readonly seed: number; readonly scenario: Scenario } {
  for (let seed = 1; ; seed++) {
    const scenario = generateScenario(seed);
    if (scenario.faults.length >= faults) return { seed, scenario };
  }
}
