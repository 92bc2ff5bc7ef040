/** The shared-memory queue to the storage thread, with both ends in one thread. */
import { describe, expect, it } from 'vitest';
import {
  RequestQueueReader,
  RequestQueueWriter,
  newQueueMemory,
} from '../../../src/raft/storage/worker/request-queue.js';
import type { Request, RequestEnvelope } from '../../../src/raft/storage/engine/protocol.js';

type Commit = Extract<Request, { readonly type: 'commit' }>;

const commit = (seq: number, length = 8): Commit => ({
  type: 'commit',
  seq,
  data: new Uint8Array(length).fill(seq % 251),
  activation: undefined,
});

function newQueue(start = 0) {
  const memory = newQueueMemory(start);
  const port: RequestEnvelope[] = [];
  const writer = new RequestQueueWriter(memory);
  const reader = new RequestQueueReader(memory, () => port.shift());
  let call = 0;
  /** Through the shared memory if there is room; returns which way it went. */
  const post = (request: Request): 'memory' | 'port' => {
    call++;
    const way = request.type === 'commit' && writer.put(1, call, request) ? 'memory' : 'port';
    if (way === 'port') port.push({ store: 1, call, request });
    writer.publish();
    return way;
  };
  return { writer, reader, post, port };
}

function takeAll(reader: RequestQueueReader): RequestEnvelope[] {
  const all: RequestEnvelope[] = [];
  for (let next = reader.next(); next !== undefined; next = reader.next()) all.push(next);
  return all;
}

describe('request queue', () => {
  it('delivers what was put into it, byte for byte', () => {
    const { reader, post } = newQueue();
    expect(reader.next()).toBeUndefined();
    expect(post(commit(2 ** 40, 300))).toBe('memory');
    expect(reader.next()).toEqual({ store: 1, call: 1, request: commit(2 ** 40, 300) });
    expect(reader.next()).toBeUndefined();
  });

  it('keeps the order of calls across shared memory and port', () => {
    const { reader, post } = newQueue();
    for (let seq = 1; seq <= 1_000; seq++) {
      post(seq % 7 === 0 ? { type: 'purge', slot: seq } : commit(seq));
      if (seq % 5 === 0) expect(takeAll(reader).map(({ call }) => call)).toEqual([4, 3, 2, 1, 0].map((n) => seq - n));
    }
  });

  it.each([
    ['at the beginning', 0],
    ['where the sign of its counts changes', 2 ** 31 - 30],
    ['where its counts begin anew', 2 ** 32 - 30],
  ])('sends by port what has no room, in its place: %s', (_, start) => {
    const { reader, post } = newQueue(start);
    const ways = Array.from({ length: 70 }, (_, i) => post(commit(i)));
    expect(ways).toEqual([...new Array<string>(64).fill('memory'), ...new Array<string>(6).fill('port')]);
    expect(takeAll(reader).map(({ request }) => request)).toEqual(ways.map((_, i) => commit(i)));
    expect(post(commit(1, 5 * 1024 * 1024))).toBe('port');
    expect(takeAll(reader)).toHaveLength(1);
    expect([post(commit(1, 3 * 1024 * 1024)), post(commit(2, 2 * 1024 * 1024)), post(commit(3))]).toEqual([
      'memory',
      'port',
      'memory',
    ]);
    expect(takeAll(reader).map(({ request }) => request.type === 'commit' && request.seq)).toEqual([1, 2, 3]);
  });

  it('never overwrites what was not taken, nor what was taken', () => {
    const { reader, post } = newQueue();
    post(commit(1));
    post(commit(2));
    const first = reader.next();
    post(commit(3));
    expect(first?.request).toEqual(commit(1));
    expect(takeAll(reader).map(({ request }) => request)).toEqual([commit(2), commit(3)]);
    post(commit(4));
    expect(first?.request).toEqual(commit(1));
  });

  it('does not publish on put, and does not sleep while something is published', () => {
    const { writer, reader } = newQueue();
    expect(writer.put(3, 9, commit(5))).toBe(true);
    expect(reader.next()).toBeUndefined();
    writer.publish();
    reader.wait();
    expect(reader.next()).toEqual({ store: 3, call: 9, request: commit(5) });
  });
});
