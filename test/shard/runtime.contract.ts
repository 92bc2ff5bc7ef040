/** Contract of every runtime: clock, timers, deferred tasks and randomness; `runtime.test.ts` runs it against all of them. */
import { afterEach, describe, expect, test } from 'vitest';
import type { Runtime, Timer } from '../../src/shard/runtime.js';

export interface RuntimeWorld {
  readonly runtime: Runtime;
  /** Advances `now`, and runs what falls due or was deferred. */
  readonly pass: (ms: number) => Promise<void>;
  /** As SIGSTOP or a long task: time passes, and nothing runs. Absent: not supported. */
  readonly stall?: (ms: number) => Promise<void>;
  /** Steps the wall clock. Absent: not supported. */
  readonly stepWall?: (ms: number) => void;
  readonly close?: () => void;
}

export interface RuntimeTraits {
  /** Repeated timers are on time to the millisecond: time moves only by `pass`, and nothing is ever late. */
  readonly exact: boolean;
  /** A repeated timer may be early by less than this: its resolution plus rounding errors. */
  readonly grainMs: number;
  /** A runtime whose random numbers follow from a seed; undefined: not supported. */
  readonly seeded: ((seed: number) => Runtime) | undefined;
}

const HOUR_MS = 3_600_000;
/** Rounding error of sums. */
const LOST_MS = 1e-6;

export function runtimeContract(name: string, make: () => RuntimeWorld, traits: RuntimeTraits): void {
  describe(`${name}: the runtime contract`, () => {
    const worlds: RuntimeWorld[] = [];
    const open = (): RuntimeWorld => {
      const world = make();
      worlds.push(world);
      return world;
    };
    afterEach(() => {
      for (const world of worlds.splice(0)) world.close?.();
    });
    clocks(open);
    oneTimeTimers(open);
    cancelling(open);
    repeatedTimers(open, traits);
    deferring(open);
    chance(open, traits);
  });
}

function clocks(open: () => RuntimeWorld): void {
  test('now is monotonic, and does not follow the date', async () => {
    const { runtime, pass, stepWall } = open();
    const seen = [runtime.now()];
    for (const step of [0, -HOUR_MS, HOUR_MS, -1, 48 * HOUR_MS, -100 * HOUR_MS]) {
      stepWall?.(step);
      seen.push(runtime.now());
      await pass(2);
      seen.push(runtime.now());
    }
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    const passed = runtime.now() - seen[0]!;
    expect(passed).toBeGreaterThanOrEqual(12 - LOST_MS);
    expect(passed).toBeLessThan(HOUR_MS);
  });

  test('the date is in milliseconds since 1970, differs from now, and can be stepped', () => {
    const { runtime, stepWall } = open();
    const before = runtime.wallTime();
    expect(before).toBeGreaterThan(Date.UTC(2020, 0));
    expect(before).toBeLessThan(Date.UTC(2200, 0));
    expect(Math.abs(before - runtime.now())).toBeGreaterThan(HOUR_MS);
    if (stepWall === undefined) return;
    stepWall(-10 * HOUR_MS);
    expect(runtime.wallTime()).toBeLessThan(before - 9 * HOUR_MS);
    stepWall(20 * HOUR_MS);
    expect(runtime.wallTime()).toBeGreaterThan(before + 9 * HOUR_MS);
  });

  test('timers do not follow the date', async () => {
    const { runtime, pass, stepWall } = open();
    const log: string[] = [];
    runtime.after(HOUR_MS, () => log.push('in an hour'));
    runtime.after(4, () => log.push('soon'));
    stepWall?.(2 * HOUR_MS);
    await pass(1);
    stepWall?.(-4 * HOUR_MS);
    await pass(5);
    expect(log).toEqual(['soon']);
  });
}

