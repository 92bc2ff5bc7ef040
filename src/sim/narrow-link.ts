/**
 * One direction of a link that carries so many bytes a millisecond: what is sent waits for what was sent before it, as in
 * a socket. It loses nothing; while it is held, nothing gets on. Knows bytes and time, no peer and no message.
 */
import type { Scheduler } from './scheduler.js';

export interface NarrowLinkParameters {
  readonly bytesPerMs: number;
  /** How often it is measured how long a piece takes over the empty link, ms; undefined = as in production. */
  readonly measureEveryMs?: number;
}

interface Parcel {
  readonly bytes: number;
  readonly arrive: () => void;
}

export interface NarrowLinkOptions extends NarrowLinkParameters {
  readonly scheduler: Scheduler;
  /** Asked before each parcel: by what it takes longer than the bytes need; Infinity = it is held. */
  readonly slowness: () => number;
  /** It was held for `SILENT_MS`. */
  readonly onSilent: () => void;
}

const HELD_AGAIN_MS = 10;
/** As long as the production transport bears a silent link. */
const SILENT_MS = 3_000;

export class NarrowLink {
  readonly #options: NarrowLinkOptions;
  readonly #parcels: Parcel[] = [];
  #waiting = 0;
  #isBusy = false;
  #heldSince: number | undefined;
  /** Rises when the link breaks: what was on its way before is so no more. */
  #epoch = 0;

  constructor(options: NarrowLinkOptions) {
    this.#options = options;
  }

  /** `arrive` is called when the last of `bytes` has left the queue; never, if the link breaks before. */
  send(bytes: number, arrive: () => void): void {
    this.#parcels.push({ bytes, arrive });
    this.#waiting += bytes;
    if (!this.#isBusy) this.#carry();
  }

  /** Bytes that wait, or are being carried. */
  get waiting(): number {
    return this.#waiting;
  }

  /** What waits is lost. */
  break(): void {
    this.#parcels.length = 0;
    this.#waiting = 0;
    this.#isBusy = false;
    this.#heldSince = undefined;
    this.#epoch++;
  }

  #carry(): void {
    const [parcel] = this.#parcels;
    this.#isBusy = parcel !== undefined;
    if (parcel === undefined) return;
    const { scheduler, bytesPerMs, slowness, onSilent } = this.#options;
    const slower = slowness();
    if (slower === Infinity) {
      this.#heldSince ??= scheduler.now;
      if (scheduler.now - this.#heldSince < SILENT_MS)
        this.#later(HELD_AGAIN_MS, () => {
          this.#carry();
        });
      else onSilent();
      return;
    }
    this.#heldSince = undefined;
    this.#later((parcel.bytes / bytesPerMs) * slower, () => {
      this.#parcels.shift();
      this.#waiting -= parcel.bytes;
      parcel.arrive();
      this.#carry();
    });
  }

  #later(ms: number, task: () => void): void {
    const epoch = this.#epoch;
    this.#options.scheduler.after(ms, undefined, () => {
      if (epoch === this.#epoch) task();
    });
  }
}
