/** Made-up runs of seeds, for what happens around them. */
import { drawMix } from '../../src/sim/generate.js';
import type { Measured, RunOne } from '../../src/sim/campaign.js';
import type { Mix } from '../../src/sim/scenario.js';
import type { SimFailure } from '../../src/sim/result.js';

export type Verdict = (seed: number, mix: Mix) => SimFailure['check'] | undefined;

export function measured(seed: number, mix: Mix, check?: SimFailure['check']): Measured {
  const result = {
    seed: seed.toString(16),
    mix,
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
  (seed, mix) =>
    Promise.resolve(measured(seed, mix, verdict(seed, mix)));

/** The mix of some seed that has at least so many faults. */
export function mixWithFaults(faults: number): { readonly seed: number; readonly mix: Mix } {
  for (let seed = 1; ; seed++) {
    const mix = drawMix(seed);
    if (mix.faults.length >= faults) return { seed, mix };
  }
}
