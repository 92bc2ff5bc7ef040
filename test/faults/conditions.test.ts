import { describe, expect, it } from 'vitest';
import { HEALTHY, isHealthy, latenessMs, roomBytes, stalls, BandwidthLimiter } from '../../src/faults/conditions.js';

const draws =
  (...values: number[]) =>
  () =>
    values.shift() ?? 1;

describe('the conditions of a direction', () => {
  it('add the delay to everything', () => {
    expect(latenessMs({ ...HEALTHY, delayMs: 40 }, draws())).toBe(40);
  });

  it('delay lost data by a retransmission timeout that doubles, up to 120 s', () => {
    const lossy = { ...HEALTHY, dropPercent: 20, delayMs: 5 };
    expect(latenessMs(lossy, draws(0.2))).toBe(5);
    expect(latenessMs(lossy, draws(0.199, 0.2))).toBe(205);
    expect(latenessMs(lossy, draws(0, 0, 0, 0.9))).toBe(5 + 200 + 400 + 800);
    const doubled = Array.from({ length: 10 }, (_, i) => 200 * 2 ** i).reduce((sum, ms) => sum + ms);
    expect(latenessMs(lossy, draws(...Array<number>(11).fill(0), 0.9))).toBe(5 + doubled + 120_000);
  });

  it('stall at a cut, and at a loss of 100 %', () => {
    expect(stalls({ ...HEALTHY, cut: true })).toBe(true);
    expect(stalls({ ...HEALTHY, dropPercent: 100 })).toBe(true);
    expect(stalls({ ...HEALTHY, dropPercent: 99.9, delayMs: 9 })).toBe(false);
  });

  it('are healthy only if nothing is wrong', () => {
    expect(isHealthy(HEALTHY)).toBe(true);
    for (const wrong of [{ cut: true }, { delayMs: 1 }, { dropPercent: 1 }, { kbitPerSecond: 1 }])
      expect(isHealthy({ ...HEALTHY, ...wrong })).toBe(false);
  });
});

describe('a link with a rate limit', () => {
  const narrow = { ...HEALTHY, kbitPerSecond: 8 };

  it('passes one chunk after another, each for as long as its bytes take', () => {
    const limiter = new BandwidthLimiter();
    expect(limiter.sentAtMs(1_000, narrow, 500)).toBe(1_500);
    expect(limiter.sentAtMs(500, narrow, 600)).toBe(2_000);
    expect(limiter.sentAtMs(500, narrow, 9_000)).toBe(9_500);
    expect(limiter.heldMs).toBe(1_400);
  });

  it('delays nothing once it is healed', () => {
    const limiter = new BandwidthLimiter();
    limiter.sentAtMs(100_000, narrow, 0);
    limiter.reset();
    expect(limiter.sentAtMs(1_000, HEALTHY, 10)).toBe(10);
    expect(limiter.heldMs).toBe(0);
    expect(limiter.sentAtMs(1_000, narrow, 10)).toBe(1_010);
  });

  it('buffers a quarter of a second, and never less than one read', () => {
    expect(roomBytes(HEALTHY)).toBe(1024 * 1024);
    expect(roomBytes({ ...HEALTHY, kbitPerSecond: 8_000 })).toBe(250_000);
    expect(roomBytes(narrow)).toBe(64 * 1024);
  });
});
