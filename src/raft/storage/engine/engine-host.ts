/**
 * Runs the engines of all stores in one worker, in this order: commits of every store first, then one slice of other
 * work, then commits again.
 *
 * Independent of threads: it polls for requests and hands out replies through callbacks, so tests can run it in theirs.
 */
import type { OpenFiles } from '../files.js';
import { FileSizeWatch } from './file-sizes.js';
import { sooner } from './stall.js';
import { StoreEngine } from './store-engine.js';
import type { Reply } from './store-engine.js';
import { openStoreFiles } from './store-files.js';
import type { ReplyEnvelope, RequestEnvelope, SizesReport } from './protocol.js';

export interface EngineHostOptions {
  /** Returns the next request, if one has arrived. */
  readonly poll: () => RequestEnvelope | undefined;
  readonly send: (replies: readonly ReplyEnvelope[]) => void;
  /** Default: the files of a data folder, in SQLite. */
  readonly openFiles?: OpenFiles;
  /** How much of a checkpoint is written in one transaction; groups stay whole. Default: see `checkpoint.ts`. */
  readonly transactionBytes?: number;
  /** Milliseconds; paces retries. Default: this process's monotonic clock. */
  readonly now?: () => number;
}

interface Running {
  readonly engine: StoreEngine;
  readonly sizes: FileSizeWatch;
}

export class EngineHost {
  readonly #options: EngineHostOptions;
  readonly #engines = new Map<number, Running>();
  #replies: ReplyEnvelope[] = [];

  constructor(options: EngineHostOptions) {
    this.#options = options;
  }

  take(envelope: RequestEnvelope): void {
    const { store } = envelope;
    let running = this.#engines.get(store);
    if (running === undefined) {
      running = this.#begin(store);
      this.#engines.set(store, running);
    }
    running.engine.submit(envelope);
  }

  #begin(store: number): Running {
    const { openFiles = openStoreFiles, transactionBytes, now = () => performance.now() } = this.#options;
    const reply: Reply = (call, outcome) => this.#replies.push({ store, call, outcome });
    const report = (fileSizes: SizesReport['fileSizes']): void => {
      const value: SizesReport = { fileSizes };
      reply(0, { ok: true, value });
    };
    const sizes = new FileSizeWatch(openFiles, report, now);
    return { engine: new StoreEngine(sizes.open, reply, { now, transactionBytes }), sizes };
  }

  /** Milliseconds until a retry or a measurement of file sizes is due; undefined: none is. */
  waitMs(): number | undefined {
    let least: number | undefined;
    for (const { engine, sizes } of this.#engines.values()) least = sooner(least, sooner(engine.waitMs, sizes.waitMs));
    return least;
  }

  /** Runs steps until there is nothing left to do and no request has arrived. */
  run(): void {
    while (this.step());
  }

  /** Takes all requests that arrived, then runs at most one slice per store. False if there was nothing to do. */
  step(): boolean {
    let isBusy = false;
    for (let next = this.#options.poll(); next !== undefined; next = this.#options.poll()) this.take(next);
    for (const { engine } of this.#engines.values()) if (engine.runCommits()) isBusy = true;
    this.#flush();
    for (const [store, { engine, sizes }] of this.#engines) {
      if (engine.runSlice()) isBusy = true;
      // Perhaps only another store was busy; a needless measurement costs little.
      if (isBusy) sizes.changed();
      if (engine.isDone) this.#engines.delete(store);
      else sizes.review();
    }
    this.#flush();
    return isBusy;
  }

  /** Whether any store is open or about to be. */
  get hasStores(): boolean {
    return this.#engines.size > 0;
  }

  /** Closes all files as they are: they contain everything acknowledged. The host must not be used afterwards. */
  abandon(): void {
    for (const { engine } of this.#engines.values()) engine.abandon();
    this.#engines.clear();
  }

  #flush(): void {
    if (this.#replies.length === 0) return;
    const replies = this.#replies;
    this.#replies = [];
    this.#options.send(replies);
  }
}
