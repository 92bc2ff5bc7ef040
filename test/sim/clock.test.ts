/** Clocks at different speeds; repeated timers: on time, late and then early, and after a pause. */
import { describe, expect, it } from 'vitest';
import { Lease } from '../../src/raft/index.js';
import { IncarnationRuntime, LEASE_DRIFT, MachineClock } from '../../src/sim/clock.js';
import { Random } from '../../src/random.js';
import { Incarnation, Scheduler } from '../../src/sim/scheduler.js';

async function ticksOf(lateness: number | undefined, forMs: number): Promise<number[]> {
  const scheduler = new Scheduler();
  const clock = new MachineClock(scheduler, 1, 0);
  const runtime = new IncarnationRuntime(scheduler, clock, new Incarnation(), new Random(3), lateness);
  const ticks: number[] = [];
  runtime.every(10, () => ticks.push(scheduler.now));
  await scheduler.run(forMs);
  return ticks;
}

describe('a repeated timer', () => {
  it('fires on time without lateness', async () => {
    expect(await ticksOf(undefined, 45)).toEqual([10, 20, 30, 40]);
  });

  it('fires late by up to the given share, without shifting the following ones', async () => {
    const ticks = await ticksOf(0.99, 10_000);
    const gaps = ticks.map((at, i) => at - (ticks[i - 1] ?? 0));
    ticks.forEach((at, i) => {
      expect(at).toBeGreaterThanOrEqual(10 * (i + 1));
      expect(at).toBeLessThan(10 * (i + 2));
    });
    // Nearly two at once, and nearly two intervals without any.
    expect(Math.min(...gaps)).toBeLessThan(2);
    expect(Math.max(...gaps)).toBeGreaterThan(18);
  });
});

describe('clocks that drift as far as leases allow', () => {
  it('differ in rate by nearly a tenth, and no more', () => {
    const ratio = (1 + LEASE_DRIFT) / (1 - LEASE_DRIFT);
    expect(ratio).toBeGreaterThan(1.09);
    expect(ratio).toBeLessThan(1.1);
  });

  it('s50 do not let a lease by a slow clock outlast the promise by a fast one', async () => {
    const promiseMs = 1_000;
    const scheduler = new Scheduler();
    const [leader, voter] = [1 - LEASE_DRIFT, 1 + LEASE_DRIFT].map((rate) => new MachineClock(scheduler, rate, 0));
    const lease = new Lease();
    lease.sent(1, leader!.monotonic());
    lease.confirmed(1, promiseMs);
    let lastedMs = 0;
    while (voter!.monotonic() < promiseMs) {
      if (lease.validAt(leader!.monotonic())) lastedMs = scheduler.now;
      await scheduler.run(1);
    }
    expect(lease.validAt(leader!.monotonic())).toBe(false);
    // The margin is no larger than it must be.
    expect(lastedMs).toBeGreaterThan(0.9 * promiseMs);
  });
});
