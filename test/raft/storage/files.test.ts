/** A store's files by SQLite and in the simulator's memory: one contract, so that results on one hold for the other. */
import type Database from 'better-sqlite3';
import { openStoreFiles } from '../../../src/raft/storage/engine/store-files.js';
import { openStateReader } from '../../../src/raft/storage/state/state-reader.js';
import type { StoreFiles } from '../../../src/raft/storage/index.js';
import { DiskContent } from '../../../src/sim/disk-content.js';
import {
  openVirtualSnapshot,
  sqliteError,
  virtualReader,
  VirtualJournal,
  VirtualState,
  type Sync,
} from '../../../src/sim/virtual-files.js';
import { filesContract, type Place } from './files.contract.js';
import { freshFolder, removeFoldersAfterEach } from './support/builders.js';
import { putFiles, takeFiles } from './support/files.js';

removeFoldersAfterEach();

function sqlitePlace(): Place {
  let directory = freshFolder();
  let isFull = false;
  const opened: StoreFiles[] = [];
  const databases = new Set<Database.Database>();
  const MOST_PAGES = 2 ** 30;
  /** SQLite does not limit a file below its current pages. */
  const limit = (db: Database.Database): void => void db.pragma(`max_page_count = ${isFull ? 1 : MOST_PAGES}`);
  const onDatabase = (db: Database.Database): void => {
    databases.add(db);
    if (isFull) limit(db);
  };
  const close = (): void => {
    for (const files of opened.splice(0)) {
      files.journal.close();
      files.state.close();
      files.release();
    }
  };
  return {
    open: () => {
      const files = openStoreFiles(directory, undefined, { onDatabase });
      opened.push(files);
      return files;
    },
    reader: () => openStateReader(directory),
    crash: () => {
      const files = takeFiles(directory);
      close();
      directory = putFiles(files);
    },
    fill: (full) => {
      isFull = full;
      for (const db of databases) if (db.open) limit(db);
    },
    close,
  };
}

/** As `VirtualDisk` puts them together, with syncs that take no time. */
function virtualPlace(): Place {
  const durable = new DiskContent();
  let isFull = false;
  const sync: Sync = ({ changes, rows, kind }) => {
    if (isFull && (rows.length > 0 || kind === 'checkpoint')) throw sqliteError('SQLITE_FULL', 'disk is full');
    for (const change of changes) change(durable);
  };
  return {
    open: () => {
      const view = durable.copy();
      const reset = (): void => {
        view.become(durable);
        journal.redo();
        state.redo();
      };
      const journal = new VirtualJournal(view, sync, reset);
      const state = new VirtualState(view, sync, reset);
      return { journal, state, openSnapshot: (group) => openVirtualSnapshot(view, group), release: () => undefined };
    },
    reader: () => virtualReader(durable),
    crash: () => undefined,
    fill: (full) => {
      isFull = full;
    },
    close: () => undefined,
  };
}

filesContract('SQLite', sqlitePlace);
filesContract('in memory, for the simulator', virtualPlace);
