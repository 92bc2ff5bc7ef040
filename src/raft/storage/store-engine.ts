/**
 * One store's work in the worker: journal commits first, in order; state work in slices between them.
 *
 * Knows no thread: `engine-host.ts` feeds it requests and turns its crank. Whatever waits on a disk waits here.
 * After a failed write nothing is written again: what the disk took is no longer known (s70).
 */
import { SLICE_ROWS, TRANSACTION_BYTES, writeCheckpoint, writeRows } from './checkpoint-task.js';
import { crc32c } from './crc32c.js';
import { toFailure } from './failure.js';
import type { Failure } from './failure.js';
import type { OpenFiles, SnapshotSource, StateFile, StoreFiles } from './files.js';
import { decodeRow, encodeRow } from './journal-row.js';
import { corruption } from './recovery.js';
import type { CopyPart } from './journal-index.js';
import type { Outcome, Request, RequestEnvelope, Results } from './sqlite-protocol.js';

type Of<T extends Request['type']> = Extract<Request, { readonly type: T }>;
/** Taken in order; `checkpoint` and `trim` write elsewhere, but only once all that was asked before is durable. */
type OrderedRequest = Of<'commit' | 'copy' | 'meta' | 'checkpoint' | 'trim'>;
type ImmediateRequest = Of<'open' | 'load' | 'begin' | 'purge' | 'snapshot-next' | 'snapshot-close'>;
export type Reply = (call: number, outcome: Outcome) => void;

interface Task {
  readonly call: number;
  readonly what: string;
  /** Each step is a slice; returns what is replied. */
  readonly steps: Generator<undefined, unknown, undefined>;
}

export class StoreEngine {
  readonly #openFiles: OpenFiles;
  readonly #reply: Reply;
  readonly #transactionBytes: number;
  #files: StoreFiles | undefined;
  /** Recovery found everything in order; before that nothing may be vouched for. */
  #hasBegun = false;
  #failure: Failure | undefined;
  #ordered: { readonly call: number; readonly request: OrderedRequest }[] = [];
  /** State work, one after another. */
  readonly #tasks: Task[] = [];
  /** Slots to be emptied when there is nothing else to do. */
  #garbage: number[] = [];
  #rows: Of<'rows'>[] = [];
  readonly #staging = new Map<number, number>();
  readonly #snapshots = new Map<number, SnapshotSource>();
  #nextSnapshot = 1;
  #close: number | undefined;
  #isDone = false;

  constructor(openFiles: OpenFiles, reply: Reply, transactionBytes = TRANSACTION_BYTES) {
    this.#openFiles = openFiles;
    this.#reply = reply;
    this.#transactionBytes = transactionBytes;
  }

  /** Closed, and told so; nothing will be asked of it any more. */
  get isDone(): boolean {
    return this.#isDone;
  }

