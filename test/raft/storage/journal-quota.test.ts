/** A journal at its quota: commits wait, checkpoints make room for them, repeatedly. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SqliteStorage, journalLimits, minJournalBytes } from '../../../src/raft/storage/index.js';
import { splitRecords } from '../../../src/raft/storage/journal/row.js';
import { entries, entry, freshFolder, meta, removeFoldersAfterEach, row } from './support/builders.js';
import { commit, turns } from './support/faulty-files.js';
import { startFrom, startIn, takeFiles } from './support/files.js';
import { InlineWorker } from './support/inline-worker.js';

describe('the quota of the journal', () => {
  removeFoldersAfterEach();

  it('row 39: delays commits that do not fit; a checkpoint makes room for them', async () => {
    const directory = freshFolder();
    const worker = new InlineWorker();
    const maxJournalBytes = 400_000;
    const storage = new SqliteStorage({ directory, worker, maxJournalBytes });
    await storage.open();
    let acknowledged = 0;
    const waiting: Promise<void>[] = [];
    for (let i = 1; i <= 40; i++) waiting.push(commit(storage, i, 10_000).then(() => void (acknowledged = i)));
    await turns(100);
    expect(acknowledged).toBeGreaterThan(10);
    expect(acknowledged).toBeLessThan(20);
    expect(storage.stall).toMatchObject({ waits: 'commits', reason: 'quota' });
    expect(storage.stall?.message).toContain('its quota is 400000');
    // Overtakes the waiting commits, and records none of them as durable. They go on without waiting for their retry.
    for (let done = acknowledged; done < 40; done = acknowledged) {
      await storage.checkpoint([{ group: 1, meta: meta(acknowledged), rows: [row('k', String(acknowledged))] }]);
      await turns(100);
      expect(acknowledged).toBeGreaterThan(done);
    }
    await Promise.all(waiting);
    expect(storage.stall).toBeUndefined();
    await storage.close();
    expect(statSync(join(directory, 'journal.db')).size).toBeLessThanOrEqual(maxJournalBytes);
  });

  it('a crash after a checkpoint that overtook commits leaves a consistent store', async () => {
    const directory = freshFolder();
    const worker = new InlineWorker();
    const storage = new SqliteStorage({ directory, worker, maxJournalBytes: 400_000 });
    await storage.open();
    const writes = (term: number, index: number) => [
      { group: 1, hardState: { term, vote: 1, commit: 0 }, entries: [entry(index, term, 'x'.repeat(150_000))] },
    ];
    await storage.commit(writes(1, 1));
    storage.commit(writes(2, 2)).catch(() => undefined);
    storage.commit([{ group: 2, hardState: { term: 9, vote: 2, commit: 0 }, entries: [] }]).catch(() => undefined);
    await turns();
    expect(storage.stall).toBeDefined();
    void storage.checkpoint([{ group: 3, meta: meta(1), rows: [row('k', 'v')] }]).catch(() => undefined);
    await turns(60);
    const { view } = await startFrom(takeFiles(directory));
    expect(view[3]).toMatchObject({ state: { k: 'v' } });
    expect(view[1]).toMatchObject({ hardState: [1, 1, 0] });
    expect(view[1]?.log).toHaveLength(1);
    expect(view[2]).toBeUndefined();
    await storage.close();
  });

  it('a checkpoint that overtook a vote leaves the previous vote', async () => {
    const directory = freshFolder();
    const worker = new InlineWorker();
    const storage = new SqliteStorage({ directory, worker, maxJournalBytes: 400_000 });
    await storage.open();
    const hardState = (term: number) => ({ term, vote: 1, commit: 0 });
    await storage.commit([{ group: 1, hardState: hardState(1), entries: entries(1, 1) }]);
    await storage.checkpoint([{ group: 1, meta: meta(1), rows: [] }]);
    await storage.commit([{ group: 1, hardState: hardState(6), entries: [] }]);
    await storage.commit([{ group: 2, hardState: hardState(1), entries: [entry(1, 1, 'x'.repeat(150_000))] }]);
    // Finds no room, and a later vote is behind it.
    storage
      .commit([{ group: 2, hardState: hardState(1), entries: [entry(2, 1, 'x'.repeat(150_000))] }])
      .catch(() => undefined);
    storage.commit([{ group: 1, hardState: hardState(7), entries: [] }]).catch(() => undefined);
    await turns();
    expect(storage.stall).toBeDefined();
    void storage.checkpoint([{ group: 3, meta: meta(1), rows: [row('k', 'v')] }]).catch(() => undefined);
    await turns(60);
    const { view } = await startFrom(takeFiles(directory));
    expect(view[3]).toMatchObject({ state: { k: 'v' } });
    expect(view[1]).toMatchObject({ hardState: [6, 1, 0] });
    await storage.close();
  });

  it('suffices at its minimum, with an idle group, entries of the largest size, and many at once', async () => {
    const directory = freshFolder();
    const largest = 64 * 1024;
    const maxJournalBytes = minJournalBytes(largest);
    const { checkpointBytes } = journalLimits(maxJournalBytes);
    const worker = new InlineWorker();
    const storage = new SqliteStorage({ directory, worker, maxJournalBytes });
    await storage.open();
    await storage.commit([{ group: 7, hardState: { term: 1, vote: 1, commit: 0 }, entries: entries(1, 3) }]);
    let written = 0;
    let stalls = 0;
    storage.onStall((stall) => (stalls += stall === undefined ? 0 : 1));
    let checkpointed = 0;
    let since = 0;
    const sizes = [10, 64_000, 1_000, 30_000, 64_000];
    for (let round = 0; round < 60; round++) {
      // Two in flight, as in a node; the second is the batch that accumulated meanwhile.
      const first = [entry(written + 1, 1, 'x'.repeat(sizes[round % 5] ?? 0))];
      const second = Array.from({ length: 20 }, (_, i) => entry(written + 2 + i, 1, 'y'.repeat(12_000)));
      const both = [first, second].map((list) => storage.commit([{ group: 1, hardState: undefined, entries: list }]));
      const waiting = new Set(both);
      for (const commit of both) void commit.then(() => waiting.delete(commit));
      await turns(30);
      while (waiting.size > 0) {
        // What the node does on a stall report. Entries that are not durable here may still be committed.
        await storage.checkpoint([{ group: 1, meta: meta(written), rows: [row('at', String(written))] }]);
        await turns(30);
      }
      written += 21;
      since = storage.status().journalBytes - checkpointed;
      if (since < checkpointBytes) continue;
      await storage.checkpoint([{ group: 1, meta: meta(written), rows: [row('at', String(written))] }]);
      checkpointed = storage.status().journalBytes;
    }
    expect(storage.stall).toBeUndefined();
    expect(stalls).toBeLessThan(60);
    await storage.close();
    expect(statSync(join(directory, 'journal.db')).size).toBeLessThanOrEqual(maxJournalBytes);
    const { view } = await startIn(directory);
    expect(view[7]?.log).toHaveLength(3);
    expect(view[1]?.snapshot).toBe(`${view[1]?.state['at']}@1`);
  });

  it('splits what is too large for a row, hard states first and entries in order', () => {
    const hardState = { term: 1, vote: 1, commit: 0 };
    const records = [
      { group: 1, hardState, entries: entries(1, 5) },
      { group: 2, hardState, entries: [] },
      { group: 3, hardState: undefined, entries: [entry(9, 1, 'x'.repeat(500)), entry(10)] },
    ];
    const shape = (mostBytes: number): string[] =>
      splitRecords(records, mostBytes).map((row) =>
        row.map((r) => `${r.group}${r.hardState ? 'h' : ''}:${r.entries.map((e) => e.index).join()}`).join(' '),
      );
    expect(shape(10_000)).toEqual(['1h:1,2,3,4,5 2h: 3:9,10']);
    expect(shape(1)).toEqual(['1h:1', '1:2', '1:3', '1:4', '1:5', '2h:', '3:9', '3:10']);
    expect(shape(60)).toEqual(['1h:1,2', '1:3,4', '1:5 2h:', '3:9', '3:10']);
    expect(splitRecords([], 1)).toEqual([]);
  });
});
