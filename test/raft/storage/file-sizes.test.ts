/** File sizes as the file system reports them, read in the background: asking for them never waits for the disk. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FileSizeWatch, POLL_MS } from '../../../src/raft/storage/engine/file-sizes.js';
import type { StoreFiles } from '../../../src/raft/storage/files.js';
import { SqliteStorage } from '../../../src/raft/storage/index.js';
import type { FileSizes } from '../../../src/raft/storage/storage.js';
import { freshFolder, meta, readChunks, removeFoldersAfterEach, row } from './support/builders.js';
import { commit, turns } from './support/faulty-files.js';
import { InlineWorker } from './support/inline-worker.js';

/** A `FileSizeWatch` over files whose sizes the test sets. */
function setUp() {
  const scene = {
    now: 0,
    sizes: { journal: 1, state: 2, stateWal: 3 },
    reads: 0,
    reported: [] as FileSizes[],
    fails: false,
  };
  const files = {
    sizes: () => {
      scene.reads++;
      if (scene.fails) throw new Error('EIO');
      return scene.sizes;
    },
  } as unknown as StoreFiles;
  const watch = new FileSizeWatch(
    () => files,
    (sizes) => scene.reported.push(sizes),
    () => scene.now,
  );
  watch.open('', undefined);
  return { scene, watch };
}

describe('the sizes of the files of a store', () => {
  removeFoldersAfterEach();

  it('are those of the file system, and stay available while the disk hangs', async () => {
    const directory = freshFolder();
    const worker = new InlineWorker();
    const storage = new SqliteStorage({ directory, worker });
    expect(storage.status().files).toBeUndefined();
    await storage.open();
    await turns();
    const onDisk = (): FileSizes => {
      const of = (name: string): number => statSync(join(directory, name)).size;
      return { journal: of('journal.db'), state: of('state.db'), stateWal: of('state.db-wal') };
    };
    const settled = async (): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        worker.pass(POLL_MS);
        await turns();
      }
    };
    await settled();
    const first = storage.status().files;
    expect(first).toEqual(onDisk());
    for (let index = 1; index <= 200; index++) await commit(storage, index);
    await storage.checkpoint([{ group: 1, meta: meta(200), rows: [row('k', 'v'.repeat(100_000))] }]);
    await settled();
    const { files } = storage.status();
    expect(files).toEqual(onDisk());
    expect(files?.journal).toBeGreaterThan(first?.journal ?? Infinity);
    expect(files?.stateWal).toBeGreaterThan(100_000);
    worker.isPaused = true;
    expect(storage.status().files).toEqual(files);
    worker.resume();
    await storage.close();
  });

  it('and an open snapshot reports its total bytes before it is read', async () => {
    const storage = new SqliteStorage({ directory: freshFolder(), worker: new InlineWorker() });
    await storage.open();
    await commit(storage, 1);
    const rows = Array.from({ length: 50 }, (_, i) => row(String(i), 'v'.repeat(i)));
    await storage.checkpoint([{ group: 1, meta: meta(1), rows }]);
    const reader = await storage.openSnapshot(1);
    const chunks = await readChunks(reader!, 200);
    expect(chunks.length).toBeGreaterThan(5);
    expect(reader?.bytes).toBe(chunks.reduce((sum, { length }) => sum + length, 0));
    reader?.close();
    await storage.close();
  });

  it('are read at most once a second, and only when something may have changed', () => {
    const { scene, watch } = setUp();
    watch.review();
    expect(scene.reported).toEqual([{ journal: 1, state: 2, stateWal: 3 }]);
    watch.changed();
    watch.review();
    expect(watch.waitMs).toBe(POLL_MS);
    scene.now = POLL_MS - 1;
    watch.review();
    expect(scene.reads).toBe(1);
    scene.now = POLL_MS;
    watch.review();
    expect(scene.reads).toBe(2);
    // Nothing has changed: no report, and no timer.
    expect(scene.reported).toHaveLength(1);
    expect(watch.waitMs).toBeUndefined();
    scene.now = 10 * POLL_MS;
    watch.review();
    expect(scene.reads).toBe(2);
  });

  it('are read until two reads agree: a copy by another thread shows later', () => {
    const { scene, watch } = setUp();
    watch.review();
    scene.sizes = { journal: 1, state: 9, stateWal: 3 };
    scene.now = POLL_MS;
    watch.review();
    expect(scene.reported.map(({ state }) => state)).toEqual([2, 9]);
    scene.now = 2 * POLL_MS;
    watch.review();
    expect(watch.waitMs).toBeUndefined();
  });

  it('keep their last known values when they cannot be read', () => {
    const { scene, watch } = setUp();
    scene.fails = true;
    watch.review();
    expect(scene.reported).toEqual([]);
    expect(watch.waitMs).toBeUndefined();
  });
});
