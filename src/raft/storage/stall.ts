/** Work that found no room on the disk and is tried again after a while. Knows no work and no disk. */
import type { Failure } from './failure.js';

/** So long after a try that found no room the next one comes. Somebody has to delete something: seconds, if not hours. */
export const RETRY_MS = 250;

const LONG_TRIES = 4;

export class Stall {
  readonly #now: () => number;
  #failure: Failure | undefined;
  #retryAt = 0;
  #tries = 0;

  /** @param now in ms, never goes back */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Why there was no room at the latest try; undefined if there was. */
  get failure(): Failure | undefined {
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

  begin(failure: Failure): void {
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

export const sooner = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
