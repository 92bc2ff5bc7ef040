/**
 * The thread in which SQLite runs: a shell around `engine-host.ts`. Nothing else of the process waits on a disk.
 *
 * It sleeps on its request queue and not in its event loop, which gets a turn now and then, and whenever the
 * thread that copies logs may have something to say.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { EngineHost } from '../engine/engine-host.js';
import { WalCheckpointer } from './wal-checkpointer.js';
import { packReplies } from './reply-packet.js';
import { RequestQueueReader } from './request-queue.js';
import type { RequestEnvelope } from '../engine/protocol.js';
import { openStoreFiles } from '../engine/store-files.js';

/** So often it sleeps before the event loop, in which others may have left something to do, gets a turn. */
const SLEEPS_PER_TURN = 64;
/** While a log is copied, which takes 10 to 100 ms, a sleep is no longer than this. */
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

/** False if there is nothing more to be done: the process ends. */
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

/** Who ends a process waits until nothing is open: what Node closes itself may take as long as a disk hangs. */
function stop(): void {
  host.abandon();
  if (walCheckpointer.isBusy) setTimeout(stop, WAL_SLEEP_MS);
  else queue.release();
}

setImmediate(work);
