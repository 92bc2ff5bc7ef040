/**
 * One end of a narrow link: sends in two lanes and in pieces, and reassembles what arrives, with the production code
 * (`shard/transport/two-lanes.ts`, `send-window.ts`, `pieces.ts`). The socket below it is a narrow link, which keeps
 * the order and loses nothing, as TCP does; a link of the former protocol has one lane.
 */
import {
  PieceAssembler,
  MAX_FRAME_BYTES,
  SendWindow,
  SingleLane,
  SPLIT_FRAME_BYTES,
  TwoLanes,
  type FrameEnds,
  type SendQueue,
  type PeerMessage,
} from '../shard/index.js';

const LIMITS = {
  maxQueueBytes: 32 * 1024 * 1024,
  maxFrameBytes: MAX_FRAME_BYTES,
  splitFrameBytes: SPLIT_FRAME_BYTES,
};
/** The first protocol version with pieces and receipts. */
const TWO_LANES_VERSION = 2;

export interface LaneLinkOptions {
  readonly ends: FrameEnds;
  readonly version: number;
  readonly now: () => number;
  /** As in `SendWindow`; undefined = as in production. */
  readonly measureEveryMs?: number | undefined;
  /** Bytes buffered in the socket. */
  readonly waiting: () => number;
  /** Sends one message of the socket. */
  readonly put: (bytes: Uint8Array) => void;
  /** A short message overtook a long frame that was partly sent. */
  readonly onPassed: () => void;
}

export class LaneLink {
  readonly #options: LaneLinkOptions;
  readonly #outgoing: SendQueue;
  readonly #lanes: { readonly window: SendWindow; readonly arrivals: PieceAssembler } | undefined;

  constructor(options: LaneLinkOptions) {
    this.#options = options;
    const { ends, version } = options;
    if (version < TWO_LANES_VERSION) {
      this.#outgoing = new SingleLane(ends, version, LIMITS);
      return;
    }
    const window = new SendWindow(0, options.measureEveryMs);
    this.#lanes = { window, arrivals: new PieceAssembler(LIMITS.maxFrameBytes) };
    this.#outgoing = new TwoLanes(ends, version, LIMITS, window);
  }

  /** False: there is no room for the message. */
  send(message: PeerMessage): boolean {
    return this.#outgoing.add(message, this.#options.waiting());
  }

  flush(): void {
    if (this.#outgoing.bytes === 0) return;
    const waited = this.#outgoing.bytes;
    let left = 0;
    this.#outgoing.take(this.#options.now, (bytes) => {
      left += bytes.length;
      this.#options.put(bytes);
    });
    if (left > 0 && left < waited) this.#options.onPassed();
  }

  /** A message of the socket has arrived: returns the frame that it completes, if it does. */
  arrived(message: Uint8Array): Uint8Array | undefined {
    if (this.#lanes === undefined) return message;
    const { window, arrivals } = this.#lanes;
    const arrival = arrivals.take(message);
    if (typeof arrival === 'number') {
      if (!window.acknowledged(arrival, this.#options.now())) throw new Error('a receipt for what was not sent');
      this.flush();
      return undefined;
    }
    const receipt = arrivals.receipt(this.#options.now);
    if (receipt !== undefined) this.#options.put(receipt);
    return arrival;
  }
}