function oneTimeTimers(open: () => RuntimeWorld): void {
  test('a timer is never early, and fires once', async () => {
    const { runtime, pass } = open();
    const early: number[] = [];
    let calls = 0;
    // Started at many fractions of a millisecond, to detect clocks that truncate to whole ones.
    for (let round = 0; round < 10; round++) {
      for (const ms of [0, 1, 2, 2.9, 5, 7.5]) {
        const since = runtime.now();
        runtime.after(ms, () => {
          calls++;
          const lack = since + ms - runtime.now();
          if (lack > LOST_MS) early.push(lack);
        });
      }
      await pass(1.37);
    }
    await pass(20);
    expect(early).toEqual([]);
    expect(calls).toBe(60);
    await pass(20);
    expect(calls).toBe(60);
  });

  test('no timer fires within the call that sets it, nor within another timer', async () => {
    const { runtime, pass } = open();
    const log: string[] = [];
    runtime.after(0, () => {
      log.push('outer');
      runtime.after(0, () => log.push('inner'));
      log.push('outer ends');
    });
    log.push('set');
    // A busy machine may take longer for two timers; the order is what counts.
    for (let tries = 0; tries < 100 && log.length < 4; tries++) await pass(6);
    expect(log).toEqual(['set', 'outer', 'outer ends', 'inner']);
  });

  test('timers of the same duration fire in the order in which they were set', async () => {
    const { runtime, pass } = open();
    const log: number[] = [];
    for (let i = 0; i < 20; i++) runtime.after(3, () => log.push(i));
    await pass(5);
    expect(log).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  test('timers that fell due during a stall fire after it', async () => {
    const { runtime, pass, stall } = open();
    if (stall === undefined) return;
    const log: string[] = [];
    runtime.after(2, () => log.push('first'));
    runtime.after(10, () => log.push('second'));
    await stall(30);
    expect(log).toEqual([]);
    await pass(1);
    expect(log).toEqual(['first', 'second']);
  });
}

function cancelling(open: () => RuntimeWorld): void {
  test('a cancelled timer does not fire: cancelled in the same turn, later, or by the timer just before', async () => {
    const { runtime, pass } = open();
    const log: string[] = [];
    const set = (what: string, ms: number): Timer => runtime.after(ms, () => log.push(what));
    set('in the same turn', 1).cancel();
    runtime.after(2, () => {
      later.cancel();
    });
    const later = set('later', 8);
    const stays = set('stays', 3);
    runtime.after(5, () => {
      next.cancel();
    });
    const next = set('next', 5);
    await pass(13);
    // Cancelling twice, or after the end, has no effect.
    later.cancel();
    stays.cancel();
    set('after that', 1);
    stays.cancel();
    await pass(3);
    expect(log).toEqual(['stays', 'after that']);
  });

  test('of timers with the same task, only the cancelled one does not fire', async () => {
    const { runtime, pass } = open();
    let calls = 0;
    const task = (): void => {
      calls++;
    };
    const timers = [runtime.after(2, task), runtime.after(2, task), runtime.after(4, task)];
    const repeated = [runtime.every(3, task), runtime.every(3, task)];
    timers[1]!.cancel();
    for (const timer of repeated) timer.cancel();
    await pass(10);
    expect(calls).toBe(2);
  });

  test('a repeated timer can be cancelled before its first turn, between two, and within one', async () => {
    const { runtime, pass } = open();
    const turns = { before: 0, between: 0, within: 0 };
    runtime.every(2, () => turns.before++).cancel();
    const between = runtime.every(2, () => turns.between++);
    const within = runtime.every(2, () => {
      turns.within++;
      if (turns.within === 2) within.cancel();
    });
    await pass(9);
    between.cancel();
    const before = turns.between;
    expect(before).toBeGreaterThan(0);
    await pass(20);
    expect(turns).toEqual({ before: 0, between: before, within: 2 });
  });
}

function repeatedTimers(open: () => RuntimeWorld, { exact, grainMs }: RuntimeTraits): void {
  const EVERY_MS = 4;
  /** Times at which it fires, since it was set. */
  const turnsOf = (runtime: Runtime): number[] => {
    const turns: number[] = [];
    const since = runtime.now();
    runtime.every(EVERY_MS, () => turns.push(runtime.now() - since));
    return turns;
  };

  test('a repeated timer has its n-th turn not before n intervals, and continues', async () => {
    const { runtime, pass } = open();
    const turns = turnsOf(runtime);
    expect(turns).toEqual([]);
    await pass(10 * EVERY_MS + 1);
    turns.forEach((at, i) => {
      expect(at).toBeGreaterThan((i + 1) * EVERY_MS - grainMs);
    });
    const so = turns.length;
    expect(so).toBeGreaterThan(0);
    if (exact) expect(turns.map(Math.round)).toEqual(Array.from({ length: 10 }, (_, i) => (i + 1) * EVERY_MS));
    await pass(10 * EVERY_MS);
    expect(turns.length).toBeGreaterThan(so);
  });

  test('a repeated timer does not catch up in a burst after a stall', async () => {
    const { runtime, pass, stall } = open();
    if (stall === undefined) return;
    const turns = turnsOf(runtime);
    await pass(EVERY_MS + 1);
    await stall(20 * EVERY_MS);
    await pass(6 * EVERY_MS);
    expect(turns.length).toBeGreaterThan(1);
    // A late turn and the next may be close together, but no third one.
    turns.forEach((at, i) => {
      expect(at - (turns[i - 2] ?? -Infinity)).toBeGreaterThan(EVERY_MS - grainMs);
    });
  });
}

function deferring(open: () => RuntimeWorld): void {
  test('deferred tasks run once, after the current task, in the order of the calls', async () => {
    const { runtime, pass } = open();
    const log: string[] = [];
    runtime.defer(() => {
      log.push('first');
      runtime.defer(() => log.push('of the first'));
      log.push('first ends');
    });
    runtime.defer(() => log.push('second'));
    log.push('set');
    await pass(1);
    expect(log).toEqual(['set', 'first', 'first ends', 'second', 'of the first']);
    await pass(1);
    expect(log).toHaveLength(5);
  });

  test('a task deferred by a timer runs after the timer', async () => {
    const { runtime, pass } = open();
    const log: string[] = [];
    runtime.after(1, () => {
      runtime.defer(() => log.push('deferred'));
      log.push('timer ends');
    });
    await pass(3);
    await pass(1);
    expect(log).toEqual(['timer ends', 'deferred']);
  });
}

function chance(open: () => RuntimeWorld, { seeded }: RuntimeTraits): void {
  const generate = (runtime: Runtime, times: number): number[] => Array.from({ length: times }, () => runtime.random());

  test('random numbers are in [0, 1)', () => {
    for (const generated of generate(open().runtime, 2_000)) {
      expect(generated).toBeGreaterThanOrEqual(0);
      expect(generated).toBeLessThan(1);
    }
  });

  test('random numbers repeat with the seed, differ with another, and are spread evenly', () => {
    if (seeded === undefined) return;
    for (const seed of [0, 1, 2 ** 32 - 1]) {
      const generated = generate(seeded(seed), 1_000);
      expect(generate(seeded(seed), 1_000)).toEqual(generated);
      expect(generate(seeded(7), 1_000)).not.toEqual(generated);
      for (let tenth = 0; tenth < 10; tenth++) {
        expect(generated.filter((value) => Math.floor(value * 10) === tenth).length).toBeGreaterThan(50);
      }
    }
  });
}
