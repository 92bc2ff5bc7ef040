/**
 * Decides when applied effects move from memory into the durable state, and compacts logs afterwards.
 *
 * A checkpoint covers every group that applied something since the last one, so that the journal can be truncated.
 */
import type { GroupCheckpoint, GroupId, Storage } from '../../raft/index.js';
import type { Replica } from './replica.js';
import { ENTRY_OVERHEAD_BYTES, LogRetention, type RetentionLimits } from './log-retention.js';
import type { Runtime } from '../runtime.js';

export interface CheckpointLimits extends RetentionLimits {
  /** Applied bytes of entry data after which a checkpoint is due. */
  readonly bytes: number;
  /** Growth of the journal in bytes after which it is due: a row takes at least a slot, however short it is. */
  readonly journalBytes: number;
  /** Time in ms after which it is due, however little was applied. */
  readonly intervalMs: number;
}

export const DEFAULT_CHECKPOINT_LIMITS: CheckpointLimits = {
  bytes: 8 * 1024 * 1024,
  journalBytes: 16 * 1024 * 1024,
  intervalMs: 30_000,
  keepEntries: 1_000,
  keepBytes: 1024 * 1024,
  followerBytes: 16 * 1024 * 1024,
  nodeFollowerBytes: 64 * 1024 * 1024,
};

/** Limit in ms, because a full or slow disk must not prevent a node from stopping. */
const LAST_CHECKPOINT_MS = 5_000;

export class Checkpointer {
  readonly #dirty = new Map<GroupId, Replica>();
  /** Of the checkpoint that is under way, those that were not prepared yet: it has all that they apply until then. */
  readonly #due = new Set<Replica>();
  #bytes = 0;
  /** Size of the journal after the last checkpoint. */
  #journalBytes = 0;
  #dirtySince = 0;
  /** The latest time that was told. */
  #now = 0;
  #running: Promise<void> | undefined;
  #endLast: (() => void) | undefined;
  #isClosed = false;
  readonly #storage: Storage;
  readonly #limits: CheckpointLimits;
  readonly #retention: LogRetention;
  readonly #compact: (group: Replica, index: number) => void;

  /** `compact` is called outside of turns, and must enter one. */
  constructor(storage: Storage, limits: CheckpointLimits, compact: (group: Replica, index: number) => void) {
    this.#storage = storage;
    this.#limits = limits;
    this.#retention = new LogRetention(limits);
    this.#compact = compact;
  }

  get running(): boolean {
    return this.#running !== undefined;
  }

  applied(group: Replica, bytes: number, now: number): void {
    this.#now = now;
    if (this.#due.has(group)) return;
    if (this.#dirty.size === 0) this.#dirtySince = now;
    this.#dirty.set(group.id, group);
    this.#bytes += bytes + ENTRY_OVERHEAD_BYTES;
  }

  isDue(now: number): boolean {
    this.#now = now;
    if (this.running || this.#dirty.size === 0) return false;
    // Commits wait for space in the journal, which only a checkpoint can free.
    if (this.#storage.stall?.waits === 'commits') return true;
    const { bytes, journalBytes, intervalMs } = this.#limits;
    if (this.#bytes >= bytes || now - this.#dirtySince >= intervalMs) return true;
    return this.#storage.status().journalBytes - this.#journalBytes >= journalBytes;
  }

  /** Checkpoints every dirty group; joins a checkpoint in progress. Rejects when the storage failed. */
  run(): Promise<void> {
    this.#running ??= this.#checkpoint().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /**
   * Last checkpoint before the node stops, bounded in time. Never rejects: the journal has everything, only the next
   * start is slower.
   */
  runLast(runtime: Pick<Runtime, 'after'>): Promise<void> {
    return new Promise((resolve) => {
      if (this.#storage.stall !== undefined) {
        resolve();
        return;
      }
      const limit = runtime.after(LAST_CHECKPOINT_MS, resolve);
      const end = (): void => {
        limit.cancel();
        resolve();
      };
      this.#endLast = end;
      this.run().then(end, end);
    });
  }

  /**
   * Prepares nothing more, also of a checkpoint that is under way: a node that failed may have applied an entry in part,
   * which must not become durable.
   */
  close(): void {
    this.#isClosed = true;
  }

  /** Called when something begins to wait for disk space: ends the wait of `runLast`. */
  outOfRoom(): void {
    this.#endLast?.();
  }

  async #checkpoint(): Promise<void> {
    if (this.#isClosed) return;
    for (const group of this.#dirty.values()) if (!group.installing) this.#due.add(group);
    for (const { id } of this.#due) this.#dirty.delete(id);
    this.#bytes = 0;
    // Those that a snapshot is replacing are not due again at once.
    this.#dirtySince = this.#now;
    if (this.#due.size === 0) return;
    const covered = new Map<Replica, number>();
    try {
      await this.#storage.checkpoint(this.#prepared(covered));
    } finally {
      for (const group of this.#due) this.#notPrepared(group);
    }
    this.#journalBytes = this.#storage.status().journalBytes;
    for (const [group, index] of covered) {
      group.table.release();
      this.#compact(group, this.#retention.compactTo(group, index));
    }
  }

  /** Each is prepared when the storage takes it. @param covered is filled with the index of each */
  *#prepared(covered: Map<Replica, number>): Generator<GroupCheckpoint> {
    for (const group of [...this.#due]) {
      if (this.#isClosed) return;
      // A snapshot may have begun to replace it meanwhile.
      if (group.installing) {
        this.#notPrepared(group);
        continue;
      }
      this.#due.delete(group);
      const checkpoint = prepareCheckpoint(group);
      covered.set(group, checkpoint.meta.index);
      yield checkpoint;
    }
  }

  #notPrepared(group: Replica): void {
    this.#due.delete(group);
    if (this.#dirty.size === 0) this.#dirtySince = this.#now;
    this.#dirty.set(group.id, group);
  }

  /**
   * Called periodically: compacts away entries that were kept for followers which have them by now, or are gone.
   * @returns true: a checkpoint is due
   */
  maintain(now: number): boolean {
    for (const { group, index } of this.#retention.review()) this.#compact(group, index);
    return this.isDue(now);
  }
}

function prepareCheckpoint(group: Replica): GroupCheckpoint {
  const index = group.applied;
  const term = group.raft.termAt(index);
  if (term === undefined) throw new Error(`group ${group.id} has applied ${index} and no longer knows its term`);
  group.machine.flush();
  return {
    group: group.id,
    meta: { index, term, configuration: group.raft.configuration },
    rows: group.table.seal(),
  };
}
