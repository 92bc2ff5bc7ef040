/**
 * The storage engines in the test's own thread: the same code as in the worker, one step at a time, so that a test can
 * look at the files between two steps (and coverage sees what runs).
 */
import { EngineHost } from '../../../../src/raft/storage/engine/engine-host.js';
import type { OpenFiles } from '../../../../src/raft/storage/files.js';
import type { RequestEnvelope } from '../../../../src/raft/storage/engine/protocol.js';
import type { ChannelListener, SqliteWorker, StoreChannel } from '../../../../src/raft/storage/worker/sqlite-thread.js';

export class InlineWorker implements SqliteWorker {
  readonly #listeners = new Map<number, ChannelListener>();
  readonly #requests: RequestEnvelope[] = [];
  readonly #host: EngineHost;
  readonly #afterStep: () => void;
  #isScheduled = false;
  #ms = 0;
  /** Requests are kept and nothing runs, as if the thread were busy. */
  isPaused = false;

  constructor(afterStep: () => void = () => undefined, openFiles?: OpenFiles, transactionBytes?: number) {
    this.#afterStep = afterStep;
    this.#host = new EngineHost({
      ...(openFiles && { openFiles }),
      ...(transactionBytes !== undefined && { transactionBytes }),
      now: () => this.#ms,
      poll: () => this.#requests.shift(),
      send: (replies) => {
        for (const { store, call, outcome } of structuredClone(replies)) {
          this.#listeners.get(store)?.reply(call, outcome);
        }
      },
    });
  }

  attach(listener: ChannelListener): StoreChannel {
    const store = this.#listeners.size + 1;
    this.#listeners.set(store, listener);
    return {
      post: (call, request, transfer = []) => {
        this.#requests.push({ store, call, request: structuredClone(request, { transfer: [...transfer] }) });
        this.#schedule();
      },
      detach: () => undefined,
    };
  }

  resume(): void {
    this.isPaused = false;
    this.#schedule();
  }

  /** Advances the worker's clock, so that writes that found no room are retried. */
  pass(ms: number): void {
    this.#ms += ms;
    this.#schedule();
  }

  /** As when a thread dies. */
  die(error: Error): void {
    this.isPaused = true;
    for (const listener of this.#listeners.values()) listener.died(error);
  }

  #schedule(): void {
    if (this.#isScheduled || this.isPaused) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      if (this.isPaused) return;
      const isBusy = this.#host.step();
      this.#afterStep();
      if (isBusy || this.#requests.length > 0) this.#schedule();
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
