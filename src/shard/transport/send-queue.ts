/**
 * Messages queued for one link, already encoded. `SingleLane` keeps the order of all messages, as links of protocol
 * version 1 do; in `two-lanes.ts` urgent messages overtake large ones.
 */
import type { PeerMessage } from './transport.js';
import { FrameEncoder, FRAME_HEADER_BYTES, type FrameEnds } from './wire.js';

export interface LinkLimits {
  /** Bound of a peer's queue, exceeded by at most one message. */
  readonly maxQueueBytes: number;
  /** Longest frame that is accepted, and sent. */
  readonly maxFrameBytes: number;
  /** A frame that has grown beyond this is closed, and another one is begun. */
  readonly splitFrameBytes: number;
}

export interface SendQueue {
  /** Queued bytes. */
  readonly bytes: number;
  /** Queued messages, partly sent ones included. */
  readonly messages: number;
  /**
   * @param socketBytes bytes buffered in the socket
   * @returns false if the queue is full
   * @throws WireError if it cannot be encoded for this peer
   */
  add(message: PeerMessage, socketBytes: number): boolean;
  /**
   * Sends as much as is allowed now, one WebSocket message at a time. `clock`: monotonic, in ms.
   * @returns how many messages were sent; one in pieces counts with its last piece
   */
  take(clock: () => number, send: (bytes: Uint8Array) => void): number;
  /** The link is down. */
  clear(): void;
}

export const encoderOf = (ends: FrameEnds, version: number, limits: LinkLimits): FrameEncoder =>
  new FrameEncoder(ends, {
    version,
    maxRecordBytes: limits.maxFrameBytes - limits.splitFrameBytes - FRAME_HEADER_BYTES,
  });

export class SingleLane implements SendQueue {
  readonly #encoder: FrameEncoder;
  readonly #limits: LinkLimits;
  #full: Uint8Array[] = [];
  #fullBytes = 0;
  #messages = 0;

  constructor(ends: FrameEnds, version: number, limits: LinkLimits) {
    this.#encoder = encoderOf(ends, version, limits);
    this.#limits = limits;
  }

  get bytes(): number {
    return this.#fullBytes + this.#encoder.byteLength;
  }

  get messages(): number {
    return this.#messages;
  }

  add(message: PeerMessage, socketBytes: number): boolean {
    if (this.bytes + socketBytes >= this.#limits.maxQueueBytes) return false;
    this.#encoder.add(message);
    this.#messages += 1;
    if (this.#encoder.byteLength >= this.#limits.splitFrameBytes) this.#cut();
    return true;
  }

  take(_clock: () => number, send: (bytes: Uint8Array) => void): number {
    const last = this.#encoder.take();
    const messages = this.#messages;
    this.#messages = 0;
    if (this.#fullBytes > 0) this.#takeFull(send);
    if (last !== undefined) send(last);
    return messages;
  }

  /** Separate from `take`, which runs in every turn, because this part is rarely needed. */
  #takeFull(send: (bytes: Uint8Array) => void): void {
    const frames = this.#full;
    this.#full = [];
    this.#fullBytes = 0;
    for (const frame of frames) send(frame);
  }

  clear(): void {
    this.#encoder.take();
    this.#full = [];
    this.#fullBytes = 0;
    this.#messages = 0;
  }

  #cut(): void {
    const frame = this.#encoder.take();
    if (frame === undefined) return;
    this.#full.push(frame);
    this.#fullBytes += frame.length;
  }
}
