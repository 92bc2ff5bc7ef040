/**
 * One direction of one connection: reads from a socket, writes to another, delayed by the link's conditions.
 *
 * The order is always kept. What cannot be delivered yet is buffered, up to a bound (exceeded by one read at most);
 * then reading stops, the TCP window closes, and the sender waits, as in a partition. An end or a reset is delivered in
 * order, too: the other side notices a process that died during a cut only afterwards. When conditions change, delays
 * of buffered pieces are computed again, so that they flow as soon as a link is healed (a real sender: at its next
 * retransmission).
 */
import type { Socket } from 'node:net';
import { isHealthy, latenessMs, roomBytes, stalls, type Conditions, type BandwidthLimiter } from './conditions.js';

type Piece = Buffer | 'end' | 'reset';

export interface PipeOptions {
  readonly source: Socket;
  readonly conditions: () => Conditions;
  /** Shared by all connections of this direction. */
  readonly limiter: BandwidthLimiter;
  readonly random: () => number;
}

export class Pipe {
  readonly #options: PipeOptions;
  /** Delivered from the front only: one that is due waits for those before it. */
  readonly #waiting: { readonly piece: Piece; dueAt: number }[] = [];
  #waitingBytes = 0;
  #sink: Socket | undefined;
  #sinkFull = false;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: PipeOptions) {
    this.#options = options;
    const { source } = options;
    source.on('data', (chunk: Buffer) => {
      this.#take(chunk);
    });
    source.on('end', () => {
      this.#take('end');
    });
    source.on('error', () => {
      this.#take('reset');
    });
  }

  /** Read and not yet delivered; an end counts as a byte, as in TCP's own numbering. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** The destination is connected. */
  open(sink: Socket): void {
    this.#sink = sink;
    sink.on('drain', () => {
      this.#sinkFull = false;
      this.#pump();
    });
    sink.on('close', () => {
      this.close();
    });
    this.changed();
  }

  /** The conditions have changed. */
  changed(): void {
    for (const entry of this.#waiting) entry.dueAt = this.#dueAt(entry.piece);
    this.#pump();
  }

  /** Nothing can be delivered any more. Input is read and discarded until its end. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
    this.#options.source.resume();
  }

  #take(piece: Piece): void {
    if (this.#closed) return;
    const idle = this.#sink !== undefined && this.#waiting.length === 0 && !this.#sinkFull;
    if (idle && isHealthy(this.#options.conditions())) {
      this.#deliver(piece);
    } else {
      this.#waiting.push({ piece, dueAt: this.#dueAt(piece) });
      this.#waitingBytes += sizeOf(piece);
      this.#pump();
    }
    if (this.#sinkFull || this.#isFull) this.#options.source.pause();
  }

  #dueAt(piece: Piece): number {
    const { conditions, limiter, random } = this.#options;
    const now = conditions();
    return limiter.sentAtMs(sizeOf(piece), now, performance.now()) + latenessMs(now, random);
  }

  get #isFull(): boolean {
    return this.#waitingBytes >= roomBytes(this.#options.conditions());
  }

  #pump(): void {
    clearTimeout(this.#timer);
    if (this.#closed || this.#sink === undefined || stalls(this.#options.conditions())) return;
    for (let next = this.#waiting[0]; next !== undefined && !this.#sinkFull; next = this.#waiting[0]) {
      const inMs = next.dueAt - performance.now();
      if (inMs > 0) {
        this.#timer = setTimeout(() => {
          this.#pump();
        }, Math.ceil(inMs));
        break;
      }
      this.#waiting.shift();
      this.#waitingBytes -= sizeOf(next.piece);
      this.#deliver(next.piece);
    }
    if (!this.#sinkFull && !this.#isFull) this.#options.source.resume();
  }

  #deliver(piece: Piece): void {
    const sink = this.#sink;
    if (sink === undefined || sink.destroyed) return;
    if (piece === 'end') sink.end();
    else if (piece === 'reset') sink.resetAndDestroy();
    else this.#sinkFull = !sink.write(piece);
  }
}

const sizeOf = (piece: Piece): number => (typeof piece === 'string' ? 1 : piece.length);
