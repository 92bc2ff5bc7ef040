/**
 * A disk under the test's control: writes wait in a queue until the test syncs them, in order; a crash loses the queue.
 * Checkpoints (state machine and applied index together) are durable at once. Throws on writes that no real journal could
 * store: a gap, or an entry below the checkpoint.
 */
import type { Entry, HardState, SnapshotMeta, Write } from '../../../src/raft/index.js';
import { bytes, text } from './entries.js';

export interface Checkpoint {
  readonly meta: SnapshotMeta;
  /** State of the state machine at `meta.index`. */
  readonly state: readonly string[];
}

export function encodeState(state: readonly string[]): Uint8Array {
  return bytes(JSON.stringify(state));
}

export interface DiskCopy {
  readonly hardState: HardState;
  readonly checkpoint: Checkpoint;
  readonly entries: readonly Entry[];
}

export class Disk {
  hardState: HardState = { term: 0, vote: 0, commit: 0 };
  checkpoint: Checkpoint;
  /** Durable entries, consecutive from `checkpoint.meta.index + 1`. */
  entries: Entry[] = [];
  /** Written, not yet synced; oldest first. */
  queue: Write[] = [];
  #staged: Uint8Array[] = [];

  constructor(meta: SnapshotMeta) {
    this.checkpoint = { meta, state: [] };
  }

  get lastIndex(): number {
    return this.checkpoint.meta.index + this.entries.length;
  }

  /** Undefined outside the log, also where it was compacted. */
  termAt(index: number): number | undefined {
    if (index === this.checkpoint.meta.index) return this.checkpoint.meta.term;
    return this.entries[index - this.checkpoint.meta.index - 1]?.term;
  }

  /** Is the entry `index`@`term` durable, in the log or (whatever its term) under the checkpoint? */
  holds(index: number, term: number): boolean {
    return index <= this.checkpoint.meta.index || this.termAt(index) === term;
  }

  installing(): boolean {
    return this.queue.some((write) => write.chunk?.done === true);
  }

  /** Makes the oldest write durable, all of it. */
  sync(): Write | undefined {
    const write = this.queue.shift();
    if (write === undefined) return undefined;
    if (write.hardState !== undefined) this.hardState = write.hardState;
    if (write.chunk !== undefined) this.#stage(write.chunk);
    this.#store(write.entries);
    return write;
  }

  /** A copy of the durable contents, for `rollBack`. */
  copy(): DiskCopy {
    return { hardState: this.hardState, checkpoint: this.checkpoint, entries: [...this.entries] };
  }

  /** Restores a copy; undefined: an empty disk. */
  rollBack(copy: DiskCopy | undefined): void {
    this.crash();
    const { configuration } = this.checkpoint.meta;
    this.hardState = copy?.hardState ?? { term: 0, vote: 0, commit: 0 };
    this.checkpoint = copy?.checkpoint ?? { meta: { index: 0, term: 0, configuration }, state: [] };
    this.entries = [...(copy?.entries ?? [])];
  }

  crash(): void {
    this.queue = [];
    this.#staged = [];
  }

  saveCheckpoint(checkpoint: Checkpoint): void {
    const { index } = checkpoint.meta;
    if (index < this.checkpoint.meta.index) throw new Error(`checkpoint goes back to ${index}`);
    if (index > this.lastIndex) throw new Error(`checkpoint ${index} beyond the durable log`);
    this.entries = this.entries.slice(index - this.checkpoint.meta.index);
    this.checkpoint = checkpoint;
  }

  #store(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    if (first.index > this.lastIndex + 1) throw new Error(`gap on disk: ${first.index} after ${this.lastIndex}`);
    const kept = first.index - this.checkpoint.meta.index - 1;
    if (kept < 0) throw new Error(`write at ${first.index} below the checkpoint ${this.checkpoint.meta.index}`);
    for (const [offset, entry] of entries.entries())
      if (entry.index !== first.index + offset) throw new Error(`entries of a write are not consecutive`);
    this.entries.length = kept;
    for (const entry of entries) this.entries.push(entry);
  }

  #stage(chunk: NonNullable<Write['chunk']>): void {
    if (chunk.sequence === 0) this.#staged = [];
    if (chunk.sequence !== this.#staged.length)
      throw new Error(`chunk ${chunk.sequence} staged after ${this.#staged.length}`);
    this.#staged.push(chunk.data);
    if (!chunk.done) return;
    const state = JSON.parse(this.#staged.map(text).join('')) as string[];
    this.#staged = [];
    this.checkpoint = { meta: chunk.meta, state };
    this.entries = [];
  }
}
