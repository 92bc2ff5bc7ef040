/** The reading end of a queue without an engine: takes commits and verifies their content. */
import { parentPort, workerData } from 'node:worker_threads';
import { RequestQueueReader } from '../../../../src/raft/storage/worker/request-queue.js';
import { LAST, whyWrong } from './queue-load.js';

const reader = new RequestQueueReader(workerData as SharedArrayBuffer, () => {
  throw new Error('what was put into the queue is looked for in the port');
});
const wrong: string[] = [];
let taken = 0;
let isOver = false;

while (!isOver) {
  const next = reader.next();
  if (next === undefined) {
    reader.wait();
    continue;
  }
  if (next.request.type !== 'commit') throw new Error(`a ${next.request.type} in the queue`);
  const { seq, data } = next.request;
  if (seq === LAST) isOver = true;
  else {
    taken++;
    const why = whyWrong(taken, seq, data);
    if (why !== undefined) wrong.push(why);
  }
}
parentPort?.postMessage({ taken, wrong: wrong.slice(0, 5), wrongs: wrong.length });
