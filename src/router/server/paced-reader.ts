/**
 * What comes on a connection reaches node:http in small pieces, a few in each turn of the event loop.
 *
 * A socket by itself may bring two megabytes in one turn, and node:http reads and answers all requests in them before
 * anything else runs: heartbeats and other clients would wait. Nor does pausing such a socket help, since node:http resumes
 * it with each request that ends. So its listener is called from here, and what is not its turn yet goes back into the
 * socket, which stops reading when it is full. Knows no request, only where a head may end.
 */
import type { Socket } from 'node:net';

/** Pieces in one turn. */
const MAX_PIECES = 16;
/** A turn ends earlier if its pieces took so long. */
const MAX_MS = 4;
const END_OF_HEAD = '\r\n\r\n';

type DataListener = (piece: Buffer) => void;

export class PacedReader {
  readonly #socket: Socket;
  readonly #isFull: () => boolean;
  readonly #toHttp: readonly DataListener[];
  #pieces = 0;
  #nextTurn: NodeJS.Immediate | undefined;
  /** Paused from here. node:http pauses too, and goes on by itself. */
  #pausedHere = false;
  /** Paused by either when something last came. */
  #held = false;
  #heldUntil = -Infinity;
  #released = false;

  /**
   * To be made when node:http has its listeners on the socket.
   * @param isFull says that nothing more is to be begun before `goOn` is called
   */
  constructor(socket: Socket, isFull: () => boolean) {
    this.#socket = socket;
    this.#isFull = isFull;
    this.#toHttp = socket.listeners('data') as DataListener[];
    for (const listener of this.#toHttp) socket.off('data', listener);
    // Another listener than its own also makes node:http let go of the handle, which it reads past the socket otherwise.
    socket.on('data', this.#onData);
  }

  /** Goes on if it waits, and may. */
  goOn(): void {
    if (!this.#pausedHere || !this.#mayGive()) return;
    this.#pausedHere = false;
    this.#socket.resume();
  }

  /** The client was kept from sending the rest of a request within the last `ms`. */
  heldWithin(ms: number): boolean {
    return this.#held || performance.now() - this.#heldUntil < ms;
  }

  /** node:http has let go of the connection. */
  release(): void {
    this.#released = true;
    this.#pausedHere = false;
    this.#socket.off('data', this.#onData);
  }

  readonly #onData = (chunk: Buffer): void => {
    const startedAt = performance.now();
    if (this.#held) this.#heldUntil = startedAt;
    let at = 0;
    while (at < chunk.length && !this.#released && !this.#socket.destroyed && !this.#socket.isPaused()) {
      if (!this.#mayGive()) {
        this.#pausedHere = true;
        this.#socket.pause();
        break;
      }
      // At most one head ends in a piece, or two if the end of the first came in two reads.
      const found = chunk.indexOf(END_OF_HEAD, at, 'latin1');
      const end = found < 0 ? chunk.length : found + END_OF_HEAD.length;
      this.#give(chunk.subarray(at, end));
      at = end;
      if (performance.now() - startedAt > MAX_MS) this.#endTurn();
    }
    this.#held = this.#socket.isPaused();
    if (this.#held && at < chunk.length) this.#socket.unshift(chunk.subarray(at));
  };

  #mayGive(): boolean {
    return this.#pieces < MAX_PIECES && !this.#isFull();
  }

  #give(piece: Buffer): void {
    this.#pieces += 1;
    if (this.#pieces === MAX_PIECES) this.#endTurn();
    for (const listener of this.#toHttp) listener(piece);
  }

  #endTurn(): void {
    this.#pieces = MAX_PIECES;
    this.#nextTurn ??= setImmediate(() => {
      this.#nextTurn = undefined;
      this.#pieces = 0;
      this.goOn();
    });
  }
}
