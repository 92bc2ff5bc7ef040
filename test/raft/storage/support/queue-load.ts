/** Commits whose every byte can be verified. */
import { once } from 'node:events';
import { RequestQueueWriter, newQueueMemory } from '../../../../src/raft/storage/worker/request-queue.js';
import { startThread } from '../../../../src/raft/storage/worker/start-thread.js';

/** Number of the last commit of the load. */
export const LAST = 0;
/** Most are small, as on a node; large ones take longest to read. */
const SIZES = [1, 300, 4_096, 10_000, 30_000, 300_000];

/** Commits are numbered from 1 on. */
function dataOf(seq: number): Uint8Array {
  return new Uint8Array(SIZES[seq % SIZES.length] ?? 1).fill(1 + (seq % 251));
}

export function whyWrong(expected: number, seq: number, data: Uint8Array): string | undefined {
  if (seq !== expected) return `commit ${seq} came, not ${expected}`;
  const wanted = dataOf(seq);
  if (data.length !== wanted.length) return `commit ${seq} has ${data.length} bytes`;
  if (Buffer.compare(data, wanted) === 0) return undefined;
  const at = data.findIndex((byte, i) => byte !== wanted[i]);
  return `byte ${at} of commit ${seq} is ${data[at] ?? 0}, not ${wanted[at] ?? 0}`;
}

export interface Taken {
  readonly taken: number;
  readonly wrong: readonly string[];
  readonly wrongs: number;
}

/** Puts commits into a queue as fast as there is room, while another thread takes them. `start`: of the queue's counters. */
export async function hammer(commits: number, start: number): Promise<Taken> {
  const memory = newQueueMemory(start);
  const worker = startThread(new URL('./queue-worker.js', import.meta.url), memory);
  const ended = once(worker, 'message');
  let hasFailed = false;
  ended.catch(() => {
    hasFailed = true;
  });
  const writer = new RequestQueueWriter(memory);
  const put = async (seq: number, data: Uint8Array): Promise<void> => {
    // A thread that has ended frees no room.
    while (!hasFailed && !writer.put(1, seq, { type: 'commit', seq, data, activation: undefined })) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    writer.publish();
  };
  for (let seq = 1; seq <= commits; seq++) await put(seq, dataOf(seq));
  await put(LAST, new Uint8Array(1));
  const [taken] = (await ended) as [Taken];
  await worker.terminate();
  return taken;
}
