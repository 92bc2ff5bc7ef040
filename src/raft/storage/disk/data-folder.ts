/**
 * A node's data folder: private (0700, files 0600), locked by one store at a time; opens its SQLite files.
 *
 * The lock is an exclusive SQLite lock on `lock.db`, which nothing else uses: the operating system releases it when the
 * process ends, so `kill -9` leaves no stale lock.
 */
import { accessSync, chmodSync, closeSync, constants, existsSync, openSync } from 'node:fs';
import { join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { RAFT_FORMATS, numberWritten, reads, unknownNumber } from '../../formats.js';
import { codeOf, isCorruption } from '../failure.js';
import { isNoSpace, makeFolder, syncFolder, folderProblem } from './folders.js';
import { corruption } from '../journal/recovery.js';
import { StorageFailure } from '../storage.js';

export const JOURNAL_FILE = 'journal.db';
export const STATE_FILE = 'state.db';
const LOCK_FILE = 'lock.db';
/** "kvor", so that `file` identifies the database. */
const APPLICATION_ID = 0x6b766f72;
export type FolderFile = typeof JOURNAL_FILE | typeof STATE_FILE;

export interface DataFolder {
  readonly path: string;
  release(): void;
}

/**
 * Locks the folder.
 * @throws StorageFailure ("data folder in use") if another store, of this process or another, holds it, or if the
 *   folder cannot be used for a reason other than space
 */
export function holdDataFolder(directory: string): DataFolder {
  const path = resolve(directory);
  let lock: Database.Database;
  try {
    makeFolder(path);
    makePrivate(path, 0o700);
    lock = new Database(privateFile(path, LOCK_FILE), { timeout: 0 });
  } catch (error) {
    const why = isNoSpace(error) ? undefined : folderProblem(path, error);
    throw why === undefined ? error : new StorageFailure(why, { cause: error });
  }
  try {
    lock.pragma('journal_mode = MEMORY');
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) {
      throw new StorageFailure(`data folder in use: ${path} is held by another running store`);
    }
    if (isCorruption(error)) {
      const file = join(path, LOCK_FILE);
      throw new StorageFailure(`${file} is damaged. It holds nothing of value: remove this file alone and start again`);
    }
    throw error;
  }
  return { path, release: () => lock.close() };
}

export interface DatabaseOptions {
  /** Page size of a new file; an existing file keeps its own. */
  readonly pageBytes: number;
  /**
   * A WAL that grew beyond this is truncated when it restarts. undefined: a rollback journal instead of a WAL, and
   * exclusive use by one connection, which saves locking and unlocking the file at every commit.
   */
  readonly walBytes: number | undefined;
}

/**
 * Opens a database that syncs every commit. Older formats are left to `migrations.ts`. SQLite gives its -wal, -shm and
 * -journal files the mode of the file itself.
 * @throws StorageFailure, with nothing changed, if this build does not read the file's format
 */
export function openDatabase(folder: DataFolder, name: string, options: DatabaseOptions): Database.Database {
  const db = new Database(privateFile(folder.path, name), { timeout: 0 });
  try {
    // Set before the first read, so that a WAL, if there is one, belongs to this connection alone.
    if (options.walBytes === undefined) db.pragma('locking_mode = EXCLUSIVE');
    checkFormat(db, name);
    db.pragma(`page_size = ${options.pageBytes}`);
    syncEveryCommit(db);
    // No statement may need a file descriptor for SQLite's temporary data.
    db.pragma('temp_store = MEMORY');
    if (options.walBytes === undefined) {
      db.pragma('journal_mode = TRUNCATE');
    } else {
      db.pragma('journal_mode = WAL');
      db.pragma(`journal_size_limit = ${options.walBytes}`);
      // The engine runs WAL checkpoints itself, after it has replied.
      db.pragma('wal_autocheckpoint = 0');
    }
    return db;
  } catch (error) {
    db.close();
    // SQLite does not say which file it was.
    if (isCorruption(error)) throw corruption(`${join(folder.path, name)}: ${error.message} (${codeOf(error)})`);
    throw error;
  }
}

/** Opens another connection to an open database, for a WAL checkpoint. */
export function openForWalCheckpoint(file: string): Database.Database {
  const db = new Database(file, { fileMustExist: true, timeout: 0 });
  syncEveryCommit(db);
  return db;
}

/** Settings of a connection, none of which the file keeps. */
function syncEveryCommit(db: Database.Database): void {
  db.pragma('synchronous = FULL');
  // On macOS fsync leaves data in the drive's cache, which a power cut loses; elsewhere these change nothing.
  db.pragma('fullfsync = ON');
  db.pragma('checkpoint_fullfsync = ON');
}

/** False for a new file, or one whose creation was interrupted. */
export const hasTables = (db: Database.Database): boolean =>
  db.prepare<[]>("SELECT 1 FROM sqlite_master WHERE type = 'table'").get() !== undefined;

export const pageBytesOf = (db: Database.Database): number => Number(db.pragma('page_size', { simple: true }));

export const formatOf = (db: Database.Database): number => Number(db.pragma('user_version', { simple: true }));

function checkFormat(db: Database.Database, name: string): void {
  const version = formatOf(db);
  const application = Number(db.pragma('application_id', { simple: true }));
  if (version === 0 && application === 0) return;
  if (application !== APPLICATION_ID) throw new StorageFailure(`${name} is a database of another program`);
  if (reads(RAFT_FORMATS.dataFolder, version)) return;
  throw new StorageFailure(`${name}: ${unknownNumber(RAFT_FORMATS.dataFolder, version)}. Nothing was changed`);
}

/** Called inside the transaction that creates the tables, so that a file is either new or complete. */
export function stampFormat(db: Database.Database): void {
  db.pragma(`application_id = ${APPLICATION_ID}`);
  setFormat(db, numberWritten(RAFT_FORMATS.dataFolder));
}

export function setFormat(db: Database.Database, format: number): void {
  db.pragma(`user_version = ${format}`);
}

/** Creates the file if necessary, with no permissions for others, before SQLite or another process can open it. */
function privateFile(path: string, name: string): string {
  const file = join(path, name);
  // An existing file is never opened here: closing it would drop the locks that this process holds on it (POSIX).
  if (!existsSync(file)) {
    closeSync(openSync(file, 'wx', 0o600));
    syncFolder(path);
  }
  for (const suffix of ['', '-wal', '-shm', '-journal'])
    if (existsSync(file + suffix)) makePrivate(file + suffix, 0o600);
  return file;
}

/**
 * A folder of another user may still be writable, such as one that a cluster manager gave to this user's group; its
 * owner then decides who else may read.
 */
function makePrivate(path: string, mode: number): void {
  try {
    chmodSync(path, mode);
  } catch (error) {
    const isOthers = error instanceof Error && 'code' in error && error.code === 'EPERM';
    if (!isOthers) throw error;
    accessSync(path, constants.R_OK | constants.W_OK);
  }
}
