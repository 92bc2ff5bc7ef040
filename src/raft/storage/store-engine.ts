/**
 * One store's work in the worker: journal commits first, in order; state work in slices between them.
 *
 * Knows no thread: `engine-host.ts` feeds it requests and turns its crank. Whatever waits on a disk waits here.
 * A write that found no room has left nothing: it waits, and is tried again until there is room. After a write that
 * failed in any other way nothing is written again: what the disk took is no longer known (s70).
 */
import { SLICE_ROWS, TRANSACTION_BYTES, vouchingFor, writeCheckpoint, writeRows } from './checkpoint-task.js';
import { isPassing, toFailure } from './failure.js';
import type { Failure } from './failure.js';
import type { OpenFiles, SnapshotSource, StateFile, StoreFiles } from './files.js';
import { makesRoom, writeBatch } from './journal-batch.js';
import type { OrderedRequest } from './journal-batch.js';
import { JournalKeeper } from './journal-keeper.js';
import { openedOf } from './opened.js';
import { copySnapshot } from './snapshot-copy.js';
import { StorageFull } from './storage.js';
import { Stall, sooner } from './stall.js';
import type { Outcome, Request, RequestEnvelope, Results } from './sqlite-protocol.js';
import { TaskLine } from './task-line.js';
import type { Steps } from './task-line.js';

type Of<T extends Request['type']> = Extract<Request, { readonly type: T }>;
type ImmediateRequest = Of<'open' | 'load' | 'begin' | 'purge' | 'snapshot-next' | 'snapshot-close'>;
export type Reply = (call: number, outcome: Outcome) => void;

interface Ordered {
  readonly call: number;
  readonly request: OrderedRequest;
}

export interface StoreEngineOptions {
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
  /** See `TRANSACTION_BYTES`. */
  readonly transactionBytes?: number | undefined;
}

export class StoreEngine {
  readonly #openFiles: OpenFiles;
  readonly #reply: Reply;
  readonly #transactionBytes: number;
  #files: StoreFiles | undefined;
  #keeper: JournalKeeper | undefined;
  /** Recovery found everything in order; before that nothing may be vouched for. */
  #hasBegun = false;
  #failure: Failure | undefined;
  #ordered: Ordered[] = [];
  /** State work. */
  readonly #tasks: TaskLine;
  /** Slots to be emptied when there is nothing else to do. */
  #garbage: number[] = [];
  #rows: Of<'rows'>[] = [];
  readonly #staging = new Map<number, number>();
  readonly #snapshots = new Map<number, SnapshotSource>();
  #nextSnapshot = 1;
  #close: number | undefined;
  #isDone = false;
  /** Commits wait for room; whoever uses the store is told. */
  readonly #journalStall: Stall;
  readonly #clock: () => number;

  constructor(openFiles: OpenFiles, reply: Reply, { now, transactionBytes = TRANSACTION_BYTES }: StoreEngineOptions) {
    this.#openFiles = openFiles;
    this.#reply = reply;
    this.#transactionBytes = transactionBytes;
    this.#clock = now;
    this.#journalStall = new Stall(now);
    this.#tasks = new TaskLine(
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
  }

