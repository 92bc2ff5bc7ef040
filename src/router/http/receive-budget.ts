/**
 * Limits the bytes of incomplete bodies that one server holds, on both fronts: without it they would be limited only by
 * the number of connections, times the largest value.
 */

export class ReceiveBudget {
  readonly limit: number;
  #held = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get held(): number {
    return this.#held;
  }

  /** False, with nothing reserved, if there is no room. */
  reserve(bytes: number): boolean {
    if (this.#held + bytes > this.limit) return false;
    this.#held += bytes;
    return true;
  }

  release(bytes: number): void {
    this.#held -= bytes;
  }
}

/** Is given a function that reads how many bytes are held. */
export interface ReceiveObserver {
  observeReceiving?(heldBytes: () => number): void;
}

/** Unjoined pieces: each has an overhead of one to two hundred bytes, and a client may send a single byte in each. */
const MAX_LOOSE = 64;

/** The pieces of one incomplete body. What they reserve in the budget is released by `join` or `drop`. */
export class ReceivedPieces {
  readonly #budget: ReceiveBudget;
  #pieces: Buffer[] = [];
  /** How many of the first pieces are joined ones. */
  #joined = 0;
  #length = 0;
  #taken = 0;

  constructor(budget: ReceiveBudget) {
    this.#budget = budget;
  }

  get length(): number {
    return this.#length;
  }

  /**
   * False if there is no room; the piece is then not kept.
   * @param counted how many of its bytes belong to the body
   */
  add(piece: Buffer, counted = piece.length): boolean {
    if (!this.#budget.reserve(counted)) return false;
    this.#taken += counted;
    this.addLast(piece);
    if (this.#pieces.length - this.#joined < MAX_LOOSE) return true;
    this.#pieces.push(Buffer.concat(this.#pieces.splice(this.#joined)));
    this.#joined += 1;
    return true;
  }

  /**
   * The piece that completes the body, which is about to be passed on: it waits for nothing, so it reserves nothing.
   */
  addLast(piece: Buffer): void {
    this.#length += piece.length;
    this.#pieces.push(compact(piece));
  }

  /** All pieces as one buffer; nothing is held any more. */
  join(): Buffer {
    const pieces = this.#pieces;
    const length = this.#length;
    this.drop();
    const [first] = pieces;
    return first !== undefined && pieces.length === 1 ? first : Buffer.concat(pieces, length);
  }

  drop(): void {
    this.#budget.release(this.#taken);
    this.#pieces = [];
    this.#joined = this.#length = this.#taken = 0;
  }
}

/** The piece itself, or a copy if it is a small slice of a large buffer, all of which it would keep in memory. */
export function compact(piece: Buffer): Buffer {
  return piece.buffer.byteLength > 2 * piece.length + Buffer.poolSize ? Buffer.from(piece) : piece;
}
