/**
 * Makes the writes of all groups durable together: one commit per turn, and at most two in flight. Writes queued
 * meanwhile go into the next.
 *
 * Two, so that the disk does not wait for this thread between two syncs. Storage makes commits durable in the order of
 * the calls, so each group's writes stay in order.
 */
import type { Entry, GroupId, GroupWrite, HardState, Storage, Write } from '../../raft/index.js';
import { asError } from '../../thrown.js';

export interface QueuedWrite {
  readonly group: GroupId;
  readonly write: Write;
}

export interface CommitPipelineOptions {
  /** Called with writes that are durable, in the order in which they were queued per group. */
  readonly onDurable: (writes: readonly QueuedWrite[]) => void;
  /** Called when the storage failed; nothing more will become durable. */
  readonly onFailure: (error: Error) => void;
  /** Monotonic ms. */
  readonly now: () => number;
  /**
   * Bytes of entries in one commit, exceeded by less than one write. Default: no bound. Needed for a journal with a
   * quota: a commit that does not fit as a whole would never be durable, because none of it counts before all of it
   * does.
   */
  readonly maxCommitBytes?: number;
}

const MAX_COMMITS_IN_FLIGHT = 2;

export class CommitPipeline {
  #queue: QueuedWrite[] = [];
  #commitsInFlight = 0;
  #writesInFlight = 0;
  #failed = false;
  /** When each commit in flight began, oldest first: they end in that order. */
  readonly #startTimes: number[] = [];
  /** Groups with a snapshot chunk being staged, and since when: their later writes wait, other groups continue. */
  readonly #staging = new Map<GroupId, number>();
  readonly #storage: Storage;
  readonly #onDurable: (writes: readonly QueuedWrite[]) => void;
  readonly #onFailure: (error: Error) => void;
  readonly #now: () => number;
  readonly #maxCommitBytes: number;

  constructor(storage: Storage, { onDurable, onFailure, now, maxCommitBytes = Infinity }: CommitPipelineOptions) {
    this.#storage = storage;
    this.#onDurable = onDurable;
    this.#onFailure = onFailure;
    this.#now = now;
    this.#maxCommitBytes = maxCommitBytes;
  }

  get length(): number {
    return this.#queue.length;
  }

  /** When the oldest write in flight began; undefined if there is none. Queued writes wait for those. */
  get oldestSinceMs(): number | undefined {
    let oldest = this.#startTimes[0];
    if (this.#staging.size === 0) return oldest;
    for (const since of this.#staging.values()) if (oldest === undefined || since < oldest) oldest = since;
    return oldest;
  }

  get idle(): boolean {
    return this.#queue.length === 0 && this.#commitsInFlight === 0 && this.#staging.size === 0;
  }

  push(item: QueuedWrite): void {
    this.#queue.push(item);
  }

  /** Starts a commit of the queued writes, unless enough are in flight: then the next batch keeps growing. */
  maybeFlush(): void {
    if (this.#writesInFlight >= MAX_COMMITS_IN_FLIGHT || this.#failed || this.#queue.length === 0) return;
    const batch: QueuedWrite[] = [];
    const chunks: QueuedWrite[] = [];
    const rest: QueuedWrite[] = [];
    let bytes = 0;
    for (const item of this.#queue) {
      // No write overtakes one that waits for the next commit.
      if (bytes >= this.#maxCommitBytes || this.#staging.has(item.group)) rest.push(item);
      else if (item.write.chunk === undefined) {
        batch.push(item);
        if (this.#maxCommitBytes !== Infinity) for (const { data } of item.write.entries) bytes += data.length;
      } else {
        chunks.push(item);
        this.#staging.set(item.group, this.#now());
      }
    }
    this.#queue = rest;
    if (batch.length > 0) this.#commit(batch);
    // After the commit, because storage keeps the order of the calls.
    for (const item of chunks) this.#stage(item);
  }

  #commit(batch: readonly QueuedWrite[]): void {
    const writes = merge(batch);
    const isEmpty = writes.length === 0;
    if (isEmpty && this.#commitsInFlight === 0) {
      // The batch has only messages, and everything queued before them is durable.
      this.#onDurable(batch);
      return;
    }
    // An empty commit ends right after the one before it, so it does not count against the limit.
    const weight = isEmpty ? 0 : 1;
    this.#commitsInFlight++;
    this.#writesInFlight += weight;
    this.#startTimes.push(this.#now());
    this.#storage.commit(writes).then(
      () => {
        this.#commitsInFlight--;
        this.#startTimes.shift();
        this.#writesInFlight -= weight;
        this.#onDurable(batch);
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
        this.#onDurable([item]);
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
    this.#onFailure(asError(error));
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

/** The usual case of a node that is not busy, without building tables. */
const mergeOne = ({ group, write: { hardState, entries } }: QueuedWrite): GroupWrite[] =>
  hardState === undefined && entries.length === 0 ? [] : [{ group, hardState, entries }];
