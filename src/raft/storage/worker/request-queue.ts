/**
 * The way of requests to the storage thread: commits as bytes in memory that both threads share, all others as messages
 * through a port, in one order. The storage thread sleeps on the shared memory and not in an event loop.
 *
 * A commit by message costs 25 µs more of processor time: what it is made of is cloned, and an event loop is woken.
 * Knows neither port nor thread, and nothing of what a request does.
 */
import type { Request, RequestEnvelope } from '../engine/protocol.js';

type Commit = Extract<Request, { readonly type: 'commit' }>;

/** Commits that may lie here; more go by message. */
const SLOTS = 64;
/** Bytes of rows that may lie here: two large batches. What a busy node writes in a commit is some 10 KB. */
const ROW_BYTES = 4 * 1024 * 1024;

/** Requests that were handed in, by either way; modulo 2^32, as is the order of each. */
const POSTED = 0;
/** Commits that were taken out of here; modulo 2^32. */
const TAKEN = 1;
/** 1: the storage thread works, or has files open. */
const BUSY = 2;
/** 1: it is to let go of its files, and to do nothing more. */
const STOPPED = 3;
/** At what both counts of requests began. */
const START = 4;
const COUNTERS = 5;
const COUNTER_BYTES = 64;

/** Fields of a slot. */
const AT = { order: 0, store: 1, call: 2, seq: 3, start: 4, length: 5 } as const;
const SLOT_FIELDS = 6;
const SLOT_BYTES = SLOT_FIELDS * Float64Array.BYTES_PER_ELEMENT;
const ROWS_AT = COUNTER_BYTES + SLOTS * SLOT_BYTES;

/** `start`: at what the counts of requests begin; modulo 2^32. */
export function newQueueMemory(start = 0): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(ROWS_AT + ROW_BYTES);
  const counters = new Int32Array(memory, 0, COUNTERS);
  for (const at of [POSTED, TAKEN, START]) counters[at] = start | 0;
  return memory;
}

class RequestQueue {
  protected readonly counters: Int32Array;
  protected readonly rows: Uint8Array;
  protected readonly start: number;
  readonly #slots: Float64Array;

  constructor(memory: SharedArrayBuffer) {
    this.counters = new Int32Array(memory, 0, COUNTERS);
    this.#slots = new Float64Array(memory, COUNTER_BYTES, SLOTS * SLOT_FIELDS);
    this.rows = new Uint8Array(memory, ROWS_AT);
    this.start = Atomics.load(this.counters, START);
  }

  protected slot(number: number): Float64Array {
    const at = ((number >>> 0) % SLOTS) * SLOT_FIELDS;
    return this.#slots.subarray(at, at + SLOT_FIELDS);
  }
}

/** The end of whoever asks. */
export class RequestQueueWriter extends RequestQueue {
  #posted = this.start;
  #written = this.start;
  /** Where the next row goes. Back to the front whenever everything was taken, which it mostly is. */
  #rowAt = 0;

  /** Puts a commit here, not yet to be seen; false if there is no room. */
  put(store: number, call: number, { seq, data }: Commit): boolean {
    const waiting = (this.#written - Atomics.load(this.counters, TAKEN)) | 0;
    if (waiting === 0) this.#rowAt = 0;
    if (waiting === SLOTS || this.#rowAt + data.length > ROW_BYTES) return false;
    this.rows.set(data, this.#rowAt);
    this.slot(this.#written).set([(this.#posted + 1) | 0, store, call, seq, this.#rowAt, data.length]);
    this.#rowAt += data.length;
    this.#written = (this.#written + 1) | 0;
    return true;
  }

  /** The next request is in its place, here or in the port. */
  publish(): void {
    this.#posted = (this.#posted + 1) | 0;
    Atomics.store(this.counters, POSTED, this.#posted);
    Atomics.notify(this.counters, POSTED);
  }

  /** Tells the storage thread to let go of its files as they are, and to take nothing more. */
  stop(): void {
    Atomics.store(this.counters, STOPPED, 1);
    // In this order: who is about to sleep sees the one or the other.
    this.publish();
  }

  /** After `stop`: stands still until the storage thread has done so. False if it has not within so many ms. */
  waitStopped(ms: number): boolean {
    return Atomics.wait(this.counters, BUSY, 1, ms) !== 'timed-out';
  }
}

/** The end of the storage thread. */
export class RequestQueueReader extends RequestQueue {
  #seen = this.start;
  #taken = this.start;
  readonly #fromPort: () => RequestEnvelope | undefined;

  /** @param fromPort the next message; there is one whenever it is asked for */
  constructor(memory: SharedArrayBuffer, fromPort: () => RequestEnvelope | undefined) {
    super(memory);
    this.#fromPort = fromPort;
  }

  /** The next request, if there is one. */
  next(): RequestEnvelope | undefined {
    if (Atomics.load(this.counters, POSTED) === this.#seen) return undefined;
    this.#seen = (this.#seen + 1) | 0;
    const slot = this.slot(this.#taken);
    return slot[AT.order] === this.#seen ? this.#take(slot) : this.#fromPort();
  }

  #take(slot: Float64Array): RequestEnvelope {
    const [, store = 0, call = 0, seq = 0, start = 0, length = 0] = slot;
    const data = this.rows.slice(start, start + length);
    // Until here the writer leaves it as it is.
    this.#taken = (this.#taken + 1) | 0;
    Atomics.store(this.counters, TAKEN, this.#taken);
    return { store, call, request: { type: 'commit', seq, data, activation: undefined } };
  }

  /** Sleeps until there is a next request, or for so many milliseconds. */
  wait(ms?: number): void {
    if (Atomics.load(this.counters, STOPPED) === 0) Atomics.wait(this.counters, POSTED, this.#seen, ms);
  }

  /** To be called before any work: it, and what it opens, is waited for from now on. False if there is to be none. */
  acquire(): boolean {
    Atomics.store(this.counters, BUSY, 1);
    return Atomics.load(this.counters, STOPPED) === 0;
  }

  /** Nothing is open, and nothing is being done. */
  release(): void {
    Atomics.store(this.counters, BUSY, 0);
    Atomics.notify(this.counters, BUSY);
  }
}
