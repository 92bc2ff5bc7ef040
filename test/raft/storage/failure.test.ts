/** Disks that fail: the store stops, reports the cause, and never retries (s70). Full ones: `full-disks.test.ts`. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { toError, toFailure } from '../../../src/raft/storage/failure.js';
import {
  MemoryDisk,
  MemoryStorage,
  SqliteStorage,
  SqliteThread,
  StorageCorruption,
  StorageFailure,
  StorageFull,
} from '../../../src/raft/storage/index.js';
import type { Storage } from '../../../src/raft/storage/index.js';
import { StoreClient } from '../../../src/raft/storage/worker/store-client.js';
import { encodeRow } from '../../../src/raft/storage/journal/row.js';
import { entries, entry, freshFolder, meta, removeFoldersAfterEach, row } from './support/builders.js';
import { startIn } from './support/files.js';
import { InlineWorker } from './support/inline-worker.js';

const commit = (storage: Storage, index: number, size = 10): Promise<void> =>
  storage.commit([{ group: 1, hardState: undefined, entries: [entry(index, 1, 'x'.repeat(size))] }]);

async function expectStopped(storage: Storage, error: typeof StorageFull | typeof StorageFailure): Promise<void> {
  await expect(commit(storage, 1)).rejects.toThrow(error);
  await expect(storage.commit([])).rejects.toThrow(error);
  await expect(storage.checkpoint([])).rejects.toThrow(error);
  await expect(storage.stageChunk(1, 0, new Uint8Array(0))).rejects.toThrow(error);
  await expect(storage.install(1, meta(1), undefined)).rejects.toThrow(error);
  await expect(storage.putMeta('a', new Uint8Array(1))).rejects.toThrow(error);
}

describe('failure', () => {
  removeFoldersAfterEach();

  it('s70 stops when a checkpoint cannot be written', async () => {
    const directory = freshFolder();
    const storage = new SqliteStorage({ directory, worker: new InlineWorker() });
    await storage.open();
    await commit(storage, 1);
    const other = new Database(join(directory, 'state.db'));
    other.exec('BEGIN IMMEDIATE');
    const checkpoint = storage.checkpoint([{ group: 1, meta: meta(1), rows: [row('a', 'b')] }]);
    await expect(checkpoint).rejects.toThrow(/checkpoint: database is locked \(SQLITE_BUSY\)/);
    await expectStopped(storage, StorageFailure);
    other.exec('ROLLBACK');
    other.close();
    await expectStopped(storage, StorageFailure);
    await storage.close();
    expect((await startIn(directory)).view[1]).toMatchObject({ snapshot: '0@0', state: {}, log: [expect.any(String)] });
  });

  it('s70 stops when background work fails', async () => {
    const directory = freshFolder();
    const storage = new SqliteStorage({ directory, worker: new InlineWorker() });
    await storage.open();
    await storage.stageChunk(1, 0, new Uint8Array(0));
    const other = new Database(join(directory, 'state.db'));
    other.exec('BEGIN IMMEDIATE');
    // The install is durable in the journal; applying it to the state fails.
    await storage.install(1, meta(5), undefined);
    while (
      await commit(storage, 6).then(
        () => true,
        () => false,
      )
    );
    await expectStopped(storage, StorageFailure);
    other.exec('ROLLBACK');
    other.close();
    await storage.close();
    expect((await startIn(directory)).view[1]).toMatchObject({ snapshot: '5@1' });
  });

  it('s70 never writes again after a failed commit', async () => {
    const directory = freshFolder();
    const client = new StoreClient(new InlineWorker());
    await client.call({ type: 'open', directory, maxJournalBytes: undefined });
    await client.call({ type: 'begin', torn: undefined, activations: [] });
    const data = (index: number): Uint8Array =>
      encodeRow([{ group: 1, hardState: undefined, entries: [entry(index)] }]);
    await client.call({ type: 'commit', seq: 1, data: data(1), activation: undefined });
    expect(client.failure).toBeUndefined();
    const twice = client.call({ type: 'commit', seq: 1, data: data(1), activation: undefined });
    await expect(twice).rejects.toThrow(/commit to journal.db: row 1 is there already/);
    expect(client.failure).toBeInstanceOf(StorageFailure);
    await expect(client.call({ type: 'commit', seq: 2, data: data(2), activation: undefined })).rejects.toThrow(
      StorageFailure,
    );
    await expect(client.call({ type: 'snapshot-open', group: 1 })).rejects.toThrow(StorageFailure);
    await client.call({ type: 'close' });
    expect((await startIn(directory)).view[1]?.log).toEqual(['1@1=1@1']);
  });

  it('rejects everything when the worker dies', async () => {
    const worker = new InlineWorker();
    const storage = new SqliteStorage({ directory: freshFolder(), worker });
    await storage.open();
    worker.isPaused = true;
    const waiting = commit(storage, 1);
    worker.die(new StorageFailure('the storage thread has ended'));
    await expect(waiting).rejects.toThrow('the storage thread has ended');
    await expectStopped(storage, StorageFailure);
    await storage.close();
  });

  it('rejects when it cannot create its folder, and when its rows are malformed', async () => {
    const storage = new SqliteStorage({ directory: '/dev/null/data', worker: new InlineWorker() });
    await expect(storage.open()).rejects.toThrow(/cannot be used: .*ENOTDIR/);
    await expect(storage.open()).rejects.toThrow('opened once');
    const other = new SqliteStorage({ directory: freshFolder(), worker: new InlineWorker() });
    await expect(commit(other, 1)).rejects.toThrow('not open');
    await other.open();
    const checkpoint = other.checkpoint([{ group: 1, meta: meta(1), rows: [row('k'.repeat(70_000), 'v')] }]);
    await expect(checkpoint).rejects.toThrow(RangeError);
    await other.close();
  });

  for (const steps of [1, 2, 3]) {
    it(`is not opened when it is closed after step ${steps} of opening, and releases its folder`, async () => {
      const directory = freshFolder();
      let left = steps;
      let closing: Promise<void> | undefined;
      const worker = new InlineWorker(() => {
        if (--left === 0) closing = storage.close();
      });
      const storage = new SqliteStorage({ directory, worker });
      await expect(storage.open()).rejects.toThrow('the store is closed');
      await closing;
      expect(Object.keys((await startIn(directory)).view)).toEqual([]);
    });
  }

  it('settles both calls if it is closed right after it is opened, also on a thread that serves others', async () => {
    const directory = freshFolder();
    const worker = new SqliteThread();
    const storage = new SqliteStorage({ directory, worker });
    const opening = expect(storage.open()).rejects.toThrow('the store is closed');
    await storage.close();
    await opening;
    await worker.close();
    expect(Object.keys((await startIn(directory)).view)).toEqual([]);
  });

  it('reads nothing more from a snapshot once it or the store is closed', async () => {
    const storage = new SqliteStorage({ directory: freshFolder(), worker: new InlineWorker() });
    await storage.open();
    await storage.checkpoint([{ group: 1, meta: meta(1), rows: [row('a', 'b')] }]);
    const reader = await storage.openSnapshot(1);
    reader?.close();
    await expect(reader?.next(10)).rejects.toThrow('the snapshot is closed');
    await commit(storage, 1);
    await storage.openSnapshot(1);
    await storage.close();
    reader?.close();
  });

  it('keeps the journal file bounded, even if one group is idle', async () => {
    const directory = freshFolder();
    const slack = 256 * 1024;
    const storage = new SqliteStorage({ directory, worker: new InlineWorker(), journalSlackBytes: slack });
    await storage.open();
    await storage.commit([{ group: 7, hardState: { term: 1, vote: 1, commit: 0 }, entries: entries(1, 14) }]);
    await storage.commit([{ group: 7, hardState: undefined, entries: entries(10, 17, 2) }]);
    await storage.commit([{ group: 7, hardState: undefined, entries: entries(18, 20, 3) }]);
    const written = 40;
    let highest = 0;
    for (let round = 0; round < written; round++) {
      for (let i = 1; i <= 8; i++) await commit(storage, round * 8 + i, 16 * 1024);
      await storage.checkpoint([{ group: 1, meta: meta(round * 8 + 8), rows: [row('round', String(round))] }]);
      expect(storage.status().journalBytes).toBeLessThan(slack + 9 * 20 * 1024);
      highest = Math.max(highest, statSync(join(directory, 'journal.db')).size);
    }
    await storage.close();
    const size = statSync(join(directory, 'journal.db')).size;
    expect(Math.max(size, highest)).toBeLessThan((written * 8 * 16 * 1024) / 5);
    const { view } = await startIn(directory);
    expect(view[7]).toMatchObject({ hardState: [1, 1, 0] });
    const log = [...entries(1, 9), ...entries(10, 17, 2), ...entries(18, 20, 3)];
    expect(view[7]?.log.map((line) => line.split('=')[0])).toEqual(log.map((e) => `${e.index}@${e.term}`));
    expect(view[1]).toMatchObject({ snapshot: '320@1', log: [], state: { round: '39' } });
  });

  it('a memory disk can fail too, and can be taken over after a crash', async () => {
    const disk = new MemoryDisk();
    const deferred: (() => void)[] = [];
    const storage = new MemoryStorage(disk, { defer: (task) => deferred.push(task) });
    await storage.open();
    const lost = commit(storage, 1);
    storage.crash();
    await expect(commit(storage, 1)).rejects.toThrow('crashed');
    const next = new MemoryStorage(disk);
    expect((await next.open()).groups.size).toBe(0);
    for (const task of deferred) task();
    await commit(next, 1);
    disk.failure = new StorageFull('no space left');
    await expect(commit(next, 2)).rejects.toThrow('no space left');
    disk.failure = undefined;
    await expectStopped(next, StorageFull);
    await next.close();
    const last = new MemoryStorage(disk);
    expect((await last.open()).groups.get(1)?.entries).toHaveLength(1);
    expect(await Promise.race([lost, Promise.resolve('still waiting')])).toBe('still waiting');
  });

  it('tells the kinds of failure apart', () => {
    const sqlite = (code: string): Error => new Database.SqliteError('text', code);
    expect(toFailure(sqlite('SQLITE_FULL'), 'w')).toEqual({ kind: 'full', message: 'w: text (SQLITE_FULL)' });
    expect(toFailure(sqlite('SQLITE_IOERR_FSYNC'), 'w').kind).toBe('failure');
    expect(toFailure(sqlite('SQLITE_CORRUPT_INDEX'), 'w').kind).toBe('corruption');
    expect(toFailure(sqlite('SQLITE_NOTADB'), 'w').message).toMatch(/with a copy of the whole folder/);
    expect(toFailure(Object.assign(new Error('no'), { code: 'ENOSPC' }), 'w').kind).toBe('full');
    expect(toFailure(Object.assign(new Error('no'), { code: 5 }), 'w')).toEqual({ kind: 'failure', message: 'w: no' });
    expect(toFailure('text', 'w')).toEqual({ kind: 'failure', message: 'w: text' });
    for (const error of [new StorageFull('a'), new StorageFailure('b'), new StorageCorruption('c')]) {
      expect(toError(toFailure(error, 'w'))).toEqual(error);
      expect(toError(toFailure(error, 'w'))).toBeInstanceOf(error.constructor);
    }
  });
});
