/** That a model does take effect: seeds that have it come to what it is for. */
import { describe, expect, it } from 'vitest';
import { drawMix, runSeed, type Mark, type Model } from '../../src/sim/index.js';

/** Of these seeds, how many came to it; none may fail. */
async function reached(model: Model, mark: Mark, seeds: readonly number[]): Promise<number> {
  let count = 0;
  for (const seed of seeds) {
    const drawn = drawMix(seed, [model]);
    const result = await runSeed(seed, { ...drawn, nodes: 3, replicas: Math.min(3, drawn.replicas), keys: 2 });
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
    ['narrow-links', 'urgent-passes-bulk', [13, 28, 30], 3],
  ] as const)(
    '%s: %s',
    async (model, mark, seeds, atLeast) => {
      expect(await reached(model, mark, seeds)).toBeGreaterThanOrEqual(atLeast);
    },
    120_000,
  );
});
