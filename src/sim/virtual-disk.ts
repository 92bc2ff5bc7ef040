/**
 * One node's disk in virtual time: the production storage on files in memory, with syncs that take time, fail, or are
 * cut short by a crash.
 *
 * `#content` is what is durable; it changes by one transaction whenever a sync completes. In a crash a prefix of the
 * transactions under way survives; behind it, a journal row may be torn. A crash loses nothing that was acknowledged:
 * only `restore` and `flipBit` do.
 */
import type { GroupId, NodeId } from '../raft/index.js';
import { JournaledStorage, StorageFailure, crc32c } from '../raft/storage/index.js';
import type { JournaledStorageSettings, RawRow, Storage, StoreFiles } from '../raft/storage/index.js';
import { DiskContent } from './disk-content.js';
import type { SyncKind, Transaction } from './disk-content.js';
import { DurableIndex } from './durable-index.js';
import type { DiskParameters } from './scenario.js';
import type { Random } from '../random.js';
import type { Incarnation, Scheduler } from './scheduler.js';
import { VirtualJournal, VirtualState, openVirtualSnapshot, sqliteError, virtualReader } from './virtual-files.js';
import type { Sync } from './virtual-files.js';
import { VirtualWorker } from './virtual-worker.js';
import type { InFlight } from './virtual-worker.js';

/** Set by fault injection; they apply to syncs that begin later. */
export interface DiskFaults {
  /** No sync completes before this moment, virtual ms. */
  stallUntil: number;
  /** The next sync, and only that one, fails in this way. */
  failNextSync: 'full' | 'failure' | undefined;
  /** Syncs take this many times as long. */
  slowFactor: number;
  /** Writes that need room fail, and change nothing. */
  isFull: boolean;
}

/** What was durable at one moment. */
export interface DiskImage {
  readonly content: DiskContent;
  readonly index: DurableIndex;
}

export interface VirtualDiskOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly parameters: DiskParameters;
  /** Called when a sync begins, a moment at which a crash is interesting. May crash the disk. */
  readonly onSync?: (what: SyncKind) => void;
}

/** Applies to a power cut that loses a transaction which appends to the journal. */
const TEAR_PROBABILITY = 0.3;
/** Probability that a transaction whose sync failed is on the disk nevertheless. */
const FAILED_AND_DURABLE_PROBABILITY = 0.5;
const STALL_FACTOR = 100;
/** Upper bound of a slow sync: it ends well within the time that the cluster has to recover after the faults. */
const LONGEST_SYNC_MS = 2_000;

export class VirtualDisk {
  readonly faults: DiskFaults = { stallUntil: 0, failNextSync: undefined, slowFactor: 1, isFull: false };
  readonly #scheduler: Scheduler;
  readonly #parameters: DiskParameters;
  readonly #onSync: (what: SyncKind) => void;
  /** Separate streams, so that an additional fault changes the duration of no sync. */
  readonly #syncChance: Random;
  readonly #failChance: Random;
  readonly #crashChance: Random;
  readonly #flipChance: Random;
  #content = new DiskContent();
  #index = new DurableIndex();
  /** Defined while the disk is hung: the callbacks waiting for its end. */
  #hung: (() => void)[] | undefined;
  /** What was durable before the disk was rolled back or emptied. */
  #beforeRollback: DurableIndex | undefined;
  /** In the order of writing. */
  #inFlight: InFlight[] = [];
  /** Writes that began while the disk was slow: they keep their duration even if the disk is fast again. */
  readonly #slowed = new WeakSet<InFlight>();
  /** A write whose sync failed: whether it is on the disk is decided when the files are closed or the disk crashes. */
  #failed: InFlight | undefined;
  /** The incarnation that has the files open, and its view. */
  #open: { readonly incarnation: Incarnation; readonly view: DiskContent } | undefined;
  /** Number of the torn last row. */
  #torn: number | undefined;

  constructor({ scheduler, random, parameters, onSync }: VirtualDiskOptions) {
    this.#scheduler = scheduler;
    this.#parameters = parameters;
    this.#onSync = onSync ?? (() => undefined);
    this.#syncChance = random.stream('sync');
    this.#failChance = random.stream('fail');
    this.#crashChance = random.stream('crash');
    this.#flipChance = random.stream('flip');
  }

