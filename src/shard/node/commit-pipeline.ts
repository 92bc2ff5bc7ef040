/**
 * Makes the writes of all groups durable together: one commit a turn, and two under way at most. What comes while there
 * are two gathers for the next.
 *
 * Two, so that the disk need not wait for this thread between one sync and the next. Storage makes commits durable in
 * the order of the calls.
 * Keeps each group's writes in order. Knows storage and `Write`; knows nothing of what happens after a completion.
 */
import type { Entry, GroupId, GroupWrite, HardState, Storage, Write } from '../../raft/index.js';
import { asError } from '../../thrown.js';

export interface QueuedWrite {
  readonly group: GroupId;
  readonly write: Write;
}

export interface PipelineEvents {
  /** These writes are durable, in the order in which they were queued per group. */
  onDurable(writes: readonly QueuedWrite[]): void;
  /** The storage failed; nothing more will become durable. */
  onFailure(error: Error): void;
}

const MOST_COMMITS = 2;

export class CommitPipeline {
  #queue: QueuedWrite[] = [];
  #underWay = 0;
  #writing = 0;
  #failed = false;
  /** When each commit under way began, oldest first: they end in that order. */
  readonly #began: number[] = [];
  /** Groups with a snapshot chunk on its way, and since when: what follows it waits, other groups go on. */
  readonly #staging = new Map<GroupId, number>();
  readonly #storage: Storage;
  readonly #events: PipelineEvents;
  readonly #now: () => number;
  readonly #mostBytes: number;

  /**
   * `now`: monotonic ms. `mostBytes`: of entries in one commit, exceeded by less than one write. What a journal with a
   * quota cannot take at once would otherwise never be durable: nothing of a commit counts before all of it does.
   */
  constructor(storage: Storage, events: PipelineEvents, now: () => number, mostBytes = Infinity) {
    this.#storage = storage;
    this.#events = events;
    this.#now = now;
    this.#mostBytes = mostBytes;
  }

  get length(): number {
    return this.#queue.length;
  }

  /** When the oldest write that is under way began; undefined if none is. What is queued waits for those. */
  get oldestSinceMs(): number | undefined {
    let oldest = this.#began[0];
    if (this.#staging.size === 0) return oldest;
    for (const since of this.#staging.values()) if (oldest === undefined || since < oldest) oldest = since;
    return oldest;
  }

  get idle(): boolean {
    return this.#queue.length === 0 && this.#underWay === 0 && this.#staging.size === 0;
  }

  push(item: QueuedWrite): void {
    this.#queue.push(item);
  }

  /** Starts a commit of what is queued, unless enough are under way: then the next batch goes on gathering. */
  kick(): void {
    if (this.#writing >= MOST_COMMITS || this.#failed || this.#queue.length === 0) return;
    const batch: QueuedWrite[] = [];
    const chunks: QueuedWrite[] = [];
    const rest: QueuedWrite[] = [];
    let bytes = 0;
    for (const item of this.#queue) {
      // Nothing overtakes what waits for the next commit.
      if (bytes >= this.#mostBytes || this.#staging.has(item.group)) rest.push(item);
      else if (item.write.chunk === undefined) {
        batch.push(item);
        if (this.#mostBytes !== Infinity) for (const { data } of item.write.entries) bytes += data.length;
      } else {
        chunks.push(item);
        this.#staging.set(item.group, this.#now());
      }
    }
    this.#queue = rest;
    if (batch.length > 0) this.#commit(batch);
    // After the commit: storage keeps the order of the calls.
    for (const item of chunks) this.#stage(item);
  }

  #commit(batch: readonly QueuedWrite[]): void {
    const writes = merge(batch);
    const isEmpty = writes.length === 0;
    if (isEmpty && this.#underWay === 0) {
      // Only messages, and all that was queued before them is durable.
      this.#events.onDurable(batch);
      return;
    }
    // An empty commit ends right behind the one before it: it keeps no other from starting.
    const weight = isEmpty ? 0 : 1;
    this.#underWay++;
    this.#writing += weight;
    this.#began.push(this.#now());
    this.#storage.commit(writes).then(
      () => {
        this.#underWay--;
        this.#began.shift();
        this.#writing -= weight;
        this.#events.onDurable(batch);
      },
      (error: unknown) => {
        this.#fail(error);
      },
    );
  }

  #stage(item: QueuedWrite): void {
    this.#stageChunk(item).then(
      () => {
        this.#staging.delete(item.group);
        this.#events.onDurable([item]);
      },
      (error: unknown) => {
        this.#fail(error);
      },
    );
  }

  async #stageChunk({ group, write }: QueuedWrite): Promise<void> {
    const { chunk, hardState, entries } = write;
    if (chunk === undefined) return;
    await this.#storage.stageChunk(group, chunk.sequence, chunk.data);
    if (chunk.done) await this.#storage.install(group, chunk.meta, hardState);
    if (entries.length > 0 || (hardState !== undefined && !chunk.done)) {
      await this.#storage.commit([{ group, hardState, entries }]);
    }
  }

  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#events.onFailure(asError(error));
  }
}

/** One `GroupWrite` per group: the latest hard state, and the entries as the later write leaves them. */
export function merge(batch: readonly QueuedWrite[]): GroupWrite[] {
  const [only] = batch;
  if (batch.length === 1 && only !== undefined) return mergeOne(only);
  const hardStates = new Map<GroupId, HardState | undefined>();
  const logs = new Map<GroupId, Entry[]>();
  for (const { group, write } of batch) {
    if (write.hardState === undefined && write.entries.length === 0) continue;
    hardStates.set(group, write.hardState ?? hardStates.get(group));
    const log = logs.get(group);
    const first = write.entries[0];
    if (log === undefined) logs.set(group, [...write.entries]);
    else if (first !== undefined) {
      while ((log.at(-1)?.index ?? 0) >= first.index) log.pop();
      for (const entry of write.entries) log.push(entry);
    }
  }
  return [...logs].map(([group, entries]) => ({ group, hardState: hardStates.get(group), entries }));
}

/** What a node writes that is not busy: without tables. */
const mergeOne = ({ group, write: { hardState, entries } }: QueuedWrite): GroupWrite[] =>
  hardState === undefined && entries.length === 0 ? [] : [{ group, hardState, entries }];
