/**
 * Crashes at every boundary between two steps of the engine: a start from the files of that moment recovers
 * either the state before the operation or that after it; the memory storage is the reference for both.
 */
import { describe, expect, it } from 'vitest';
import { MemoryDisk, MemoryStorage, SqliteStorage } from '../../../src/raft/storage/index.js';
import type { Storage } from '../../../src/raft/storage/index.js';
import type { OpenFiles } from '../../../src/raft/storage/files.js';
import { StateRowWriter } from '../../../src/raft/storage/state/state-rows.js';
import { openStoreFiles } from '../../../src/raft/storage/engine/store-files.js';
import { bytes, entries, freshFolder, meta, removeFoldersAfterEach, row, viewOf } from './support/builders.js';
import type { GroupView } from './support/builders.js';
import { putFiles, startFrom, startIn, takeFiles } from './support/files.js';
import type { Files } from './support/files.js';
import { InlineWorker } from './support/inline-worker.js';

type Operation = (storage: Storage) => Promise<void>;

const chunk = (...pairs: readonly (readonly [string, string])[]): Uint8Array => {
  const writer = new StateRowWriter();
  for (const [key, value] of pairs) writer.add(key, bytes(value));
  return writer.take();
};

const commit =
  (group: number, first: number, last: number, term: number): Operation =>
  (storage) =>
    storage.commit([{ group, hardState: { term, vote: term, commit: 0 }, entries: entries(first, last, term) }]);

const checkpoint =
  (group: number, index: number, term: number, pairs: readonly (readonly [string, string | undefined])[]): Operation =>
  (storage) =>
    storage.checkpoint([{ group, meta: meta(index, term), rows: pairs.map(([key, value]) => row(key, value)) }]);

const install =
  (group: number, index: number, term: number): Operation =>
  async (storage) => {
    await storage.stageChunk(group, 0, chunk(['from', `${index}@${term}`], ['x', 'y']));
    await storage.stageChunk(group, 1, chunk(['z', 'z'.repeat(300)]));
    await storage.install(group, meta(index, term), { term, vote: 0, commit: index });
  };

const many = Array.from({ length: 300 }, (_, i) => [`key ${i}`, 'v'.repeat(20)] as const);

const SCRIPTS: Record<string, readonly Operation[]> = {
  's71 commits': [commit(1, 1, 3, 1), commit(2, 1, 1, 1), commit(1, 3, 5, 2), commit(1, 2, 2, 3)],
  's43 s65 checkpoints': [
    commit(1, 1, 6, 1),
    checkpoint(1, 2, 1, [['a', '1']]),
    commit(1, 7, 8, 2),
    checkpoint(1, 8, 2, [['a', undefined], ['b', '2'], ...many]),
    checkpoint(2, 1, 1, [['only', 'state']]),
  ],
  's65 an install over a longer log, then writes and a checkpoint on it': [
    commit(1, 1, 30, 1),
    checkpoint(1, 4, 1, [['old', '1'], ...many]),
    commit(2, 1, 2, 1),
    install(1, 12, 2),
    commit(1, 13, 14, 2),
    checkpoint(1, 13, 2, [['x', undefined]]),
    commit(1, 15, 15, 3),
  ],
  's66 two installs in a row, the second of a lower term': [
    commit(1, 1, 3, 1),
    install(1, 50, 3),
    install(1, 60, 2),
    commit(1, 61, 61, 3),
  ],
  's67 rows copied forward past a group that stands still': [
    commit(1, 1, 5, 1),
    commit(2, 1, 20, 1),
    commit(2, 21, 40, 1),
    checkpoint(2, 40, 1, [['k', 'v']]),
    commit(1, 4, 6, 2),
  ],
};

interface CrashPoint {
  readonly operation: number;
  readonly files: Files;
}

/** Checkpoints the WAL of state.db whenever it can. */
const checkpointAtOnce: OpenFiles = (directory, maxBytes) => openStoreFiles(directory, maxBytes, { walBytes: 1 });

/** Runs a script and takes the files after every step of the engine. */
async function crashPoints(script: readonly Operation[], openFiles: OpenFiles): Promise<CrashPoint[]> {
  const directory = freshFolder();
  const points: CrashPoint[] = [];
  let operation = -1;
  const worker = new InlineWorker(() => {
    if (operation >= 0) points.push({ operation, files: takeFiles(directory) });
  }, openFiles);
  const storage = new SqliteStorage({ directory, worker, journalSlackBytes: 200 });
  await storage.open();
  for (const [i, run] of script.entries()) {
    operation = i;
    await run(storage);
  }
  await storage.close();
  return points.filter(({ files }, i) => i === 0 || !isSame(files, points[i - 1]?.files));
}

function isSame(one: Files, other: Files | undefined): boolean {
  const names = Object.keys(one);
  if (other === undefined || names.length !== Object.keys(other).length) return false;
  return names.every((name) => other[name]?.equals(one[name] ?? Buffer.alloc(0)));
}

