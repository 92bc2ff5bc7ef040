/**
 * The storage port over SQLite: journal.db and state.db in a data folder, written by a worker thread.
 *
 * Provides `journaled.ts` with a thread, a read-only connection for reads, the event loop and its clock.
 *
 * Limits: rows of state.db have no checksum of their own (journal rows do); journal.db reuses the slots of truncated
 * rows, but its file never shrinks.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { JournaledStorage } from './journaled.js';
import type { JournaledStorageSettings } from './journaled-host.js';
import { SqliteThread } from './worker/sqlite-thread.js';
import type { SqliteWorker } from './worker/sqlite-thread.js';
import type { After } from './worker/store-client.js';
import { openStateReader } from './state/state-reader.js';

export interface SqliteStorageOptions extends JournaledStorageSettings {
  /** The data folder; created if it does not exist. Only one store at a time can lock it. */
  readonly directory: string;
  /**
   * A worker shared with other stores, which the caller closes. Default: a thread of its own, closed with the store.
   */
  readonly worker?: SqliteWorker;
  /** Starts the timer that bounds `close`. Default: `setTimeout`. */
  readonly after?: After;
}

const timer: After = (ms, task) => {
  const handle = setTimeout(task, ms);
  return () => {
    clearTimeout(handle);
  };
};

/** The storage of a node: durable, in a data folder. See `Storage` for the calls. */
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
