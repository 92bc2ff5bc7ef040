/**
 * Feeds a connection's bytes to node:http in small pieces, a few in each turn of the event loop.
 *
 * A socket by itself may deliver two megabytes in one turn, and node:http parses and answers all requests in them
 * before anything else runs: heartbeats and other clients would wait. Nor does pausing such a socket help, since
 * node:http resumes it with each request that ends. So its `data` listener is called from here (node:http has no other
 * input but the socket), and the rest goes back into the socket, which stops reading when it is full.
 */
import type { Socket } from 'node:net';

/** Pieces per turn. */
const MAX_PIECES = 16;
/** A turn ends earlier if its pieces took this long. */
const MAX_MS = 4;
const END_OF_HEAD = '\r\n\r\n';

type DataListener = (piece: Buffer) => void;

export class PacedReader {
  readonly #socket: Socket;
  readonly #isFull: () => boolean;
  readonly #httpListeners: readonly DataListener[];
  #pieces = 0;
  #nextTurn: NodeJS.Immediate | undefined;
  /** Paused from here. node:http pauses too, and resumes by itself. */
  #pausedHere = false;
  /** Paused, by either, when bytes were last received. */
  #paused = false;
  #pausedUntil = -Infinity;
  #released = false;

  /**
   * To be created once node:http has its listeners on the socket.
   * @param isFull true if no further request may begin before `resume` is called
   */
  constructor(socket: Socket, isFull: () => boolean) {
    this.#socket = socket;
    this.#isFull = isFull;
    this.#httpListeners = socket.listeners('data') as DataListener[];
    for (const listener of this.#httpListeners) socket.off('data', listener);
    // A listener besides its own also makes node:http detach from the handle, which it would read past the socket.
    socket.on('data', this.#onData);
  }

  /** Continues if it is paused, and may. */
  resume(): void {
    if (!this.#pausedHere || !this.#mayEmit()) return;
    this.#pausedHere = false;
    this.#socket.resume();
  }

  /** Reading was paused within the last `ms`. */
  pausedWithin(ms: number): boolean {
    return this.#paused || performance.now() - this.#pausedUntil < ms;
  }

  /** node:http has detached from the connection. */
  release(): void {
    this.#released = true;
    this.#pausedHere = false;
    this.#socket.off('data', this.#onData);
  }

  readonly #onData = (chunk: Buffer): void => {
    const startedAt = performance.now();
    if (this.#paused) this.#pausedUntil = startedAt;
    let at = 0;
    while (at < chunk.length && !this.#released && !this.#socket.destroyed && !this.#socket.isPaused()) {
      if (!this.#mayEmit()) {
        this.#pausedHere = true;
        this.#socket.pause();
        break;
      }
      // At most one head ends in a piece, or two if the end of the first came in two reads.
      const found = chunk.indexOf(END_OF_HEAD, at, 'latin1');
      const end = found < 0 ? chunk.length : found + END_OF_HEAD.length;
      this.#emitPiece(chunk.subarray(at, end));
      at = end;
      if (performance.now() - startedAt > MAX_MS) this.#endTurn();
    }
    this.#paused = this.#socket.isPaused();
    if (this.#paused && at < chunk.length) this.#socket.unshift(chunk.subarray(at));
  };

  #mayEmit(): boolean {
    return this.#pieces < MAX_PIECES && !this.#isFull();
  }

  #emitPiece(piece: Buffer): void {
    this.#pieces += 1;
    if (this.#pieces === MAX_PIECES) this.#endTurn();
    for (const listener of this.#httpListeners) listener(piece);
  }

  #endTurn(): void {
    this.#pieces = MAX_PIECES;
    this.#nextTurn ??= setImmediate(() => {
      this.#nextTurn = undefined;
      this.#pieces = 0;
      this.resume();
    });
  }
}