/** What the memory storage holds before the first operation, after it, after the second, … */
async function expectedViews(script: readonly Operation[]): Promise<Record<number, GroupView>[]> {
  const disk = new MemoryDisk();
  const views: Record<number, GroupView>[] = [{}];
  for (const run of script) {
    const storage = new MemoryStorage(disk);
    await storage.open();
    await run(storage);
    await storage.close();
    const again = new MemoryStorage(disk);
    views.push(viewOf(again, await again.open()));
    await again.close();
  }
  return views;
}

describe('crash', () => {
  removeFoldersAfterEach();

  const everyWay = Object.entries(SCRIPTS).flatMap(([name, script]) => [
    { name: `${name}, WAL checkpointed at once`, script, openFiles: checkpointAtOnce },
    { name: `${name}, WAL not checkpointed`, script, openFiles: openStoreFiles },
  ]);

  it.each(everyWay)(
    '$name',
    async ({ script, openFiles }) => {
      const views = await expectedViews(script);
      const points = await crashPoints(script, openFiles);
      expect(points.length).toBeGreaterThanOrEqual(script.length);
      let reached = 0;
      for (const { operation, files } of points) {
        const { view, notices } = await startFrom(files);
        expect(notices).toEqual([]);
        const allowed = views.slice(Math.max(operation, reached), operation + 2).map((v) => JSON.stringify(v));
        const at = allowed.indexOf(JSON.stringify(view));
        expect(at, `operation ${operation}: ${JSON.stringify(view)} is none of ${allowed.join(' ')}`).not.toBe(-1);
        // What was recovered once stays.
        reached = Math.max(operation, reached) + at;
      }
      expect(reached).toBe(script.length);
    },
    60_000,
  );

  it('s43 a checkpoint of many groups: each has been or has not, and none goes back', async () => {
    const groups = [1, 2, 3, 4];
    const directory = freshFolder();
    const points: Files[] = [];
    const worker = new InlineWorker(() => points.push(takeFiles(directory)), openStoreFiles, 1);
    const storage = new SqliteStorage({ directory, worker });
    await storage.open();
    for (const group of groups) await commit(group, 1, 6, group)(storage);
    const before = (await startFrom(takeFiles(directory))).view;
    points.length = 0;
    const rows = [row('a', '1'), ...many.map(([key, value]) => row(key, value))];
    await storage.checkpoint(groups.map((group) => ({ group, meta: meta(4, group), rows })));
    await storage.close();
    const after = (await startIn(directory)).view;
    const reached: number[] = [];
    for (const files of points) {
      const { view, notices } = await startFrom(files);
      expect(notices).toEqual([]);
      for (const group of groups) expect([before[group], after[group]]).toContainEqual(view[group]);
      reached.push(groups.filter((group) => view[group]?.snapshot === '4@' + String(group)).length);
    }
    expect(reached).toEqual([...reached].sort((a, b) => a - b));
    expect([...new Set(reached)]).toEqual([0, 1, 2, 3, 4]);
  }, 60_000);

  it('s65 crashes once more while it recovers from a crash', async () => {
    const script = SCRIPTS['s65 an install over a longer log, then writes and a checkpoint on it'] ?? [];
    const views = await expectedViews(script);
    const points = (await crashPoints(script, checkpointAtOnce)).filter(({ operation }) => operation === 3);
    expect(points.length).toBeGreaterThan(3);
    for (const { files } of points) {
      const directory = putFiles(files);
      const during: Files[] = [];
      const { view } = await startIn(directory, new InlineWorker(() => during.push(takeFiles(directory))));
      for (const again of during) expect((await startFrom(again)).view).toEqual(view);
      expect([views[3], views[4]]).toContainEqual(view);
    }
  }, 60_000);

  it('leaves no row of a replaced or abandoned state behind', async () => {
    const directory = freshFolder();
    const storage = new SqliteStorage({ directory, worker: new InlineWorker() });
    await storage.open();
    for (const run of [checkpoint(1, 4, 1, many), install(1, 12, 2)]) await run(storage);
    await storage.stageChunk(1, 0, chunk(['never', 'installed']));
    const files = takeFiles(directory);
    await storage.close();

    const again = putFiles(files);
    const reader = new SqliteStorage({ directory: again, worker: new InlineWorker() });
    await reader.open();
    // The old slot is purged last, slice by slice; a commit after each lets it continue.
    for (let i = 13; i < 30; i++) await commit(1, i, i, 2)(reader);
    await reader.close();
    const { default: Database } = await import('better-sqlite3');
    const db = new Database(`${again}/state.db`);
    expect(db.prepare('SELECT count(*) AS n FROM state').get()).toEqual({ n: 3 });
    expect(db.prepare('SELECT count(*) AS n FROM garbage').get()).toEqual({ n: 0 });
    db.close();
  });
});
