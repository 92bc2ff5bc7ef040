/**
 * One direction of a link that carries so many bytes a millisecond: what is sent waits for what was sent before it.
 *
 * Two lanes: urgent parcels pass bulk ones between two pieces. A sender that knows no lanes puts everything into one.
 * Knows bytes and time, no peer and no message.
 */
import type { Scheduler } from './scheduler.js';

export interface NarrowMix {
  readonly bytesPerMs: number;
  /** A bulk parcel is carried in pieces of so many bytes, between which urgent ones pass. */
  readonly pieceBytes: number;
}

export type Lane = 'urgent' | 'bulk';

interface Parcel {
  left: number;
  readonly arrive: () => void;
}

export class NarrowLink {
  readonly #scheduler: Scheduler;
  readonly #mix: NarrowMix;
  readonly #lanes: Readonly<Record<Lane, Parcel[]>> = { urgent: [], bulk: [] };
  #isBusy = false;
  /** Rises when the link breaks: a piece of before is on its way no more. */
  #life = 0;

  constructor(scheduler: Scheduler, mix: NarrowMix) {
    this.#scheduler = scheduler;
    this.#mix = mix;
  }

  /** `arrive` is called when the last of `bytes` has left the queue; never, if the link breaks before. */
  send(lane: Lane, bytes: number, arrive: () => void): void {
    this.#lanes[lane].push({ left: bytes, arrive });
    if (!this.#isBusy) this.#carry();
  }

  /** Bytes that wait, or are being carried. */
  get waiting(): number {
    const { urgent, bulk } = this.#lanes;
    return [...urgent, ...bulk].reduce((sum, { left }) => sum + left, 0);
  }

  /** What waits is lost. */
  break(): void {
    this.#lanes.urgent.length = 0;
    this.#lanes.bulk.length = 0;
    this.#isBusy = false;
    this.#life++;
  }

  #carry(): void {
    const { urgent, bulk } = this.#lanes;
    const lane = urgent.length > 0 ? urgent : bulk;
    const [parcel] = lane;
    this.#isBusy = parcel !== undefined;
    if (parcel === undefined) return;
    const life = this.#life;
    const bytes = lane === bulk ? Math.min(parcel.left, this.#mix.pieceBytes) : parcel.left;
    this.#scheduler.after(bytes / this.#mix.bytesPerMs, undefined, () => {
      if (life !== this.#life) return;
      parcel.left -= bytes;
      if (parcel.left <= 0) {
        lane.shift();
        parcel.arrive();
      }
      this.#carry();
    });
  }
}
