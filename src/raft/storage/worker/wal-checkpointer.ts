/**
 * Runs WAL checkpoints in a separate thread, for all stores of a storage thread, one after another: copying 16 MiB
 * takes 10 ms, 100 ms and more if the pages are scattered over a large file, and no journal commit should wait for
 * that.
 *
 * The thread starts with the first WAL checkpoint, and ends with its parent.
 */
import type { Worker } from 'node:worker_threads';
import { toError } from '../failure.js';
import type { FailureData } from '../failure.js';
import { startThread } from './start-thread.js';

/** The thread could not start or open the file, mostly because no file descriptor was left: nothing was copied. */
export class NoWalCheckpointer extends Error {
  override readonly name = 'NoCopier';
}

/** Starts a WAL checkpoint of the database `file`; `done` is called later, with the error if there was one. */
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

  /** Some `done` has yet to be called, from the event loop. */
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

  /** The next WAL checkpoint starts another thread. */
  #die(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const call of [...this.#calls.keys()]) this.#settle(call, error);
  }
}

const unavailable = (error: unknown): NoWalCheckpointer =>
  new NoWalCheckpointer(`the WAL checkpoint thread failed: ${String(error)}`, { cause: error });

/** Undefined if there was no space: the frames stay in the WAL, and the next WAL checkpoint copies them. */
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
