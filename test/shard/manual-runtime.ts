/** A runtime whose clock only moves by `advance`. */
import type { Runtime, Timer } from '../../src/shard/runtime.js';

interface Pending {
  readonly due: number;
  readonly task: () => void;
  readonly everyMs: number | undefined;
  /** The same for all turns of a repeated timer. */
  readonly id: number;
}

export class ManualRuntime implements Runtime {
  #ms = 1_000_000;
  readonly #pending = new Set<Pending>();
  #lastId = 0;
  #deferred: (() => void)[] = [];
  readonly #immediate: boolean;
  /** Result of `random`. */
  chance = 0.5;

  /** @param defers 'by-hand': deferred tasks wait for `run`; 'soon': they run after the current one. */
  constructor(defers: 'by-hand' | 'soon' = 'soon') {
    this.#immediate = defers === 'soon';
  }

  now = (): number => this.#ms;
  wallTime = (): number => 1_700_000_000_000 + this.#ms;
  random = (): number => this.chance;

  defer(task: () => void): void {
    if (this.#immediate) setImmediate(task);
    else this.#deferred.push(task);
  }

  after(ms: number, task: () => void): Timer {
    return this.#add({ due: this.#ms + ms, task, everyMs: undefined, id: ++this.#lastId });
  }

  every(ms: number, task: () => void): Timer {
    return this.#add({ due: this.#ms + ms, task, everyMs: ms, id: ++this.#lastId });
  }

  /** Runs what was deferred, and what that defers, until nothing is left. Returns the number of rounds. */
  run(): number {
    let rounds = 0;
    for (; this.#deferred.length > 0; rounds++) {
      const tasks = this.#deferred;
      this.#deferred = [];
      for (const task of tasks) task();
    }
    return rounds;
  }

  /** Moves the clock and runs what falls due, in order. */
  advance(ms: number): void {
    const until = this.#ms + ms;
    for (;;) {
      const next = [...this.#pending].sort((a, b) => a.due - b.due)[0];
      if (next === undefined || next.due > until) break;
      this.#ms = next.due;
      this.#pending.delete(next);
      if (next.everyMs !== undefined) this.#pending.add({ ...next, due: next.due + next.everyMs });
      next.task();
    }
    this.#ms = until;
  }

  /** Milliseconds until each one-time timer, ascending. */
  get waits(): number[] {
    const once = [...this.#pending].filter((timer) => timer.everyMs === undefined);
    return once.map((timer) => timer.due - this.#ms).sort((a, b) => a - b);
  }

  get timers(): number {
    return this.#pending.size;
  }

  #add(timer: Pending): Timer {
    this.#pending.add(timer);
    // A repeating timer is replaced by its next turn.
    return {
      cancel: () => {
        for (const other of this.#pending) if (other.id === timer.id) this.#pending.delete(other);
      },
    };
  }
}
