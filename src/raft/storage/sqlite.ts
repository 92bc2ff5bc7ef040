/**
 * The storage port over SQLite: journal.db and state.db in a data folder, written by a worker thread.
 *
 * Only names what `journaled.ts` runs on: a thread, a read-only connection for reads, the event loop and its clock.
 *
 * What is left out: rows of state.db carry no checksum of ours (journal rows do); journal.db reuses the slots that
 * dropped rows leave, but is not made smaller.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { JournaledStorage } from './journaled.js';
import type { JournaledStorageSettings } from './journaled.js';
import { SqliteThread } from './worker/sqlite-thread.js';
import type { SqliteWorker } from './worker/sqlite-thread.js';
import type { After } from './worker/store-client.js';
import { openStateReader } from './state/state-reader.js';

export interface SqliteStorageOptions extends JournaledStorageSettings {
  /** The data folder; made if it is not there. Only one store at a time can hold it. */
  readonly directory: string;
  /** A worker shared with other stores, closed by whoever made it. Default: a thread of its own. */
  readonly worker?: SqliteWorker;
  /** Default: timers of this process. */
  readonly after?: After;
}

const timer: After = (ms, task) => {
  const handle = setTimeout(task, ms);
  return () => {
    clearTimeout(handle);
  };
};

export class SqliteStorage extends JournaledStorage {
  constructor(options: SqliteStorageOptions) {
    const { directory, worker = new SqliteThread(), after = timer } = options;
    super(options, {
      directory,
      worker,
      openReader: () => openStateReader(directory),
      nextTurn,
      now: () => performance.now(),
      after,
      closed: () => (options.worker === undefined ? worker.close() : Promise.resolve()),
    });
  }
}
