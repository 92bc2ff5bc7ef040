/** Runs a contract test against every storage. */
import { afterAll, afterEach, beforeEach, describe } from 'vitest';
import { MemoryDisk, MemoryStorage, SqliteStorage, SqliteThread } from '../../../../src/raft/storage/index.js';
import type { Recovered, Storage } from '../../../../src/raft/storage/index.js';
import { entries, freshFolder, removeFoldersAfterEach, viewOf } from './builders.js';
import type { GroupView } from './builders.js';
import { InlineWorker } from './inline-worker.js';
import { virtualPlace } from './virtual-place.js';

export class Bench {
  readonly make: () => Storage;
  storage: Storage;
  recovered: Recovered;

  private constructor(make: () => Storage, storage: Storage, recovered: Recovered) {
    this.make = make;
    this.storage = storage;
    this.recovered = recovered;
  }

  /** `make` returns a new storage on the same place each time. */
  static async open(make: () => Storage): Promise<Bench> {
    const storage = make();
    return new Bench(make, storage, await storage.open());
  }

  async reopen(): Promise<Record<number, GroupView>> {
    await this.storage.close();
    this.storage = this.make();
    this.recovered = await this.storage.open();
    return viewOf(this.storage, this.recovered);
  }

  commitEntries(group: number, first: number, last: number, term = 1): Promise<void> {
    return this.storage.commit([{ group, hardState: undefined, entries: entries(first, last, term) }]);
  }
}

/** Runs the tests against each storage; `bench()` is fresh for every test. */
export function describeEachStorage(what: string, tests: (bench: () => Bench) => void): void {
  let thread: SqliteThread | undefined;
  afterAll(() => thread?.close());
  const places: Record<string, () => () => Storage> = {
    memory: () => {
      const disk = new MemoryDisk();
      return () => new MemoryStorage(disk, { nextTurn: () => Promise.resolve() });
    },
    'files in memory, in virtual time': virtualPlace,
    'sqlite in this thread': () => {
      const directory = freshFolder();
      return () => new SqliteStorage({ directory, worker: new InlineWorker() });
    },
    'sqlite in a shared thread': () => {
      const directory = freshFolder();
      const worker = (thread ??= new SqliteThread());
      return () => new SqliteStorage({ directory, worker });
    },
  };
  describe.each(Object.entries(places))(`${what}: %s`, (_name, makePlace) => {
    let bench: Bench | undefined;
    removeFoldersAfterEach();
    beforeEach(async () => {
      bench = await Bench.open(makePlace());
    });
    afterEach(() => bench?.storage.close());
    tests(() => {
      if (bench === undefined) throw new Error('only within a test');
      return bench;
    });
  });
}
