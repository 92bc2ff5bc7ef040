/**
 * Lets the process exit while a thread, of the storage or of the log writer, is in a call to a disk that hangs.
 *
 * Node waits for its threads before it exits, and closes the databases that they have open. A thread cannot be
 * interrupted in a system call that does not return, and the process cannot exit with a code before it does. So the
 * threads are requested to close their files, and if one has not done so in time the process kills itself with SIGKILL:
 * as after any crash, acknowledged writes are on the disk.
 */
import { isMainThread } from 'node:worker_threads';
import type { RequestQueueWriter } from './request-queue.js';

/** How long the exit of the process waits for such threads. */
export const EXIT_LIMIT_MS = 2_000;

type Stoppable = Pick<RequestQueueWriter, 'stop' | 'waitStopped'>;

const threads = new Set<Stoppable>();

/**
 * Stops the thread when the process exits, unless `removeFromExit` was called before; if it does not stop in time, the
 * process ends by SIGKILL. No effect outside the main thread: the parent of that worker thread waits for it.
 */
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

/** Stops all of them; false if one has not closed its files in time. */
export function haveStopped(all: Iterable<Stoppable>, now: () => number): boolean {
  const deadline = now() + EXIT_LIMIT_MS;
  for (const thread of all) thread.stop();
  for (const thread of all) if (!thread.waitStopped(Math.max(0, deadline - now()))) return false;
  return true;
}
