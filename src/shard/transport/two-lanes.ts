/**
 * Two priority lanes to one peer: urgent messages are sent at once, large ones in pieces, which urgent ones overtake.
 *
 *     urgent  heartbeats, votes, acknowledgements, pings, small requests and replies; and appends, if the window allows
 *     bulk    messages longer than 16 KiB; and messages with data, while more is in flight than the link can take
 *
 * - Appends and chunks of snapshots keep their order among themselves: while the bulk lane is not empty, all of them go
 *   there. So an append by which a leader probes for earlier ones stays behind them, however small it is.
 * - The bulk lane is drained as `send-window.ts` allows; the urgent lane never waits.
 * - Usually a turn sends a single frame, as on a link with one lane.
 */
import { encoderOf, SingleLane, type LinkLimits, type SendQueue } from './send-queue.js';
import type { ListItem } from '../list.js';
import { encodePiece, PIECE_HEADER_BYTES } from './pieces.js';
import type { SendWindow } from './send-window.js';
import type { PeerMessage } from './transport.js';
import type { FrameEncoder, FrameEnds } from './wire.js';

/** Longer messages go to the bulk lane. */
const BULK_BYTES = 16 * 1024;
/** Shorter messages, other than appends, never go to the bulk lane. */
const TINY_BYTES = 1024;
/** A bulk frame that has grown beyond this is closed, so that it need not wait for later messages. */
const SPLIT_BULK_BYTES = 64 * 1024;
const STATUS_BYTES_PER_GROUP = 400;

interface BulkFrame {
  readonly bytes: Uint8Array;
  readonly messages: number;
  /** Bytes of the frame that were sent. */
  sent: number;
}

export class TwoLanes implements SendQueue {
  readonly #urgent: SingleLane;
  readonly #bulk: FrameEncoder;
  readonly #window: SendWindow;
  readonly #limits: LinkLimits;
  /** Frames of the bulk lane, oldest first; `#bulk` is the one that still grows. */
  #frames: BulkFrame[] = [];
  #frameBytes = 0;
  #frameMessages = 0;

  constructor(ends: FrameEnds, version: number, limits: LinkLimits, window: SendWindow) {
    this.#urgent = new SingleLane(ends, version, limits);
    this.#bulk = encoderOf(ends, version, limits);
    this.#limits = limits;
    this.#window = window;
  }

  get bytes(): number {
    return this.#urgent.bytes + this.#bulkBytes();
  }

  get messages(): number {
    return this.#urgent.messages + this.#frameMessages + this.#bulk.messageCount;
  }

  // No getter: reading a private one calls into V8's runtime.
  #bulkBytes(): number {
    return this.#frameBytes + this.#bulk.byteLength;
  }

  /** Each lane has its own bound: however much is queued in bulk, there is room for a heartbeat. */
  add(message: PeerMessage, socketBytes: number): boolean {
    if (!this.#isBulk(message)) return this.#urgent.add(message, socketBytes);
    if (this.#bulkBytes() + socketBytes >= this.#limits.maxQueueBytes) return false;
    this.#bulk.add(message);
    if (this.#bulk.byteLength >= SPLIT_BULK_BYTES) this.#cut();
    return true;
  }

  take(clock: () => number, send: (bytes: Uint8Array) => void): number {
    this.#window.sent(this.#urgent.bytes);
    const messages = this.#urgent.take(clock, send);
    return this.#bulkBytes() === 0 ? messages : messages + this.#takeBulk(clock(), send);
  }

  #takeBulk(now: number, send: (bytes: Uint8Array) => void): number {
    let messages = 0;
    this.#cut();
    for (let frame = this.#frames[0]; frame !== undefined; frame = this.#frames[0]) {
      const length = Math.min(this.#window.pieceBytes(now), frame.bytes.length - frame.sent);
      if (!this.#window.hasRoom(PIECE_HEADER_BYTES + length, now)) break;
      const piece = encodePiece(frame.bytes, frame.sent, length);
      this.#window.sentPiece(piece.length, now);
      frame.sent += length;
      this.#frameBytes -= length;
      if (frame.sent === frame.bytes.length) {
        this.#frames.shift();
        this.#frameMessages -= frame.messages;
        messages += frame.messages;
      }
      send(piece);
    }
    return messages;
  }

  clear(): void {
    this.#urgent.clear();
    this.#bulk.take();
    this.#frames = [];
    this.#frameBytes = 0;
    this.#frameMessages = 0;
  }

  #isBulk(message: PeerMessage): boolean {
    const isRaft = message.type === 'raft';
    const isOrdered = isRaft && isOrderedType(message.message.type);
    // Most messages of a busy link: short and unordered.
    if (isRaft && !isOrdered) return false;
    const bytes = approximateBytes(message);
    if (bytes > BULK_BYTES || (isOrdered && this.#bulkBytes() > 0)) return true;
    return (isOrdered || bytes > TINY_BYTES) && !this.#window.hasRoomForSmall(this.#urgent.bytes + bytes);
  }

  #cut(): void {
    const messages = this.#bulk.messageCount;
    const bytes = this.#bulk.take();
    if (bytes === undefined) return;
    this.#frames.push({ bytes, messages, sent: 0 });
    this.#frameBytes += bytes.length;
    this.#frameMessages += messages;
  }
}

const isOrderedType = (type: string): boolean => type === 'append' || type === 'snapshot';

function bytesOfItems(items: readonly ListItem[]): number {
  let bytes = 0;
  for (const item of items) bytes += item.key.length + (item.type === 'record' ? item.record.body.length : 0);
  return bytes;
}

/** Bytes of the message's data; the rest of a message is short. */
function approximateBytes(message: PeerMessage): number {
  switch (message.type) {
    case 'raft': {
      const inner = message.message;
      if (inner.type === 'snapshot') return inner.data.length;
      if (inner.type !== 'append') return 0;
      let bytes = 0;
      for (const { data } of inner.entries) bytes += data.length;
      return bytes;
    }
    case 'request': {
      const { operation } = message.request;
      if (operation.type === 'list') return operation.from.length;
      return operation.key.length + (operation.type === 'put' ? operation.body.length : 0);
    }
    case 'reply': {
      const { answer } = message.reply;
      if (answer.type === 'list') return bytesOfItems(answer.items);
      return answer.type === 'get' ? (answer.record?.body.length ?? 0) : 0;
    }
    case 'status':
      return STATUS_BYTES_PER_GROUP * message.status.groups.length;
    case 'topology':
    case 'ping':
    case 'position':
    case 'process-question':
    case 'process-answer':
    case 'read-index-request':
    case 'read-index':
    case 'status-request':
      return 0;
  }
}
