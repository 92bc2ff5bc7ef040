/**
 * The end of the process, where a thread is in a call to a disk that hangs: one of the storage, or one that writes the log.
 *
 * Node waits for its threads before it ends, whether by `process.exit` or since there is nothing left to do, and closes
 * the databases that they have open. No thread can be torn from a call that does not return, and there is no way to end
 * with an exit code past it. So the threads are asked to let go of their files, and if one has not done so in time the
 * process ends by SIGKILL: as after any crash, what was acknowledged is on the disk.
 */
import { isMainThread } from 'node:worker_threads';
import type { RequestQueueWriter } from './request-queue.js';

/** So long the end of the process waits for storage threads. */
export const EXIT_LIMIT_MS = 2_000;

type Stoppable = Pick<RequestQueueWriter, 'stop' | 'waitStopped'>;

const threads = new Set<Stoppable>();

/** Waited for at the end of the process, which is by SIGKILL if it does not stop in time. Ends with `forgetAtEnd`. Elsewhere than in the main thread nothing can be done: who started that one waits for it. */
export function stopAtExit(thread: Stoppable): void {
  if (!isMainThread) return;
  if (threads.size === 0) process.on('exit', stopAll);
  threads.add(thread);
}

export function removeFromExit(thread: Stoppable): void {
  threads.delete(thread);
  if (threads.size === 0) process.off('exit', stopAll);
}

function stopAll(): void {
  if (!haveStopped(threads, () => performance.now())) process.kill(process.pid, 'SIGKILL');
}

/** Stops all of them; false if one has not let go of its files in time. */
export function haveStopped(all: Iterable<Stoppable>, now: () => number): boolean {
  const deadline = now() + EXIT_LIMIT_MS;
  for (const thread of all) thread.stop();
  for (const thread of all) if (!thread.waitStopped(Math.max(0, deadline - now()))) return false;
  return true;
}
