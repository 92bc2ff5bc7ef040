/** A disk that hangs: a call to it neither fails nor returns. Closing the store and ending the process are not blocked. */
import { describe, expect, it } from 'vitest';
import { EngineHost } from '../../../src/raft/storage/engine/engine-host.js';
import { SqliteStorage, StorageFailure } from '../../../src/raft/storage/index.js';
import { EXIT_LIMIT_MS, haveStopped } from '../../../src/raft/storage/worker/process-exit.js';
import {
  RequestQueueReader,
  RequestQueueWriter,
  newQueueMemory,
} from '../../../src/raft/storage/worker/request-queue.js';
import type { RequestEnvelope } from '../../../src/raft/storage/engine/protocol.js';
import { CLOSE_LIMIT_MS } from '../../../src/raft/storage/worker/store-client.js';
import { freshFolder, removeFoldersAfterEach } from './support/builders.js';
import { commit, turns } from './support/faulty-files.js';
import { startIn } from './support/files.js';
import { InlineWorker } from './support/inline-worker.js';

/** A store whose thread can be made to hang, and whose timers the test fires. */
function make() {
  const directory = freshFolder();
  const worker = new InlineWorker();
  const timers = new Map<() => void, number>();
  const storage = new SqliteStorage({
    directory,
    worker,
    after: (ms, task) => {
      timers.set(task, ms);
      return () => timers.delete(task);
    },
  });
  const runOut = (): void => {
    for (const task of timers.keys()) task();
  };
  return { directory, worker, storage, timers, runOut };
}

const hangs = { name: 'StorageFailure', message: expect.stringMatching(/^the disk hangs: /) as string };

describe('a store whose disk hangs', () => {
  removeFoldersAfterEach();

  it('is closed for its owner after the time limit, and all pending calls are rejected', async () => {
    const { directory, worker, storage, timers, runOut } = make();
    await storage.open();
    await commit(storage, 1);
    worker.isPaused = true;
    const waiting = expect(commit(storage, 2)).rejects.toMatchObject(hangs);
    const closing = expect(storage.close()).rejects.toMatchObject(hangs);
    await turns();
    expect([...timers.values()]).toEqual([CLOSE_LIMIT_MS]);
    runOut();
    await Promise.all([waiting, closing]);
    await expect(commit(storage, 3)).rejects.toThrow(StorageFailure);
    // No other store can open the files before the disk recovers.
    await expect(new SqliteStorage({ directory, worker: new InlineWorker() }).open()).rejects.toThrow('in use');
    worker.resume();
    await turns();
    expect((await startIn(directory)).view[1]?.log.length).toBeGreaterThanOrEqual(1);
  });

  it('can be closed while it is being opened', async () => {
    const { worker, storage, runOut } = make();
    worker.isPaused = true;
    const opening = expect(storage.open()).rejects.toMatchObject(hangs);
    const closing = expect(storage.close()).rejects.toMatchObject(hangs);
    await turns();
    runOut();
    await Promise.all([opening, closing]);
  });

  it('and recovers in time is closed normally, and no timer is left', async () => {
    const { worker, storage, timers } = make();
    await storage.open();
    worker.isPaused = true;
    const closing = storage.close();
    await turns();
    worker.resume();
    await closing;
    expect(timers.size).toBe(0);
  });
});

describe('the end of a process', () => {
  removeFoldersAfterEach();

  const queues = () => {
    const memory = newQueueMemory();
    return { writer: new RequestQueueWriter(memory), reader: new RequestQueueReader(memory, () => undefined) };
  };

  it('does not wait for a thread without open stores', () => {
    const { writer, reader } = queues();
    expect(haveStopped([writer], () => 0)).toBe(true);
    expect(reader.acquire()).toBe(false);
    expect(reader.next()).toBeUndefined();
    // It does not sleep again: nothing would wake it.
    reader.wait(60_000);
  });

  it('waits for a busy thread, up to the limit', () => {
    const { writer, reader } = queues();
    expect(reader.acquire()).toBe(true);
    const asked: number[] = [];
    const hung = { stop: () => undefined, waitStopped: (ms: number) => asked.push(ms) > 1 };
    let now = 0;
    expect(haveStopped([hung], () => now)).toBe(false);
    expect(asked).toEqual([EXIT_LIMIT_MS]);
    // The limit is shared by all of them.
    const slow = { stop: () => undefined, waitStopped: () => (now += EXIT_LIMIT_MS - 1) > 0 };
    expect(haveStopped([slow, hung], () => now)).toBe(true);
    expect(asked[1]).toBe(1);
    writer.stop();
    expect(writer.waitStopped(0)).toBe(false);
    reader.release();
    expect(writer.waitStopped(0)).toBe(true);
  });

  it('releases files with everything that was acknowledged', async () => {
    const directory = freshFolder();
    const requests: RequestEnvelope[] = [
      { store: 1, call: 1, request: { type: 'open', directory, maxJournalBytes: undefined } },
    ];
    const host = new EngineHost({ poll: () => requests.shift(), send: () => undefined });
    host.run();
    expect(host.hasStores).toBe(true);
    await expect(startIn(directory)).rejects.toThrow('in use');
    host.abandon();
    expect(host.hasStores).toBe(false);
    await startIn(directory);
  });
});
