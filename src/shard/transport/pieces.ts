/**
 * Kinds of WebSocket messages on links of protocol version 2 or later, by their first byte; and reassembly of long
 * frames.
 *
 * ```
 * version   a whole frame (wire.ts)
 * 241, 242  a piece of a long frame: bytes… ; 242 = the last one
 * 240       a receipt: total u48, the bytes of all frames and pieces that have arrived over this link
 * ```
 * The pieces of one frame are in order; whole frames and receipts may come between them. Protocol versions stay below
 * 240.
 */
import { FORMATS, unknownNumber } from '../formats.js';
import { WireError, WireReader, WireWriter } from './wire-buffer.js';

const { receipt: RECEIPT, piece: PIECE, lastPiece: LAST_PIECE } = FORMATS.linkMessage.numbers;

/** Bytes of a piece before its part of the frame. */
export const PIECE_HEADER_BYTES = 1;
/**
 * Whole frames are acknowledged together, a piece at once. A busy link gets a receipt every `RECEIPT_EVERY_MS`; a quiet
 * one less often, because a receipt costs about as much as a frame. That is often enough on the narrowest links: at 64
 * kbit/s, 1,200 bytes arrive in that time.
 */
const RECEIPT_BYTES = 32 * 1024;
const RECEIPT_EVERY_MS = 25;
const LITTLE_BYTES = 2 * 1024;
const LITTLE_EVERY_MS = 150;
const MAX_UNACKNOWLEDGED_BYTES = 256 * 1024;

/** Encodes the part of `frame` from `start` on, at most `length` bytes, as a separate message. */
export function encodePiece(frame: Uint8Array, start: number, length: number): Uint8Array {
  const end = Math.min(frame.length, start + length);
  const piece = Buffer.allocUnsafeSlow(PIECE_HEADER_BYTES + end - start);
  piece[0] = end === frame.length ? LAST_PIECE : PIECE;
  piece.set(frame.subarray(start, end), PIECE_HEADER_BYTES);
  return piece;
}

export function encodeReceipt(total: number): Uint8Array {
  const out = new WireWriter();
  out.u8(RECEIPT);
  out.u48(total);
  return out.take();
}

/** A whole frame; or a receipt, as the total that the peer has received; or undefined after an incomplete piece. */
export type Arrival = Uint8Array | number | undefined;

/** Counts the bytes received over one link, and reassembles pieces into frames. */
export class PieceAssembler {
  readonly #maxFrameBytes: number;
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;
  #total: number;
  #receipted: number;
  #receiptedAt = -Infinity;
  #isDue = false;

  /** @param before bytes that have arrived already */
  constructor(maxFrameBytes: number, before = 0) {
    this.#maxFrameBytes = maxFrameBytes;
    this.#total = before;
    this.#receipted = before;
  }

  /** @throws WireError if the pieces exceed the longest frame, or the message is of no known kind. */
  take(message: Uint8Array): Arrival {
    const [kind = 0] = message;
    if (kind === RECEIPT) return readReceipt(message);
    if (kind > LAST_PIECE) throw new WireError(unknownNumber(FORMATS.linkMessage, kind));
    this.#total += message.length;
    if (kind < RECEIPT) return message;
    this.#isDue = true;
    const part = message.subarray(PIECE_HEADER_BYTES);
    if (part.length === 0) throw new WireError('an empty piece');
    this.#pieces.push(part);
    this.#pieceBytes += part.length;
    if (this.#pieceBytes > this.#maxFrameBytes) {
      throw new WireError(`pieces of ${this.#pieceBytes} bytes, where a frame has at most ${this.#maxFrameBytes}`);
    }
    if (kind === PIECE) return undefined;
    const bytes = Buffer.concat(this.#pieces, this.#pieceBytes);
    this.#pieces = [];
    this.#pieceBytes = 0;
    return bytes;
  }

  /**
   * The receipt that is due, if any. `clock`: monotonic, in ms.
   * @throws WireError at 2^48 bytes: the link is then established again. At 1 GB/s that is after 78 hours.
   */
  receipt(clock: () => number): Uint8Array | undefined {
    const unacknowledged = this.#total - this.#receipted;
    if (!this.#isDue && unacknowledged < LITTLE_BYTES) return undefined;
    const now = clock();
    const everyMs = unacknowledged < RECEIPT_BYTES ? LITTLE_EVERY_MS : RECEIPT_EVERY_MS;
    const isSoon = now - this.#receiptedAt < everyMs && unacknowledged < MAX_UNACKNOWLEDGED_BYTES;
    if (!this.#isDue && isSoon) return undefined;
    this.#isDue = false;
    this.#receipted = this.#total;
    this.#receiptedAt = now;
    return encodeReceipt(this.#total);
  }
}

function readReceipt(message: Uint8Array): number {
  const input = new WireReader(message);
  input.u8();
  const total = input.u48();
  if (input.remaining > 0) throw new WireError('a receipt with something behind it');
  return total;
}
