/**
 * After a failed sync the page cache may show writes that the disk does not have, so a start
 * rewrites the rows that it builds on. And the disk may have kept writes that were rolled back.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SqliteStorage } from '../../../src/raft/storage/index.js';
import { JOURNAL_PAGE_BYTES } from '../../../src/raft/storage/journal/journal-db.js';
import { freshFolder, meta, removeFoldersAfterEach, row } from './support/builders.js';
import { commit, withFaults } from './support/faulty-files.js';
import { putFiles, startFrom, takeFiles, type Files } from './support/files.js';
import { InlineWorker } from './support/inline-worker.js';

const LARGE = 9_000;

/** A store of two small rows and then one of three slots, as a crash leaves it. */
async function crashed(): Promise<Files> {
  const directory = freshFolder();
  const storage = new SqliteStorage({ directory, worker: new InlineWorker() });
  await storage.open();
  await storage.checkpoint([{ group: 2, meta: meta(1), rows: [row('a', 'b')] }]);
  await commit(storage, 1);
  await commit(storage, 2);
  await commit(storage, 3, LARGE);
  const files = takeFiles(directory);
  await storage.close();
  return files;
}

const journalOf = (files: Files): Buffer => Buffer.from(files['journal.db'] ?? Buffer.alloc(0));

/** Starts of pages that hold more of the large row than anything else. */
const pagesOfLarge = (journal: Buffer): number[] => {
  const pages: number[] = [];
  for (let at = 0; at < journal.length; at += JOURNAL_PAGE_BYTES) {
    if (journal.subarray(at, at + JOURNAL_PAGE_BYTES).includes('x'.repeat(500))) pages.push(at);
  }
  return pages;
};

describe('a store that starts after a crash', () => {
  removeFoldersAfterEach();

  it('rewrites the last batch of the journal before it builds on it', async () => {
    const directory = putFiles(await crashed());
    const file = join(directory, 'journal.db');
    let lost = 0;
    // Just after it has been read, the disk drops all of it, as if it had never been synced.
    const openFiles = withFaults({
      journal: {
        metas: (work) => {
          const journal = readFileSync(file);
          const pages = pagesOfLarge(journal);
          for (const page of pages) journal.fill(0, page, page + JOURNAL_PAGE_BYTES);
          writeFileSync(file, journal);
          lost = pages.length;
          return work();
        },
      },
    });
    const storage = new SqliteStorage({ directory, worker: new InlineWorker(undefined, openFiles) });
    await storage.open();
    expect(lost).toBe(3);
    const after = takeFiles(directory);
    await storage.close();
    expect((await startFrom(after)).view[1]?.log).toHaveLength(3);
  });

  it('has checkpointed the WAL of its state completely', async () => {
    const files = await crashed();
    expect(files['state.db-wal']?.length).toBeGreaterThan(0);
    const directory = putFiles(files);
    const storage = new SqliteStorage({ directory, worker: new InlineWorker() });
    await storage.open();
    const after = takeFiles(directory);
    await storage.close();
    expect(after['state.db-wal']?.length ?? 0).toBe(0);
    expect((await startFrom(after)).view[2]).toMatchObject({ state: { a: 'b' } });
  });

  it('refuses two rows of the same number', async () => {
    const files = await crashed();
    const journal = journalOf(files);
    const [first = 0] = pagesOfLarge(journal);
    // An unused slot: its page is the first after those of the row.
    const spare = first + 3 * JOURNAL_PAGE_BYTES;
    // As a leaf the page differs from the other in the number of its row alone, which stays.
    const contentAt = JOURNAL_PAGE_BYTES - 4_056;
    journal.copy(journal, spare + contentAt, first + contentAt, first + JOURNAL_PAGE_BYTES);
    await expect(startFrom({ ...files, 'journal.db': journal })).rejects.toMatchObject({
      name: 'StorageCorruption',
      message: expect.stringContaining('journal.db: row 3 is there twice') as string,
    });
  });
});
