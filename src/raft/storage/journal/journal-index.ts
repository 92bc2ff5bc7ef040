/**
 * The journal's index in memory: which rows exist, and which of them each group still needs.
 *
 * It is updated in the order of the calls, before they are durable: the worker executes them in the same order. A group
 * needs a row for entries after its checkpoint, and for a hard state or reset that the state file has not stored yet.
 * Only a prefix of the rows is truncated, so a row that overwrites entries always outlives the row with those entries.
 */
import { entriesSize, rowSize } from './row.js';
import type { JournalRecord } from './row.js';
import type { GroupWrite } from '../storage.js';
import type { GroupId, HardState } from '../../types.js';

/** Consecutive live entries of one group in one row. */
export interface Segment {
  readonly first: number;
  last: number;
  readonly seq: number;
  readonly bytes: number;
}

interface Track {
  /** Ascending in index and in seq. */
  segments: Segment[];
  last: number;
  covered: number;
  /** The newest hard state; `hardSeq` is its row. */
  hardState: HardState;
  hardSeq: number;
  /** Hard states that the state file has not stored: the newest durable one, if any, and all after it. */
  unstored: { readonly hardState: HardState; readonly seq: number }[];
  storedHardSeq: number;
  resetSeq: number;
  storedResetSeq: number;
}

export interface HardStateAt {
  readonly group: GroupId;
  readonly hardState: HardState;
  readonly seq: number;
}

/** A group's live entries, to be copied into a new row. */
export interface CopyPart {
  readonly group: GroupId;
  readonly segments: readonly Segment[];
}

/** Bytes of a journal slot on the disk; a row takes whole slots. */
export const SLOT_BYTES = 4096;

export const ZERO_HARD_STATE: HardState = { term: 0, vote: 0, commit: 0 };

export class JournalIndex {
  readonly #tracks = new Map<GroupId, Track>();
  /** Sizes of the rows `#firstSeq ..= #lastSeq`. */
  #rowBytes: number[] = [];
  #firstSeq: number;
  #lastSeq: number;
  #totalBytes = 0;
  #liveBytes = 0;
  /** The newest row known to be durable. */
  #durable = 0;

  /** `lastSeq`: number of the last truncated row; 0 = none. The next row follows it. */
  constructor(lastSeq: number) {
    this.#firstSeq = lastSeq + 1;
    this.#lastSeq = lastSeq;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  get rows(): number {
    return this.#rowBytes.length;
  }

  get bytes(): number {
    return this.#totalBytes;
  }

  /** Sets a group's state as stored in the state file, before any row is added. */
  restore(group: GroupId, stored: { covered: number; hardState: HardState; hardSeq: number; resetSeq: number }): void {
    const track = this.#track(group);
    track.covered = stored.covered;
    track.last = stored.covered;
    track.hardState = stored.hardState;
    track.hardSeq = stored.hardSeq;
    track.storedHardSeq = stored.hardSeq;
    track.resetSeq = stored.resetSeq;
    track.storedResetSeq = stored.resetSeq;
  }

