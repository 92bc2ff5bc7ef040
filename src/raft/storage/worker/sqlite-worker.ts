/**
 * Entry of the storage thread: runs `engine-host.ts`. No other thread of the process waits for the disk on its behalf.
 *
 * It sleeps on its request queue and not in its event loop, which gets a turn at intervals, and while the WAL
 * checkpoint thread may have sent a reply.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { EngineHost } from '../engine/engine-host.js';
import { WalCheckpointer } from './wal-checkpointer.js';
import { packReplies } from './reply-packet.js';
import { RequestQueueReader } from './request-queue.js';
import type { RequestEnvelope } from '../engine/protocol.js';
import { openStoreFiles } from '../engine/store-files.js';

/** Sleeps between two turns of the event loop. */
const SLEEPS_PER_TURN = 64;
/** Longest sleep during a WAL checkpoint, which takes 10 to 100 ms. */
const WAL_SLEEP_MS = 2;

const port = parentPort;
if (port === null) throw new Error('this file is the entry of a worker thread');

const queue = new RequestQueueReader(
  workerData as SharedArrayBuffer,
  () => receiveMessageOnPort(port)?.message as RequestEnvelope | undefined,
);
const walCheckpointer = new WalCheckpointer();
const host = new EngineHost({
  poll: () => queue.next(),
  send: (replies) => {
    port.postMessage(packReplies(replies));
  },
  openFiles: (directory, maxJournalBytes) =>
    openStoreFiles(directory, maxJournalBytes, { checkpointWal: walCheckpointer.checkpoint }),
});

/** False if the process is exiting. */
function run(): boolean {
  if (!queue.acquire()) return false;
  host.run();
  if (!host.hasStores && !walCheckpointer.isBusy) queue.release();
  return true;
}

function work(): void {
  let goesOn = run();
  for (let sleeps = 0; goesOn && sleeps < SLEEPS_PER_TURN && !walCheckpointer.isBusy; sleeps++) {
    queue.wait(host.waitMs());
    goesOn = run();
  }
  if (walCheckpointer.isBusy) queue.wait(WAL_SLEEP_MS);
  setImmediate(goesOn ? work : stop);
}

/** The exiting process waits until nothing is open: if Node closed the files itself, a hung disk could block it. */
function stop(): void {
  host.abandon();
  if (walCheckpointer.isBusy) setTimeout(stop, WAL_SLEEP_MS);
  else queue.release();
}

setImmediate(work);
