/**
 * Sizes of a store's files, measured in the worker, so that a status request never waits for a disk that hangs.
 *
 * They are measured when something may have changed, at most once a second, and until two measurements agree: a WAL
 * checkpoint in another thread changes files after the work that started it.
 */
import type { OpenFiles, StoreFiles } from '../files.js';
import type { FileSizes } from '../storage.js';

/** Interval between two measurements of files that are being written. */
export const POLL_MS = 1_000;

export class FileSizeWatch {
  readonly #openFiles: OpenFiles;
  readonly #report: (sizes: FileSizes) => void;
  readonly #now: () => number;
  #files: StoreFiles | undefined;
  #reported: FileSizes | undefined;
  #isDue = false;
  #nextAt = -Infinity;

  /** `now`: a monotonic clock in ms. */
  constructor(openFiles: OpenFiles, report: (sizes: FileSizes) => void, now: () => number) {
    this.#openFiles = openFiles;
    this.#report = report;
    this.#now = now;
  }

  /** Opens files, which are measured from then on instead of those opened before. */
  readonly open: OpenFiles = (directory, maxJournalBytes) => {
    this.#files = this.#openFiles(directory, maxJournalBytes);
    this.#isDue = this.#files.sizes !== undefined;
    this.#nextAt = -Infinity;
    return this.#files;
  };

  /** Milliseconds until the next measurement is due; undefined: nothing has changed. */
  get waitMs(): number | undefined {
    return this.#isDue ? Math.max(0, this.#nextAt - this.#now()) : undefined;
  }

  /** To be called after anything that may have written. */
  changed(): void {
    this.#isDue = this.#files?.sizes !== undefined;
  }

  /** To be called regularly; a measurement costs three system calls. */
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
      // Writes report errors of the disk; the last known sizes stay.
      return undefined;
    }
  }
}

const isSame = (one: FileSizes, other: FileSizes | undefined): boolean =>
  one.journal === other?.journal && one.state === other.state && one.stateWal === other.stateWal;
