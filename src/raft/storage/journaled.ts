/**
 * The storage port over two files, journal.db and state.db, that a worker writes. Independent of SQLite and threads:
 * `sqlite.ts` provides both, the simulator provides files in memory and virtual time.
 *
 * This side numbers journal rows, keeps the journal's index and each group's slot, and encodes; the worker executes in
 * the same order. An installation is atomic over two files: the snapshot is staged in its own slot and synced; then one
 * journal row records "from here on this group's state is that slot, its log is empty", which commits the installation.
 * state.db follows at once or, after a crash, at the next start. A row is truncated only after state.db has durably
 * stored its contents.
 */
import { CommitTimes } from './commit-times.js';
import { asError } from '../../thrown.js';
import type { StateReader } from './files.js';
import type { JournaledStorageHost, JournaledStorageSettings } from './journaled-host.js';
import type { JournalIndex } from './journal/journal-index.js';
import { journalLimits } from './journal/quota.js';
import type { JournalLimits } from './journal/quota.js';
import { encodeRow, splitRecords, type JournalRecord } from './journal/row.js';
import { Recovery, type RawRow, type RecoveryResult } from './journal/recovery.js';
import type { Opened } from './engine/protocol.js';
import { stallOf, type StallReport } from './engine/stall.js';
import { OpenViews } from './open-views.js';
import { EMPTY_PAGE } from './row-range.js';
import { StateRowWriter, checkSnapshotChunk } from './state/state-rows.js';
import { StorageFailure } from './storage.js';
import type {
  GroupCheckpoint,
  GroupWrite,
  OnStall,
  PageBounds,
  Recovered,
  RowPage,
  RowRange,
  SnapshotReader,
  StateKey,
  StateView,
  Storage,
  StorageStall,
  StorageStatus,
} from './storage.js';
import { StoreClient } from './worker/store-client.js';
import type { GroupId, HardState, SnapshotMeta } from '../types.js';

const LOAD_BYTES = 8 * 1024 * 1024;
/** Bytes of rows of a checkpoint encoded at a time, before other work may run. */
const ROWS_BYTES = 128 * 1024;
const DEFAULT_SLACK_BYTES = 4 * 1024 * 1024;

interface Placement {
  readonly slot: number;
  readonly meta: SnapshotMeta | undefined;
}

interface Staging {
  readonly slot: number;
  chunks: number;
}

/** State that exists between `open` and `close`. */
interface Session {
  readonly index: JournalIndex;
  readonly reader: StateReader;
  readonly placements: Map<GroupId, Placement>;
  nextSlot: number;
  stateBytes: number;
}

export class JournaledStorage implements Storage {
  readonly #settings: JournaledStorageSettings;
  readonly #host: JournaledStorageHost;
  readonly #limits: JournalLimits | undefined;
  readonly #client: StoreClient;
  readonly #times = new CommitTimes();
  readonly #staging = new Map<GroupId, Staging>();
  readonly #views: OpenViews;
  #session: Session | undefined;
  #stall: StorageStall | undefined;
  #onStall: OnStall = () => undefined;
  #lastCommit: Promise<void> = Promise.resolve();
  #checkpoints = 0;
  #isCheckpointing = false;
  #isOpened = false;
  #isClosed = false;

