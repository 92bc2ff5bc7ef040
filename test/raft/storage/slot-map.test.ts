/** The journal's slots: what a power cut may leave of commits that overwrite in place, and how slots are used again. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SqliteStorage } from '../../../src/raft/storage/index.js';
import { JOURNAL_PAGE_BYTES } from '../../../src/raft/storage/journal/journal-db.js';
import { partsOf, readSlotHeader, writeSlot } from '../../../src/raft/storage/journal/slot.js';
import { entry, freshFolder, meta, removeFoldersAfterEach, row } from './support/builders.js';
import { putFiles, startFrom, startIn, takeFiles } from './support/files.js';
import type { Files } from './support/files.js';
import { InlineWorker } from './support/inline-worker.js';

const SECTOR_BYTES = 512;

/** One commit for each size, all in one sync. */
const commits = (storage: SqliteStorage, first: number, sizes: readonly number[]): Promise<unknown> =>
  Promise.all(
    sizes.map((size, i) =>
      storage.commit([{ group: 1, hardState: undefined, entries: [entry(first + i, 1, 'x'.repeat(size))] }]),
    ),
  );

const journalOf = (files: Files): Buffer => files['journal.db'] ?? Buffer.alloc(0);

/** Numbers of the pages in which two journals differ. */
function changedPages(before: Buffer, after: Buffer): number[] {
  expect(after.length).toBe(before.length);
  const pages: number[] = [];
  for (let at = 0; at < before.length; at += JOURNAL_PAGE_BYTES) {
    const end = at + JOURNAL_PAGE_BYTES;
    if (!before.subarray(at, end).equals(after.subarray(at, end))) pages.push(at / JOURNAL_PAGE_BYTES);
  }
  return pages;
}

/** The journal before and after one sync that wrote commits of these sizes into slots that were there. */
async function syncOf(sizes: readonly number[]): Promise<{ readonly before: Files; readonly after: Files }> {
  const directory = freshFolder();
  const storage = new SqliteStorage({ directory, worker: new InlineWorker() });
  await storage.open();
  for (let i = 1; i <= 3; i++) await commits(storage, i, [100]);
  const before = takeFiles(directory);
  await commits(storage, 4, sizes);
  const after = takeFiles(directory);
  await storage.close();
  return { before, after };
}

const logLength = async (files: Files, journal: Buffer): Promise<number> => {
  const { view } = await startFrom({ ...files, 'journal.db': journal });
  return view[1]?.log.length ?? 0;
};

