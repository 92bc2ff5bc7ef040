/**
 * Reads that wait for a confirmation of leadership (ReadIndex, thesis §6.4).
 *
 * A read gets a context, a number that no earlier read of this replica had, and the current commit index. Heartbeats
 * carry the newest context; once a quorum has answered with it or a newer one, every read up to it is confirmed:
 * leadership held after the read arrived. A leader that has not committed in its own term has no read index yet (s47);
 * its reads get one with that commit.
 */
import type { ConfirmedRead } from './ready.js';

export class ReadIndexQueue {
  /** Contexts without an index yet, oldest first. */
  #early: number[] = [];
  /** Reads with an index, oldest first. */
  #indexed: ConfirmedRead[] = [];
  #newest = 0;

  get isEmpty(): boolean {
    return this.#early.length === 0 && this.#indexed.length === 0;
  }

  /** The context to carry in heartbeats; 0 when no read waits. */
  get context(): number {
    return this.isEmpty ? 0 : this.#newest;
  }

  /** `commit`: undefined while the leader has not committed in its term. */
  add(context: number, commit: number | undefined): void {
    this.#newest = context;
    if (commit === undefined) this.#early.push(context);
    else this.#indexed.push({ context, index: commit });
  }

  /** The first commit of the leader's term: from now on reads have an index. */
  firstCommit(commit: number): void {
    for (const context of this.#early) this.#indexed.push({ context, index: commit });
    this.#early = [];
  }

  /** A quorum confirmed `context`: emits every read up to it that has an index, in order. */
  confirm(context: number, emit: (read: ConfirmedRead) => void): void {
    let confirmed = 0;
    for (const read of this.#indexed) {
      if (read.context > context) break;
      emit(read);
      confirmed++;
    }
    if (confirmed > 0) this.#indexed.splice(0, confirmed);
  }

  /** Contexts of all pending reads. */
  contexts(): number[] {
    return [...this.#indexed.map((read) => read.context), ...this.#early];
  }
}
