/** Virtual time: order, ends, pauses. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Incarnation, Scheduler } from '../../src/sim/scheduler.js';

describe('the scheduler', () => {
  it('runs events by time, and in order of scheduling at equal times', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 20 }), { maxLength: 60, size: 'max' }), async (delays) => {
        const scheduler = new Scheduler();
        const happened: { at: number; i: number }[] = [];
        for (const [i, ms] of delays.entries()) {
          scheduler.after(ms, undefined, () => happened.push({ at: scheduler.now, i }));
        }
        await scheduler.run(100);
        const expected = delays.map((at, i) => ({ at, i })).sort((a, b) => a.at - b.at || a.i - b.i);
        expect(happened).toEqual(expected);
        expect(scheduler.now).toBe(100);
      }),
    );
  });

  it('drops events of an incarnation that has ended', async () => {
    const scheduler = new Scheduler();
    const incarnation = new Incarnation();
    const happened: string[] = [];
    scheduler.after(1, incarnation, () => happened.push('before'));
    scheduler.after(2, undefined, () => {
      incarnation.end();
    });
    scheduler.after(3, incarnation, () => happened.push('after'));
    await scheduler.run(10);
    expect(happened).toEqual(['before']);
  });

  it('defers events that fall due in a pause until the incarnation resumes, except cancelled ones', async () => {
    const scheduler = new Scheduler();
    const incarnation = new Incarnation();
    const happened: string[] = [];
    incarnation.pause();
    scheduler.after(1, incarnation, () => happened.push(`first at ${scheduler.now}`));
    const cancelled = scheduler.after(2, incarnation, () => happened.push('cancelled'));
    const cancelledLater = scheduler.after(2, incarnation, () => happened.push('cancelled after the pause'));
    scheduler.after(3, incarnation, () => happened.push(`second at ${scheduler.now}`));
    scheduler.after(5, undefined, () => {
      cancelled.cancelled = true;
    });
    scheduler.after(10, undefined, () => {
      scheduler.resume(incarnation);
      cancelledLater.cancelled = true;
    });
    await scheduler.run(20);
    expect(happened).toEqual(['first at 10', 'second at 10']);
  });

  it('settles promises before the next event', async () => {
    const scheduler = new Scheduler();
    const happened: string[] = [];
    scheduler.after(1, undefined, () => {
      scheduler.settles();
      void (async () => {
        for (let i = 0; i < 5; i++) await Promise.resolve();
        happened.push('promise');
      })();
    });
    scheduler.after(1, undefined, () => happened.push('next event'));
    await scheduler.run(2);
    expect(happened).toEqual(['promise', 'next event']);
  });
});