describe('journal slots', () => {
  removeFoldersAfterEach();

  it('hold a row in as many parts as it needs, and detect damage', () => {
    const data = Buffer.from(Array.from({ length: 250 }, (_, i) => i));
    const slot = Buffer.alloc(136, 0xff);
    expect([0, 1, 100, 101, 250].map((bytes) => partsOf(bytes, slot.length))).toEqual([1, 1, 1, 2, 3]);
    const header = { seq: 2 ** 52 + 1, batch: 2 ** 52, part: 2, parts: 3, rowBytes: 250, rowCrc: 0xfedcba98 };
    writeSlot(slot, header, data);
    expect(readSlotHeader(slot)).toEqual(header);
    expect(slot.subarray(36)).toEqual(Buffer.concat([data.subarray(200), Buffer.alloc(50)]));
    for (let bit = 0; bit < 36 * 8; bit++) {
      const flipped = Buffer.from(slot);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(readSlotHeader(flipped)).toBeUndefined();
    }
    expect(readSlotHeader(Buffer.alloc(136))).toBeUndefined();
    expect(readSlotHeader(Buffer.alloc(0))).toBeUndefined();
  });

  it('a commit changes only the bytes of its slots, not the b-tree of the file', async () => {
    const { before, after } = await syncOf([100]);
    const [page = 0, ...others] = changedPages(journalOf(before), journalOf(after));
    expect(others).toEqual([]);
    const at = page * JOURNAL_PAGE_BYTES;
    // The page's header, the cell's place and size, the row's number and types all lie before the slot's data.
    const changed = Array.from({ length: JOURNAL_PAGE_BYTES }, (_, i) => i).filter(
      (i) => journalOf(before)[at + i] !== journalOf(after)[at + i],
    );
    expect(Math.min(...changed)).toBeGreaterThanOrEqual(JOURNAL_PAGE_BYTES - 4056);
    expect(after['journal.db-journal']).toEqual(Buffer.alloc(0));
  });

  it('s68 after a partial last sync the rows before the first incomplete one are kept', async () => {
    // Rows of 1, 3 and 2 slots.
    const { before, after } = await syncOf([100, 9_000, 5_000]);
    const pages = changedPages(journalOf(before), journalOf(after));
    expect(pages).toHaveLength(6);
    for (let arrived = 0; arrived < 2 ** 6; arrived++) {
      const journal = Buffer.from(journalOf(before));
      for (const [i, page] of pages.entries()) {
        const at = page * JOURNAL_PAGE_BYTES;
        if (arrived & (1 << i)) journalOf(after).copy(journal, at, at, at + JOURNAL_PAGE_BYTES);
      }
      const rows = [0b000001, 0b001110, 0b110000];
      const lost = rows.findIndex((needed) => (arrived & needed) !== needed);
      expect(await logLength(before, journal)).toBe(3 + (lost < 0 ? rows.length : lost));
    }
  });

  it('s68 a slot that was torn between any two sectors is old or dropped', async () => {
    const { before, after } = await syncOf([3_900]);
    const [page = 0] = changedPages(journalOf(before), journalOf(after));
    for (let sectors = 0; sectors <= JOURNAL_PAGE_BYTES / SECTOR_BYTES; sectors++) {
      for (const isFront of [true, false]) {
        const journal = Buffer.from(journalOf(isFront ? before : after));
        const at = page * JOURNAL_PAGE_BYTES;
        journalOf(isFront ? after : before).copy(journal, at, at, at + sectors * SECTOR_BYTES);
        const isWhole = isFront ? sectors === 8 : sectors === 0;
        expect(await logLength(before, journal)).toBe(isWhole ? 4 : 3);
      }
    }
  });

  it('s68 a slot torn after its header loses its row, even if a later one of its sync is complete', async () => {
    const { before, after } = await syncOf([3_900, 100]);
    const [page = 0, ...others] = changedPages(journalOf(before), journalOf(after));
    expect(others).toHaveLength(1);
    const journal = Buffer.from(journalOf(after));
    const at = page * JOURNAL_PAGE_BYTES;
    journalOf(before).copy(journal, at + SECTOR_BYTES, at + SECTOR_BYTES, at + JOURNAL_PAGE_BYTES);
    expect(await logLength(before, journal)).toBe(3);
  });

  it('s68 remains of a dropped row in slots are never mistaken for the row that reuses its number', async () => {
    const { before, after } = await syncOf([9_000, 100]);
    const journal = Buffer.from(journalOf(after));
    const [, second = 0] = changedPages(journalOf(before), journal);
    const at = second * JOURNAL_PAGE_BYTES;
    journalOf(before).copy(journal, at, at, at + JOURNAL_PAGE_BYTES);
    const damaged = putFiles({ ...before, 'journal.db': journal });
    const start = await startIn(damaged);
    expect(start.notices).toEqual([expect.stringMatching(/last row, 4, was torn/)]);
    expect(start.view[1]?.log).toHaveLength(3);
    // Now shorter rows under the same numbers: parts and rows of the dropped ones must not count.
    const storage = new SqliteStorage({ directory: damaged, worker: new InlineWorker() });
    await storage.open();
    await commits(storage, 4, [50]);
    await storage.close();
    const again = await startIn(damaged);
    expect(again.notices).toEqual([]);
    expect(again.view[1]?.log).toHaveLength(4);
    expect(again.view[1]?.log.at(-1)).toBe(`4@1=${'x'.repeat(50)}`);
  });

  it('are reused after a checkpoint: the file stops growing', async () => {
    const directory = freshFolder();
    const storage = new SqliteStorage({ directory, worker: new InlineWorker() });
    await storage.open();
    const sizes: number[] = [];
    for (let round = 0; round < 6; round++) {
      for (let i = 1; i <= 50; i++) await commits(storage, round * 50 + i, [10_000]);
      await storage.checkpoint([{ group: 1, meta: meta(round * 50 + 50), rows: [row('round', String(round))] }]);
      sizes.push(statSync(join(directory, 'journal.db')).size);
    }
    await storage.close();
    expect(sizes[0]).toBeGreaterThan(150 * JOURNAL_PAGE_BYTES);
    expect(new Set(sizes.slice(1)).size).toBe(1);
    expect((await startIn(directory)).view[1]).toMatchObject({ snapshot: '300@1', log: [], state: { round: '5' } });
  });
});
