/** Stores in separate processes: killed while they write, and excluded from each other's folders. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { holdDataFolder, openDatabase } from '../../../src/raft/storage/disk/data-folder.js';
import { createJournal } from '../../../src/raft/storage/journal/schema.js';
import { SqliteStorage, SqliteThread } from '../../../src/raft/storage/index.js';
import { entry, freshFolder, meta, removeFoldersAfterEach, row, stateOf } from './support/builders.js';
import { startIn } from './support/files.js';
import { InlineWorker } from './support/inline-worker.js';

const WRITER = fileURLToPath(new URL('./support/writer.ts', import.meta.url));

const children = new Set<ChildProcess>();

/** Starts the writer and reads its lines until `isEnough` says so, then kills it. Returns the lines. */
async function killWhen(directory: string, isEnough: (lines: readonly string[]) => boolean): Promise<string[]> {
  const child = spawn(process.execPath, ['--import', 'tsx', WRITER, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    // Lines written before the kill took effect count as well: those writes were acknowledged.
    if (isEnough(lines)) child.kill('SIGKILL');
  }
  await exited;
  children.delete(child);
  return lines;
}

describe('processes', () => {
  removeFoldersAfterEach();
  afterEach(() => {
    for (const child of children) child.kill('SIGKILL');
  });

  it('s71 has everything that was acknowledged before a kill -9, and never reverts a vote', async () => {
    const directory = freshFolder();
    const last = { c: 0, term: 0, k: 0, i: 0 };
    for (const enough of [1, 40, 97, 230, 331]) {
      const lines = await killWhen(directory, (seen) => seen.length > enough);
      expect(lines.length).toBeGreaterThan(enough);
      for (const line of lines) {
        const [what, index, term] = line.split(' ');
        if (what === 'c') Object.assign(last, { c: Number(index), term: Number(term) });
        if (what === 'k') last.k = Number(index);
        if (what === 'i') last.i = Number(index);
      }
      const { view, notices } = await startIn(directory);
      expect(notices).toEqual([]);
      const snapshotIndex = Number(view[1]?.snapshot.split('@')[0]);
      expect(snapshotIndex).toBeGreaterThanOrEqual(last.k);
      expect(view[1]?.state['applied'] ?? '0').toBe(String(snapshotIndex));
      const indexes = view[1]?.log.map((line) => Number(line.split('@')[0])) ?? [];
      expect(indexes).toEqual(indexes.map((_, i) => snapshotIndex + 1 + i));
      expect(indexes.at(-1) ?? snapshotIndex).toBeGreaterThanOrEqual(last.c);
      const [term, vote] = view[1]?.hardState ?? [0, 0, 0];
      expect(term).toBeGreaterThanOrEqual(last.term);
      expect(vote).toBe(1 + (term % 3));
      const installed = Number(view[2]?.snapshot.split('@')[0] ?? 0);
      expect(installed).toBeGreaterThanOrEqual(last.i);
      expect(view[2]?.hardState[0] ?? 0).toBe(installed);
      if (installed > 0) expect(view[2]?.state).toEqual({ installed: String(installed) });
      expect(last.term).toBeGreaterThan(0);
    }
    expect(last.k).toBeGreaterThan(0);
    expect(last.i).toBeGreaterThan(0);
  }, 120_000);

  it('excludes a second process from a folder in use, but not after a kill -9', async () => {
    const directory = freshFolder();
    let refusal: Promise<unknown> | undefined;
    await killWhen(directory, (seen) => {
      if (seen.length < 5) return false;
      refusal ??= startIn(directory).catch((error: unknown) => error);
      return seen.length > 400;
    });
    await expect(refusal).resolves.toMatchObject({
      name: 'StorageFailure',
      message: expect.stringMatching(/^data folder in use: .* is held by another running store$/) as string,
    });
    expect((await startIn(directory)).view[1]).toBeDefined();
  }, 60_000);

  it('writes with its own thread, and ends it', async () => {
    const directory = freshFolder();
    const storage = new SqliteStorage({ directory });
    await storage.open();
    await storage.commit([{ group: 1, hardState: undefined, entries: [entry(1)] }]);
    await storage.checkpoint([{ group: 1, meta: meta(1), rows: [row('a', 'b')] }]);
    expect(stateOf(storage, 1)).toEqual({ a: 'b' });
    await storage.close();
    expect((await startIn(directory)).view[1]).toMatchObject({ snapshot: '1@1', log: [] });
  });

  it('s71 has SQLite sync every commit, in both files: a power cut takes nothing that was acknowledged', () => {
    const folder = holdDataFolder(freshFolder());
    for (const [walBytes, mode] of [
      [undefined, 'truncate'],
      [2 ** 20, 'wal'],
    ] as const) {
      const db = openDatabase(folder, `${mode}.db`, { pageBytes: 1024, walBytes });
      // As SQLite understood it: 2 is FULL; better-sqlite3 is built to start with NORMAL in WAL mode.
      expect(db.pragma('synchronous', { simple: true })).toBe(2);
      expect(db.pragma('journal_mode', { simple: true })).toBe(mode);
      db.close();
    }
    folder.release();
  });

  it('continues with a journal of another page size', async () => {
    const directory = freshFolder();
    const folder = holdDataFolder(directory);
    const old = openDatabase(folder, 'journal.db', { pageBytes: 1024, walBytes: undefined });
    createJournal(old, 'a store');
    old.close();
    folder.release();
    const storage = new SqliteStorage({ directory, worker: new InlineWorker() });
    await storage.open();
    await storage.commit([{ group: 1, hardState: undefined, entries: [entry(1, 1, 'x'.repeat(10_000))] }]);
    await storage.close();
    expect((await startIn(directory)).view[1]?.log).toHaveLength(1);
    expect(readFileSync(join(directory, 'journal.db')).readUInt16BE(16)).toBe(1024);
  });

  it('serves many stores at once from one thread', async () => {
    const worker = new SqliteThread();
    const stores = Array.from({ length: 12 }, async (_, number) => {
      const directory = freshFolder();
      const storage = new SqliteStorage({ directory, worker });
      await storage.open();
      const commits: Promise<void>[] = [];
      for (let i = 1; i <= 30; i++) {
        commits.push(storage.commit([{ group: number, hardState: undefined, entries: [entry(i, number + 1)] }]));
      }
      await storage.checkpoint([{ group: number, meta: meta(10, 1), rows: [row('store', String(number))] }]);
      await Promise.all(commits);
      expect(stateOf(storage, number)).toEqual({ store: String(number) });
      await storage.close();
      return startIn(directory);
    });
    const starts = await Promise.all(stores);
    await worker.close();
    for (const [number, { view }] of starts.entries()) {
      expect(Object.keys(view)).toEqual([String(number)]);
      expect(view[number]?.log.at(-1)).toBe(`30@${number + 1}=30@${number + 1}`);
      expect(view[number]?.log).toHaveLength(20);
    }
    expect(() => new SqliteStorage({ directory: freshFolder(), worker })).toThrow('the storage thread has ended');
  });

  it('row 41: makes the folder readable by its user only, whatever the umask and the previous permissions', async () => {
    const directory = freshFolder();
    mkdirSync(directory, { recursive: true });
    chmodSync(directory, 0o755);
    writeFileSync(join(directory, 'state.db'), '');
    chmodSync(join(directory, 'state.db'), 0o644);
    const umask = process.umask(0);
    try {
      const storage = new SqliteStorage({ directory, worker: new InlineWorker() });
      await storage.open();
      await storage.commit([{ group: 1, hardState: undefined, entries: [entry(1)] }]);
      await storage.checkpoint([{ group: 1, meta: meta(1), rows: [row('a', 'b')] }]);
      const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
      expect(modeOf(directory)).toBe('700');
      const modes = Object.fromEntries(readdirSync(directory).map((name) => [name, modeOf(join(directory, name))]));
      expect(modes).toEqual({
        'journal.db': '600',
        'journal.db-journal': '600',
        'lock.db': '600',
        'state.db': '600',
        'state.db-shm': '600',
        'state.db-wal': '600',
      });
      await storage.close();
    } finally {
      process.umask(umask);
    }
  });
});
