/**
 * How large a store's files are, looked at in the worker: who only wants to know must not wait for a disk that hangs.
 *
 * Looked at when something may have changed, not more often than once a second, and until two looks agree: a log that is
 * copied back by another thread changes files after the work that asked for it. Knows no file and no request.
 */
import type { OpenFiles, StoreFiles } from '../files.js';
import type { FileSizes } from '../storage.js';

/** Between two looks at files that are being written. */
export const POLL_MS = 1_000;

export class FileSizeWatch {
  readonly #openFiles: OpenFiles;
  readonly #report: (sizes: FileSizes) => void;
  readonly #now: () => number;
  #files: StoreFiles | undefined;
  #reported: FileSizes | undefined;
  #isDue = false;
  #nextAt = -Infinity;

  /** `now` in ms, never goes back. */
  constructor(openFiles: OpenFiles, tell: (sizes: FileSizes) => void, now: () => number) {
    this.#openFiles = openFiles;
    this.#report = tell;
    this.#now = now;
  }

  /** Opens them, and looks at what was opened last from then on. */
  readonly open: OpenFiles = (directory, maxJournalBytes) => {
    this.#files = this.#openFiles(directory, maxJournalBytes);
    this.#isDue = this.#files.sizes !== undefined;
    this.#nextAt = -Infinity;
    return this.#files;
  };

  /** So many ms until it wants to look; undefined: nothing has changed. */
  get waitMs(): number | undefined {
    return this.#isDue ? Math.max(0, this.#nextAt - this.#now()) : undefined;
  }

  /** To be called after all that may have written. */
  changed(): void {
    this.#isDue = this.#files?.sizes !== undefined;
  }

  /** To be called now and then; a look costs three calls to the system. */
  review(): void {
    if (!this.#isDue) return;
    const now = this.#now();
    if (now < this.#nextAt) return;
    this.#isDue = false;
    this.#nextAt = now + POLL_MS;
    const sizes = this.#poll();
    if (sizes === undefined || isSame(sizes, this.#reported)) return;
    this.#isDue = true;
    this.#reported = sizes;
    this.#report(sizes);
  }

  #poll(): FileSizes | undefined {
    try {
      return this.#files?.sizes?.();
    } catch {
      // What ails the disk shows in what is written to it: what was known stands.
      return undefined;
    }
  }
}

const isSame = (one: FileSizes, other: FileSizes | undefined): boolean =>
  one.journal === other?.journal && one.state === other.state && one.stateWal === other.stateWal;
