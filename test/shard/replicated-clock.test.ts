import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MOST_SLEW, ReplicatedClock, SLOWEST } from '../../src/shard/node/replicated-clock.js';

const HOUR_MS = 3_600_000;
/** Sums of fractions round. */
const TINY_MS = 0.01;

/** A clock that leads term 1 since `wallMs` by its wall clock, read first at monotonic time 0. */
function leading(wallMs: number): ReplicatedClock {
  const clock = new ReplicatedClock();
  expect(clock.read(1, 0, 0, wallMs)).toBe(wallMs);
  return clock;
}

describe('the clock of a leader', () => {
  it('goes on with the monotonic clock, and with a right wall clock', () => {
    const clock = leading(5_000);
    expect(clock.read(1, 0, 100, 5_100)).toBe(5_100);
    expect(clock.read(1, 0, 100, 5_100)).toBe(5_100);
    expect(clock.read(1, 0, 1_100.5, 6_100.5)).toBe(6_100.5);
  });

  it('approaches a wall clock that was set ahead or back by a tenth of elapsed time, then follows it', () => {
    const ahead = leading(0);
    expect(ahead.read(1, 0, 1_000, 1_000 + HOUR_MS)).toBe(1_100);
    expect(ahead.read(1, 0, 2_000, 2_150)).toBe(2_150);
    const back = leading(HOUR_MS);
    expect(back.read(1, 0, 1_000, 0)).toBe(HOUR_MS + 900);
    expect(back.read(1, 0, 2_000, HOUR_MS + 1_850)).toBe(HOUR_MS + 1_850);
  });

  it('is raised by entries of former leaders that are applied later, and goes on from there', () => {
    const clock = leading(1_000);
    clock.noted(9_000, 1, false, 10);
    expect(clock.read(1, 9_000, 1_010, 2_010)).toBe(9_900);
    // Its own are not ahead of it.
    clock.noted(9_900, 1, true, 1_020);
    expect(clock.read(1, 9_900, 1_110, 9_999)).toBe(9_999);
    expect(clock.read(1, 12_000, 1_110, 9_999)).toBe(12_000);
  });

  it('advances by elapsed time up to a tenth, whatever the wall clock does', () => {
    const step = fc.record({
      elapsed: fc.double({ min: 0, max: 1e6, noNaN: true }),
      wall: fc.integer({ min: 0, max: 2 ** 47 }),
    });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 47 }), fc.array(step), (start, steps) => {
        const clock = leading(start);
        let [now, before] = [0, start];
        for (const { elapsed, wall } of steps) {
          now += elapsed;
          const after = clock.read(1, 0, now, wall);
          expect(after).toBeGreaterThanOrEqual(before + elapsed * (1 - MOST_SLEW) - TINY_MS);
          expect(after).toBeLessThanOrEqual(before + elapsed * (1 + MOST_SLEW) + TINY_MS);
          before = after;
        }
      }),
    );
  });
});

describe('where the clock of a new leader starts', () => {
  it('at the later of wall clock and state, if no live entry was noted', () => {
    const clock = new ReplicatedClock();
    clock.noted(4_000, 1, false, 50);
    expect(clock.isReadIn(2)).toBe(false);
    expect(clock.read(2, 4_000, 60, 9_000)).toBe(9_000);
    expect(clock.isReadIn(2)).toBe(true);
    const slow = new ReplicatedClock();
    expect(slow.read(2, 4_000, 60, 1_000)).toBe(4_000);
  });

  it('at the time of the newest live entry and the time since, whatever the wall clock says', () => {
    for (const wall of [0, HOUR_MS]) {
      const clock = new ReplicatedClock();
      clock.noted(4_000, 1, true, 50);
      expect(clock.read(2, 4_000, 10_050, wall)).toBe(14_000);
    }
  });

  it('by entries alone when it leads again: nobody has seen what it read in a former term but did not propose', () => {
    const clock = new ReplicatedClock();
    expect(clock.read(1, 0, 0, HOUR_MS)).toBe(HOUR_MS);
    clock.noted(4_000, 2, true, 50);
    expect(clock.read(3, 4_000, 60, HOUR_MS)).toBe(4_010);
  });

  it('no lower for an entry of the same leader that comes late', () => {
    const clock = new ReplicatedClock();
    clock.noted(10_000, 1, true, 0);
    clock.noted(10_001, 1, true, HOUR_MS);
    expect(clock.read(2, 10_001, HOUR_MS, 0)).toBe(10_000 + HOUR_MS * SLOWEST);
  });

  it('lower for an entry of another leader, which may have begun lower', () => {
    const clock = new ReplicatedClock();
    clock.noted(10_000, 1, true, 0);
    clock.noted(10_001, 2, true, HOUR_MS);
    expect(clock.read(3, 10_001, HOUR_MS + 7, 2 * HOUR_MS)).toBe(10_008);
  });
});

/** Speeds of the monotonic clocks, as far apart as leases allow for. */
const DRIFT = 0.045;
const rate = fc.double({ min: 1 - DRIFT, max: 1 + DRIFT, noNaN: true });

/** Leaders in turn; entries reach the replicas late, in order; wall clocks say anything. */
const turn = fc.record({
  leader: fc.nat(2),
  steps: fc.array(
    fc.record({
      elapsed: fc.nat(5_000),
      wall: fc.nat(1e8),
      /** How many of the entries that it lacks each replica gets now. */
      gets: fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)),
      isRead: fc.boolean(),
    }),
    { minLength: 1, maxLength: 8 },
  ),
});

describe('across changes of leader', () => {
  it('no replica is ahead of any entry by more than the time since it was proposed, a tenth, and drift', () => {
    fc.assert(
      fc.property(fc.array(turn, { minLength: 1, maxLength: 6 }), fc.tuple(rate, rate, rate), (turns, rates) => {
        const clocks = [0, 1, 2].map(() => new ReplicatedClock());
        const log: { readonly timeMs: number; readonly atMs: number; readonly term: number }[] = [];
        const applied = [0, 0, 0];
        let now = 0;
        const stateOf = (replica: number): number =>
          Math.max(0, ...log.slice(0, applied[replica]).map(({ timeMs }) => timeMs));
        const get = (replica: number, count: number): void => {
          const to = Math.min(log.length, applied[replica]! + count);
          if (to === applied[replica]) return;
          applied[replica] = to;
          clocks[replica]!.noted(stateOf(replica), log[to - 1]!.term, true, now * rates[replica]!);
        };
        for (const [index, { leader, steps }] of turns.entries()) {
          const term = index + 1;
          // A leader notes what it has not applied; here it applies it.
          get(leader, log.length);
          for (const { elapsed, wall, gets, isRead } of steps) {
            now += elapsed;
            for (const [replica, count] of gets.entries()) get(replica, count);
            if (!isRead) continue;
            const timeMs = clocks[leader]!.read(term, stateOf(leader), now * rates[leader]!, wall);
            // The first leader starts at its wall clock: there is nothing to measure it by.
            for (const [at, entry] of log.entries()) {
              const deadlineMs = Math.max(...log.slice(0, at + 1).map((earlier) => earlier.timeMs));
              expect(timeMs - deadlineMs).toBeLessThanOrEqual(
                (now - entry.atMs) * (1 + MOST_SLEW) * (1 + DRIFT) + TINY_MS,
              );
            }
            log.push({ timeMs, atMs: now, term });
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
