/**
 * Does one store's work in the worker: journal commits first, in order; state work in slices between them.
 *
 * `engine-host.ts` passes it requests and runs its loop. All waiting for the disk happens here.
 * A write that found no space had no effect: it waits, and is retried until there is space. After any other failed
 * write nothing more is written, because the contents of the disk are unknown (s70).
 */
import { TRANSACTION_BYTES } from './checkpoint.js';
import { isTransient, toFailure } from '../failure.js';
import type { FailureData } from '../failure.js';
import type { OpenFiles, StateFile, StoreFiles } from '../files.js';
import { freesSpace, writeBatch } from './journal-batch.js';
import type { OrderedRequest } from './journal-batch.js';
import { RecoveringJournal } from './recovering-journal.js';
import { closeFiles, openedStore } from './lifecycle.js';
import { OpenSnapshots } from './open-snapshots.js';
import { StorageFull } from '../storage.js';
import { Stall, StallReporter, sooner } from './stall.js';
import { StateWork } from './state-work.js';
import type { CallResult, Request, RequestEnvelope, Results } from './protocol.js';
import { TaskQueue } from './task-queue.js';

type Of<T extends Request['type']> = Extract<Request, { readonly type: T }>;
type OpeningRequest = Of<'open' | 'begin'>;
type ImmediateRequest = Of<'open' | 'load' | 'begin' | 'purge' | 'snapshot-next' | 'snapshot-close'>;
export type Reply = (call: number, outcome: CallResult) => void;

interface Ordered {
  readonly call: number;
  readonly request: OrderedRequest;
}

export interface StoreEngineOptions {
  /** A monotonic clock in milliseconds. */
  readonly now: () => number;
  /** See `TRANSACTION_BYTES`. */
  readonly transactionBytes?: number | undefined;
}

export class StoreEngine {
  readonly #openFiles: OpenFiles;
  readonly #reply: Reply;
  readonly #work: StateWork;
  #files: StoreFiles | undefined;
  #recoveringJournal: RecoveringJournal | undefined;
  /** Recovery has succeeded; before that nothing may be recorded as durable. */
  #hasBegun = false;
  #failure: FailureData | undefined;
  #ordered: Ordered[] = [];
  /** State work. */
  readonly #tasks: TaskQueue;
  #rows: Of<'rows'>[] = [];
  readonly #snapshots = new OpenSnapshots();
  #close: number | undefined;
  /** The store is being opened, and the disk is full. */
  #opening: { readonly call: number; readonly request: OpeningRequest } | undefined;
  #isDone = false;
  /** Set while commits wait for space; the store's owner is notified. */
  readonly #journalStall: Stall;
  readonly #clock: () => number;
  readonly #report: StallReporter;