  submit({ call, request }: RequestEnvelope): void {
    if (this.#failure !== undefined && request.type !== 'close') {
      this.#reply(call, { ok: false, failure: this.#failure });
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
        this.#addTask(call, 'staging a snapshot', this.#stage(request));
        return;
      case 'snapshot-open':
        this.#addTask(call, 'opening a snapshot', this.#openSnapshot(request));
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

  #open({ directory, maxJournalBytes }: Of<'open'>): Results['open'] {
    const files = this.#openFiles(directory, maxJournalBytes);
    this.#files = files;
    const { journal, state } = files;
    const groups = state.groups();
    const trimmed = journal.trimmed;
    return {
      groups,
      metas: journal.metas(),
      facts: {
        trimmed,
        vouched: Math.max(journal.closed, state.journal),
        last: journal.last ?? trimmed,
        checkpoints: state.checkpoints,
        checkpointsDue: journal.checkpointsDue,
      },
      nextSlot: Math.max(0, ...groups.map(({ slot }) => slot), ...state.garbage()) + 1,
      stateBytes: state.bytes,
    };
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

  #addTask(call: number, what: string, steps: Task['steps']): void {
    this.#tasks.push({ call, what, steps });
  }

  /** Makes every commit that waits durable with one sync, and replies. False if nothing waited. */
  runCommits(): boolean {
    const batch = this.#ordered;
    if (batch.length === 0) return false;
    this.#ordered = [];
    try {
      this.#awaitStaged(batch.map(({ request }) => request));
      const isWrite = ({ request }: { request: OrderedRequest }): boolean =>
        request.type !== 'checkpoint' && request.type !== 'trim';
      if (batch.some(isWrite)) {
        this.#store.journal.transaction(() => {
          for (const { request } of batch) this.#write(request);
        });
      }
    } catch (error) {
      this.#fail(toFailure(error, 'commit to journal.db'));
      for (const { call } of batch) this.#refuse(call);
      return true;
    }
    for (const { call, request } of batch) this.#isDurable(call, request);
    return true;
  }

  #write(request: OrderedRequest): void {
    const { journal } = this.#store;
    switch (request.type) {
      case 'commit':
        journal.append(request.seq, request.data);
        return;
      case 'copy':
        journal.append(request.seq, encodeRow(request.parts.map((part) => this.#collect(part))));
        return;
      case 'meta':
        journal.putMeta(request.name, request.value);
        return;
      case 'checkpoint':
      case 'trim':
    }
  }

  /** All that was asked for up to and including this request, as far as it concerns the journal, is on disk. */
  #isDurable(call: number, request: OrderedRequest): void {
    switch (request.type) {
      case 'checkpoint':
        this.#addTask(call, 'checkpoint', this.#checkpoint(request, this.#rows));
        this.#rows = [];
        return;
      case 'trim':
        this.#addTask(call, 'trimming the journal', this.#trim(request));
        return;
      case 'commit':
        if (request.flip !== undefined) this.#addTask(0, 'installing a snapshot', this.#flip(request.flip));
        break;
      case 'copy':
      case 'meta':
    }
    this.#reply(call, { ok: true, value: undefined });
  }

  #collect({ group, segments }: CopyPart): Parameters<typeof encodeRow>[0][number] {
    const entries = segments.flatMap(({ seq, first, last }) => {
      const row = this.#store.journal.row(seq);
      // A copy would give the damage a checksum that fits.
      if (crc32c(row.data) !== row.crc) throw corruption(`journal.db: row ${seq} is damaged`);
      const record = decodeRow(row.data).find((r) => r.group === group);
      return (record?.entries ?? []).filter(({ index }) => index >= first && index <= last);
    });
    return { group, hardState: undefined, entries };
  }

  /** A journal row may not decide an install before what it installs is durable. */
  #awaitStaged(requests: readonly OrderedRequest[]): void {
    for (const request of requests) {
      if (request.type !== 'commit' || request.flip === undefined) continue;
      const { slot } = request.flip;
      while (this.#staging.has(slot) && this.#failure === undefined) this.#runTask();
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
    // Not before recovery: nothing is changed in files that are refused.
    if (this.#hasBegun && this.#guarded('growing journal.db', (files) => files.journal.makeRoom())) return true;
    if (this.#isCopying(this.#files.state)) return false;
    if (this.#runTask()) return true;
    if (this.#close !== undefined) {
      this.#finishClose();
      return false;
    }
    return this.#guarded('deleting a replaced state', ({ state }) => {
      const slot = this.#garbage[0];
      if (slot === undefined) return false;
      if (state.purge(slot, SLICE_ROWS)) this.#garbage.shift();
      return true;
    });
  }

  /**
   * State work waits while the log of state.db is copied back elsewhere: so the log is copied whole and begins anew,
   * which is what bounds it. Commits go on. Whoever copies turns the crank when that is over.
   */
  #isCopying(state: StateFile): boolean {
    try {
      return state.isCopying();
    } catch (error) {
      this.#fail(toFailure(error, 'copying back the log of state.db'));
      return false;
    }
  }

  #guarded(what: string, work: (files: StoreFiles) => boolean): boolean {
    if (this.#failure !== undefined) return false;
    try {
      return work(this.#store);
    } catch (error) {
      this.#fail(toFailure(error, what));
      return true;
    }
  }

  #runTask(): boolean {
    const task = this.#tasks[0];
    if (task === undefined) return false;
    try {
      const step = task.steps.next();
      if (step.done !== true) return true;
      this.#tasks.shift();
      if (task.call !== 0) this.#reply(task.call, { ok: true, value: step.value });
    } catch (error) {
      this.#fail(toFailure(error, task.what));
    }
    return true;
  }

  *#checkpoint(request: Of<'checkpoint'>, rows: readonly Of<'rows'>[]): Task['steps'] {
    return yield* writeCheckpoint(this.#store.state, request, rows, this.#transactionBytes);
  }

  *#stage({ slot, data }: Of<'stage'>): Task['steps'] {
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

  *#flip(flip: Of<'begin'>['flips'][number]): Task['steps'] {
    this.#store.state.transaction(() => {
      this.#store.state.flip(flip);
    });
    yield;
    return undefined;
  }

  *#trim({ to, checkpoints }: Of<'trim'>): Task['steps'] {
    yield;
    this.#store.journal.trim(to, checkpoints);
    return undefined;
  }

  *#openSnapshot({ group }: Of<'snapshot-open'>): Task['steps'] {
    yield;
    const source = this.#store.openSnapshot(group);
    if (source === undefined) return undefined;
    const id = this.#nextSnapshot++;
    this.#snapshots.set(id, source);
    return { id, meta: source.meta };
  }

  #fail(failure: Failure): void {
    this.#failure ??= failure;
    for (const { call } of this.#tasks.splice(0)) this.#refuse(call);
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
