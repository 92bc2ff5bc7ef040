/** What a journaled storage is given: its settings and its environment. */
import type { StateReader } from './files.js';
import type { SqliteWorker } from './worker/sqlite-thread.js';
import type { After } from './worker/store-client.js';

export interface JournaledStorageSettings {
  /** Quota of journal.db in bytes, at least `minJournalBytes`; commits beyond it wait. Default: none. */
  readonly maxJournalBytes?: number;
  /** Dead bytes that the journal may hold before live entries are copied forward, to truncate it. Default 4 MiB. */
  readonly journalSlackBytes?: number;
  /** Called with messages for the operator that are not errors: a torn row was dropped at the start. */
  readonly onNotice?: (notice: string) => void;
}

/** The environment of a journaled storage. */
export interface JournaledStorageHost {
  /** Data folder, passed to the worker's `OpenFiles`. */
  readonly directory: string;
  readonly worker: SqliteWorker;
  /** Called when the worker has opened the files. */
  readonly openReader: () => StateReader;
  /** Lets other work of this thread run. */
  readonly nextTurn: () => Promise<void>;
  /** Milliseconds; measures commits. */
  readonly now: () => number;
  /** Starts the timer that bounds a close. Default: no bound. */
  readonly after?: After;
  /** Called when the store is closed, once. */
  readonly closed: () => Promise<void>;
}
