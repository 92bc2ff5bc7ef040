/** Durability of a commit before it is acknowledged: the SQLite settings of each connection that writes. */
import type Database from 'better-sqlite3';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openForWalCheckpoint } from '../../../src/raft/storage/disk/data-folder.js';
import { SqliteStorage } from '../../../src/raft/storage/index.js';
import { openStoreFiles } from '../../../src/raft/storage/engine/store-files.js';
import { entry, freshFolder, meta, removeFoldersAfterEach, row } from './support/builders.js';
import { InlineWorker } from './support/inline-worker.js';

/** As `synchronous` is read back; 1 is NORMAL, 3 EXTRA. */
const FULL = 2;

const settings = (db: Database.Database): unknown[] =>
  ['synchronous', 'fullfsync', 'checkpoint_fullfsync'].map((name) => db.pragma(name, { simple: true }));

describe('every commit is synced, past the drive’s cache where the system supports it', () => {
  removeFoldersAfterEach();

  it('on each connection of a store, when opened and after use, and on that of the WAL checkpointer', async () => {
    const directory = freshFolder();
    for (const start of ['first', 'second']) {
      const opened: Database.Database[] = [];
      const check = (): void => {
        const found = opened.map((db) => [start, basename(db.name), ...settings(db)]);
        expect(found).toEqual(['journal.db', 'state.db'].map((name) => [start, name, FULL, 1, 1]));
      };
      const worker = new InlineWorker(undefined, (folder, maxBytes) =>
        openStoreFiles(folder, maxBytes, { onDatabase: (db) => opened.push(db) }),
      );
      const storage = new SqliteStorage({ directory, worker });
      await storage.open();
      check();
      if (start === 'first') await storage.commit([{ group: 1, hardState: undefined, entries: [entry(1)] }]);
      await storage.checkpoint([{ group: 1, meta: meta(1), rows: [row('k', 'v')] }]);
      check();
      const copier = openForWalCheckpoint(join(directory, 'state.db'));
      expect(settings(copier)).toEqual([FULL, 1, 1]);
      copier.close();
      await storage.close();
    }
  });
});
