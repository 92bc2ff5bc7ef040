/**
 * The caller's side of the storage thread: starts it, numbers its stores, routes replies to their store.
 *
 * One thread can serve many stores (an embedded cluster in one process); a store that is given none starts its own.
 */
import type { Worker } from 'node:worker_threads';
import { unpackReplies, type ReplyPacket } from './reply-packet.js';
import { RequestQueueWriter, newQueueMemory } from './request-queue.js';
import type { CallResult, Request } from '../engine/protocol.js';
import { StorageFailure } from '../storage.js';
import { removeFromExit, stopAtExit } from './process-exit.js';
import { startThread } from './start-thread.js';

/** How long `close` waits for a thread blocked in a disk call before it abandons it. */
export const THREAD_LIMIT_MS = 1_000;

export interface ChannelListener {
  reply(call: number, outcome: CallResult): void;
  /** No further reply will come. */
  died(error: Error): void;
}

/** One store's channel to its engine. */
export interface StoreChannel {
  post(call: number, request: Request, transfer?: readonly ArrayBuffer[]): void;
  detach(): void;
}

/** Runs the engines of one or more stores: a thread, or the simulator. */
export interface SqliteWorker {
  attach(listener: ChannelListener): StoreChannel;
  /** Ends the worker, or abandons it if it hangs. Stores must have been closed before. */
  close(): Promise<void>;
}

/**
 * A thread in which SQLite runs, for any number of stores: pass it to each `SqliteStorage`, and close it after them.
 */
export class SqliteThread implements SqliteWorker {
  readonly #worker: Worker;
  readonly #queue: RequestQueueWriter;
  readonly #listeners = new Map<number, ChannelListener>();
  #nextStore = 1;
  #dead: Error | undefined;

  constructor() {
    const memory = newQueueMemory();
    this.#queue = new RequestQueueWriter(memory);
    this.#worker = startThread(new URL('./sqlite-worker.js', import.meta.url), memory);
    const deliver = (store: number, call: number, outcome: CallResult): void => {
      this.#listeners.get(store)?.reply(call, outcome);
    };
    this.#worker.on('message', (packet: ReplyPacket) => {
      unpackReplies(packet, deliver);
    });
    this.#worker.on('error', (error) => {
      this.#fail(new StorageFailure(`the storage thread failed: ${String(error)}`, { cause: error }));
    });
    stopAtExit(this.#queue);
    this.#worker.on('exit', () => {
      removeFromExit(this.#queue);
      this.#fail(new StorageFailure('the storage thread has ended'));
    });
  }

  attach(listener: ChannelListener): StoreChannel {
    if (this.#dead !== undefined) throw this.#dead;
    const store = this.#nextStore++;
    this.#listeners.set(store, listener);
    return {
      post: (call, request, transfer = []) => {
        const isRow = request.type === 'commit' && request.activation === undefined;
        if (!isRow || !this.#queue.put(store, call, request)) {
          this.#worker.postMessage({ store, call, request }, transfer);
        }
        this.#queue.publish();
      },
      detach: () => {
        this.#listeners.delete(store);
      },
    };
  }

  async close(): Promise<void> {
    let limit: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (limit = setTimeout(resolve, THREAD_LIMIT_MS)));
    const ended = this.#worker.terminate();
    await Promise.race([ended, late]).finally(() => {
      clearTimeout(limit);
    });
    // The thread may be in a call to a disk that hangs. Until here it keeps the process alive; see `process-exit.ts`.
    this.#worker.unref();
  }

  #fail(error: Error): void {
    this.#dead ??= error;
    const listeners = [...this.#listeners.values()];
    this.#listeners.clear();
    for (const listener of listeners) listener.died(error);
  }
}
