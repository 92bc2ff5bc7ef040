/**
 * The request queue to the storage thread: commits as bytes in shared memory, all other requests as messages through a
 * port, in one order. The storage thread sleeps on the shared memory and not in an event loop.
 *
 * A commit sent as a message costs 25 µs more CPU time: its objects are cloned, and an event loop is woken.
 */
import type { Request, RequestEnvelope } from '../engine/protocol.js';

type Commit = Extract<Request, { readonly type: 'commit' }>;

/** Capacity in commits; more go by message. */
const SLOTS = 64;
/** Capacity in bytes of rows: two large batches. A busy node writes some 10 KB per commit. */
const ROW_BYTES = 4 * 1024 * 1024;

/** Number of requests posted, either way; modulo 2^32, as is the order of each. */
const POSTED = 0;
/** Number of commits taken out of the shared memory; modulo 2^32. */
const TAKEN = 1;
/** 1: the storage thread is working, or has files open. */
const BUSY = 2;
/** 1: it must close its files and stop. */
const STOPPED = 3;
/** Initial value of both counts of requests. */
const START = 4;
const COUNTERS = 5;
const COUNTER_BYTES = 64;

/** Fields of a slot. */
const AT = { order: 0, store: 1, call: 2, seq: 3, start: 4, length: 5 } as const;
const SLOT_FIELDS = 6;
const SLOT_BYTES = SLOT_FIELDS * Float64Array.BYTES_PER_ELEMENT;
const ROWS_AT = COUNTER_BYTES + SLOTS * SLOT_BYTES;

/** `start`: initial value of the counts of requests; modulo 2^32. */
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

/** The caller's end. */
export class RequestQueueWriter extends RequestQueue {
  #posted = this.start;
  #written = this.start;
  /** Offset of the next row. Reset whenever everything was taken, which is the usual case. */
  #rowAt = 0;

  /** Writes a commit, invisible until `publish`; false if the queue is full. */
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

  /** Makes the next request visible, in the shared memory or in the port. */
  publish(): void {
    this.#posted = (this.#posted + 1) | 0;
    Atomics.store(this.counters, POSTED, this.#posted);
    Atomics.notify(this.counters, POSTED);
  }

  /** Makes the storage thread close its files as they are, and take no more requests. */
  stop(): void {
    Atomics.store(this.counters, STOPPED, 1);
    // In this order: a thread about to sleep sees one of the two.
    this.publish();
  }

  /** After `stop`: blocks until the storage thread has stopped. False if it has not stopped within `ms`. */
  waitStopped(ms: number): boolean {
    return Atomics.wait(this.counters, BUSY, 1, ms) !== 'timed-out';
  }
}

/** The storage thread's end. */
export class RequestQueueReader extends RequestQueue {
  #seen = this.start;
  #taken = this.start;
  readonly #fromPort: () => RequestEnvelope | undefined;

  /** @param fromPort returns the next message; called only when there is one */
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
    // The writer may reuse the slot from here on.
    this.#taken = (this.#taken + 1) | 0;
    Atomics.store(this.counters, TAKEN, this.#taken);
    return { store, call, request: { type: 'commit', seq, data, activation: undefined } };
  }

  /** Sleeps until there is a request, at most `ms` milliseconds. */
  wait(ms?: number): void {
    if (Atomics.load(this.counters, STOPPED) === 0) Atomics.wait(this.counters, POSTED, this.#seen, ms);
  }

  /** Call before any work: from now on `waitStopped` waits for it and for open files. False if stopped. */
  acquire(): boolean {
    Atomics.store(this.counters, BUSY, 1);
    return Atomics.load(this.counters, STOPPED) === 0;
  }

  /** Call when nothing is open and no work is in progress. */
  release(): void {
    Atomics.store(this.counters, BUSY, 0);
    Atomics.notify(this.counters, BUSY);
  }
}
