/**
 * Decides when applied effects move from memory into the durable state, and compacts logs behind it.
 *
 * A checkpoint covers every group that applied something since the last one, so the journal can drop what it covers.
 */
import type { GroupCheckpoint, GroupId, Storage } from '../../raft/index.js';
import type { Replica } from './replica.js';
import { ENTRY_OVERHEAD_BYTES, LogRetention, type RetentionLimits } from './log-retention.js';
import type { Runtime } from '../runtime.js';

export interface CheckpointLimits extends RetentionLimits {
  /** Applied bytes of entry data after which a checkpoint is due. */
  readonly bytes: number;
  /** Bytes by which the journal grew after which it is due: a row takes at least a slot, however little is in it. */
  readonly journalBytes: number;
  /** ms after which it is due however little there is. */
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

/** A disk that is full or slow must not keep a node from stopping. */
const LAST_CHECKPOINT_MS = 5_000;

export class Checkpointer {
  readonly #dirty = new Map<GroupId, Replica>();
  #bytes = 0;
  /** Of the journal, behind the last checkpoint. */
  #journalBytes = 0;
  #dirtySince = 0;
  #running: Promise<void> | undefined;
  #endLast: (() => void) | undefined;
  readonly #storage: Storage;
  readonly #limits: CheckpointLimits;
  readonly #retention: LogRetention;
  readonly #compact: (group: Replica, index: number) => void;

  /** `compact` is called outside of turns: it has to enter one. */
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
    // Commits wait for room in the journal: nothing else makes some.
    if (this.#storage.stall?.waits === 'commits') return true;
    const { bytes, journalBytes, intervalMs } = this.#limits;
    if (this.#bytes >= bytes || now - this.#dirtySince >= intervalMs) return true;
    return this.#storage.status().journalBytes - this.#journalBytes >= journalBytes;
  }

  /** Checkpoints every dirty group; joins one that is under way. Rejects when the storage failed. */
  run(): Promise<void> {
    this.#running ??= this.#checkpoint().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Before the end, within bounds, and never rejects: without it the next start takes longer, the journal has it all. */
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

  /** Something begins to wait for room: `runLast` waits no longer. */
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
   * Periodic: compacts away entries that were kept for followers which have them by now, or are gone.
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
