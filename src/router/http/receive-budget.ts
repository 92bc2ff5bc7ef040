/**
 * How many bytes of bodies that are not whole yet one server holds, whichever way they come: without a bound of their
 * own, they would be bounded by the number of connections only, times the largest value. Knows no socket and no request.
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

  /** False, and nothing taken, if there is no room for them. */
  take(bytes: number): boolean {
    if (this.#held + bytes > this.limit) return false;
    this.#held += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#held -= bytes;
  }
}

/** Told where to read how many bytes are held. */
export interface ReceiveObserver {
  observeReceiving?(heldBytes: () => number): void;
}

/** Pieces by themselves; each costs a hundred bytes or two besides what is in it, and a client may send a byte in each. */
const MAX_LOOSE = 64;

/** The pieces of one body on its way. What they take of the budget is given back by `end`, once. */
export class ReceivedPieces {
  readonly #budget: ReceiveBudget;
  #pieces: Buffer[] = [];
  /** So many of the first pieces are joined ones. */
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
   * @param counted bytes of it that are of the body
   */
  add(piece: Buffer, counted = piece.length): boolean {
    if (!this.#budget.take(counted)) return false;
    this.#taken += counted;
    this.addLast(piece);
    if (this.#pieces.length - this.#joined < MAX_LOOSE) return true;
    this.#pieces.push(Buffer.concat(this.#pieces.splice(this.#joined)));
    this.#joined += 1;
    return true;
  }

  /** With this one the body is whole and about to be handed on: it waits for nothing, and takes nothing. */
  addLast(piece: Buffer): void {
    this.#length += piece.length;
    this.#pieces.push(ofItsOwn(piece));
  }

  /** Everything, joined; nothing is held any more. */
  end(): Buffer {
    const pieces = this.#pieces;
    const length = this.#length;
    this.drop();
    const [first] = pieces;
    return first !== undefined && pieces.length === 1 ? first : Buffer.concat(pieces, length);
  }

  drop(): void {
    this.#budget.give(this.#taken);
    this.#pieces = [];
    this.#joined = this.#length = this.#taken = 0;
  }
}

/** The piece itself, or a copy: a small piece of something large, such as the end of another body, would keep all of it. */
export function ofItsOwn(piece: Buffer): Buffer {
  return piece.buffer.byteLength > 2 * piece.length + Buffer.poolSize ? Buffer.from(piece) : piece;
}
