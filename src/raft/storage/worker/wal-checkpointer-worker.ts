/** The thread of `wal-checkpointer.ts`: takes one database after another and copies its write-ahead log back. */
import { dirname } from 'node:path';
import { parentPort } from 'node:worker_threads';
import { openForWalCheckpoint } from '../disk/data-folder.js';
import { toFailure } from '../failure.js';
import type { FailureData } from '../failure.js';
import type { WalReply, WalRequest } from './wal-checkpointer.js';
import { errorClassifier } from '../disk/quota-probe.js';

const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker thread');

port.on('message', ({ call, file }: WalRequest) => {
  port.postMessage({ call, failure: copy(file) } satisfies WalReply);
});

/** A connection for this one time: none is left open when the store is closed, whose last one deletes the log. */
function copy(file: string): FailureData | undefined {
  try {
    const db = openForWalCheckpoint(file);
    try {
      // What readers and a checkpoint at the same time keep it from copying stays in the log for the next time.
      db.pragma('wal_checkpoint(PASSIVE)');
    } finally {
      db.close();
    }
    return undefined;
  } catch (error) {
    return toFailure(errorClassifier(dirname(file))(error), file);
  }
}
