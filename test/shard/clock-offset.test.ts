import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClockOffset } from '../../src/shard/node/clock-offset.js';

const all = (): boolean => true;
const WALL_MS = 1_700_000_000_000;

describe('the offset of the wall clock', () => {
  it('is unknown among fewer than three clocks', () => {
    const clock = new ClockOffset();
    expect(clock.offsetMs(0, WALL_MS, all)).toBeUndefined();
    clock.onPing(2, WALL_MS, 0);
    expect(clock.offsetMs(0, WALL_MS, all)).toBeUndefined();
    clock.onPing(3, WALL_MS, 0);
    expect(clock.offsetMs(0, WALL_MS, all)).toBe(0);
    expect(clock.offsetMs(0, WALL_MS, (peer) => peer !== 3)).toBeUndefined();
    clock.forget(2);
    expect(clock.offsetMs(0, WALL_MS, all)).toBeUndefined();
  });

  it('is from the median: one clock that is far off changes nothing for the others', () => {
    const clock = new ClockOffset();
    clock.onPing(2, WALL_MS + 3_600_000, 0);
    clock.onPing(3, WALL_MS + 10, 0);
    expect(clock.offsetMs(0, WALL_MS, all)).toBe(-10);
    expect(clock.offsetMs(0, WALL_MS + 700, all)).toBe(0);
    expect(clock.offsetMs(0, WALL_MS - 700, all)).toBe(-710);
    clock.onPing(4, WALL_MS - 10, 0);
    expect(clock.offsetMs(0, WALL_MS, all)).toBe(-5);
  });

  it('shows a step of this clock at once, and one of a peer when its earlier pings are forgotten', () => {
    const clock = new ClockOffset();
    for (let now = 0; now < 2_000; now += 200) for (const peer of [2, 3]) clock.onPing(peer, WALL_MS + now, now);
    expect(clock.offsetMs(2_000, WALL_MS + 2_000, all)).toBe(0);
    expect(clock.offsetMs(2_000, WALL_MS + 9_000, all)).toBe(7_000);
    for (let now = 2_000; now < 4_000; now += 200)
      for (const peer of [2, 3]) clock.onPing(peer, WALL_MS + now - 5_000, now);
    expect(clock.offsetMs(4_000, WALL_MS + 4_000, all)).toBe(5_000);
  });

  it('is wrong by at most the delay of the fastest of the last five pings of each peer', () => {
    const delays = fc.array(fc.nat(20_000), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(
        fc.array(delays, { minLength: 2, maxLength: 6 }),
        fc.integer({ min: -9_999, max: 9_999 }),
        (peers, ahead) => {
          const clock = new ClockOffset();
          for (const [peer, pings] of peers.entries()) {
            for (const [n, delay] of pings.entries()) clock.onPing(peer + 1, WALL_MS + n * 200 - delay, n * 200);
          }
          const offset = clock.offsetMs(9_000, WALL_MS + 9_000 + ahead, all)!;
          const delayOf = (pings: number[]): number => Math.min(...pings.slice(-5));
          const others = peers.map((pings) => -delayOf(pings));
          const worst = Math.max(...peers.map(delayOf));
          // Against the clocks without the delays: a median moves by no more than its values do.
          const sorted = [ahead, ...others.map(() => 0)].sort((a, b) => a - b);
          const exact = ahead - (sorted[sorted.length >> 1]! + sorted[(sorted.length - 1) >> 1]!) / 2;
          expect(offset).toBeGreaterThanOrEqual(exact);
          expect(offset).toBeLessThanOrEqual(exact + worst);
        },
      ),
    );
  });
});
