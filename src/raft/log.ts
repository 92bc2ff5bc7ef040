/**
 * One replica's log in memory: index and term of the last compacted entry, the entries after it, and how far they are
 * written, durable, committed, delivered and applied.
 *
 *     snapshotIndex ≤ applied ≤ delivered ≤ commit ≤ lastIndex
 *     delivered ≤ max(stable, snapshotIndex),  stable ≤ written ≤ lastIndex
 *
 * - `written`: handed out in a `Write`. `stable`: such a write completed and was not overwritten since.
 * - Writes complete in the order in which they were handed out. Each keeps the last index that it makes durable; truncating
 *   the log at i lowers that to i − 1, so the late completion of an overwritten write proves nothing (s33).
 */
import type { Entry, EntryKind, SnapshotMeta } from './types.js';

/** Read-only view of a log. Live: it changes as the log does. */
export interface LogView {
  /** Index and term of the last compacted entry; 0 if none is. */
  readonly snapshotIndex: number;
  readonly snapshotTerm: number;
  /** `snapshotIndex` + 1, also while the log is empty. */
  readonly firstIndex: number;
  /** `snapshotIndex` while the log is empty. */
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** Last index that is durable on this replica's disk. */
  readonly stableIndex: number;
  readonly commit: number;
  readonly applied: number;
  /** Term at `index`, from `snapshotIndex` to `lastIndex`; undefined elsewhere. */
  termAt(index: number): number | undefined;
  /** Entry at `index`, from `firstIndex` to `lastIndex`; undefined elsewhere. */
  entryAt(index: number): Entry | undefined;
}

interface EntryWrite {
  readonly sequence: number;
  lastIndex: number;
}

interface Slice {
  readonly version: number;
  readonly from: number;
  readonly entries: readonly Entry[];
  /** Byte limits that result in the same slice. */
  readonly leastBytes: number;
  readonly mostBytes: number;
}

/** Not frozen: loops over frozen arrays are calls out of compiled code. */
export const NO_ENTRIES: readonly Entry[] = [];

export class Log implements LogView {
  #snapshotIndex: number;
  #snapshotTerm: number;
  #entries: Entry[];
  #written: number;
  #stable: number;
  #commit: number;
  #delivered: number;
  #applied: number;
  #inFlight: EntryWrite[] = [];
  /** Rises whenever `#entries` changes, which invalidates `#latestSlice`. */
  #version = 0;
  #latestSlice: Slice = { version: -1, from: 0, entries: NO_ENTRIES, leastBytes: 0, mostBytes: 0 };

  /** Everything given is durable. `commit` is a hint, clamped to the log. */
  constructor(snapshot: Pick<SnapshotMeta, 'index' | 'term'>, entries: readonly Entry[], commit: number) {
    this.#snapshotIndex = snapshot.index;
    this.#snapshotTerm = snapshot.term;
    this.#entries = [...entries];
    if (!follows(entries, snapshot.index, snapshot.term, Infinity)) {
      throw new Error(`the entries do not follow on ${snapshot.index}@${snapshot.term} without a gap`);
    }
    this.#written = this.lastIndex;
    this.#stable = this.lastIndex;
    this.#commit = Math.max(snapshot.index, Math.min(commit, this.lastIndex));
    this.#delivered = snapshot.index;
    this.#applied = snapshot.index;
  }

  get snapshotIndex(): number {
    return this.#snapshotIndex;
  }
  get snapshotTerm(): number {
    return this.#snapshotTerm;
  }
  get firstIndex(): number {
    return this.#snapshotIndex + 1;
  }
  get lastIndex(): number {
    return this.#snapshotIndex + this.#entries.length;
  }
  get lastTerm(): number {
    return this.#entries.at(-1)?.term ?? this.#snapshotTerm;
  }
  get stableIndex(): number {
    return this.#stable;
  }
  get commit(): number {
    return this.#commit;
  }
  get applied(): number {
    return this.#applied;
  }

