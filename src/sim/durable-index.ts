/**
 * Which entries, terms and votes of which group are durable on one disk, for two invariants: a quorum holds durably
 * whatever is committed, and no vote is sent before it is written. Fed with what becomes durable, in that order.
 */
import type { GroupId, HardState, SnapshotMeta } from '../raft/index.js';
import { decodeRow } from '../raft/storage/index.js';
import type { JournalRecord } from '../raft/storage/index.js';

/** Terms of covered entries are dropped once there are this many. */
const COVERED_KEPT = 1024;

interface Track {
  /** Terms of the entries from `first` on. */
  terms: number[];
  first: number;
  snapshotIndex: number;
  snapshotTerm: number;
  hardState: HardState | undefined;
}

export class DurableIndex {
  readonly #tracks = new Map<GroupId, Track>();

  copy(): DurableIndex {
    const copy = new DurableIndex();
    for (const [group, track] of this.#tracks) copy.#tracks.set(group, { ...track, terms: [...track.terms] });
    return copy;
  }

  /** Term of the entry, or of the snapshot that ends at it; undefined if neither exists. */
  term(group: GroupId, index: number): number | undefined {
    const track = this.#tracks.get(group);
    if (track === undefined) return undefined;
    if (index === track.snapshotIndex) return track.snapshotTerm;
    return index > track.snapshotIndex ? track.terms[index - track.first] : undefined;
  }

  snapshotIndex(group: GroupId): number {
    return this.#tracks.get(group)?.snapshotIndex ?? 0;
  }

  /** From the latest journal row that contained one. */
  hardState(group: GroupId): HardState | undefined {
    return this.#tracks.get(group)?.hardState;
  }

  /** A journal row has become durable. */
  add(row: Uint8Array): void {
    for (const record of decodeRow(row)) this.#replay(record);
  }

  #replay({ group, reset, hardState, entries }: JournalRecord): void {
    const track = this.#track(group);
    track.hardState = hardState ?? track.hardState;
    if (reset !== undefined) {
      const { index, term } = reset.meta;
      Object.assign(track, { terms: [], first: index + 1, snapshotIndex: index, snapshotTerm: term });
    }
    const first = entries[0]?.index;
    if (first === undefined) return;
    if (first < track.first || first > track.first + track.terms.length) {
      // The row repeats, for followers behind the snapshot, entries that were truncated or never written here.
      track.terms = [];
      track.first = first;
    } else track.terms.length = first - track.first;
    for (const { term } of entries) track.terms.push(term);
  }

  /** A checkpoint or an install in the state file has become durable. */
  cover(group: GroupId, { index, term }: SnapshotMeta): void {
    const track = this.#track(group);
    if (index < track.snapshotIndex) return;
    track.snapshotIndex = index;
    track.snapshotTerm = term;
    const covered = index + 1 - track.first;
    if (covered >= track.terms.length) {
      track.terms = [];
      track.first = index + 1;
    } else if (covered > COVERED_KEPT) {
      track.terms.splice(0, covered);
      track.first = index + 1;
    }
  }

  #track(group: GroupId): Track {
    let track = this.#tracks.get(group);
    if (track === undefined) {
      track = { terms: [], first: 1, snapshotIndex: 0, snapshotTerm: 0, hardState: undefined };
      this.#tracks.set(group, track);
    }
    return track;
  }
}
