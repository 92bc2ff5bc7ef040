/** State that cannot be read back: the error types of the port tell the node that its disk is the cause. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { unreadableError } from '../../../src/raft/storage/failure.js';
import {
  EVERYTHING,
  NO_BOUNDS,
  SqliteStorage,
  StorageCorruption,
  StorageFailure,
} from '../../../src/raft/storage/index.js';
import { STATE_PAGE_BYTES } from '../../../src/raft/storage/state/state-db.js';
import { entry, freshFolder, meta, removeFoldersAfterEach, row } from './support/builders.js';
import { InlineWorker } from './support/inline-worker.js';

const ROWS = 400;
const keyOf = (i: number): string => `key-${String(i).padStart(3, '0')}`;
const LEAF_OF_AN_INDEX = 0x0a;

/** A folder with a checkpoint of many rows, whose leaf pages all have a wrong page type. */
async function damagedFolder(): Promise<string> {
  const directory = freshFolder();
  const storage = new SqliteStorage({ directory, worker: new InlineWorker() });
  await storage.open();
  await storage.commit([{ group: 1, hardState: undefined, entries: [entry(1)] }]);
  const rows = Array.from({ length: ROWS }, (_, i) => row(keyOf(i), 'x'.repeat(200)));
  await storage.checkpoint([{ group: 1, meta: meta(1), rows }]);
  await storage.close();
  const file = join(directory, 'state.db');
  const pages = readFileSync(file);
  let damaged = 0;
  for (let at = STATE_PAGE_BYTES; at < pages.length; at += STATE_PAGE_BYTES) {
    if (pages[at] !== LEAF_OF_AN_INDEX || !pages.subarray(at, at + STATE_PAGE_BYTES).includes('key-')) continue;
    pages[at] = 0x77;
    damaged++;
  }
  expect(damaged).toBeGreaterThan(5);
  writeFileSync(file, pages);
  return directory;
}

describe('state that cannot be read', () => {
  removeFoldersAfterEach();

  it('s69 is reported as damage, with the remedy, whether one row is read or many', async () => {
    const storage = new SqliteStorage({ directory: await damagedFolder(), worker: new InlineWorker() });
    await storage.open();
    const reads = [
      () => storage.read(1, keyOf(200)),
      () => storage.readAll(1, [keyOf(1), keyOf(200)]),
      () => storage.range(1, EVERYTHING, NO_BOUNDS),
      () => storage.range(1, { ...EVERYTHING, reverse: true, keysOnly: true }, NO_BOUNDS),
    ];
    for (const read of reads) {
      expect(read).toThrow(StorageCorruption);
      expect(read).toThrow(/reading state\.db: .*SQLITE_CORRUPT.* start the node with an empty one/);
    }
    await storage.close();
  });

  it('s70 is a failure where the disk returns an error; any other error is passed through', () => {
    const saying = (code: string): Error => Object.assign(new Error('what SQLite says'), { code });
    expect(unreadableError(saying('SQLITE_IOERR_READ'), 'reading')).toBeInstanceOf(StorageFailure);
    expect(unreadableError(saying('SQLITE_IOERR_SHORT_READ'), 'reading')?.message).toMatch('reading: what SQLite says');
    expect(unreadableError(saying('SQLITE_NOTADB'), 'reading')).toBeInstanceOf(StorageCorruption);
    // A lack of memory, descriptors or a lock is transient, and no sign of a damaged disk.
    for (const code of ['SQLITE_IOERR_SHMSIZE', 'SQLITE_CANTOPEN', 'SQLITE_BUSY']) {
      expect(unreadableError(saying(code), 'reading')).toBeUndefined();
    }
    expect(unreadableError(new RangeError('too many parameters'), 'reading')).toBeUndefined();
  });
});