  termAt(index: number): number | undefined {
    if (index === this.#snapshotIndex) return this.#snapshotTerm;
    return this.#entries[index - this.#snapshotIndex - 1]?.term;
  }

  entryAt(index: number): Entry | undefined {
    return this.#entries[index - this.#snapshotIndex - 1];
  }

  /** Is a log that ends in `lastIndex@lastTerm` at least as up-to-date as this one (§5.4.1)? */
  isUpToDate(lastIndex: number, lastTerm: number): boolean {
    return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.lastIndex);
  }

  /**
   * The highest index ≤ `index` whose term is at most `term`: nothing between it and `index` can match a log that has
   * at most `term` there, for terms never fall along a log. Below `snapshotIndex`, where terms are unknown, any index
   * may match.
   */
  lastWithTermAtMost(index: number, term: number): number {
    if (index < this.#snapshotIndex) return index;
    if (this.#snapshotTerm > term) return this.#snapshotIndex - 1;
    let low = this.#snapshotIndex;
    let high = Math.min(index, this.lastIndex);
    while (low < high) {
      // Not `>>`, which would truncate to 32 bits: an index may have 48.
      const middle = Math.ceil((low + high) / 2);
      if ((this.termAt(middle) ?? Infinity) <= term) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Appends a leader's own entries, one per item of `data`. */
  append(term: number, kind: EntryKind, data: readonly Uint8Array[]): void {
    let index = this.lastIndex;
    for (const bytes of data) this.#entries.push({ index: ++index, term, kind, data: bytes });
    this.#version++;
  }

  /**
   * Takes a leader's entries, whose predecessor is known to match. Entries that match stay, and so does what follows them,
   * however old the message (s28); the log is truncated only at a conflict (s27).
   */
  merge(entries: readonly Entry[]): void {
    let known = 0;
    for (const entry of entries) {
      const term = this.termAt(entry.index);
      if (term === undefined) break;
      if (term !== entry.term) {
        this.#truncate(entry.index);
        break;
      }
      known++;
    }
    if (known === entries.length) return;
    for (let i = known; i < entries.length; i++) {
      const entry = entries[i];
      if (entry !== undefined) this.#entries.push(entry);
    }
    this.#version++;
  }

  #truncate(index: number): void {
    if (index <= this.#commit) {
      throw new Error(`safety violation: a leader asks to replace ${index}, but ${this.#commit} is committed here`);
    }
    this.#entries.length = index - this.firstIndex;
    this.#lowerWritten(index - 1);
  }

  #lowerWritten(index: number): void {
    this.#written = Math.min(this.#written, index);
    this.#stable = Math.min(this.#stable, index);
    for (const write of this.#inFlight) write.lastIndex = Math.min(write.lastIndex, index);
  }

  /** Entries from `from`, up to `maxBytes` of data, at least one if there is one. Callers share the returned array. */
  slice(from: number, maxBytes: number): readonly Entry[] {
    if (from > this.lastIndex || from < this.firstIndex) return NO_ENTRIES;
    const latest = this.#latestSlice;
    const isLatest = latest.version === this.#version && latest.from === from;
    if (isLatest && maxBytes >= latest.leastBytes && maxBytes <= latest.mostBytes) return latest.entries;
    const start = from - this.firstIndex;
    let end = start;
    let bytes = 0;
    for (; end < this.#entries.length; end++) {
      bytes += this.#entries[end]?.data.length ?? 0;
      if (bytes > maxBytes && end > start) break;
    }
    const entries = this.#entries.slice(start, end);
    // Reaches the log's end: the same slice serves the disk, which has no limit.
    const [leastBytes, mostBytes] =
      end === this.#entries.length ? [Math.min(bytes, maxBytes), Infinity] : [maxBytes, maxBytes];
    this.#latestSlice = { version: this.#version, from, entries, leastBytes, mostBytes };
    return entries;
  }

  /** Bytes of data in the entries after `after`, up to and including `to`. */
  bytesBetween(after: number, to: number): number {
    let bytes = 0;
    for (let index = after + 1; index <= to; index++) bytes += this.entryAt(index)?.data.length ?? 0;
    return bytes;
  }

  /** Raises the commit index to `index`, never beyond the log (s42). */
  commitTo(index: number): void {
    this.#commit = Math.max(this.#commit, Math.min(index, this.lastIndex));
  }

  /** Last index handed out for writing. */
  get writtenIndex(): number {
    return this.#written;
  }

  get hasUnwritten(): boolean {
    return this.#written < this.lastIndex;
  }

  /** Takes the entries not yet handed out for writing; from now on they are part of write `sequence`. */
  takeUnwritten(sequence: number): readonly Entry[] {
    if (!this.hasUnwritten) return NO_ENTRIES;
    const entries = this.slice(this.#written + 1, Infinity);
    this.#written = this.lastIndex;
    this.#inFlight.push({ sequence, lastIndex: this.#written });
    return entries;
  }

  /** The snapshot that the log starts from becomes durable with write `sequence`. */
  takeInstall(sequence: number): void {
    this.#inFlight.push({ sequence, lastIndex: this.#snapshotIndex });
  }

  /** Writes up to `sequence` are durable. */
  completed(sequence: number): void {
    for (let write = this.#inFlight[0]; write !== undefined && write.sequence <= sequence; write = this.#inFlight[0]) {
      this.#stable = Math.max(this.#stable, write.lastIndex);
      this.#inFlight.shift();
    }
  }

  get hasCommitted(): boolean {
    return Math.min(this.#commit, this.#stable) > this.#delivered;
  }

  /** Takes the entries that are committed and durable here, each once, in order (s43). */
  takeCommitted(): readonly Entry[] {
    if (!this.hasCommitted) return NO_ENTRIES;
    const from = this.#delivered;
    this.#delivered = Math.min(this.#commit, this.#stable);
    return this.#entries.slice(from - this.#snapshotIndex, this.#delivered - this.#snapshotIndex);
  }

  /** Is an entry of this kind committed and not yet applied? */
  hasUnapplied(kind: EntryKind): boolean {
    for (let index = this.#applied + 1; index <= this.#commit; index++) {
      if (this.entryAt(index)?.kind === kind) return true;
    }
    return false;
  }

  appliedTo(index: number): void {
    if (index > this.#delivered) throw new Error(`applied ${index}, but only ${this.#delivered} was delivered`);
    this.#applied = Math.max(this.#applied, index);
  }

  compact(index: number): void {
    if (index <= this.#snapshotIndex) return;
    const term = this.termAt(index);
    if (index > this.#applied || term === undefined) {
      throw new Error(`cannot compact to ${index}: only ${this.#applied} is applied`);
    }
    this.#entries = this.#entries.slice(index - this.#snapshotIndex);
    this.#snapshotIndex = index;
    this.#snapshotTerm = term;
    this.#version++;
  }

  /** Replaces the log by a snapshot that ends beyond `commit`. Not durable yet (`takeInstall`). */
  restore(snapshot: Pick<SnapshotMeta, 'index' | 'term'>): void {
    this.#lowerWritten(this.#commit);
    this.#entries = [];
    this.#snapshotIndex = snapshot.index;
    this.#snapshotTerm = snapshot.term;
    this.#written = snapshot.index;
    this.#commit = snapshot.index;
    this.#delivered = snapshot.index;
    this.#applied = snapshot.index;
    this.#version++;
  }
}

/** Do `entries` follow on `prevIndex@prevTerm` without a gap, with terms that never fall nor exceed `maxTerm`? */
export function follows(entries: readonly Entry[], prevIndex: number, prevTerm: number, maxTerm: number): boolean {
  let index = prevIndex;
  let term = prevTerm;
  for (const entry of entries) {
    if (entry.index !== ++index || entry.term < term) return false;
    term = entry.term;
  }
  return term <= maxTerm;
}
