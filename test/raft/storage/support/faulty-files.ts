/** The real files of a store with injected faults, and helpers for tests of full disks. */
import { basename } from 'node:path';
import Database from 'better-sqlite3';
import { SqliteStorage } from '../../../../src/raft/storage/index.js';
import type { Storage, StorageStall } from '../../../../src/raft/storage/index.js';
import type { JournalFile, OpenFiles, StateFile } from '../../../../src/raft/storage/files.js';
import { openStoreFiles, type StoreFilesOptions } from '../../../../src/raft/storage/engine/store-files.js';
import { entry, freshFolder } from './builders.js';
import { InlineWorker } from './inline-worker.js';

export const commit = (storage: Storage, index: number, size = 10, group = 1): Promise<void> =>
  storage.commit([{ group, hardState: undefined, entries: [entry(index, 1, 'x'.repeat(size))] }]);

export const turns = async (count = 20): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

export const sqliteError = (code: string): Error => new Database.SqliteError('text', code);

export interface Faults {
  journal?: Partial<Record<keyof JournalFile, (work: () => unknown) => unknown>>;
  state?: Partial<Record<keyof StateFile, (work: () => unknown) => unknown>>;
}

/** The real files; calls of an operation that has a fault go through that fault. */
export function withFaults(faults: Faults): OpenFiles {
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

/** The real files; each `COMMIT` to the one called `name` runs through `fault`. */
export function failingCommits(
  name: string,
  fault: (work: () => unknown) => unknown,
  probe?: StoreFilesOptions['probe'],
): OpenFiles {
  const onDatabase = (db: Database.Database): void => {
    if (basename(db.name) !== name) return;
    const prepare = db.prepare.bind(db);
    db.prepare = ((source: string) => {
      const statement = prepare(source);
      if (source !== 'COMMIT') return statement;
      const run = statement.run.bind(statement) as () => unknown;
      statement.run = (() => fault(run)) as typeof statement.run;
      return statement;
    }) as typeof prepare;
    const exec = db.exec.bind(db);
    db.exec = ((source: string) => (source === 'COMMIT' ? fault(() => exec(source)) : exec(source))) as typeof exec;
  };
  return (directory, maxBytes) => openStoreFiles(directory, maxBytes, { onDatabase, ...(probe && { probe }) });
}

export async function openWith(faults: Faults, directory = freshFolder()) {
  const worker = new InlineWorker(undefined, withFaults(faults));
  const storage = new SqliteStorage({ directory, worker });
  const stalls: (StorageStall | undefined)[] = [];
  storage.onStall((stall) => stalls.push(stall));
  await storage.open();
  return { storage, worker, directory, stalls };
}

export const full = (): never => {
  throw sqliteError('SQLITE_FULL');
};
