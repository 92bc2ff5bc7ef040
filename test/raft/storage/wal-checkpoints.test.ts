/** The WAL of state.db is checkpointed concurrently with the storage thread: what waits for it, and how it fails. */
import { renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { SqliteStorage, SqliteThread, StorageFailure } from '../../../src/raft/storage/index.js';
import type { Storage } from '../../../src/raft/storage/index.js';
import { NoWalCheckpointer } from '../../../src/raft/storage/worker/wal-checkpointer.js';
import type { CheckpointWal } from '../../../src/raft/storage/worker/wal-checkpointer.js';
import { STATE_WAL_BYTES } from '../../../src/raft/storage/state/state-db.js';
import { openStoreFiles } from '../../../src/raft/storage/engine/store-files.js';
import { entry, freshFolder, meta, removeFoldersAfterEach, row } from './support/builders.js';
import { startIn } from './support/files.js';
import { InlineWorker } from './support/inline-worker.js';

const commit = (storage: Storage, index: number): Promise<void> =>
  storage.commit([{ group: 1, hardState: undefined, entries: [entry(index, 1, 'x')] }]);

/** Different bytes every time: unchanged pages would not be written. */
const checkpoint = (storage: Storage, index: number, bytes = 1): Promise<void> =>
  storage.checkpoint([{ group: 1, meta: meta(index), rows: [row('k', String(index).repeat(bytes))] }]);

/** A store whose WAL is always long enough, and whose WAL checkpoint the test completes. */
async function openWithCopier(directory: string) {
  const copies: ((error?: Error) => void)[] = [];
  const checkpointWal: CheckpointWal = (file, done) => {
    expect(file).toBe(join(directory, 'state.db'));
    copies.push((error) => {
      done(error);
      worker.resume();
    });
  };
  const worker = new InlineWorker(undefined, (folder, maxBytes) =>
    openStoreFiles(folder, maxBytes, { walBytes: 1, checkpointWal }),
  );
  const storage = new SqliteStorage({ directory, worker });
  await storage.open();
  return { storage, copies };
}

describe('a concurrent WAL checkpoint', () => {
  removeFoldersAfterEach();
  const threads: SqliteThread[] = [];
  afterEach(() => Promise.all(threads.splice(0).map((thread) => thread.close())));

  it('delays work on the state, but not commits', async () => {
    const directory = freshFolder();
    const { storage, copies } = await openWithCopier(directory);
    await commit(storage, 1);
    const done: string[] = [];
    const first = checkpoint(storage, 1).then(() => done.push('first'));
    const second = first.then(() => checkpoint(storage, 2)).then(() => done.push('second'));
    for (let i = 2; copies.length === 0; i++) await commit(storage, i);
    for (let i = 100; i > 0; i--) await storage.putMeta('a', new Uint8Array(1));
    expect(done).toEqual([]);
    expect(copies).toHaveLength(1);
    copies[0]?.();
    await first;
    while (copies.length < 2) await storage.putMeta('a', new Uint8Array(1));
    copies[1]?.();
    await second;
    await storage.close();
    expect((await startIn(directory)).view[1]).toMatchObject({ snapshot: '2@1', state: { k: '2' } });
  });

  it('is awaited by a close', async () => {
    const { storage, copies } = await openWithCopier(freshFolder());
    const saved = checkpoint(storage, 1);
    while (copies.length === 0) await storage.putMeta('a', new Uint8Array(1));
    const done: string[] = [];
    const closed = storage.close().then(() => done.push('closed'));
    for (let i = 20; i > 0; i--) await new Promise((resolve) => setImmediate(resolve));
    expect(done).toEqual([]);
    copies[0]?.();
    await saved;
    await closed;
  });

  it('s70 stops the store when it fails', async () => {
    const { storage, copies } = await openWithCopier(freshFolder());
    const saved = checkpoint(storage, 1);
    saved.catch(() => undefined);
    while (copies.length === 0) await storage.putMeta('a', new Uint8Array(1));
    copies[0]?.(new StorageFailure('disk I/O error'));
    await expect(saved).rejects.toThrow('disk I/O error');
    await expect(commit(storage, 3)).rejects.toThrow('disk I/O error');
    await storage.close();
  });

  it('runs in a thread, for every store of a worker', async () => {
    const worker = new SqliteThread();
    threads.push(worker);
    const folders = [freshFolder(), freshFolder()];
    const stores = folders.map((directory) => new SqliteStorage({ directory, worker }));
    for (const storage of stores) await storage.open();
    await Promise.all(
      stores.map(async (storage) => {
        for (let i = 1; i <= 9; i++) await checkpoint(storage, i, STATE_WAL_BYTES / 4);
      }),
    );
    for (const directory of folders) {
      expect(statSync(join(directory, 'state.db')).size).toBeGreaterThan(STATE_WAL_BYTES / 4);
      expect(statSync(join(directory, 'state.db-wal')).size).toBeLessThan(1.5 * STATE_WAL_BYTES);
    }
    for (const storage of stores) await storage.close();
  });

  it('s70 stops the store when the thread finds that the file was replaced', async () => {
    const worker = new SqliteThread();
    threads.push(worker);
    const directory = freshFolder();
    const storage = new SqliteStorage({ directory, worker });
    await storage.open();
    for (const name of ['state.db', 'state.db-wal']) renameSync(join(directory, name), join(directory, `old ${name}`));
    writeFileSync(join(directory, 'state.db'), 'no database'.repeat(1_000));
    await checkpoint(storage, 1, 1.25 * STATE_WAL_BYTES).catch(() => undefined);
    let failure: unknown;
    for (let i = 2; failure === undefined; i++) await commit(storage, i).catch((error: unknown) => (failure = error));
    expect(failure).toMatchObject({ name: 'StorageCorruption' });
    expect(failure).toMatchObject({ message: expect.stringMatching(/file is not a database/) as string });
    await storage.close().catch(() => undefined);
  });

  it('is done by the storage thread when the other thread cannot be started, or cannot open the file', async () => {
    const directory = freshFolder();
    const { storage, copies } = await openWithCopier(directory);
    for (let i = 1; i <= 20; i++) {
      const saved = checkpoint(storage, i, 100_000);
      while (copies.length === 0) await new Promise((resolve) => setImmediate(resolve));
      copies.shift()?.(new NoWalCheckpointer('unable to open database file'));
      await saved;
      await commit(storage, i);
    }
    // Each of them writes 100 KB.
    expect(statSync(join(directory, 'state.db-wal')).size).toBeLessThan(1_000_000);
    await storage.close();
  });
});