  constructor(openFiles: OpenFiles, reply: Reply, { now, transactionBytes = TRANSACTION_BYTES }: StoreEngineOptions) {
    this.#openFiles = openFiles;
    this.#reply = reply;
    this.#clock = now;
    this.#journalStall = new Stall(now);
    this.#tasks = new TaskQueue(
      {
        done: (call, value) => {
          if (call !== 0) this.#reply(call, { ok: true, value });
        },
        failed: this.#fail.bind(this),
        undo: () => {
          this.#store.state.rollback();
        },
      },
      now,
    );
    this.#work = new StateWork({
      state: () => this.#store.state,
      journal: () => this.#journal,
      transactionBytes,
      onTruncated: () => {
        this.#journalStall.retryNow();
      },
    });
    this.#report = new StallReporter(this.#journalStall, this.#tasks.stall, (value) => {
      this.#reply(0, { ok: true, value });
    });
  }

  /** Milliseconds until the next retry; undefined if nothing waits for space. */
  get waitMs(): number | undefined {
    return sooner(this.#journalStall.waitMs, this.#tasks.stall.waitMs);
  }

  /** The store is closed and the reply was sent; no further requests will come. */
  get isDone(): boolean {
    return this.#isDone;
  }

  submit({ call, request }: RequestEnvelope): void {
    if (this.#failure !== undefined && request.type !== 'close') {
      this.#refuse(call);
      return;
    }
    switch (request.type) {
      case 'commit':
      case 'copy':
      case 'meta':
      case 'checkpoint':
      case 'truncate':
        this.#ordered.push({ call, request });
        return;
      case 'rows':
        if (this.#rows[0]?.checkpoint !== request.checkpoint) this.#rows = [];
        this.#rows.push(request);
        return;
      case 'close':
        this.#close = call;
        return;
      case 'stage':
        this.#work.expect(request.slot);
        this.#tasks.add(call, 'staging a snapshot', () => this.#work.stage(request));
        return;
      case 'snapshot-open':
        this.#tasks.add(call, 'opening a snapshot', () =>
          this.#snapshots.open(() => this.#store.openSnapshot(request.group)),
        );
        return;
      case 'open':
      case 'load':
      case 'begin':
      case 'purge':
      case 'snapshot-next':
      case 'snapshot-close':
        this.#runNow(call, request);
    }
  }

  #runNow(call: number, request: ImmediateRequest): void {
    try {
      this.#reply(call, { ok: true, value: this.#execute(request) });
      if (isOpening(request)) this.#journalStall.end();
    } catch (error) {
      const failure = toFailure(error, request.type);
      if (failure.kind === 'full' && isOpening(request)) {
        this.#opening = { call, request };
        this.#journalStall.begin(failure);
      } else this.#reply(call, { ok: false, failure });
    }
  }

  #openAgain(): boolean {
    const opening = this.#opening;
    if (opening === undefined || this.#journalStall.isWaiting) return false;
    this.#opening = undefined;
    this.#runNow(opening.call, opening.request);
    return true;
  }

  #execute(request: ImmediateRequest): unknown {
    switch (request.type) {
      case 'open':
        return this.#open(request);
      case 'load':
        return this.#store.journal.load(request.after, request.maxBytes);
      case 'begin':
        this.#begin(request);
        return undefined;
      case 'purge':
        this.#work.garbage.push(request.slot);
        return undefined;
      case 'snapshot-next':
        return this.#snapshots.read(request.id, request.maxBytes);
      case 'snapshot-close':
        this.#snapshots.close(request.id);
        return undefined;
    }
  }

  get #store(): StoreFiles {
    if (this.#files === undefined) throw new Error('the store is not open');
    return this.#files;
  }

  get #journal(): RecoveringJournal {
    return (this.#recoveringJournal ??= new RecoveringJournal(this.#store.journal, this.#clock));
  }

  #open({ directory, maxJournalBytes }: Of<'open'>): Results['open'] {
    const files = this.#openFiles(directory, maxJournalBytes);
    try {
      const opened = openedStore(files);
      this.#files = files;
      return opened;
    } catch (error) {
      // The files are opened again when there is space.
      files.state.close();
      files.journal.close();
      files.release();
      throw error;
    }
  }

  #begin({ torn, activations }: Of<'begin'>): void {
    const { state } = this.#store;
    this.#journal.use((journal) => {
      if (torn !== undefined) journal.dropTorn(torn);
      journal.ensureDurable();
    });
    // A transaction of an earlier attempt that found no space may still be open.
    state.rollback();
    state.ensureDurable();
    state.transaction(() => {
      for (const activation of activations) state.activate(activation);
    });
    this.#work.garbage.push(...state.garbage());
    this.#hasBegun = true;
  }

  /** Makes every pending commit durable with one sync, and replies. False if there was none. */
  runCommits(): boolean {
    const ran = this.#opening === undefined ? this.#runCommits() : this.#openAgain();
    this.#report.review();
    return ran;
  }

  #runCommits(): boolean {
    if (this.#ordered.length === 0) return false;
    if (this.#journalStall.isWaiting) return this.#overtake();
    // If a whole batch found no space, its first request alone may find enough.
    const batch = this.#ordered.splice(0, this.#journalStall.failure === undefined ? Infinity : 1);
    const requests = batch.map(({ request }) => request);
    try {
      this.#awaitStaged(requests);
      const isCopy = ({ request }: Ordered): boolean => request.type === 'copy';
      const mayFill = this.#journalStall.isLong || batch.some(isCopy) || this.#ordered.some(isCopy);
      this.#journal.use((journal) => {
        writeBatch(journal, requests, mayFill);
      });
    } catch (error) {
      const failure = toFailure(error, 'commit to journal.db');
      if (isTransient(failure)) this.#stallCommits(batch, failure);
      else {
        this.#fail(failure);
        for (const { call } of batch) this.#refuse(call);
      }
      return true;
    }
    this.#journalStall.end();
    for (const { call, request } of batch) this.#isDurable(call, request);
    return true;
  }

  #stallCommits(batch: readonly Ordered[], failure: FailureData): void {
    this.#ordered.unshift(...batch);
    this.#journalStall.begin(failure);
    if (batch.length > 1) this.#journalStall.retryNow();
  }

  /** While commits wait for space, requests that free space go ahead of them. False if there are none. */
  #overtake(): boolean {
    const first = this.#ordered.filter(({ request }) => freesSpace(request));
    if (first.length === 0) return false;
    this.#ordered = this.#ordered.filter(({ request }) => !freesSpace(request));
    for (const { call, request } of first) this.#isDurable(call, request);
    return true;
  }

  /** Called when the journal's part of the request is durable. */
  #isDurable(call: number, request: OrderedRequest): void {
    switch (request.type) {
      case 'checkpoint': {
        // Those of one that its caller has given up may be left.
        const rows = this.#rows.filter(({ checkpoint }) => checkpoint === request.checkpoint);
        this.#tasks.add(call, 'checkpoint', () => this.#work.checkpoint(request, rows));
        this.#rows = [];
        return;
      }
      case 'truncate':
        this.#tasks.add(call, 'truncating the journal', () => this.#work.truncateJournal(request));
        return;
      case 'commit': {
        const { activation } = request;
        if (activation !== undefined)
          this.#tasks.add(0, 'installing a snapshot', () => this.#work.activate(activation));
        break;
      }
      case 'copy':
      case 'meta':
    }
    this.#reply(call, { ok: true, value: undefined });
  }

  /** A journal row may not record an installation before the staged snapshot is durable. */
  #awaitStaged(requests: readonly OrderedRequest[]): void {
    for (const request of requests) {
      if (request.type !== 'commit' || request.activation === undefined) continue;
      const { slot } = request.activation;
      while (this.#work.isStaging(slot) && this.#failure === undefined) {
        if (!this.#tasks.run()) throw new StorageFull(this.#tasks.stall.failure?.message ?? 'nothing is being staged');
      }
      if (this.#failure !== undefined || !this.#store.state.isGarbage(slot)) {
        throw new Error(this.#failure?.message ?? `nothing is staged in slot ${slot}`);
      }
    }
  }

  /** Runs one slice of other work. False if there is none. */
  runSlice(): boolean {
    const ran = this.#runSlice();
    this.#report.review();
    return ran;
  }

  #runSlice(): boolean {
    // A close does not wait for space.
    const stalled = this.#journalStall.failure ?? this.#tasks.stall.failure;
    if (this.#close !== undefined && stalled !== undefined) this.#fail(stalled);
    if (this.#files === undefined) {
      this.#finishClose();
      return false;
    }
    // Not before recovery: files that are refused stay unchanged.
    if (this.#hasBegun && this.#guarded('growing journal.db', () => this.#preallocate())) return true;
    if (this.#isCopying(this.#files.state)) return false;
    if (this.#tasks.run()) return true;
    if (this.#close !== undefined) {
      // If a batch had found no space, its first commit may just have been written alone: the others precede the close.
      if (this.#ordered.length === 0) this.#finishClose();
      return this.#ordered.length > 0;
    }
    if (this.#work.garbage.length === 0 || this.#failure !== undefined) return false;
    this.#tasks.add(0, 'deleting a replaced state', () => this.#work.purge());
    return true;
  }

  /**
   * State work waits while another thread checkpoints the WAL of state.db: only a completely copied WAL restarts from
   * its beginning, which bounds its size. Commits continue. The worker loop runs again when the checkpoint ends.
   */
  #isCopying(state: StateFile): boolean {
    return this.#guarded('checkpointing the WAL of state.db', () => state.isCheckpointingWal());
  }

  /** Adds journal slots off the commit path. */
  #preallocate(): boolean {
    return this.#failure === undefined && !this.#journalStall.isWaiting && this.#journal.preallocate();
  }

  /** Runs `work` and handles its failure; work that found no space is retried by a later call. */
  #guarded(what: string, work: () => boolean): boolean {
    try {
      return work();
    } catch (error) {
      const failure = toFailure(error, what);
      if (!isTransient(failure)) this.#fail(failure);
      return false;
    }
  }

  #fail(failure: FailureData): void {
    this.#failure ??= failure;
    this.#journalStall.end();
    if (this.#opening !== undefined) this.#refuse(this.#opening.call);
    this.#opening = undefined;
    for (const call of this.#tasks.drop()) this.#refuse(call);
    for (const { call } of this.#ordered.splice(0)) this.#refuse(call);
    // Call 0: reports the failure to the store before its next request.
    this.#refuse(0);
  }

  #refuse(call: number): void {
    if (this.#failure !== undefined) this.#reply(call, { ok: false, failure: this.#failure });
  }

  /** Closes the files as they are, as the exit of the process would. */
  abandon(): void {
    if (this.#files !== undefined) closeFiles(this.#files, this.#snapshots, false);
    this.#files = undefined;
  }

  #finishClose(): void {
    const call = this.#close;
    if (call === undefined) return;
    this.#close = undefined;
    this.#isDone = true;
    const files = this.#files;
    this.#files = undefined;
    const markDurable = this.#hasBegun && this.#failure === undefined;
    const failure = files && closeFiles(files, this.#snapshots, markDurable);
    this.#reply(call, failure === undefined ? { ok: true, value: undefined } : { ok: false, failure });
  }
}

const isOpening = (request: ImmediateRequest): request is OpeningRequest =>
  request.type === 'open' || request.type === 'begin';
