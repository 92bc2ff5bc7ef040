/**
 * Full disks, and processes without descriptors: commits wait, the stall is reported, and as soon as there is room
 * they become durable without a restart. What was pending when the process died was never acknowledged, and is lost.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SqliteStorage } from '../../../src/raft/storage/index.js';
import { RETRY_MS } from '../../../src/raft/storage/engine/stall.js';
import { openStoreFiles } from '../../../src/raft/storage/engine/store-files.js';
import { freshFolder, meta, removeFoldersAfterEach, row, stateOf } from './support/builders.js';
import {
  commit,
  failingCommits,
  full,
  openWith,
  sqliteError,
  turns,
  withFaults,
  type Faults,
} from './support/faulty-files.js';
import { putFiles, startFrom, startIn, takeFiles } from './support/files.js';
import { InlineWorker } from './support/inline-worker.js';

describe('a full disk', () => {
  removeFoldersAfterEach();

  it('makes commits wait, in order, until there is room; no restart is needed', async () => {
    const faults: Faults = {};
    const { storage, worker, directory, stalls } = await openWith(faults);
    await commit(storage, 1);
    faults.journal = { transaction: full };
    const done: number[] = [];
    const waiting = [2, 3, 4].map((i) => commit(storage, i).then(() => done.push(i)));
    await turns();
    expect(done).toEqual([]);
    expect(storage.stall).toMatchObject({ reason: 'full', message: 'commit to journal.db: text (SQLITE_FULL)' });
    const since = storage.stall?.sinceMs;
    worker.pass(RETRY_MS);
    await turns();
    expect(done).toEqual([]);
    expect(storage.stall?.sinceMs).toBe(since);
    faults.journal = {};
    // Not before the retry interval: a disk that is full for hours is not tried continuously.
    worker.pass(RETRY_MS - 1);
    await turns();
    expect(done).toEqual([]);
    worker.pass(1);
    await Promise.all(waiting);
    expect(done).toEqual([2, 3, 4]);
    expect(storage.stall).toBeUndefined();
    expect(stalls.at(-1)).toBeUndefined();
    expect(stalls[0]).toMatchObject({ reason: 'full' });
    await storage.close();
    expect((await startIn(directory)).view[1]?.log).toHaveLength(4);
  });

  for (const [when, fault] of [
    ['before anything was written', full],
    [
      'after everything was written',
      (work: () => unknown): never => {
        work();
        return full();
      },
    ],
  ] as const) {
    it(`whose write failed ${when} leaves no part of it, now and after a crash`, async () => {
      const directory = freshFolder();
      let fails = false;
      const worker = new InlineWorker(
        undefined,
        failingCommits('journal.db', (work) => (fails ? fault(work) : work())),
      );
      const storage = new SqliteStorage({ directory, worker });
      await storage.open();
      await commit(storage, 1, 10_000);
      fails = true;
      const waiting = commit(storage, 2, 10_000);
      const meanwhile = commit(storage, 1, 200_000, 2);
      await turns();
      expect(storage.stall?.reason).toBe('full');
      const crashed = await startFrom(takeFiles(directory));
      // As after any crash: the unacknowledged row may be there, complete, or not.
      expect(crashed.view[1]?.log.length).toBeGreaterThanOrEqual(1);
      fails = false;
      worker.pass(RETRY_MS);
      await Promise.all([waiting, meanwhile]);
      await commit(storage, 3, 10_000);
      const { view } = await startIn(putFiles(takeFiles(directory)));
      expect(view[1]?.log).toHaveLength(3);
      expect(view[2]?.log).toHaveLength(1);
      await storage.close();
      expect((await startIn(directory)).view[1]?.log).toHaveLength(3);
    });
  }

  it('continues while only preallocation in the journal finds no space', async () => {
    const faults: Faults = { journal: { preallocate: full } };
    const { storage, directory } = await openWith(faults);
    for (let i = 1; i <= 100; i++) await commit(storage, i, 10_000);
    expect(storage.stall).toBeUndefined();
    await storage.close();
    expect((await startIn(directory)).view[1]?.log).toHaveLength(100);
  });

  it('delays checkpoints, snapshots, installs and the truncation of the journal; commits continue', async () => {
    const faults: Faults = {};
    const { storage, worker, directory } = await openWith(faults);
    await storage.checkpoint([{ group: 2, meta: meta(1), rows: [row('a', 'b')] }]);
    await commit(storage, 1);
    faults.state = { commit: full };
    const done: string[] = [];
    const note = (what: string) => (): number => done.push(what);
    const checkpoint = storage
      .checkpoint([{ group: 1, meta: meta(1), rows: [row('k', 'v')] }])
      .then(note('checkpoint'));
    await turns();
    const snapshot = storage.openSnapshot(2).then((reader) => {
      done.push('snapshot');
      reader?.close();
    });
    await commit(storage, 2);
    expect(done).toEqual([]);
    faults.state = {};
    faults.journal = { truncatePrefix: full };
    worker.pass(RETRY_MS);
    await turns(40);
    expect(done).toEqual(['snapshot']);
    expect(stateOf(storage, 1)).toEqual({ k: 'v' });
    faults.journal = {};
    worker.pass(RETRY_MS);
    await Promise.all([checkpoint, snapshot]);
    expect(storage.status().journalRows).toBe(1);
    await storage.close();
    expect((await startIn(directory)).view[1]).toMatchObject({ snapshot: '1@1', state: { k: 'v' } });
  });

  it('delays an install whose chunks cannot be staged', async () => {
    const faults: Faults = { state: { commit: full } };
    const { storage, worker } = await openWith(faults);
    const staged = storage.stageChunk(1, 0, new Uint8Array(0));
    const installed = storage.install(1, meta(5), undefined);
    await turns();
    expect(storage.stall?.reason).toBe('full');
    faults.state = {};
    worker.pass(RETRY_MS);
    await Promise.all([staged, installed]);
    await storage.close();
  });

  for (const code of ['SQLITE_FULL', 'SQLITE_IOERR_SHMSIZE', 'ENOSPC', 'EDQUOT']) {
    it(`delays the opening of a store, with a report, until there is room: ${code}`, async () => {
      const directory = freshFolder();
      const before = await openWith({}, directory);
      await commit(before.storage, 1);
      await before.storage.close();
      let error: Error | undefined = Object.assign(new Error('text'), { code });
      const worker = new InlineWorker(undefined, (folder, maxBytes) => {
        if (error !== undefined) throw error;
        return openStoreFiles(folder, maxBytes);
      });
      const storage = new SqliteStorage({ directory, worker });
      const stalls: (string | undefined)[] = [];
      storage.onStall((stall) => stalls.push(stall && `${stall.waits} ${stall.reason}`));
      const opening = storage.open();
      await turns();
      worker.pass(RETRY_MS);
      await turns();
      expect(stalls).toEqual(['commits full']);
      error = undefined;
      worker.pass(RETRY_MS);
      expect((await opening).groups.get(1)?.entries).toHaveLength(1);
      await turns();
      expect(stalls).toEqual(['commits full', undefined]);
      await storage.close();
    });
  }

  it('delays the writes of recovery', async () => {
    const faults: Faults = {};
    const { storage, directory } = await openWith(faults);
    await storage.stageChunk(1, 0, new Uint8Array(0));
    // Its journal row is durable; the next start completes the rest.
    faults.state = { activate: full };
    await storage.install(1, meta(5), undefined);
    const worker = new InlineWorker(undefined, withFaults(faults));
    const crashed = new SqliteStorage({ directory: putFiles(takeFiles(directory)), worker });
    const opening = crashed.open();
    await turns();
    expect(crashed.stall).toMatchObject({ waits: 'commits', reason: 'full' });
    faults.state = {};
    worker.pass(RETRY_MS);
    expect((await opening).groups.get(1)?.snapshot.index).toBe(5);
    await crashed.close();
    await storage.close();
  });

  it('that delays the opening of a store does not prevent its close', async () => {
    const worker = new InlineWorker(undefined, full);
    const storage = new SqliteStorage({ directory: freshFolder(), worker });
    const opening = expect(storage.open()).rejects.toMatchObject({ name: 'StorageFull' });
    await turns();
    await storage.close();
    await opening;
  });

  it('that only delays checkpoints is reported as such', async () => {
    const faults: Faults = { state: { commit: full } };
    const { storage, worker, stalls } = await openWith(faults);
    const saved = storage.checkpoint([{ group: 2, meta: meta(1), rows: [row('a', 'b')] }]);
    await turns();
    await commit(storage, 1);
    await commit(storage, 2);
    expect(storage.stall).toMatchObject({ waits: 'state', reason: 'full', message: 'checkpoint: text (SQLITE_FULL)' });
    faults.journal = { transaction: full };
    const waiting = commit(storage, 3);
    await turns();
    expect(storage.stall).toMatchObject({ waits: 'commits' });
    faults.journal = {};
    worker.pass(RETRY_MS);
    await waiting;
    await turns();
    expect(storage.stall).toMatchObject({ waits: 'state' });
    faults.state = {};
    worker.pass(RETRY_MS);
    await saved;
    await turns();
    expect(storage.stall).toBeUndefined();
    expect(stalls.map((stall) => stall?.waits)).toEqual(['state', 'commits', 'state', undefined]);
    await storage.close();
  });

  it('that ends just when the store is closed leaves no call unsettled, and no write undone', async () => {
    const faults: Faults = {};
    const { storage, worker, directory } = await openWith(faults);
    await commit(storage, 1);
    faults.journal = { transaction: full };
    const waiting = [2, 3, 4].map((i) => commit(storage, i));
    await turns();
    faults.journal = {};
    // In one step: only the first finds room, and a close is pending.
    worker.isPaused = true;
    worker.pass(RETRY_MS);
    const closed = storage.close();
    worker.resume();
    await Promise.all([...waiting, closed]);
    expect((await startIn(directory)).view[1]?.log).toHaveLength(4);
  });

  it('does not prevent a close; pending calls are rejected with the cause', async () => {
    const faults: Faults = {};
    const { storage, directory } = await openWith(faults);
    await commit(storage, 1);
    faults.journal = { transaction: full };
    const waiting = Promise.allSettled([
      commit(storage, 2),
      storage.putMeta('a', new Uint8Array(1)),
      storage.checkpoint([{ group: 1, meta: meta(1), rows: [row('a', 'b')] }]),
    ]);
    await turns();
    await storage.close();
    for (const outcome of (await waiting).slice(0, 2)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { name: 'StorageFull' } });
    }
    expect(Object.keys((await startIn(directory)).view)).toEqual(['1']);
  });

  for (const [file, faults] of [
    ['journal.db', { journal: { markAllDurable: full } }],
    ['state.db', { state: { markDurableTo: full } }],
  ] satisfies [string, Faults][]) {
    it(`that shows only when ${file} is closed does not keep it open: another store can open it at once`, async () => {
      const { storage, directory } = await openWith(faults);
      await commit(storage, 1);
      await storage.close();
      const next = await openWith({}, directory);
      await commit(next.storage, 2);
      await next.storage.close();
      expect((await startIn(directory)).view[1]?.log).toHaveLength(2);
    });
  }

  it('is a failure when the sync fails: the store stops, and nothing is retried', async () => {
    const faults: Faults = {};
    const { storage, worker } = await openWith(faults);
    await commit(storage, 1);
    let tries = 0;
    faults.journal = {
      transaction: () => {
        tries++;
        throw sqliteError('SQLITE_IOERR_FSYNC');
      },
    };
    await expect(commit(storage, 2)).rejects.toThrow('SQLITE_IOERR_FSYNC');
    worker.pass(10 * RETRY_MS);
    await expect(commit(storage, 3)).rejects.toThrow('SQLITE_IOERR_FSYNC');
    expect(tries).toBe(1);
    expect(storage.stall).toBeUndefined();
    await storage.close();
  });
});

describe('a process without descriptors', () => {
  removeFoldersAfterEach();

  it('delays commits that have to open a file until it can be opened', async () => {
    const directory = freshFolder();
    const worker = new InlineWorker();
    const storage = new SqliteStorage({ directory, worker });
    await storage.open();
    await commit(storage, 1);
    // SQLite cannot open its rollback journal, as when there is no descriptor left.
    const name = join(directory, 'journal.db-journal');
    rmSync(name, { force: true });
    mkdirSync(name);
    let done = false;
    const waiting = commit(storage, 2, 2_000_000).then(() => (done = true));
    await turns();
    expect(done).toBe(false);
    expect(storage.stall).toMatchObject({ reason: 'unopened' });
    expect(storage.stall?.message).toContain('SQLITE_CANTOPEN');
    rmSync(name, { recursive: true });
    worker.pass(RETRY_MS);
    await waiting;
    expect(storage.stall).toBeUndefined();
    await storage.close();
    expect((await startIn(directory)).view[1]?.log).toHaveLength(2);
  });
});
