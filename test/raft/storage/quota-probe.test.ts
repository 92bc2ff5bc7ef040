/**
 * Exceeded quotas, which SQLite reports as I/O errors: the writes wait as on a full disk. But a
 * write that failed for any other reason is a failure, as always.
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { constants } from 'node:os';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { codeOf, toFailure } from '../../../src/raft/storage/failure.js';
import { SqliteStorage } from '../../../src/raft/storage/index.js';
import { probeFolder, errorClassifier } from '../../../src/raft/storage/disk/quota-probe.js';
import { RETRY_MS } from '../../../src/raft/storage/engine/stall.js';
import { StateDb, createState } from '../../../src/raft/storage/state/state-db.js';
import { freshFolder, meta, removeFoldersAfterEach, row } from './support/builders.js';
import { commit, failingCommits, sqliteError, turns } from './support/faulty-files.js';
import { startIn } from './support/files.js';
import { InlineWorker } from './support/inline-worker.js';

/** As Node reports it: without a name for the errno. */
const quotaExceeded = (): Error =>
  Object.assign(new Error('Unknown system error'), { errno: -constants.errno.EDQUOT, code: 'Unknown system error' });

const systemError = (code: string): Error => Object.assign(new Error('text'), { code });

describe('a write that failed', () => {
  removeFoldersAfterEach();

  it.each([
    ['SQLITE_IOERR_WRITE', undefined, 'failure', 1],
    ['SQLITE_IOERR_WRITE', quotaExceeded(), 'full', 1],
    ['SQLITE_IOERR_WRITE', systemError('ENOSPC'), 'full', 1],
    ['SQLITE_IOERR_WRITE', systemError('EIO'), 'failure', 1],
    ['SQLITE_IOERR_WRITE', systemError('EMFILE'), 'failure', 1],
    ['SQLITE_IOERR_TRUNCATE', quotaExceeded(), 'full', 1],
    ['SQLITE_IOERR_TRUNCATE', undefined, 'failure', 1],
    // After a failed sync the content of the disk is unknown, whatever the cause.
    ['SQLITE_IOERR_FSYNC', quotaExceeded(), 'failure', 1],
    ['SQLITE_IOERR_FSYNC', systemError('ENOSPC'), 'failure', 1],
    ['SQLITE_IOERR_DIR_FSYNC', systemError('ENOSPC'), 'failure', 1],
    ['SQLITE_IOERR_FSYNC', undefined, 'failure', 1],
    ['SQLITE_IOERR_READ', quotaExceeded(), 'failure', 0],
    ['SQLITE_FULL', undefined, 'full', 0],
    // The shared-memory file holds no durable data: only a disk that takes no writes at all is a failure.
    ['SQLITE_IOERR_SHMSIZE', undefined, 'full', 1],
    ['SQLITE_IOERR_SHMSIZE', quotaExceeded(), 'full', 1],
    ['SQLITE_IOERR_SHMSIZE', systemError('EMFILE'), 'full', 1],
    ['SQLITE_IOERR_SHMSIZE', systemError('EIO'), 'failure', 1],
  ])('with %s and a probe error of %s is classified as: %s', (code, found, kind, probes) => {
    let count = 0;
    const whyFailed = errorClassifier('folder', () => {
      count++;
      if (found !== undefined) throw found;
    });
    expect(toFailure(whyFailed(sqliteError(code)), 'w').kind).toBe(kind);
    expect(count).toBe(probes);
  });

  it('is classified by a probe file that is removed afterwards', () => {
    const folder = freshFolder();
    mkdirSync(folder);
    probeFolder(folder, 300_000);
    expect(readdirSync(folder)).toEqual([]);
    expect(() => {
      probeFolder(`${folder}/none`, 1);
    }).toThrow('ENOENT');
  });

  it('is reported by its name where the system call itself fails', () => {
    expect(toFailure(quotaExceeded(), 'w')).toEqual({ kind: 'full', message: 'w: Unknown system error (EDQUOT)' });
  });
});

/** A store, each `COMMIT` to whose file `name` writes and then fails for a reason that SQLite does not give. */
async function openFailing(name: string, probe?: (folder: string, bytes: number) => void, code = 'SQLITE_IOERR_WRITE') {
  const directory = freshFolder();
  const state = { fails: false };
  const fault = (work: () => unknown): unknown => {
    const done = work();
    if (state.fails) throw sqliteError(code);
    return done;
  };
  const worker = new InlineWorker(undefined, failingCommits(name, fault, probe));
  const storage = new SqliteStorage({ directory, worker });
  await storage.open();
  await commit(storage, 1, 10_000);
  state.fails = true;
  return { storage, worker, directory, state };
}

