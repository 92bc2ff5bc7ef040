/**
 * Disks without room, and processes without descriptors: commits wait, everybody is told, and as soon as there is room
 * they become durable by themselves. What waited when the process died was never acknowledged, and is not there.
 */
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { SqliteStorage, journalLimits, leastJournalBytes } from '../../../src/raft/storage/index.js';
import type { Storage, StorageStall } from '../../../src/raft/storage/index.js';
import type { JournalFile, OpenFiles, StateFile } from '../../../src/raft/storage/files.js';
import { RETRY_MS } from '../../../src/raft/storage/stall.js';
import { splitRecords } from '../../../src/raft/storage/row-split.js';
import { openStoreFiles } from '../../../src/raft/storage/store-files.js';
import { entries, entry, freshFolder, meta, removeFoldersAfterEach, row, stateOf } from './support/builders.js';
import { putFiles, startFrom, startIn, takeFiles } from './support/files.js';
import { InlineWorker } from './support/inline-worker.js';

const commit = (storage: Storage, index: number, size = 10, group = 1): Promise<void> =>
  storage.commit([{ group, hardState: undefined, entries: [entry(index, 1, 'x'.repeat(size))] }]);

const turns = async (count = 20): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

const sqliteError = (code: string): Error => new Database.SqliteError('text', code);

interface Faults {
  journal?: Partial<Record<keyof JournalFile, (work: () => unknown) => unknown>>;
  state?: Partial<Record<keyof StateFile, (work: () => unknown) => unknown>>;
}

/** The real files; what a fault is named for runs through it. */
function withFaults(faults: Faults): OpenFiles {
  const through = <T extends object>(file: T, which: () => Record<string, unknown> | undefined): T =>
    new Proxy(file, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          const work = (): unknown => (value as (...args: unknown[]) => unknown).apply(target, args);
          const fault = which()?.[String(name)] as ((work: () => unknown) => unknown) | undefined;
          return fault === undefined ? work() : fault(work);
        };
      },
    });
  return (directory, maxBytes) => {
    const files = openStoreFiles(directory, maxBytes);
    return {
      ...files,
      journal: through(files.journal, () => faults.journal),
      state: through(files.state, () => faults.state),
    };
  };
}

async function openWith(faults: Faults, directory = freshFolder()) {
  const worker = new InlineWorker(undefined, withFaults(faults));
  const storage = new SqliteStorage({ directory, worker });
  const stalls: (StorageStall | undefined)[] = [];
  storage.onStall((stall) => stalls.push(stall));
  await storage.open();
  return { storage, worker, directory, stalls };
}

const full = (): never => {
  throw sqliteError('SQLITE_FULL');
};

describe('a full disk', () => {
  removeFoldersAfterEach();

  it('makes commits wait, in their order, until there is room; nobody has to start anything again', async () => {
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
    // Not before it is time: a disk that is full for hours is not asked all the while.
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
    it(`whose write failed ${when} leaves nothing of it behind, now and after a crash`, async () => {
      const directory = freshFolder();
      let fails = false;
      const worker = new InlineWorker(
        undefined,
        failingCommit(() => fails, fault),
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
      // As after any crash: the row may be there, whole, or not. It was not acknowledged.
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

  it('goes on while only the ahead-of-time growth of the journal finds no room', async () => {
    const faults: Faults = { journal: { makeRoom: full } };
    const { storage, directory } = await openWith(faults);
    for (let i = 1; i <= 100; i++) await commit(storage, i, 10_000);
    expect(storage.stall).toBeUndefined();
    await storage.close();
    expect((await startIn(directory)).view[1]?.log).toHaveLength(100);
  });

  it('keeps checkpoints, snapshots, installs and the trimming of the journal waiting; commits go on', async () => {
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
    faults.journal = { trim: full };
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

  it('lets an install wait that it keeps from being staged', async () => {
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

  it('does not keep a store from being closed; who waited is told why', async () => {
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

  it('still is what it is when the sync fails: the store stops, and nothing is tried again', async () => {
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

/** The real files, on a journal whose `COMMIT` runs through `fault` while `fails` says so. */
function failingCommit(fails: () => boolean, fault: (work: () => unknown) => unknown): OpenFiles {
  return (directory, maxBytes) =>
    openStoreFiles(directory, maxBytes, undefined, undefined, (db) => {
      const prepare = db.prepare.bind(db);
      db.prepare = ((source: string) => {
        const statement = prepare(source);
        if (source !== 'COMMIT') return statement;
        const run = statement.run.bind(statement) as () => unknown;
        statement.run = (() => (fails() ? fault(run) : run())) as typeof statement.run;
        return statement;
      }) as typeof prepare;
    });
}

describe('a process without descriptors', () => {
  removeFoldersAfterEach();

  it('makes commits wait that have to open a file, until it can be opened', async () => {
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

describe('the quota of the journal', () => {
  removeFoldersAfterEach();

  it('row 39: makes commits wait that do not fit; a checkpoint makes room for them', async () => {
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
    expect(storage.stall).toMatchObject({ reason: 'full' });
    expect(storage.stall?.message).toContain('its quota is 400000');
    // Overtakes the commits that wait, and vouches for none of them. They go on without waiting for their time.
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

  it('a crash behind a checkpoint that overtook commits finds a store that is whole', async () => {
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

  it('at its smallest serves for ever, with a group that stands still, entries of the largest size, and many at once', async () => {
    const directory = freshFolder();
    const largest = 64 * 1024;
    const maxJournalBytes = leastJournalBytes(largest);
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
      // Two under way, as in a node, and the second holds what gathered meanwhile.
      const first = [entry(written + 1, 1, 'x'.repeat(sizes[round % 5] ?? 0))];
      const second = Array.from({ length: 20 }, (_, i) => entry(written + 2 + i, 1, 'y'.repeat(12_000)));
      const both = [first, second].map((list) => storage.commit([{ group: 1, hardState: undefined, entries: list }]));
      const waiting = new Set(both);
      for (const commit of both) void commit.then(() => waiting.delete(commit));
      await turns(30);
      while (waiting.size > 0) {
        // What the node does when it hears of the stall. What is not durable here may be committed all the same.
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

  it('parts what is too large for a row, hard states first and entries in their order', () => {
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
