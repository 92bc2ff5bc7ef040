/**
 * Copies write-ahead logs back into their databases in a thread of its own, for all stores of a storage thread, one
 * after another: copying 16 MiB takes 10 ms, 100 and more if they belong to pages all over a large file, and no journal
 * commit should wait for that.
 *
 * Knows files, no stores. The thread starts with the first log that has to be copied, and ends with its parent.
 */
import type { Worker } from 'node:worker_threads';
import { toError } from '../failure.js';
import type { FailureData } from '../failure.js';
import { startThread } from './start-thread.js';

/** There is no thread to copy logs, or it could not open the file, mostly for want of descriptors: nothing was copied. */
export class NoWalCheckpointer extends Error {
  override readonly name = 'NoCopier';
}

/** Begins to copy the log of the database `file` back; `done` is called later, with what went wrong if anything did. */
export type CheckpointWal = (file: string, done: (error: Error | undefined) => void) => void;

/** To the thread. */
export interface WalRequest {
  readonly call: number;
  readonly file: string;
}

/** From the thread. */
export interface WalReply {
  readonly call: number;
  readonly failure: FailureData | undefined;
}

export class WalCheckpointer {
  readonly #calls = new Map<number, (error: Error | undefined) => void>();
  #worker: Worker | undefined;
  #nextCall = 1;

  /** Somebody's `done` has not been called yet: it will be, from the event loop. */
  get isBusy(): boolean {
    return this.#calls.size > 0;
  }

  readonly checkpoint: CheckpointWal = (file, done) => {
    const call = this.#nextCall++;
    this.#calls.set(call, done);
    try {
      this.#worker ??= this.#start();
      this.#worker.postMessage({ call, file } satisfies WalRequest);
    } catch (error) {
      setImmediate(() => {
        this.#settle(call, unavailable(error));
      });
    }
  };

  #start(): Worker {
    const worker = startThread(new URL('./wal-checkpointer-worker.js', import.meta.url));
    worker.on('message', ({ call, failure }: WalReply) => {
      this.#settle(call, failure && errorOf(failure));
    });
    worker.on('error', (error) => {
      this.#die(worker, unavailable(error));
    });
    worker.on('exit', () => {
      this.#die(worker, new NoWalCheckpointer('the WAL checkpoint thread has ended'));
    });
    return worker;
  }

  #settle(call: number, error: Error | undefined): void {
    const done = this.#calls.get(call);
    this.#calls.delete(call);
    done?.(error);
  }

  /** The next log that has to be copied starts another. */
  #die(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const call of [...this.#calls.keys()]) this.#settle(call, error);
  }
}

const unavailable = (error: unknown): NoWalCheckpointer =>
  new NoWalCheckpointer(`the WAL checkpoint thread failed: ${String(error)}`, { cause: error });

/** Undefined: what found no room stays in the log, and is copied with what comes after it. */
function errorOf(failure: FailureData): Error | undefined {
  switch (failure.kind) {
    case 'full':
    case 'quota':
      return undefined;
    case 'unopened':
      return new NoWalCheckpointer(failure.message);
    case 'corruption':
    case 'failure':
      return toError(failure);
  }
}