  /** The storage of a new incarnation; its work ends with it. Size limits are not enforced: use `failNextSync`. */
  storage(incarnation: Incarnation, settings: Omit<JournaledStorageSettings, 'maxJournalBytes'> = {}): Storage {
    const worker = new VirtualWorker(
      this.#scheduler,
      {
        open: (owner, sync) => this.#openFiles(owner, sync),
        write: (transaction, startsAt) => this.#write(transaction, startsAt),
        land: (write) => {
          this.#land(write);
        },
        onSync: this.#onSync,
        onceResumed: (callback) => {
          this.#hung?.push(callback);
          return this.#hung !== undefined;
        },
      },
      incarnation,
    );
    return new JournaledStorage(settings, {
      directory: '',
      worker,
      openReader: () => virtualReader(this.#content),
      nextTurn: () =>
        new Promise((resolve) => {
          this.#scheduler.after(0, incarnation, () => {
            resolve();
            this.#scheduler.settles();
          });
        }),
      now: () => this.#scheduler.now,
      closed: () => Promise.resolve(),
    });
  }

  #openFiles(incarnation: Incarnation, sync: Sync): StoreFiles {
    if (this.#open !== undefined || this.#inFlight.length > 0) {
      throw new StorageFailure('data folder in use: another store has this disk');
    }
    const view = this.#content.copy();
    this.#open = { incarnation, view };
    /** Sets the view to what is durable or on its way, plus the open transaction of either file. */
    const reset = (): void => {
      view.become(this.#content);
      for (const { transaction, error } of this.#inFlight) {
        if (error === undefined) for (const change of transaction.changes) change(view);
      }
      journal.redo();
      state.redo();
    };
    const journal = new VirtualJournal(view, sync, reset);
    const state = new VirtualState(view, sync, reset);
    return {
      journal,
      state,
      openSnapshot: (group) => openVirtualSnapshot(view, group),
      release: () => {
        this.#release();
      },
    };
  }

  #release(): void {
    this.#open = undefined;
    if (this.#failed !== undefined) this.#decide(this.#failed);
  }

  /** Decides whether a transaction is on the disk although its sync failed. */
  #decide({ transaction }: InFlight): void {
    this.#failed = undefined;
    if (this.#failChance.chance(FAILED_AND_DURABLE_PROBABILITY)) this.#apply(transaction);
  }

  #write(transaction: Transaction, startsAt: number): InFlight {
    const fault = this.faults.failNextSync ?? (this.faults.isFull && needsRoom(transaction) ? 'full' : undefined);
    this.faults.failNextSync = undefined;
    const write = { transaction, ms: this.#syncMs(startsAt), error: fault && syncError(fault) };
    if (this.#isSlow) this.#slowed.add(write);
    this.#inFlight.push(write);
    return write;
  }

  #syncMs(startsAt: number): number {
    const { syncMs, jitterMs, stallProbability } = this.#parameters;
    const jitter = -Math.log(1 - this.#syncChance.next()) * jitterMs;
    const stall = this.#syncChance.chance(stallProbability) ? STALL_FACTOR : 1;
    const ms = Math.min((syncMs + jitter) * stall * this.faults.slowFactor, LONGEST_SYNC_MS);
    return Math.max(ms, this.faults.stallUntil - startsAt);
  }

  #land(write: InFlight): void {
    const first = this.#inFlight.shift();
    if (first !== write) throw new Error('a disk was crashed under a running process');
    if (write.error === undefined) this.#apply(write.transaction);
    // A full disk has written nothing; after a failed fsync it is open whether it wrote. Nothing is written after it.
    else if (!isFull(write.error)) {
      if (this.#open === undefined) this.#decide(write);
      else this.#failed = write;
    }
  }

  #apply({ changes, rows, covers }: Transaction): void {
    for (const change of changes) change(this.#content);
    for (const { data } of rows) this.#index.add(data);
    for (const [group, meta] of covers) this.#index.cover(group, meta);
    if (this.#torn !== undefined && !this.#content.rows.has(this.#torn)) this.#torn = undefined;
  }

  /**
   * The process dies; its incarnation must have ended. A random prefix of the transactions under way survives. A power
   * cut may also tear the journal row that came next.
   */
  crash(kind: 'process' | 'power'): void {
    if (this.#open?.incarnation.ended === false) throw new Error('end the incarnation first, then crash its disk');
    const writes = this.#inFlight.filter(({ error }) => !isFull(error));
    if (this.#failed !== undefined) writes.push(this.#failed);
    const survive = this.#crashChance.integer(0, writes.length);
    for (const { transaction } of writes.slice(0, survive)) this.#apply(transaction);
    const lost = writes[survive]?.transaction;
    if (kind === 'power' && lost !== undefined) this.#tear(lost);
    this.#inFlight = [];
    this.#failed = undefined;
    this.#open = undefined;
  }

  /** Keeps some of the transaction's journal rows whole and the next one damaged. */
  #tear({ rows }: Transaction): void {
    const chance = this.#crashChance;
    if (rows.length === 0 || !chance.chance(TEAR_PROBABILITY)) return;
    const whole = chance.integer(0, rows.length - 1);
    for (const row of rows.slice(0, whole)) {
      this.#content.appendRow(row);
      this.#index.add(row.data);
    }
    const torn = rows[whole];
    if (torn === undefined) return;
    this.#content.appendRow({ ...torn, data: garbled(torn, chance) });
    this.#torn = torn.seq;
  }

  /** From now on nothing completes, and processes that open the files read nothing, until `resume`. */
  hang(): void {
    this.#hung ??= [];
  }

  resume(): void {
    const waiting = this.#hung ?? [];
    this.#hung = undefined;
    for (const callback of waiting) callback();
  }

  /** A fault slows the disk down at present, or will make a write fail. */
  get isTroubled(): boolean {
    const { failNextSync, isFull } = this.faults;
    if (this.#hung !== undefined || failNextSync !== undefined || isFull) return true;
    return this.#isSlow || this.#inFlight.some((write) => this.#slowed.has(write));
  }

  get #isSlow(): boolean {
    return this.faults.slowFactor > 1 || this.faults.stallUntil > this.#scheduler.now;
  }

  get stateBytes(): number {
    return this.#content.stateBytes;
  }

  image(): DiskImage {
    return { content: this.#content.copy(), index: this.#index.copy() };
  }

  /** Rolls the disk back to `image`; undefined = empty. No process may have it open. */
  restore(image: DiskImage | undefined): void {
    if (this.#open !== undefined || this.#inFlight.length > 0) throw new Error('restored under a running process');
    this.#beforeRollback = this.#index;
    this.#content = image?.content.copy() ?? new DiskContent();
    this.#index = image?.index.copy() ?? new DurableIndex();
    this.#torn = undefined;
  }

  /** Flips one bit of one durable journal row that is not the last one; false if there is no such row. */
  flipBit(): boolean {
    const { rows, lastSeq, truncatedTo } = this.#content;
    const lastWhole = this.#torn === undefined ? lastSeq : this.#torn - 1;
    const chance = this.#flipChance;
    const row = lastWhole - truncatedTo > 1 ? rows.get(chance.integer(truncatedTo + 1, lastWhole - 1)) : undefined;
    if (row === undefined || row.data.length === 0) return false;
    const data = row.data.slice();
    flipBitOf(data, chance);
    const flipped = { ...row, data };
    rows.set(row.seq, flipped);
    const view = this.#open?.view.rows;
    if (view?.has(row.seq) === true) view.set(row.seq, flipped);
    return true;
  }

  /** Term of the durable entry at `index`, or of the snapshot that ends there. Flipped bits are ignored. */
  durableTerm(group: GroupId, index: number): number | undefined {
    return this.#index.term(group, index);
  }

  get hasLostAcknowledged(): boolean {
    return this.#beforeRollback !== undefined;
  }

  /** Was the entry durable, or covered, before the rollback? Acknowledgements of then may still be on their way. */
  hadBefore(group: GroupId, index: number, term: number): boolean {
    const before = this.#beforeRollback;
    return before !== undefined && (before.snapshotIndex(group) >= index || before.term(group, index) === term);
  }

  /** Is this vote, or a later term, on the disk? */
  hasVote(group: GroupId, term: number, vote: NodeId): boolean {
    const durable = this.#index.hardState(group);
    return durable !== undefined && (durable.term > term || (durable.term === term && durable.vote === vote));
  }

  /** The index up to which the group's durable state covers its log. */
  durableSnapshotIndex(group: GroupId): number {
    return this.#index.snapshotIndex(group);
  }
}

/** Journal rows and state need new room; metadata and deletions fit into existing room. */
const needsRoom = ({ kind, rows }: Transaction): boolean =>
  rows.length > 0 || kind === 'checkpoint' || kind === 'stage';

const FULL = 'SQLITE_FULL';

const syncError = (fault: 'full' | 'failure'): Error =>
  fault === 'full'
    ? sqliteError(FULL, 'database or disk is full')
    : sqliteError('SQLITE_IOERR_FSYNC', 'disk I/O error');

const isFull = (error: Error | undefined): boolean => error !== undefined && 'code' in error && error.code === FULL;

/** Truncated, or with a bit flipped: it never matches its checksum. */
function garbled({ data, crc }: RawRow, chance: Random): Uint8Array {
  const cut = data.slice(0, chance.integer(0, data.length));
  if (crc32c(cut) !== crc) return cut;
  flipBitOf(cut, chance);
  return cut;
}

function flipBitOf(data: Uint8Array, chance: Random): void {
  const at = chance.integer(0, data.length - 1);
  data[at] = (data[at] ?? 0) ^ (1 << chance.integer(0, 7));
}
