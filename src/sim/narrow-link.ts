/**
 * One direction of a link with limited bandwidth: what is sent queues behind what was sent before it, as in a socket.
 * It loses nothing; while it is held, nothing advances. Handles bytes and time only.
 */
import type { Scheduler } from './scheduler.js';

export interface NarrowLinkParameters {
  readonly bytesPerMs: number;
  /** Interval at which the time of a piece over the empty link is measured, ms; undefined = as in production. */
  readonly measureEveryMs?: number;
}

interface Parcel {
  readonly bytes: number;
  readonly arrive: () => void;
}

export interface NarrowLinkOptions extends NarrowLinkParameters {
  readonly scheduler: Scheduler;
  /** Called before each parcel: by how much it takes longer than its bytes need; Infinity = the link is held. */
  readonly slowness: () => number;
  /** The link was held for `SILENT_MS`. */
  readonly onSilent: () => void;
}

const HELD_AGAIN_MS = 10;
/** As long as the production transport tolerates a silent link. */
const SILENT_MS = 3_000;

export class NarrowLink {
  readonly #options: NarrowLinkOptions;
  readonly #parcels: Parcel[] = [];
  #waiting = 0;
  #isBusy = false;
  #heldSince: number | undefined;
  /** Increases when the link breaks, which drops what was on its way. */
  #epoch = 0;

  constructor(options: NarrowLinkOptions) {
    this.#options = options;
  }

  /** `arrive` is called when the last of `bytes` has left the queue; never, if the link breaks first. */
  send(bytes: number, arrive: () => void): void {
    this.#parcels.push({ bytes, arrive });
    this.#waiting += bytes;
    if (!this.#isBusy) this.#carry();
  }

  /** Bytes queued or being carried. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Drops what is queued. */
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
