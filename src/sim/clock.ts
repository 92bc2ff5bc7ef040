/**
 * A machine's clocks and random numbers, as the nodes and routers on it see them: skewed, drifting, jumping.
 *
 * The monotonic clock never goes back, whatever the faults; it advances while a process is paused.
 */
import type { Runtime, Timer } from '../shard/index.js';
import type { Random } from '../random.js';
import type { Incarnation, Scheduler } from './scheduler.js';

/** 2023-11-14; arbitrary. */
const EPOCH_MS = 1_700_000_000_000;

/**
 * The environment that leases are promised for: the speeds of any two machines' clocks differ by less than a tenth. So
 * each drifts by up to this share (1.045 / 0.955 = 1.094). It is a property of the environment and not taken from the
 * product, whose margin (`raft/lease.ts`) has to cover it: a margin that is too small must be detected.
 */
export const LEASE_DRIFT = 0.045;

export class MachineClock {
  readonly #scheduler: Scheduler;
  #rate: number;
  #sinceReal = 0;
  #sinceMonotonic = 0;
  #wallOffsetMs: number;

  /** @param rate how much faster than virtual time it runs: 1.01 is a per cent fast. */
  constructor(scheduler: Scheduler, rate: number, wallOffsetMs: number) {
    this.#scheduler = scheduler;
    this.#rate = rate;
    this.#wallOffsetMs = wallOffsetMs;
  }

  get rate(): number {
    return this.#rate;
  }

  set rate(rate: number) {
    this.#sinceMonotonic = this.monotonic();
    this.#sinceReal = this.#scheduler.now;
    this.#rate = rate;
  }

  monotonic(): number {
    return this.#sinceMonotonic + (this.#scheduler.now - this.#sinceReal) * this.#rate;
  }

  wall(): number {
    return EPOCH_MS + this.monotonic() + this.#wallOffsetMs;
  }

  jumpWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }
}

/** The runtime of one incarnation of a process on that machine. */
export class IncarnationRuntime implements Runtime {
  readonly random: () => number;
  readonly #scheduler: Scheduler;
  readonly #clock: MachineClock;
  readonly #incarnation: Incarnation;

  readonly #lateness: number;
  readonly #chance: Random;

  /** @param lateness a repeated timer is late by up to this share of its interval */
  constructor(scheduler: Scheduler, clock: MachineClock, incarnation: Incarnation, random: Random, lateness = 0) {
    this.#lateness = lateness;
    this.#chance = random.stream('lateness');
    this.#scheduler = scheduler;
    this.#clock = clock;
    this.#incarnation = incarnation;
    this.random = random.next;
  }

  now(): number {
    return this.#clock.monotonic();
  }

  wallTime(): number {
    return this.#clock.wall();
  }

  defer(task: () => void): void {
    this.#scheduler.after(0, this.#incarnation, task, true);
  }

  after(ms: number, task: () => void): Timer {
    const event = this.#scheduler.after(ms / this.#clock.rate, this.#incarnation, task);
    return {
      cancel: () => {
        event.cancelled = true;
      },
    };
  }

  /**
   * Like setInterval: ticks that fell due during a pause are delivered as one. A late tick does not delay the following
   * one, which then comes early: two ticks almost at once, as a loaded event loop delivers them.
   */
  every(ms: number, task: () => void): Timer {
    let timer: Timer;
    let due = this.now();
    const next = (): void => {
      due = Math.max(due + ms, this.now());
      const lateMs = this.#lateness === 0 ? 0 : ms * this.#lateness * this.#chance.next();
      timer = this.after(due - this.now() + lateMs, again);
    };
    const again = (): void => {
      if (this.#lateness === 0) due = this.now();
      next();
      task();
    };
    next();
    return {
      cancel: () => {
        timer.cancel();
      },
    };
  }
}
