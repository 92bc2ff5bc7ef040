/** Views of state.db: their connections, and the write-ahead log that they keep from beginning anew. */
import { readdirSync, readlinkSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  EVERYTHING,
  MAX_PINNED_STATES,
  NO_BOUNDS,
  SqliteStorage,
  ViewClosed,
  ViewUnavailable,
} from '../../../src/raft/storage/index.js';
import type { StateView, Storage } from '../../../src/raft/storage/index.js';
import { virtualPlace } from './support/virtual-place.js';
import { freshFolder, meta, removeFoldersAfterEach, row, text } from './support/builders.js';
import { InlineWorker } from './support/inline-worker.js';

/** Descriptors of this process that are open on files of the folder. */
const descriptorsIn = (folder: string): number =>
  readdirSync('/proc/self/fd').filter((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`).startsWith(folder);
    } catch {
      // It was the one of the folder that is read here.
      return false;
    }
  }).length;

async function open(): Promise<{ directory: string; storage: SqliteStorage; worker: InlineWorker }> {
  const directory = freshFolder();
  const worker = new InlineWorker();
  const storage = new SqliteStorage({ directory, worker });
  await storage.open();
  await storage.checkpoint([{ group: 1, meta: meta(1), rows: [row('a', '1')] }]);
  return { directory, storage, worker };
}

/** The database and its write-ahead log; all connections of a process share the log's index. */
const PER_VIEW = 2;
const MIB = 1024 * 1024;
const write = (storage: Storage, index: number): Promise<void> => {
  const rows = Array.from({ length: 1_000 }, (_, i) => row(`key ${i}`, String(index).repeat(2_000).slice(0, 2_000)));
  return storage.checkpoint([{ group: 1, meta: meta(index), rows }]);
};

describe('views of state.db', () => {
  removeFoldersAfterEach();

  it('give their descriptors back when they are closed', async () => {
    const { directory, storage } = await open();
    const before = descriptorsIn(directory);
    for (let index = 2; index < 30; index++) {
      const first = storage.openView(1);
      await write(storage, index);
      const views = [first, storage.openView(1)];
      expect(descriptorsIn(directory)).toBe(before + 2 * PER_VIEW);
      for (const view of views) view.close();
    }
    // SQLite keeps those of the database for the next connections, because closing one would release all its locks.
    expect(descriptorsIn(directory)).toBe(before + 2);
    const view = storage.openView(1);
    await storage.close();
    expect(descriptorsIn(directory)).toBe(0);
    expect(() => view.range(EVERYTHING, NO_BOUNDS)).toThrow(ViewClosed);
  });

  it('are closed when the storage fails, whose reads go on', async () => {
    const { directory, storage, worker } = await open();
    const before = descriptorsIn(directory);
    const view = storage.openView(1);
    expect(descriptorsIn(directory)).toBe(before + PER_VIEW);
    worker.die(new Error('the thread is gone'));
    expect(() => view.range(EVERYTHING, NO_BOUNDS)).toThrow(new ViewClosed('the thread is gone'));
    expect(descriptorsIn(directory)).toBe(before + 1);
    expect(() => storage.openView(1)).toThrow('the thread is gone');
    expect(storage.read(1, 'a')).toBeDefined();
    await storage.close();
  });

  it('that cannot be opened leave nothing open', async () => {
    const { directory, storage } = await open();
    const before = descriptorsIn(directory);
    const [file, away] = [join(directory, 'state.db'), join(directory, 'away.db')];
    renameSync(file, away);
    expect(() => storage.openView(1)).toThrow(ViewUnavailable);
    renameSync(away, file);
    expect(descriptorsIn(directory)).toBe(before);
    storage.openView(1).close();
    await storage.close();
  });

  const eachStorage: [string, () => Promise<Storage>][] = [
    ['SQLite', async () => (await open()).storage],
    [
      'the simulator',
      async () => {
        const storage = virtualPlace()();
        await storage.open();
        await storage.checkpoint([{ group: 1, meta: meta(1), rows: [row('a', '1')] }]);
        return storage;
      },
    ],
  ];

  it.each(eachStorage)('are of so many moments at most: %s', async (_, make) => {
    const storage = await make();
    const views: StateView[] = [];
    for (let index = 2; views.length < MAX_PINNED_STATES; index++) {
      await storage.checkpoint([{ group: 1, meta: meta(index), rows: [row('a', String(index))] }]);
      views.push(storage.openView(1));
    }
    await storage.checkpoint([{ group: 1, meta: meta(10), rows: [row('a', '10')] }]);
    expect(() => storage.openView(1)).toThrow(ViewUnavailable);
    // A group without a state takes none.
    storage.openView(2).close();
    views[1]?.close();
    views[1]?.close();
    const valueIn = (view: StateView | undefined) => text(view?.range(EVERYTHING, NO_BOUNDS).rows[0]?.[1]);
    expect([valueIn(views[0]), valueIn(views[2]), valueIn(storage.openView(1))]).toEqual(['2', '4', '10']);
    expect(() => views[1]?.range(EVERYTHING, NO_BOUNDS)).toThrow(ViewClosed);
    await storage.close();
  });

  it.each(eachStorage)('know how much the write-ahead log has grown since they were opened: %s', async (_, make) => {
    const storage = await make();
    const old = storage.openView(1);
    expect(old.walBytes).toBe(0);
    await write(storage, 2);
    const recent = storage.openView(1);
    const grown = old.walBytes;
    expect(grown).toBeGreaterThan(1.5 * MIB);
    expect(recent.walBytes).toBe(0);
    await write(storage, 3);
    expect(recent.walBytes).toBeGreaterThan(1.5 * MIB);
    expect(old.walBytes - grown).toBe(recent.walBytes);
    await storage.close();
  });

  it('that are closed let the log begin anew', { timeout: 60_000 }, async () => {
    const { storage } = await open();
    const view = storage.openView(1);
    // Beyond the size at which the log is copied into the database and begins anew.
    let index = 1;
    while (view.walBytes < 24 * MIB) await write(storage, ++index);
    view.close();
    await write(storage, ++index);
    const next = storage.openView(1);
    await write(storage, ++index);
    expect(next.walBytes).toBeLessThan(8 * MIB);
    await storage.close();
  });
});
