/** Work that found no room on the disk and is tried again after a while. Knows no work and no disk. */
import type { FailureData } from '../failure.js';
import type { StorageStall } from '../storage.js';

/** So long after a try that found no room the next one comes. Somebody has to delete something: seconds, if not hours. */
export const RETRY_MS = 250;

const LONG_TRIES = 4;

export class Stall {
  readonly #now: () => number;
  #failure: FailureData | undefined;
  #retryAt = 0;
  #tries = 0;

  /** @param now in ms, never goes back */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Why there was no room at the latest try; undefined if there was. */
  get failure(): FailureData | undefined {
    return this.#failure;
  }

  /** So many tries found no room that what makes some has had its time. */
  get isLong(): boolean {
    return this.#tries >= LONG_TRIES;
  }

  /** It is too early for another try. */
  get isWaiting(): boolean {
    return this.#failure !== undefined && this.#now() < this.#retryAt;
  }

  /** Until the next try, in ms; undefined if none is due. */
  get waitMs(): number | undefined {
    return this.#failure === undefined ? undefined : Math.max(0, this.#retryAt - this.#now());
  }

  begin(failure: FailureData): void {
    this.#failure = failure;
    this.#tries++;
    this.#retryAt = this.#now() + RETRY_MS;
  }

  /** Something may have made room. */
  retryNow(): void {
    this.#retryAt = 0;
  }

  /** There was room. False if there always had been. */
  end(): boolean {
    const had = this.#failure !== undefined;
    this.#failure = undefined;
    this.#tries = 0;
    return had;
  }
}

/** What waits, and why: as told to whoever uses the store. */
export interface StallReport {
  readonly waits: 'commits' | 'state';
  readonly failure: FailureData;
}

/** As the storage port says it. */
export function stallOf({ waits, failure: { kind, message } }: StallReport, sinceMs: number): StorageStall {
  return { waits, reason: kind === 'unopened' || kind === 'quota' ? kind : 'full', message, sinceMs };
}

/** Tells of what waits for room, whenever that has changed. */
export class StallReporter {
  readonly #commits: Stall;
  readonly #state: Stall;
  readonly #report: (report: StallReport | undefined) => void;
  #reported: StallReport | undefined;

  constructor(commits: Stall, state: Stall, tell: (report: StallReport | undefined) => void) {
    this.#commits = commits;
    this.#state = state;
    this.#report = tell;
  }

  review(): void {
    const stall = this.#commits.failure === undefined ? this.#state : this.#commits;
    const { failure } = stall;
    // About to be tried again: it is not known yet whether it still waits.
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