  /** What waits for room wants to be tried again after so many ms; undefined if nothing does. */
  get waitMs(): number | undefined {
    return sooner(this.#journalStall.waitMs, this.#tasks.stall.waitMs);
  }

  /** Closed, and told so; nothing will be asked of it any more. */
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
      case 'trim':
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
        this.#staging.set(request.slot, (this.#staging.get(request.slot) ?? 0) + 1);
        this.#tasks.add(call, 'staging a snapshot', () => this.#stage(request));
        return;
      case 'snapshot-open':
        this.#tasks.add(call, 'opening a snapshot', () => this.#openSnapshot(request));
        return;
      case 'open':
      case 'load':
      case 'begin':
      case 'purge':
      case 'snapshot-next':
      case 'snapshot-close':
        this.#now(call, request);
    }
  }

  #now(call: number, request: ImmediateRequest): void {
    try {
      this.#reply(call, { ok: true, value: this.#execute(request) });
    } catch (error) {
      this.#reply(call, { ok: false, failure: toFailure(error, request.type) });
    }
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
        this.#garbage.push(request.slot);
        return undefined;
      case 'snapshot-next': {
        const source = this.#snapshots.get(request.id);
        if (source === undefined) throw new Error('the snapshot is closed');
        return source.next(request.maxBytes);
      }
      case 'snapshot-close':
        this.#snapshots.get(request.id)?.close();
        this.#snapshots.delete(request.id);
        return undefined;
    }
  }

  get #store(): StoreFiles {
    if (this.#files === undefined) throw new Error('the store is not open');
    return this.#files;
  }

  get #journal(): JournalKeeper {
    return (this.#keeper ??= new JournalKeeper(this.#store.journal, this.#clock));
  }

  #open({ directory, maxJournalBytes }: Of<'open'>): Results['open'] {
    const files = this.#openFiles(directory, maxJournalBytes);
    this.#files = files;
    return openedOf(files);
  }

  #begin({ torn, flips }: Of<'begin'>): void {
    const { journal, state } = this.#store;
    if (torn !== undefined) journal.dropTorn(torn);
    state.transaction(() => {
      for (const flip of flips) state.flip(flip);
    });
    this.#garbage = state.garbage();
    this.#hasBegun = true;
  }

  /** Makes every commit that waits durable with one sync, and replies. False if nothing waited. */
  runCommits(): boolean {
    if (this.#ordered.length === 0) return false;
    if (this.#journalStall.isWaiting) return this.#overtake();
    // Where all of them found no room, the first may find some, at once.
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
      if (isPassing(failure)) this.#stallCommits(batch, failure);
      else {
        this.#fail(failure);
        for (const { call } of batch) this.#refuse(call);
      }
      return true;
    }
    if (this.#journalStall.end()) this.#reply(0, { ok: true, value: undefined });
    for (const { call, request } of batch) this.#isDurable(call, request);
    return true;
  }

  #stallCommits(batch: readonly Ordered[], failure: Failure): void {
    this.#ordered.unshift(...batch);
    this.#journalStall.begin(failure);
    if (batch.length > 1) this.#journalStall.retryNow();
    else this.#reply(0, { ok: true, value: failure });
  }

  /** While commits wait for room, what makes room goes before them. False if nothing of that kind waits. */
  #overtake(): boolean {
    const first = this.#ordered.filter(({ request }) => makesRoom(request));
    if (first.length === 0) return false;
    this.#ordered = this.#ordered.filter(({ request }) => !makesRoom(request));
    for (const { call, request } of first) this.#isDurable(call, request);
    return true;
  }

  /** What was asked for in this request is on disk, as far as it concerns the journal. */
  #isDurable(call: number, request: OrderedRequest): void {
    switch (request.type) {
      case 'checkpoint': {
        const rows = this.#rows;
        this.#tasks.add(call, 'checkpoint', () => this.#checkpoint(request, rows));
        this.#rows = [];
        return;
      }
      case 'trim':
        this.#tasks.add(call, 'trimming the journal', () => this.#trim(request));
        return;
      case 'commit': {
        const { flip } = request;
        if (flip !== undefined) this.#tasks.add(0, 'installing a snapshot', () => this.#flip(flip));
        break;
      }
      case 'copy':
      case 'meta':
    }
    this.#reply(call, { ok: true, value: undefined });
  }

  /** A journal row may not decide an install before what it installs is durable. */
  #awaitStaged(requests: readonly OrderedRequest[]): void {
    for (const request of requests) {
      if (request.type !== 'commit' || request.flip === undefined) continue;
      const { slot } = request.flip;
      while (this.#staging.has(slot) && this.#failure === undefined) {
        if (!this.#tasks.run()) throw new StorageFull(this.#tasks.stall.failure?.message ?? 'nothing is being staged');
      }
      if (this.#failure !== undefined || !this.#store.state.isGarbage(slot)) {
        throw new Error(this.#failure?.message ?? `nothing is staged in slot ${slot}`);
      }
    }
  }

  /** One slice of whatever else there is to do. False if there is nothing. */
  runSlice(): boolean {
    if (this.#files === undefined) {
      this.#finishClose();
      return false;
    }
    // Nobody waits for room when everything is closed.
    const stalled = this.#journalStall.failure ?? this.#tasks.stall.failure;
    if (this.#close !== undefined && stalled !== undefined) this.#fail(stalled);
    // Not before recovery: nothing is changed in files that are refused.
    if (this.#hasBegun && this.#guarded('growing journal.db', () => this.#makeRoom())) return true;
    if (this.#isCopying(this.#files.state)) return false;
    if (this.#tasks.run()) return true;
    if (this.#close !== undefined) {
      // Of commits that had found no room the first may just have found some, alone: the others come first.
      if (this.#ordered.length === 0) this.#finishClose();
      return this.#ordered.length > 0;
    }
    if (this.#garbage.length === 0 || this.#failure !== undefined) return false;
    this.#tasks.add(0, 'deleting a replaced state', () => this.#purge());
    return true;
  }

  /**
   * State work waits while the log of state.db is copied back elsewhere: so the log is copied whole and begins anew,
   * which is what bounds it. Commits go on. Whoever copies turns the crank when that is over.
   */
  #isCopying(state: StateFile): boolean {
    return this.#guarded('copying back the log of state.db', () => state.isCopying());
  }

  /** Ahead of commits, while nobody waits for it. */
  #makeRoom(): boolean {
    return this.#failure === undefined && !this.#journalStall.isWaiting && this.#journal.makeRoom();
  }

  /** What found no room is tried again by itself, sooner or later. */
  #guarded(what: string, work: () => boolean): boolean {
    try {
      return work();
    } catch (error) {
      const failure = toFailure(error, what);
      if (!isPassing(failure)) this.#fail(failure);
      return false;
    }
  }

  *#checkpoint(request: Of<'checkpoint'>, rows: readonly Of<'rows'>[]): Steps {
    const { last, trimmed } = this.#journal.file;
    const vouched = vouchingFor(request, last ?? trimmed);
    return yield* writeCheckpoint(this.#store.state, vouched, rows, this.#transactionBytes);
  }

  /** Of the first slot that is garbage, some rows at a time. */
  *#purge(): Steps {
    const slot = this.#garbage[0];
    if (slot !== undefined && this.#store.state.purge(slot, SLICE_ROWS)) this.#garbage.shift();
    yield;
    return undefined;
  }

  *#stage({ slot, data }: Of<'stage'>): Steps {
    const { state } = this.#store;
    state.begin();
    state.addGarbage(slot);
    yield* writeRows(state, slot, data);
    state.commit();
    yield;
    state.copyBack();
    const left = (this.#staging.get(slot) ?? 1) - 1;
    if (left === 0) this.#staging.delete(slot);
    else this.#staging.set(slot, left);
    return undefined;
  }

  *#flip(flip: Of<'begin'>['flips'][number]): Steps {
    this.#store.state.transaction(() => {
      this.#store.state.flip(flip);
    });
    yield;
    return undefined;
  }

  *#trim({ to, checkpoints }: Of<'trim'>): Steps {
    yield;
    this.#journal.use((journal) => {
      journal.trim(to, checkpoints);
    });
    this.#journalStall.retryNow();
    return undefined;
  }

  *#openSnapshot({ group }: Of<'snapshot-open'>): Steps {
    const source = yield* copySnapshot(this.#store.openSnapshot(group));
    if (source === undefined) return undefined;
    const id = this.#nextSnapshot++;
    this.#snapshots.set(id, source);
    return { id, meta: source.meta };
  }

  #fail(failure: Failure): void {
    this.#failure ??= failure;
    this.#journalStall.end();
    for (const call of this.#tasks.drop()) this.#refuse(call);
    for (const { call } of this.#ordered.splice(0)) this.#refuse(call);
    // Call 0: the store itself, which must not wait for its next call to learn of it.
    this.#refuse(0);
  }

  #refuse(call: number): void {
    if (this.#failure !== undefined) this.#reply(call, { ok: false, failure: this.#failure });
  }

  #finishClose(): void {
    const call = this.#close;
    if (call === undefined) return;
    this.#close = undefined;
    this.#isDone = true;
    const files = this.#files;
    this.#files = undefined;
    try {
      for (const source of this.#snapshots.values()) source.close();
      if (this.#hasBegun && this.#failure === undefined) files?.state.vouchFor(files.journal.vouch());
      files?.state.close();
      files?.journal.close();
      this.#reply(call, { ok: true, value: undefined });
    } catch (error) {
      this.#reply(call, { ok: false, failure: toFailure(error, 'close') });
    } finally {
      files?.release();
    }
  }
}
