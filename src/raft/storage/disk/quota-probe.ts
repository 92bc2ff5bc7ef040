/**
 * Tells a quota that is used up from a disk that fails. Runs where the files are written.
 *
 * SQLite says SQLITE_FULL for ENOSPC alone. A quota of a user, a project or a dataset (EDQUOT) is SQLITE_IOERR_WRITE to
 * it, as any write that fails, and the system's own number is not handed on. So after such an error, and only then, a
 * file is written and synced beside the database. If a quota stops that too, it is what stopped the write.
 *
 * A write that fails is undone like one that finds no room: SQLite rolls back after either, and nothing was promised of
 * what it wrote. So if a disk fails just while a quota is used up, what it costs is time: with the first room for the
 * probe the same write says what it is.
 *
 * Want of room may show as late as at a sync (NFS, thin volumes): that is final all the same. Linux may then take pages
 * for clean that are not on the disk, so that a file opened anew says what the disk does not hold: `recover`, which goes
 * by what it reads, would take a slot for free in which the disk has kept a row that was never acknowledged. Only what
 * is written anew and synced is known again, and nobody knows of which pages that would have to be all. So the probe
 * only says what there is to be done. See `secure` in `files.ts` for the restart.
 */
import { randomFillSync } from 'node:crypto';
import { closeSync, fsyncSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { codeOf, isUnopened } from '../failure.js';
import { isNoSpace } from './folders.js';
import { StorageFailure } from '../storage.js';

/** More than SQLite writes at once, and the share of it that a file system keeps for itself. */
export const PROBE_BYTES = 64 * 1024;
/** Btrfs needs room to cut a file short, too: SQLite's rollback journal, at the end of a commit. */
const WRITES: ReadonlySet<string> = new Set(['SQLITE_IOERR_WRITE', 'SQLITE_IOERR_TRUNCATE']);
const SYNCS: ReadonlySet<string> = new Set(['SQLITE_IOERR_FSYNC', 'SQLITE_IOERR_DIR_FSYNC']);
/**
 * The index of the log of state.db could not grow. SQLite says the same where there is no room and where the disk fails; it
 * is waited for, unless the disk takes nothing else either.
 */
const INDEX_GROWTH = 'SQLITE_IOERR_SHMSIZE';
let probes = 0;

/** A write failed since there is no room for it, by a quota. */
export class QuotaExceeded extends Error {
  override readonly name = 'QuotaExceeded';
  readonly code: string;

  constructor(code: string, cause: Error) {
    super(`${cause.message}, and a probe file beside it finds no space either`, { cause });
    this.code = code;
  }
}

/** Only a sync found that there is no room: what was written is not known to be anywhere. */
export class SyncWithoutSpace extends Error {
  override readonly name = 'RoomlessSync';
  /** Of the sync, by which this is final. */
  readonly code: string;

  constructor(cause: Error, found: string) {
    const why = `a probe file beside it finds no space (${found}), which only the sync reported`;
    super(`${cause.message}: ${why}, so the contents of the disk are unknown; free space, then restart`, { cause });
    this.code = codeOf(cause);
  }
}

const brokenDisk = (cause: Error, found: string): StorageFailure =>
  new StorageFailure(`${cause.message}, and a probe file beside it cannot be written either (${found})`, { cause });

/**
 * What the write failed for. `rolledBack`: bytes that were written before, and that SQLite may have given back since:
 * among these there may be room for a small file again.
 */
export type ErrorClassifier = (error: unknown, rolledBack?: number) => unknown;

/** For files in `folder`. `probe`: writes so many bytes there; throws what the system says. */
export function errorClassifier(folder: string, probe = probeFolder): ErrorClassifier {
  return (error, rolledBack = 0) => {
    if (!(error instanceof Error)) return error;
    const failed = codeOf(error);
    const isSync = SYNCS.has(failed);
    if (!isSync && !WRITES.has(failed) && failed !== INDEX_GROWTH) return error;
    try {
      probe(folder, rolledBack + PROBE_BYTES);
    } catch (found) {
      const code = codeOf(found);
      if (failed === INDEX_GROWTH) return isNoSpace(found) || isUnopened(found) ? error : brokenDisk(error, code);
      if (!isNoSpace(found)) return error;
      return isSync ? new SyncWithoutSpace(error, code) : new QuotaExceeded(code, error);
    }
    return error;
  };
}

/** The file has no name any more when the first byte is written to it, so nothing of it is ever left over. */
export function probeFolder(folder: string, bytes: number): void {
  const path = join(folder, `probe-${process.pid}-${threadId}-${++probes}.tmp`);
  const file = openSync(path, 'wx', 0o600);
  try {
    unlinkSync(path);
    // No file system makes less of these than they are.
    const data = Buffer.allocUnsafe(Math.min(bytes, PROBE_BYTES));
    for (let done = 0; done < bytes;) {
      randomFillSync(data);
      done += writeSync(file, data, 0, Math.min(data.length, bytes - done), done);
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
