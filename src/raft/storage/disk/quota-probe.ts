/**
 * Distinguishes an exhausted quota from a failing disk. Runs where the files are written.
 *
 * SQLite reports SQLITE_FULL for ENOSPC only. An exhausted quota of a user, a project or a dataset (EDQUOT) is reported
 * as SQLITE_IOERR_WRITE, like any failed write, without the system's error number. So after such an error, and only
 * then, a probe file is written and synced beside the database. If a quota stops that too, a quota stopped the write.
 *
 * A failed write is undone like one that finds no space: SQLite rolls back after either, and nothing it wrote was
 * acknowledged. So if a disk fails just while a quota is exhausted, that only costs time: once there is space for the
 * probe, the same write fails again and is classified correctly.
 *
 * A lack of space that only a sync reports (NFS, thin volumes) is final nevertheless. Linux may then treat pages as
 * clean that are not on the disk, so a reopened file may show contents that the disk does not hold: `recover`, which
 * relies on what it reads, could treat a slot as free in which the disk has kept a row that was never acknowledged.
 * Only pages that are rewritten and synced are known again, and which pages that concerns is unknown. So the probe only
 * finds out what the operator has to do. See `ensureDurable` in `files.ts` for the restart.
 */
import { randomFillSync } from 'node:crypto';
import { closeSync, fsyncSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { threadId } from 'node:worker_threads';
import { codeOf, isUnopened } from '../failure.js';
import { isNoSpace } from './folders.js';
import { StorageFailure } from '../storage.js';

/** More than SQLite writes at once, plus what a file system reserves for itself. */
export const PROBE_BYTES = 64 * 1024;
/** Btrfs needs space to truncate a file, too: SQLite's rollback journal, at the end of a commit. */
const WRITES: ReadonlySet<string> = new Set(['SQLITE_IOERR_WRITE', 'SQLITE_IOERR_TRUNCATE']);
const SYNCS: ReadonlySet<string> = new Set(['SQLITE_IOERR_FSYNC', 'SQLITE_IOERR_DIR_FSYNC']);
/**
 * The WAL index of state.db could not grow. SQLite reports the same error for a lack of space and for a failing disk;
 * the store waits for space, unless the probe fails for another reason.
 */
const INDEX_GROWTH = 'SQLITE_IOERR_SHMSIZE';
let probes = 0;

/** A write failed because a quota leaves no space for it. */
export class QuotaExceeded extends Error {
  override readonly name = 'QuotaExceeded';
  readonly code: string;

  constructor(code: string, cause: Error) {
    super(`${cause.message}, and a probe file beside it finds no space either`, { cause });
    this.code = code;
  }
}

/** Only the sync reported that there is no space: whether the written data is on the disk is unknown. */
export class SyncWithoutSpace extends Error {
  override readonly name = 'RoomlessSync';
  /** Error code of the sync, which makes this failure final. */
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
 * Finds out why a write failed. `rolledBack`: bytes written before, which SQLite may have freed since; the probe must
 * be larger, because a small file may fit into them again.
 */
export type ErrorClassifier = (error: unknown, rolledBack?: number) => unknown;

/** For files in `folder`. `probe`: writes that many bytes there; throws the system's error. */
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

/** The file is unlinked before the first byte is written to it, so it never stays behind. */
export function probeFolder(folder: string, bytes: number): void {
  const path = join(folder, `probe-${process.pid}-${threadId}-${++probes}.tmp`);
  const file = openSync(path, 'wx', 0o600);
  try {
    unlinkSync(path);
    // Random bytes, which no file system can compress.
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