  constructor(settings: JournaledStorageSettings, host: JournaledStorageHost) {
    this.#settings = settings;
    this.#host = host;
    this.#limits = settings.maxJournalBytes === undefined ? undefined : journalLimits(settings.maxJournalBytes);
    this.#views = new OpenViews(host.now);
    this.#client = new StoreClient(host.worker, {
      onStall: this.#stalled.bind(this),
      onFailure: ({ message }) => {
        this.#views.closeAll(message);
      },
    });
  }

  get stall(): StorageStall | undefined {
    return this.#stall;
  }

  onStall(listener: OnStall): void {
    this.#onStall = listener;
  }

  #stalled(report: StallReport | undefined): void {
    this.#stall = report && stallOf(report, this.#stall?.sinceMs ?? this.#host.now());
    this.#onStall(this.#stall);
  }

  async open(): Promise<Recovered> {
    if (this.#isClosed || this.#isOpened) throw new StorageFailure('a store is opened once');
    this.#isOpened = true;
    try {
      const { directory } = this.#host;
      const { maxJournalBytes } = this.#settings;
      const opened = await this.#client.call({ type: 'open', directory, maxJournalBytes });
      const result = await this.#recover(opened);
      if (this.#client.isClosing) throw new StorageFailure('the store is closed');
      result.index.durableTo(result.index.lastSeq);
      this.#session = {
        index: result.index,
        reader: this.#host.openReader(),
        placements: result.placements,
        nextSlot: opened.nextSlot,
        stateBytes: opened.stateBytes,
      };
      return { groups: result.groups, meta: new Map(opened.metas) };
    } catch (error) {
      await this.close().catch(() => undefined);
      throw error;
    }
  }

  async #recover({ groups, journal }: Opened): Promise<RecoveryResult> {
    const recovery = new Recovery(groups, journal);
    for (let after: number | undefined = journal.truncatedTo; after !== undefined;) {
      const rows: readonly RawRow[] = await this.#client.call({ type: 'load', after, maxBytes: LOAD_BYTES });
      for (const row of rows) recovery.add(row);
      after = rows.at(-1)?.seq;
    }
    const result = recovery.result();
    if (result.torn !== undefined) {
      this.#settings.onNotice?.(
        `journal.db: the last row, ${result.torn}, was torn and is dropped; nothing shows that it was ever acknowledged`,
      );
    }
    await this.#client.call({ type: 'begin', torn: result.torn, activations: result.activations });
    return result;
  }

  commit(writes: readonly GroupWrite[]): Promise<void> {
    try {
      const { index } = this.#writable();
      index.check(writes);
      const records = writes.filter(({ hardState, entries }) => hardState !== undefined || entries.length > 0);
      if (records.length === 0) return this.#lastCommit;
      return this.#limits === undefined ? this.#append(records) : this.#appendSplit(records, this.#limits.rowBytes);
    } catch (error) {
      return Promise.reject(asError(error));
    }
  }

  /** Returns the last row's commit: rows become durable in order, and none after one that failed. */
  #appendSplit(records: readonly JournalRecord[], rowBytes: number): Promise<void> {
    for (const row of splitRecords(records, rowBytes)) this.#append(row).catch(() => undefined);
    return this.#lastCommit;
  }

  /** `whenDurable` runs before the promises of this commit and later ones settle. */
  #append(records: readonly JournalRecord[], whenDurable?: () => void): Promise<void> {
    const { index } = this.#writable();
    const data = encodeRow(records);
    const seq = index.append(records, data.length);
    const [{ group, reset }] = records as [JournalRecord];
    const activation = reset && { group, ...reset, seq };
    const start = this.#host.now();
    this.#lastCommit = this.#client.call({ type: 'commit', seq, data, activation }, [data.buffer]).then(() => {
      this.#times.add(this.#host.now() - start);
      index.durableTo(seq);
      whenDurable?.();
    });
    return this.#lastCommit;
  }

  async checkpoint(groups: Iterable<GroupCheckpoint>): Promise<void> {
    const session = this.#writable();
    if (this.#isCheckpointing) throw new Error('a checkpoint is under way');
    this.#isCheckpointing = true;
    try {
      const checkpoint = ++this.#checkpoints;
      const atCall = new Map(session.placements);
      const parts: { readonly group: GroupId; readonly meta: SnapshotMeta; readonly slot: number }[] = [];
      for (const { group, meta, rows } of groups) {
        const slot = this.#slotOf(session, group);
        const stands = session.placements.get(group)?.meta?.index ?? 0;
        if (meta.index < stands) {
          // A snapshot was installed since the call: these rows belong to the replaced state.
          if (atCall.get(group)?.slot !== slot) continue;
          throw new RangeError(`group ${group}: checkpoint ${meta.index} is behind ${stands}`);
        }
        parts.push({ group, meta, slot });
        await this.#sendRows(checkpoint, slot, rows);
        await this.#host.nextTurn();
      }
      const journal = session.index.lastSeq;
      const unstored = session.index.unstoredHardStates();
      const hardStates = unstored.map((state) => ({ ...state, slot: this.#slotOf(session, state.group) }));
      const done = await this.#client.call({ type: 'checkpoint', checkpoint, groups: parts, hardStates, journal });
      session.stateBytes = done.stateBytes;
      // The checkpoint may have overtaken commits that wait for space: state.db has stored nothing of these.
      const taken = unstored.filter(({ seq }) => seq <= done.journal);
      session.index.stored(taken, done.journal);
      for (const { group, slot, meta } of parts) {
        if (session.placements.get(group)?.slot !== slot) continue;
        session.placements.set(group, { slot, meta });
        session.index.cover(group, meta.index);
      }
      await this.#shortenJournal(session, done.checkpoints);
    } finally {
      this.#isCheckpointing = false;
    }
  }

  async #sendRows(checkpoint: number, slot: number, rows: GroupCheckpoint['rows']): Promise<void> {
    const writer = new StateRowWriter();
    const send = (): void => {
      const data = writer.take();
      this.#client.send({ type: 'rows', checkpoint, slot, data }, [data.buffer]);
    };
    for (const [key, value] of rows) {
      writer.add(key, value);
      if (writer.bytes < ROWS_BYTES) continue;
      send();
      await this.#host.nextTurn();
    }
    if (writer.rows > 0) send();
  }

  /**
   * Truncates rows that no group needs; copies live entries forward if they alone keep many dead rows alive. In this
   * order, because the copy may have to wait for space.
   */
  async #shortenJournal({ index }: Session, checkpoints: number): Promise<void> {
    await this.#truncateJournal(index, checkpoints);
    const limits = this.#limits;
    const slack = Math.min(this.#settings.journalSlackBytes ?? DEFAULT_SLACK_BYTES, limits?.slackBytes ?? Infinity);
    const parts = index.copyCandidates(slack, limits?.rowBytes);
    if (parts.length === 0) return;
    const seq = index.appendCopy(parts);
    await this.#client.call({ type: 'copy', seq, parts });
    index.durableTo(seq);
    await this.#truncateJournal(index, checkpoints);
  }

  async #truncateJournal(index: JournalIndex, checkpoints: number): Promise<void> {
    const to = index.truncatableTo();
    index.truncatePrefix(to);
    await this.#client.call({ type: 'truncate', to, checkpoints });
  }

  /** The group's slot; allocates one if the group has none. */
  #slotOf(session: Session, group: GroupId): number {
    const known = session.placements.get(group);
    if (known !== undefined) return known.slot;
    const slot = session.nextSlot++;
    session.placements.set(group, { slot, meta: undefined });
    return slot;
  }

  read(group: GroupId, key: StateKey): Uint8Array | undefined {
    const { reader, placements } = this.#opened();
    const slot = placements.get(group)?.slot;
    return slot === undefined ? undefined : reader.get(slot, key);
  }

  readAll(group: GroupId, keys: readonly StateKey[]): readonly (Uint8Array | undefined)[] {
    const { reader, placements } = this.#opened();
    const slot = placements.get(group)?.slot;
    return slot === undefined ? keys.map(() => undefined) : reader.getAll(slot, keys);
  }

  range(group: GroupId, range: RowRange, bounds: PageBounds): RowPage {
    const { reader, placements } = this.#opened();
    const slot = placements.get(group)?.slot;
    return slot === undefined ? EMPTY_PAGE : reader.range(slot, range, bounds);
  }

  openView(group: GroupId): StateView {
    const { reader, placements } = this.#writable();
    return this.#views.openPinned(group, placements, () => reader.pin());
  }

  async openSnapshot(group: GroupId): Promise<SnapshotReader | undefined> {
    this.#writable();
    const opened = await this.#client.call({ type: 'snapshot-open', group });
    if (opened === undefined) return undefined;
    const { id, ...details } = opened;
    return {
      ...details,
      next: (maxBytes) => this.#client.call({ type: 'snapshot-next', id, maxBytes }),
      close: () => {
        if (!this.#isClosed) this.#client.send({ type: 'snapshot-close', id });
      },
    };
  }

  async stageChunk(group: GroupId, sequence: number, data: Uint8Array): Promise<void> {
    const session = this.#writable();
    let staging = this.#staging.get(group);
    if (sequence === 0) {
      this.#dropStaging(group);
      staging = { slot: session.nextSlot++, chunks: 0 };
      this.#staging.set(group, staging);
    }
    if (staging?.chunks !== sequence) {
      throw new RangeError(`group ${group}: chunk ${sequence} where ${staging?.chunks ?? 0} is due`);
    }
    try {
      checkSnapshotChunk(data);
    } catch (error) {
      this.#dropStaging(group);
      throw error;
    }
    staging.chunks++;
    // Copied, because transferring detaches the buffer: the chunk may be a view into a frame that others still read.
    const copy = Uint8Array.from(data);
    await this.#client.call({ type: 'stage', slot: staging.slot, data: copy }, [copy.buffer]);
  }

  #dropStaging(group: GroupId): void {
    const staging = this.#staging.get(group);
    if (staging === undefined) return;
    this.#staging.delete(group);
    this.#client.send({ type: 'purge', slot: staging.slot });
  }

  install(group: GroupId, meta: SnapshotMeta, hardState: HardState | undefined): Promise<void> {
    try {
      const { placements } = this.#writable();
      const staging = this.#staging.get(group);
      if (staging === undefined) throw new Error(`group ${group}: nothing is staged`);
      this.#staging.delete(group);
      const { slot } = staging;
      return this.#append([{ group, hardState, reset: { slot, meta }, entries: [] }], () => {
        const replaced = placements.get(group);
        placements.set(group, { slot, meta });
        // Only now, because `read` used the replaced slot until here.
        if (replaced !== undefined) this.#client.send({ type: 'purge', slot: replaced.slot });
      });
    } catch (error) {
      return Promise.reject(asError(error));
    }
  }

  async putMeta(name: string, value: Uint8Array): Promise<void> {
    this.#writable();
    await this.#client.call({ type: 'meta', name, value: Uint8Array.from(value) });
  }

  get position(): number {
    return this.#session?.index.durable ?? 0;
  }

  status(): StorageStatus {
    const session = this.#session;
    return {
      journalBytes: session?.index.bytes ?? 0,
      journalRows: session?.index.rows ?? 0,
      stateBytes: session?.stateBytes ?? 0,
      ...this.#times.status(),
      files: this.#client.fileSizes,
    };
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#views.closeAll('the store is closed');
    this.#session?.reader.close();
    try {
      if (!this.#client.isDead) await this.#client.close(this.#host.after);
    } finally {
      this.#client.detach();
      await this.#host.closed();
    }
  }

  #opened(): Session {
    if (this.#isClosed) throw new StorageFailure('the store is closed');
    if (this.#session === undefined) throw new StorageFailure('the store is not open');
    return this.#session;
  }

  #writable(): Session {
    if (this.#client.failure !== undefined) throw this.#client.failure;
    return this.#opened();
  }
}
