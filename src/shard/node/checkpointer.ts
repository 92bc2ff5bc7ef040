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
  #bytes = 0;
  /** Size of the journal after the last checkpoint. */
  #journalBytes = 0;
  #dirtySince = 0;
  #running: Promise<void> | undefined;
  #endLast: (() => void) | undefined;
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
    if (this.#dirty.size === 0) this.#dirtySince = now;
    this.#dirty.set(group.id, group);
    this.#bytes += bytes + ENTRY_OVERHEAD_BYTES;
  }

  isDue(now: number): boolean {
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

  /** Called when something begins to wait for disk space: ends the wait of `runLast`. */
  outOfRoom(): void {
    this.#endLast?.();
  }

  async #checkpoint(): Promise<void> {
    const groups = [...this.#dirty.values()].filter((group) => !group.installing);
    for (const group of groups) this.#dirty.delete(group.id);
    this.#bytes = 0;
    const checkpoints = groups.map((group) => prepareCheckpoint(group));
    if (checkpoints.length === 0) return;
    await this.#storage.checkpoint(checkpoints);
    this.#journalBytes = this.#storage.status().journalBytes;
    for (const [i, group] of groups.entries()) {
      group.table.release();
      this.#compact(group, this.#retention.compactTo(group, checkpoints[i]?.meta.index ?? 0));
    }
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
