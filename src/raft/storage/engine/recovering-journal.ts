/**
 * The journal as the engine uses it: after a write that found no space it is recovered before its next use, and slots
 * are preallocated off the commit path.
 */
import { isTransient, toFailure } from '../failure.js';
import type { JournalFile } from '../files.js';
import { Stall } from './stall.js';

export class RecoveringJournal {
  readonly #journal: JournalFile;
  /** Preallocation found no space. */
  readonly #preallocationStall: Stall;
  /** A write found no space, and the journal has not been recovered since. */
  #isDirty = false;

  constructor(journal: JournalFile, now: () => number) {
    this.#journal = journal;
    this.#preallocationStall = new Stall(now);
  }

  /** The journal, recovered if necessary. @throws as a write does, if recovery finds no space either */
  get file(): JournalFile {
    if (this.#isDirty) this.#journal.recover();
    this.#isDirty = false;
    return this.#journal;
  }

  /** Runs `work` on the recovered journal; if it throws, the journal is recovered before the next use. */
  use<T>(work: (journal: JournalFile) => T): T {
    const journal = this.file;
    try {
      return work(journal);
    } catch (error) {
      this.#isDirty = true;
      throw error;
    }
  }

  /** Adds slots off the commit path. False if there was nothing to do, or no space. */
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