const checkpoint = (storage: SqliteStorage): Promise<void> =>
  storage.checkpoint([{ group: 2, meta: meta(1), rows: [row('a', 'b')] }]);

describe('an exceeded quota', () => {
  removeFoldersAfterEach();

  it('delays commits, and leaves no part of them until there is room', async () => {
    const probed: number[] = [];
    const { storage, worker, directory, state } = await openFailing('journal.db', (_, bytes) => {
      probed.push(bytes);
      throw quotaExceeded();
    });
    const size = 2_000_000;
    const waiting = commit(storage, 2, size);
    await turns();
    expect(storage.stall).toMatchObject({ waits: 'commits', reason: 'full' });
    expect(storage.stall?.message).toMatch(/^commit to journal\.db: .*finds no space either \(EDQUOT\)$/);
    // The rollback has freed what had been written before the quota was exceeded.
    expect(Math.max(...probed)).toBeGreaterThan(size);
    state.fails = false;
    worker.pass(RETRY_MS);
    await waiting;
    await commit(storage, 3);
    await storage.close();
    expect((await startIn(directory)).view[1]?.log).toHaveLength(3);
  });

  it('delays checkpoints; commits continue', async () => {
    const { storage, worker, directory, state } = await openFailing('state.db', () => {
      throw quotaExceeded();
    });
    const saved = checkpoint(storage);
    await turns();
    expect(storage.stall).toMatchObject({ waits: 'state', reason: 'full' });
    await commit(storage, 2);
    state.fails = false;
    worker.pass(RETRY_MS);
    await saved;
    await storage.close();
    expect((await startIn(directory)).view[2]).toMatchObject({ snapshot: '1@1', state: { a: 'b' } });
  });

  it.each([
    ['journal.db', (storage: SqliteStorage) => commit(storage, 2)],
    ['state.db', checkpoint],
  ])('is not what a write to %s failed for while there is room beside it: the store stops', async (name, write) => {
    const { storage, directory } = await openFailing(name);
    await expect(write(storage)).rejects.toMatchObject({
      name: 'StorageFailure',
      message: expect.stringContaining('SQLITE_IOERR_WRITE') as string,
    });
    expect(storage.stall).toBeUndefined();
    expect(readdirSync(directory).filter((file) => file.endsWith('.tmp'))).toEqual([]);
    await storage.close();
  });
});

describe('a lack of space that shows only at a sync', () => {
  removeFoldersAfterEach();

  it.each([
    ['journal.db', (storage: SqliteStorage) => commit(storage, 2)],
    ['state.db', checkpoint],
  ])('stops the store with an error that names the remedy, and acknowledges nothing: %s', async (name, write) => {
    const noRoom = (): never => {
      throw quotaExceeded();
    };
    const { storage, worker, state, directory } = await openFailing(name, noRoom, 'SQLITE_IOERR_FSYNC');
    const message = expect.stringMatching(
      /no space \(EDQUOT\), which only the sync reported, so the contents of the disk are unknown; free space, then restart \(SQLITE_IOERR_FSYNC\)$/,
    ) as string;
    await expect(write(storage)).rejects.toMatchObject({ name: 'StorageFailure', message });
    expect(storage.stall).toBeUndefined();
    // Not even when there is room again: nothing is retried on these files.
    state.fails = false;
    worker.pass(RETRY_MS);
    await expect(commit(storage, 3)).rejects.toMatchObject({ name: 'StorageFailure', message });
    await storage.close();
    // A restart is required: it finds everything acknowledged, and possibly what was not.
    expect((await startIn(directory)).view[1]?.log.length).toBeGreaterThanOrEqual(1);
  });
});

describe('a row of a checkpoint that cannot be written', () => {
  it.each(['v', undefined])('is looked into (value %s)', (value) => {
    const db = new Database(':memory:');
    createState(db, 'store');
    const asked: unknown[] = [];
    const state = new StateDb(db, 1_000, (error) => {
      asked.push(codeOf(error));
      return error;
    });
    // Every write fails, whatever it is.
    db.pragma('query_only = ON');
    expect(() => {
      state.writeRow(1, { key: Buffer.from('k'), value: value === undefined ? undefined : Buffer.from(value) });
    }).toThrow(/readonly/);
    expect(asked).toEqual(['SQLITE_READONLY']);
    state.close();
  });
});