  /** Throws `RangeError` if an append would leave a gap, from which recovery would be impossible. */
  check(writes: readonly GroupWrite[]): void {
    for (const { group, entries } of writes) {
      let next = (this.#tracks.get(group)?.last ?? 0) + 1;
      const first = entries[0];
      if (first === undefined) continue;
      if (first.index < 1 || first.index > next) {
        throw new RangeError(`group ${group}: entry ${first.index} would leave a gap, the log ends at ${next - 1}`);
      }
      next = first.index;
      for (const entry of entries) {
        if (entry.index !== next) throw new RangeError(`group ${group}: entry ${entry.index} where ${next} is due`);
        next++;
      }
    }
  }

  /** Adds the next row and returns its number. */
  append(records: readonly JournalRecord[], bytes = rowSize(records)): number {
    const seq = this.#addRow(bytes);
    for (const record of records) {
      const track = this.#track(record.group);
      // During recovery the state file may already hold a newer hard state than an old row.
      if (record.hardState !== undefined && seq > track.hardSeq) {
        track.hardState = record.hardState;
        track.hardSeq = seq;
        track.unstored.push({ hardState: record.hardState, seq });
        if (track.unstored.length > 1) this.#dropReplaced(track);
      }
      if (record.reset !== undefined) {
        if (seq > track.resetSeq) {
          track.resetSeq = seq;
          track.covered = record.reset.meta.index;
        }
        track.last = record.reset.meta.index;
        this.#replaceSegments(track, []);
      }
      this.#appendEntries(track, record, seq);
    }
    return seq;
  }

  /** Adds a row that repeats the parts' entries; its exact size is unknown until it is written. */
  appendCopy(parts: readonly CopyPart[]): number {
    const bytes = parts.reduce((sum, part) => sum + bytesOf(part.segments), 0);
    const seq = this.#addRow(bytes);
    for (const { group, segments } of parts) {
      const first = segments[0];
      const last = segments.at(-1);
      if (first === undefined || last === undefined) continue;
      this.#replaceSegments(this.#track(group), [
        { first: first.first, last: last.last, seq, bytes: bytesOf(segments) },
      ]);
    }
    return seq;
  }

  /** A durable checkpoint covers everything up to `index`. */
  cover(group: GroupId, index: number): void {
    const track = this.#track(group);
    if (index <= track.covered) return;
    track.covered = index;
    track.last = Math.max(track.last, index);
    const from = track.segments.findIndex((segment) => segment.last > index);
    this.#replaceSegments(track, from < 0 ? [] : track.segments.slice(from));
  }

  get durable(): number {
    return this.#durable;
  }

  /** Every row up to `seq` is durable. Later rows may still be lost. */
  durableTo(seq: number): void {
    this.#durable = seq;
  }

  /**
   * Hard states that only the journal holds, per group in the order of their rows: the newest durable one, and all that
   * are not durable yet, because some of them may be by the time the state file stores them.
   */
  unstoredHardStates(): HardStateAt[] {
    const found: HardStateAt[] = [];
    for (const [group, track] of this.#tracks) {
      this.#dropReplaced(track);
      for (const { hardState, seq } of track.unstored) found.push({ group, hardState, seq });
    }
    return found;
  }

  /** The state file has durably stored these hard states, and every reset up to row `resetsUpTo`. */
  stored(hardStates: readonly HardStateAt[], resetsUpTo: number): void {
    for (const { group, seq } of hardStates) {
      const track = this.#track(group);
      track.storedHardSeq = Math.max(track.storedHardSeq, seq);
      track.unstored = track.unstored.filter((held) => held.seq > track.storedHardSeq);
    }
    for (const track of this.#tracks.values()) {
      if (track.resetSeq <= resetsUpTo) track.storedResetSeq = track.resetSeq;
    }
  }

  /** Only a durable hard state replaces those before it. */
  #dropReplaced({ unstored }: Track): void {
    while (unstored.length > 1 && (unstored[1]?.seq ?? 0) <= this.#durable) unstored.shift();
  }

  hardState(group: GroupId): HardState {
    return this.#tracks.get(group)?.hardState ?? ZERO_HARD_STATE;
  }

  /** The last row of the prefix that no group needs. The newest durable row always stays, to continue the numbering. */
  truncatableTo(): number {
    let needed = Math.min(this.#lastSeq, this.#durable);
    for (const track of this.#tracks.values()) {
      this.#dropReplaced(track);
      needed = Math.min(needed, oldestNeed(track));
    }
    return Math.max(needed, this.#firstSeq) - 1;
  }

  truncatePrefix(to: number): void {
    const gone = this.#rowBytes.splice(0, Math.max(0, to - this.#firstSeq + 1));
    this.#firstSeq += gone.length;
    for (const bytes of gone) this.#totalBytes -= bytes;
  }

  /**
   * Groups whose entries should be copied forward, because they alone keep many dead rows from being truncated: those
   * that need the older half of the journal, once more than `slackBytes` and more than half of it is dead. So copying
   * costs at most what it frees. A group's whole live log is copied, because a row replaces everything from its first
   * entry on. Beyond `mostBytes` only the oldest are returned, at least one; the others after the next checkpoint.
   */
  copyCandidates(slackBytes: number, mostBytes = Infinity): CopyPart[] {
    const dead = this.#totalBytes - this.#liveBytes;
    if (dead <= slackBytes || dead <= this.#liveBytes) return [];
    const middle = this.#seqAtHalf();
    const parts: CopyPart[] = [];
    for (const [group, { segments }] of this.#tracks) {
      const first = segments[0];
      if (first !== undefined && first.seq <= middle) parts.push({ group, segments });
    }
    return mostBytes === Infinity ? parts : oldestOf(parts, mostBytes);
  }

  #seqAtHalf(): number {
    let sum = 0;
    const at = this.#rowBytes.findIndex((bytes) => (sum += bytes) >= this.#totalBytes / 2);
    return Math.min(this.#firstSeq + at, this.#lastSeq - 1);
  }

  #track(group: GroupId): Track {
    let track = this.#tracks.get(group);
    if (track === undefined) {
      track = {
        segments: [],
        last: 0,
        covered: 0,
        hardState: ZERO_HARD_STATE,
        hardSeq: 0,
        unstored: [],
        storedHardSeq: 0,
        resetSeq: 0,
        storedResetSeq: 0,
      };
      this.#tracks.set(group, track);
    }
    return track;
  }

  #addRow(rowBytes: number): number {
    const bytes = Math.ceil(rowBytes / SLOT_BYTES) * SLOT_BYTES;
    this.#rowBytes.push(bytes);
    this.#totalBytes += bytes;
    return ++this.#lastSeq;
  }

  #appendEntries(track: Track, { entries }: JournalRecord, seq: number): void {
    const first = entries[0];
    const last = entries.at(-1);
    if (first === undefined || last === undefined) return;
    this.#truncateFrom(track, first.index);
    track.last = last.index;
    if (last.index <= track.covered) return;
    const bytes = entriesSize(entries);
    track.segments.push({ first: first.index, last: last.index, seq, bytes });
    this.#liveBytes += bytes;
  }

  #truncateFrom(track: Track, index: number): void {
    for (let last = track.segments.at(-1); last !== undefined; last = track.segments.at(-1)) {
      if (last.first < index) {
        last.last = Math.min(last.last, index - 1);
        return;
      }
      track.segments.pop();
      this.#liveBytes -= last.bytes;
    }
  }

  #replaceSegments(track: Track, segments: Segment[]): void {
    this.#liveBytes += bytesOf(segments) - bytesOf(track.segments);
    track.segments = segments;
  }
}

const bytesOf = (segments: readonly Segment[]): number => segments.reduce((sum, { bytes }) => sum + bytes, 0);

function oldestOf(parts: readonly CopyPart[], mostBytes: number): CopyPart[] {
  const byAge = [...parts].sort((a, b) => (a.segments[0]?.seq ?? 0) - (b.segments[0]?.seq ?? 0));
  let bytes = 0;
  return byAge.filter(({ segments }, i) => (bytes += bytesOf(segments)) <= mostBytes || i === 0);
}

function oldestNeed(track: Track): number {
  let seq = track.segments[0]?.seq ?? Infinity;
  const [oldest] = track.unstored;
  if (oldest !== undefined) seq = Math.min(seq, oldest.seq);
  if (track.resetSeq > track.storedResetSeq) seq = Math.min(seq, track.resetSeq);
  return seq;
}
