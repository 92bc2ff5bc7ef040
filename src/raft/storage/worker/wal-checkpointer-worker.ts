/** Entry of the thread of `wal-checkpointer.ts`: checkpoints the WAL of one database after another. */
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

/** A connection for this one checkpoint: the store's last connection, when closed, must be the one that deletes the WAL. */
function copy(file: string): FailureData | undefined {
  try {
    const db = openForWalCheckpoint(file);
    try {
      // Frames that readers or writers keep it from copying stay in the WAL for the next time.
      db.pragma('wal_checkpoint(PASSIVE)');
    } finally {
      db.close();
    }
    return undefined;
  } catch (error) {
    return toFailure(errorClassifier(dirname(file))(error), file);
  }
}
