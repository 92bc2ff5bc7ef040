/**
 * What waits to leave over one link, as bytes already. `SingleLane` keeps the order of all messages, as links of
 * protocol version 1 do; `two-lanes.ts` lets what is urgent pass.
 *
 * Knows no socket: what is to be sent is taken out of here.
 */
import type { PeerMessage } from './transport.js';
import { FrameEncoder, FRAME_HEADER_BYTES, type FrameEnds } from './wire.js';

export interface LinkLimits {
  /** A peer for which so much waits gets nothing more until some of it has left. */
  readonly maxQueueBytes: number;
  /** Longest frame that is accepted, and sent. */
  readonly maxFrameBytes: number;
  /** A frame that has grown beyond this is closed, and another begun. */
  readonly splitFrameBytes: number;
}

export interface SendQueue {
  /** Bytes that wait here. */
  readonly bytes: number;
  /** Messages that wait here, in whole or in part. */
  readonly messages: number;
  /**
   * @param socketBytes what waits behind this, in the socket
   * @returns false if there is no room for the message
   * @throws WireError if it cannot be said to this peer
   */
  add(message: PeerMessage, socketBytes: number): boolean;
  /**
   * Hands out what may leave now, one message of the link at a time. `clock` in ms, never back.
   * @returns how many messages have left, the last part of each counting for the whole
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

  /** Rarely are there any, and every turn asks. */
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
