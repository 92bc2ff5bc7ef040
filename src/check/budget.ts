/**
 * How long a check may take: until a time, or for a number of steps (the same on every machine and in every run).
 */
import type { Search, SearchState } from './search.js';

/** Steps between two readings of the clock. */
const SLICE = 512;

export class Budget {
  /** Steps taken so far. */
  steps = 0;
  readonly #mayStart: () => boolean;
  readonly #maxSteps: number;

  private constructor(maxSteps: number, mayStart: () => boolean) {
    this.#maxSteps = maxSteps;
    this.#mayStart = mayStart;
  }

  static steps(maxSteps: number): Budget {
    return new Budget(maxSteps, () => true);
  }

  static time(timeoutMs: number, now: () => number): Budget {
    const until = now() + timeoutMs;
    return new Budget(Infinity, () => now() < until);
  }

  get exhausted(): boolean {
    return this.steps >= this.#maxSteps || !this.#mayStart();
  }

  /** Runs `search` for at most `steps` steps, within what remains of the budget. */
  run(search: Search, steps = Infinity): SearchState {
    const until = search.steps + steps;
    let state: SearchState = 'running';
    while (state === 'running' && search.steps < until && !this.exhausted) {
      const before = search.steps;
      state = search.run(Math.min(SLICE, until - search.steps, this.#maxSteps - this.steps));
      this.steps += search.steps - before;
    }
    return state;
  }
}
