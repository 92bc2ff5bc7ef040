import { describe, expect, it } from 'vitest';
import { HEALTHY, isHealthy, latenessMs, stalls } from '../../src/faults/conditions.js';

const draws =
  (...values: number[]) =>
  () =>
    values.shift() ?? 1;

describe('the conditions of a direction', () => {
  it('add the delay to everything', () => {
    expect(latenessMs({ ...HEALTHY, delayMs: 40 }, draws())).toBe(40);
  });

  it('make what is lost wait for a timeout that doubles, up to 120 s', () => {
    const lossy = { ...HEALTHY, dropPercent: 20, delayMs: 5 };
    expect(latenessMs(lossy, draws(0.2))).toBe(5);
    expect(latenessMs(lossy, draws(0.199, 0.2))).toBe(205);
    expect(latenessMs(lossy, draws(0, 0, 0, 0.9))).toBe(5 + 200 + 400 + 800);
    const doubled = Array.from({ length: 10 }, (_, i) => 200 * 2 ** i).reduce((sum, ms) => sum + ms);
    expect(latenessMs(lossy, draws(...Array<number>(11).fill(0), 0.9))).toBe(5 + doubled + 120_000);
  });

  it('stall when cut, and when all is lost', () => {
    expect(stalls({ ...HEALTHY, cut: true })).toBe(true);
    expect(stalls({ ...HEALTHY, dropPercent: 100 })).toBe(true);
    expect(stalls({ ...HEALTHY, dropPercent: 99.9, delayMs: 9 })).toBe(false);
  });

  it('are healthy only if nothing is wrong', () => {
    expect(isHealthy(HEALTHY)).toBe(true);
    for (const wrong of [{ cut: true }, { delayMs: 1 }, { dropPercent: 1 }])
      expect(isHealthy({ ...HEALTHY, ...wrong })).toBe(false);
  });
});
