/** That a model does take effect: seeds that have it come to what it is for. */
import { describe, expect, it } from 'vitest';
import { generateScenario, runSeed, type Mark, type Model } from '../../src/sim/index.js';

/** Of these seeds, how many came to it; none may fail. */
async function reached(model: Model, mark: Mark, seeds: readonly number[]): Promise<number> {
  let count = 0;
  for (const seed of seeds) {
    const generated = generateScenario(seed, [model]);
    const result = await runSeed(seed, { ...generated, nodes: 3, replicas: Math.min(3, generated.replicas), keys: 2 });
    expect([seed, result.failure]).toEqual([seed, undefined]);
    if (result.reached[mark] !== undefined) count++;
  }
  return count;
}

describe('seeds with the model', () => {
  it.each([
    ['rolling-upgrade', 'linked-in-former-protocol', [1, 2, 3], 3],
    ['foreign-node', 'foreign-node-refused', [1, 2, 3, 5, 8], 2],
    ['copied-node', 'copied-node-refused', [1, 2, 3], 3],
    ['short-attempts', 'two-attempts-open', [1, 2, 3], 2],
    ['short-patience', 'answer-evicted-by-age', [1, 2, 3, 4, 5, 6, 7, 8], 5],
    ['narrow-links', 'urgent-passes-bulk', [13, 28, 30], 3],
    ['transactions', 'transaction-met-another', [2, 3, 4, 5], 1],
    // About one seed in five comes to it.
    ['ranges', 'page-cut-short', Array.from({ length: 20 }, (_, at) => at + 1), 3],
    ['ranges', 'view-outlived-checkpoint', [1, 2, 3, 4, 5, 6], 1],
    ['ranges', 'namespace-full', [1, 2], 1],
  ] as const)(
    '%s: %s',
    async (model, mark, seeds, atLeast) => {
      expect(await reached(model, mark, seeds)).toBeGreaterThanOrEqual(atLeast);
    },
    120_000,
  );
});

it('during a disk rollback at most one other node is unreachable, from before the loss until long after it', () => {
  const away = new Map<string, number>();
  let [backs, cutsSoonAfter] = [0, 0];
  for (let seed = 1; seed <= 400; seed++) {
    const { faults, durationMs } = generateScenario(seed, ['rolled-back-disk']);
    const back = faults.find(({ kind }) => kind === 'rolled-back-disk');
    if (back === undefined) continue;
    backs += 1;
    const backAtMs = back.atMs + back.lastsMs;
    const others = faults.filter(({ kind }) =>
      /^(?!router)(halves|isolate|one-way|pause|kill-(leader|all)|restart)/.test(kind),
    );
    const beside = others.filter(({ atMs, lastsMs }) => atMs <= backAtMs + 300 && atMs + lastsMs >= back.atMs);
    expect([seed, beside.length]).toEqual([seed, Math.min(1, beside.length)]);
    for (const { kind, atMs, lastsMs } of beside) {
      expect(atMs).toBeLessThanOrEqual(back.atMs + back.lastsMs * 0.2);
      expect(atMs + lastsMs).toBeGreaterThanOrEqual(backAtMs + 1_500);
      expect(atMs + lastsMs).toBeLessThanOrEqual(durationMs);
      away.set(kind, (away.get(kind) ?? 0) + 1);
    }
    if (others.some(({ kind, atMs }) => kind === 'halves' && atMs > backAtMs && atMs < backAtMs + 1_500))
      cutsSoonAfter += 1;
  }
  expect([...away.keys()].sort()).toEqual(['isolate-leader', 'pause']);
  for (const count of away.values()) expect(count).toBeGreaterThan(backs / 8);
  expect(cutsSoonAfter).toBeGreaterThan(0);
});

it('short-patience: shorter time limits and dedup windows change the run', async () => {
  let changed = 0;
  for (const seed of [1, 2, 3, 4]) {
    const { patience, ...generated } = generateScenario(seed, ['short-patience']);
    const [patient, hasty] = [
      await runSeed(seed, generated),
      await runSeed(seed, { ...generated, patience: patience! }),
    ];
    expect([seed, patient.failure, hasty.failure]).toEqual([seed, undefined, undefined]);
    if (patient.digest !== hasty.digest) changed++;
  }
  expect(changed).toBeGreaterThanOrEqual(2);
}, 120_000);
