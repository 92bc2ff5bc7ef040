/**
 * Encodes errors as data that can cross from the worker to its caller: which of the port's errors, and the message.
 */
import { constants } from 'node:os';
import { corruption } from './journal/recovery.js';
import { JournalFull, StorageCorruption, StorageFailure, StorageFull } from './storage.js';
import { messageOf } from '../../thrown.js';

export interface FailureData {
  /**
   * `quota`: the journal has reached its quota, the disk has space. `unopened`: a file could not be opened, mostly
   * because the process has no file descriptors left.
   */
  readonly kind: 'full' | 'quota' | 'unopened' | 'corruption' | 'failure';
  readonly message: string;
}

/** The contents of the disk are known, and a retry may succeed: the store waits and retries. */
export const isTransient = ({ kind }: FailureData): boolean =>
  kind === 'full' || kind === 'quota' || kind === 'unopened';

/** `what`: the operation that failed. The error's `code` decides (`SQLITE_FULL`, `SQLITE_IOERR_FSYNC`, …). */
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

/** SQLite found contents that it cannot have written. */
export function isCorruption(error: unknown): error is Error {
  const code = codeOf(error);
  return code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB';
}

/**
 * `SQLITE_IOERR_SHMSIZE`: the shared-memory index of state.db's WAL, a file of its own, could not grow. It is rebuilt
 * at each start, so the contents of the disk stay known.
 */
const FULL: ReadonlySet<string> = new Set(['SQLITE_FULL', 'ENOSPC', 'EDQUOT', 'SQLITE_IOERR_SHMSIZE']);

/** Nothing was written: the target file, or one that SQLite needs for it, could not be opened. */
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

/** The port's error for a read of a damaged or unreadable file; undefined for any other error. */
export function unreadableError(error: unknown, what: string): Error | undefined {
  const failure = toFailure(error, what);
  const isUnreadable = failure.kind === 'failure' && codeOf(error).startsWith('SQLITE_IOERR');
  return isUnreadable || isCorruption(error) ? toError(failure) : undefined;
}

/** The code of SQLite or of the operating system; '' if it has none. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error) || !('code' in error)) return '';
  // Node has the error number but no name for it.
  if ('errno' in error && error.errno === -constants.errno.EDQUOT) return 'EDQUOT';
  return typeof error.code === 'string' ? error.code : '';
}
