/**
 * The storage worker in virtual time: runs the engine of the real thread, one step at a time, and lets each sync take
 * its time before its result is delivered.
 *
 * A step of the engine runs in one go; the transactions that it wrote then become durable one after another, each at
 * the end of its sync, and the engine's replies in between are delivered in between. Only then comes the next step, so
 * a crash can fall before, between and after any two transactions, and between a transaction and its reply.
 */
import { EngineHost } from '../raft/storage/index.js';
import type {
  ChannelListener,
  ReplyEnvelope,
  RequestEnvelope,
  SqliteWorker,
  StoreFiles,
  StoreChannel,
} from '../raft/storage/index.js';
import type { SyncKind, Transaction } from './disk-content.js';
import type { Incarnation, Scheduler } from './scheduler.js';
import type { Sync } from './virtual-files.js';

/** A transaction on its way to the disk. */
export interface InFlight {
  readonly transaction: Transaction;
  /** Duration of the sync, ms. */
  readonly ms: number;
  /** The error that the engine receives at the end; undefined = success. */
  readonly error: Error | undefined;
}

/** What the worker needs of its disk. */
export interface WorkerDisk {
  /** @throws StorageFailure if another store has the files. */
  open(incarnation: Incarnation, sync: Sync): StoreFiles;
  /** `startsAt`: virtual ms, the end of the sync before it. */
  write(transaction: Transaction, startsAt: number): InFlight;
  /** The sync has completed. */
  land(write: InFlight): void;
  onSync(kind: SyncKind): void;
  /** True if the disk hangs; `callback` is then called when it resumes. */
  onceResumed(callback: () => void): boolean;
}

interface Landing {
  readonly at: number;
  /** undefined: replies that waited for no sync. */
  readonly write: InFlight | undefined;
  readonly replies: ReplyEnvelope[];
}

/** Duration of a slice of work without a sync, such as some rows of a large checkpoint. */
const SLICE_MS = 0.1;
/** The worker has a single store. */
const STORE = 1;

export class VirtualWorker implements SqliteWorker {
  readonly #scheduler: Scheduler;
  readonly #disk: WorkerDisk;
  readonly #incarnation: Incarnation;
  readonly #host: EngineHost;
  readonly #inbox: RequestEnvelope[] = [];
  #listener: ChannelListener | undefined;
  /** What remains of the results of the latest step. */
  #landings: Landing[] = [];
  #isBusy = false;
  /** An event that continues the work is scheduled. */
  #isScheduled = false;
  #willWake = false;

  constructor(scheduler: Scheduler, disk: WorkerDisk, incarnation: Incarnation) {
    this.#scheduler = scheduler;
    this.#disk = disk;
    this.#incarnation = incarnation;
    this.#host = new EngineHost({
      poll: () => this.#inbox.shift(),
      send: (replies) => {
        this.#send(replies);
      },
      now: () => scheduler.now,
      // Every group gets a transaction of its own, so that a crash can fall between any two of them.
      transactionBytes: 1,
      openFiles: () =>
        disk.open(incarnation, (transaction) => {
          this.#sync(transaction);
        }),
    });
  }

  attach(listener: ChannelListener): StoreChannel {
    this.#listener = listener;
    return {
      // Not copied: the poster does not touch the request afterwards, because real buffers are transferred.
      post: (call, request) => {
        this.#inbox.push({ store: STORE, call, request });
        this.#continueAfter(0);
      },
      detach: () => {
        this.#listener = undefined;
      },
    };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #continueAfter(ms: number): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#scheduler.after(ms, this.#incarnation, () => {
      this.#isScheduled = false;
      const isHung = this.#disk.onceResumed(() => {
        this.#continueAfter(0);
      });
      if (isHung) return;
      this.#land();
      if (this.#landings.length === 0) this.#step();
    });
  }

  /** The first sync has completed. */
  #land(): void {
    const landing = this.#landings.shift();
    if (landing === undefined) return;
    if (landing.write !== undefined) this.#disk.land(landing.write);
    this.#deliver(landing.replies);
    this.#next();
  }

  #step(): void {
    if (this.#incarnation.ended || (!this.#isBusy && this.#inbox.length === 0)) return;
    this.#isBusy = this.#host.step();
    const isWaiting = this.#landings.length > 0;
    this.#next();
    if (!isWaiting && (this.#isBusy || this.#inbox.length > 0)) this.#continueAfter(SLICE_MS);
    const waitMs = this.#host.waitMs();
    if (waitMs !== undefined) this.#wake(waitMs);
  }

  /** Retries what found no room. */
  #wake(ms: number): void {
    if (this.#willWake) return;
    this.#willWake = true;
    this.#scheduler.after(ms, this.#incarnation, () => {
      this.#willWake = false;
      this.#isBusy = true;
      this.#continueAfter(0);
    });
  }

  /** Waits for the next sync. */
  #next(): void {
    const [next] = this.#landings;
    if (next === undefined) return;
    this.#continueAfter(Math.max(0, next.at - this.#scheduler.now));
    if (next.write !== undefined) this.#disk.onSync(next.write.transaction.kind);
  }

  #sync(transaction: Transaction): void {
    const write = this.#disk.write(transaction, this.#end);
    this.#landings.push({ at: this.#end + write.ms, write, replies: [] });
    if (write.error !== undefined) throw write.error;
  }

  /** When everything written so far will be durable. */
  get #end(): number {
    return this.#landings.at(-1)?.at ?? this.#scheduler.now;
  }

  #send(replies: readonly ReplyEnvelope[]): void {
    if (this.#landings.length === 0) this.#landings.push({ at: this.#scheduler.now, write: undefined, replies: [] });
    this.#landings.at(-1)?.replies.push(...replies);
  }

  #deliver(replies: readonly ReplyEnvelope[]): void {
    for (const { call, outcome } of replies) this.#listener?.reply(call, outcome);
    this.#scheduler.settles();
  }
}
