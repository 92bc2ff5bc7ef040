/** Retry timer of work that found no space on the disk. */
import type { FailureData } from '../failure.js';
import type { StorageStall } from '../storage.js';

/** Interval between retries. Freeing space takes an operator seconds, if not hours. */
export const RETRY_MS = 250;

const LONG_TRIES = 4;

export class Stall {
  readonly #now: () => number;
  #failure: FailureData | undefined;
  #retryAt = 0;
  #tries = 0;

  /** @param now a monotonic clock in ms */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Why the latest attempt found no space; undefined if it did not fail. */
  get failure(): FailureData | undefined {
    return this.#failure;
  }

  /** Enough attempts have failed that checkpoints and truncation had time to free space. */
  get isLong(): boolean {
    return this.#tries >= LONG_TRIES;
  }

  /** The next attempt is not due yet. */
  get isWaiting(): boolean {
    return this.#failure !== undefined && this.#now() < this.#retryAt;
  }

  /** Milliseconds until the next attempt; undefined if nothing waits. */
  get waitMs(): number | undefined {
    return this.#failure === undefined ? undefined : Math.max(0, this.#retryAt - this.#now());
  }

  begin(failure: FailureData): void {
    this.#failure = failure;
    this.#tries++;
    this.#retryAt = this.#now() + RETRY_MS;
  }

  /** Space may have been freed. */
  retryNow(): void {
    this.#retryAt = 0;
  }

  /** The attempt succeeded. False if none had failed before. */
  end(): boolean {
    const had = this.#failure !== undefined;
    this.#failure = undefined;
    this.#tries = 0;
    return had;
  }
}

/** What waits for space, and why, as sent to the store's owner. */
export interface StallReport {
  readonly waits: 'commits' | 'state';
  readonly failure: FailureData;
}

/** Converts a report to the storage port's type. */
export function stallOf({ waits, failure: { kind, message } }: StallReport, sinceMs: number): StorageStall {
  return { waits, reason: kind === 'unopened' || kind === 'quota' ? kind : 'full', message, sinceMs };
}

/** Reports what waits for space, whenever that changes. */
export class StallReporter {
  readonly #commits: Stall;
  readonly #state: Stall;
  readonly #report: (report: StallReport | undefined) => void;
  #reported: StallReport | undefined;

  constructor(commits: Stall, state: Stall, report: (stall: StallReport | undefined) => void) {
    this.#commits = commits;
    this.#state = state;
    this.#report = report;
  }

  review(): void {
    const stall = this.#commits.failure === undefined ? this.#state : this.#commits;
    const { failure } = stall;
    // A retry is due: whether the work still waits is not known yet.
    if (failure !== undefined && !stall.isWaiting) return;
    const waits = stall === this.#commits ? 'commits' : 'state';
    if (
      failure?.message === this.#reported?.failure.message &&
      (failure === undefined || waits === this.#reported?.waits)
    )
      return;
    this.#reported = failure && { waits, failure };
    this.#report(this.#reported);
  }
}

export const sooner = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
