/**
 * The journal as the engine uses it: put in order after a write that found no room, and with room made ahead of commits.
 * Knows no requests and no replies.
 */
import { isTransient, toFailure } from '../failure.js';
import type { JournalFile } from '../files.js';
import { Stall } from './stall.js';

export class RecoveringJournal {
  readonly #journal: JournalFile;
  /** There was no room to be made ahead of commits. */
  readonly #preallocationStall: Stall;
  /** It found no room, and has not been put in order since. */
  #isDirty = false;

  constructor(journal: JournalFile, now: () => number) {
    this.#journal = journal;
    this.#preallocationStall = new Stall(now);
  }

  /** In order. @throws as a write does, if there is no room for that either */
  get file(): JournalFile {
    if (this.#isDirty) this.#journal.recover();
    this.#isDirty = false;
    return this.#journal;
  }

  /** Runs `work` on the journal, which is in order before it, and before the next. */
  use<T>(work: (journal: JournalFile) => T): T {
    const journal = this.file;
    try {
      return work(journal);
    } catch (error) {
      this.#isDirty = true;
      throw error;
    }
  }

  /** Ahead of commits, while nobody waits for it. False if there was nothing to do, or no room. */
  preallocate(): boolean {
    if (this.#preallocationStall.isWaiting) return false;
    try {
      const made = this.use((journal) => journal.preallocate());
      this.#preallocationStall.end();
      return made;
    } catch (error) {
      const failure = toFailure(error, 'growing journal.db');
      if (!isTransient(failure)) throw error;
      this.#preallocationStall.begin(failure);
      return false;
    }
  }
}
