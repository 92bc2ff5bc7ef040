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

/**
 * Opens a connection for this checkpoint only: the store's own connection must be the last to close and delete the WAL.
 */
function copy(file: string): FailureData | undefined {
  try {
    const db = openForWalCheckpoint(file);
    try {
      // Frames that cannot be copied because of readers or writers stay in the WAL for the next checkpoint.
      db.pragma('wal_checkpoint(PASSIVE)');
    } finally {
      db.close();
    }
    return undefined;
  } catch (error) {
    return toFailure(errorClassifier(dirname(file))(error), file);
  }
}
