/**
 * A runtime in virtual time: nothing happens until `run`, and then in a fixed order.
 * Promises settle between events, so code that awaits (memory storage, snapshots) runs as it does for real.
 */
import { seededRandom } from '../../src/random.js';
import type { Runtime, Timer } from '../../src/shard/runtime.js';

interface Event {
  readonly at: number;
  readonly task: () => void;
  cancelled: boolean;
}

/** Enough microtask turns for the longest chain of awaits in memory storage and the snapshot sender. */
const SETTLE = 12;

export class VirtualRuntime implements Runtime {
  #now = 0;
  #date = 1_700_000_000_000;
  readonly #events: Event[] = [];
  readonly #random: () => number;

  constructor(seed = 1) {
    this.#random = seededRandom(seed);
  }

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return this.#date + this.#now;
  }

  /** The date is set. */
  stepWall(ms: number): void {
    this.#date += ms;
  }

  random(): number {
    return this.#random();
  }

  defer(task: () => void): void {
    this.#add(0, task);
  }

  after(ms: number, task: () => void): Timer {
    return this.#add(ms, task);
  }

  every(ms: number, task: () => void): Timer {
    let timer: Timer;
    const again = (): void => {
      timer = this.#add(ms, again);
      task();
    };
    timer = this.#add(ms, again);
    return {
      cancel: () => {
        timer.cancel();
      },
    };
  }

  /** Lets `ms` of virtual time pass. */
  async run(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      for (let i = 0; i < SETTLE; i++) await Promise.resolve();
      const event = this.#next(end);
      if (event === undefined) break;
      this.#now = event.at;
      event.task();
    }
    this.#now = end;
  }

  /** Runs until `done` holds, for at most `ms`; false if it never did. */
  async until(done: () => boolean, ms = 10_000): Promise<boolean> {
    const end = this.#now + ms;
    while (!done() && this.#now < end) await this.run(5);
    return done();
  }

  /** Runs until the promise settles, for at most `ms`. */
  async settle<T>(promise: Promise<T>, ms = 30_000): Promise<T> {
    const state = { settled: false };
    const mark = (): void => {
      state.settled = true;
    };
    promise.then(mark, mark);
    await this.until(() => state.settled, ms);
    if (!state.settled) throw new Error(`not settled within ${ms} ms of virtual time`);
    return promise;
  }

  #add(ms: number, task: () => void): Timer {
    const event: Event = { at: this.#now + ms, task, cancelled: false };
    // Latest first: the next event is the last. Of two at the same time the one added later goes in front.
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#events[middle]?.at ?? 0) > event.at) low = middle + 1;
      else high = middle;
    }
    this.#events.splice(low, 0, event);
    return {
      cancel: () => {
        event.cancelled = true;
      },
    };
  }

  #next(end: number): Event | undefined {
    for (;;) {
      const event = this.#events.at(-1);
      if (event === undefined || event.at > end) return undefined;
      this.#events.pop();
      if (!event.cancelled) return event;
    }
  }
}
