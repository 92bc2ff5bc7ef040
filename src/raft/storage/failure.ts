/**
 * Failures as data, so that they survive the way from the worker to the caller: which of the port's errors, and why.
 */
import { constants } from 'node:os';
import { corruption } from './journal/recovery.js';
import { JournalFull, StorageCorruption, StorageFailure, StorageFull } from './storage.js';
import { messageOf } from '../../thrown.js';

export interface FailureData {
  /**
   * `quota`: the journal is full, the disk is not. `unopened`: a file could not be opened, mostly because the process
   * has no descriptors left.
   */
  readonly kind: 'full' | 'quota' | 'unopened' | 'corruption' | 'failure';
  readonly message: string;
}

/** Nothing is unknown of what is on the disk, and a later try may find room: the store waits, and goes on by itself. */
export const isTransient = ({ kind }: FailureData): boolean =>
  kind === 'full' || kind === 'quota' || kind === 'unopened';

/** SQLite's codes are on the error (`SQLITE_FULL`, `SQLITE_IOERR_FSYNC`, …); `what` says what was being done. */
export function toFailure(error: unknown, what: string): FailureData {
  if (error instanceof StorageCorruption) return { kind: 'corruption', message: error.message };
  if (error instanceof JournalFull) return { kind: 'quota', message: error.message };
  if (error instanceof StorageFull) return { kind: 'full', message: error.message };
  if (error instanceof StorageFailure) return { kind: 'failure', message: error.message };
  const text = messageOf(error);
  const code = codeOf(error);
  const message = `${what}: ${text}${code === '' ? '' : ` (${code})`}`;
  if (isCorruption(error)) {
    return { kind: 'corruption', message: corruption(message).message };
  }
  if (FULL.has(code)) return { kind: 'full', message };
  if (isUnopened(error)) return { kind: 'unopened', message };
  return { kind: 'failure', message };
}

/** SQLite found a file that it cannot have written so. */
export function isCorruption(error: unknown): error is Error {
  const code = codeOf(error);
  return code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB';
}

/**
 * Of the last: the index of the log of state.db, which SQLite keeps in a file, could not grow. It is of no use beyond the
 * process, so whatever became of it nothing is unknown of what is on the disk.
 */
const FULL: ReadonlySet<string> = new Set(['SQLITE_FULL', 'ENOSPC', 'EDQUOT', 'SQLITE_IOERR_SHMSIZE']);

/** Nothing was written: the file that it was to be written to, or with the help of, could not be opened. */
export function isUnopened(error: unknown): boolean {
  const code = codeOf(error);
  return code.startsWith('SQLITE_CANTOPEN') || code === 'EMFILE' || code === 'ENFILE';
}

export function toError(failure: FailureData): StorageCorruption | StorageFull | StorageFailure {
  switch (failure.kind) {
    case 'full':
      return new StorageFull(failure.message);
    case 'quota':
      return new JournalFull(failure.message);
    case 'corruption':
      return new StorageCorruption(failure.message);
    case 'unopened':
    case 'failure':
      return new StorageFailure(failure.message);
  }
}

/** What a read says of a file that is damaged or cannot be read; undefined if it says something else. */
export function unreadableError(error: unknown, what: string): Error | undefined {
  const failure = toFailure(error, what);
  const isUnreadable = failure.kind === 'failure' && codeOf(error).startsWith('SQLITE_IOERR');
  return isUnreadable || isCorruption(error) ? toError(failure) : undefined;
}

/** Of SQLite or of the system; '' if it has none. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return '';
  // Node knows its number and no name for it.
  if ('errno' in error && error.errno === -constants.errno.EDQUOT) return 'EDQUOT';
  return typeof error.code === 'string' ? error.code : '';
}
