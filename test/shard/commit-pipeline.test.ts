import { beforeEach, describe, expect, it } from 'vitest';
import { CommitPipeline, merge, type QueuedWrite } from '../../src/shard/node/commit-pipeline.js';
import type { GroupWrite, IncomingChunk, Write } from '../../src/raft/index.js';
import type { Storage } from '../../src/shard/index.js';

const entry = (index: number, term = 1) => ({ index, term, kind: 1, data: Uint8Array.of(index) }) as const;
const hard = (term: number) => ({ term, vote: 1, commit: 0 });
let sequence = 0;

function write(parts: Partial<Write>): Write {
  return {
    receipt: { sequence: ++sequence },
    hardState: undefined,
    entries: [],
    chunk: undefined,
    messages: [],
    ...parts,
  };
}

const chunk = (part: number, done = false): IncomingChunk => ({
  meta: { index: 10, term: 1, configuration: { voters: [1], votersOutgoing: [], learners: [] } },
  sequence: part,
  data: Uint8Array.of(part),
  done,
});

/** A disk that completes one operation at a time, on request. */
class ManualDisk {
  readonly calls: string[] = [];
  readonly commits: (readonly GroupWrite[])[] = [];
  #waiting: { resolve(): void; reject(error: Error): void }[] = [];

  readonly storage = {
    commit: (writes: readonly GroupWrite[]) => {
      this.commits.push(writes);
      return this.#call(`commit ${writes.map((w) => w.group).join(',')}`);
    },
    stageChunk: (group: number, part: number) => this.#call(`stage ${group}/${part}`),
    install: (group: number) => this.#call(`install ${group}`),
  } as unknown as Storage;

  async done(): Promise<void> {
    this.#waiting.shift()?.resolve();
    for (let i = 0; i < 5; i++) await Promise.resolve();
  }

  async fail(): Promise<void> {
    this.#waiting.shift()?.reject(new Error('broken'));
    for (let i = 0; i < 5; i++) await Promise.resolve();
  }

  #call(name: string): Promise<void> {
    this.calls.push(name);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }
}

let disk: ManualDisk;
let durable: QueuedWrite[][];
let failures: Error[];
let pipeline: CommitPipeline;
let nowMs: number;

const makePipeline = (limits: { maxCommitBytes?: number } = {}): CommitPipeline =>
  new CommitPipeline(disk.storage, {
    onDurable: (writes) => durable.push([...writes]),
    onFailure: (error) => failures.push(error),
    now: () => nowMs,
    ...limits,
  });

beforeEach(() => {
  disk = new ManualDisk();
  durable = [];
  failures = [];
  nowMs = 0;
  pipeline = makePipeline();
});

const push = (group: number, parts: Partial<Write>): QueuedWrite => {
  const item = { group, write: write(parts) };
  pipeline.push(item);
  return item;
};

describe('commits', () => {
  it('batch all groups; while two are in flight, the next batch accumulates', async () => {
    const first = [push(1, { entries: [entry(1)] }), push(2, { entries: [entry(1)] })];
    pipeline.maybeFlush();
    const second = push(1, { entries: [entry(2)] });
    pipeline.maybeFlush();
    const third = [push(3, { entries: [entry(1)] }), push(1, { entries: [entry(3)] })];
    pipeline.maybeFlush();
    expect(disk.calls).toEqual(['commit 1,2', 'commit 1']);
    expect(durable).toEqual([]);
    await disk.done();
    expect(durable).toEqual([first]);
    pipeline.maybeFlush();
    expect(disk.calls).toEqual(['commit 1,2', 'commit 1', 'commit 3,1']);
    await disk.done();
    expect(durable).toEqual([first, [second]]);
    expect(pipeline.idle).toBe(false);
    await disk.done();
    expect(durable).toEqual([first, [second], third]);
    expect(pipeline.idle).toBe(true);
  });

  it('are bounded in bytes; the rest follows, in order', async () => {
    const data = new Uint8Array(60);
    pipeline = makePipeline({ maxCommitBytes: 100 });
    const items = [1, 2, 3].map((group) => push(group, { entries: [{ ...entry(1), data }] }));
    const messages = push(1, {});
    pipeline.maybeFlush();
    expect(disk.calls).toEqual(['commit 1,2']);
    pipeline.maybeFlush();
    expect(disk.calls).toEqual(['commit 1,2', 'commit 3']);
    await disk.done();
    await disk.done();
    expect(durable).toEqual([items.slice(0, 2), [items[2], messages]]);
    expect(pipeline.idle).toBe(true);
  });

  it('release messages without entries before the disk is done, but never before an earlier write', async () => {
    const item = push(1, {});
    pipeline.maybeFlush();
    expect(durable).toEqual([[item]]);
    const before = push(1, { entries: [entry(1)] });
    pipeline.maybeFlush();
    const behind = push(1, {});
    pipeline.maybeFlush();
    // An empty commit, which storage completes after the one before it.
    expect(disk.calls).toEqual(['commit 1', 'commit ']);
    expect(durable).toHaveLength(1);
    await disk.done();
    expect(durable.slice(1)).toEqual([[before]]);
    expect(pipeline.idle).toBe(false);
    await disk.done();
    expect(durable.slice(1)).toEqual([[before], [behind]]);
    expect(pipeline.idle).toBe(true);
  });

  it('that hold messages only do not delay a write', () => {
    push(1, { entries: [entry(1)] });
    pipeline.maybeFlush();
    push(1, {});
    pipeline.maybeFlush();
    push(2, { entries: [entry(1)] });
    pipeline.maybeFlush();
    expect(disk.calls).toEqual(['commit 1', 'commit ', 'commit 2']);
  });

  it('s70 stop after a failure', async () => {
    push(1, { entries: [entry(1)] });
    pipeline.maybeFlush();
    push(1, { entries: [entry(2)] });
    await disk.fail();
    pipeline.maybeFlush();
    expect(failures.map((e) => e.message)).toEqual(['broken']);
    expect(durable).toEqual([]);
    expect(disk.calls).toEqual(['commit 1']);
  });
});

describe('snapshot chunks', () => {
  it('are staged in order with the writes of their group, which wait for them; other groups do not', async () => {
    push(1, { entries: [entry(1)] });
    const staged = push(1, { chunk: chunk(0) });
    pipeline.maybeFlush();
    expect(disk.calls).toEqual(['commit 1', 'stage 1/0']);
    await disk.done();
    push(1, { entries: [entry(2)] });
    push(2, { entries: [entry(1)] });
    pipeline.maybeFlush();
    expect(disk.calls.at(-1)).toBe('commit 2');
    await disk.done();
    expect(durable.at(-1)).toEqual([staged]);
    await disk.done();
    pipeline.maybeFlush();
    expect(disk.calls.at(-1)).toBe('commit 1');
  });

  it('the last one installs the snapshot; a hard state that comes with a chunk is written', async () => {
    const last = push(1, { chunk: chunk(0, true), hardState: hard(3) });
    pipeline.maybeFlush();
    await disk.done();
    expect(disk.calls).toEqual(['stage 1/0', 'install 1']);
    expect(durable).toEqual([]);
    await disk.done();
    expect(durable).toEqual([[last]]);
    push(2, { chunk: chunk(0), hardState: hard(4) });
    pipeline.maybeFlush();
    await disk.done();
    expect(disk.calls.at(-1)).toBe('commit 2');
    expect(disk.commits.at(-1)).toEqual([{ group: 2, hardState: hard(4), entries: [] }]);
    await disk.done();
    expect(pipeline.idle).toBe(true);
  });

  it('a failure to stage is a failure', async () => {
    push(1, { chunk: chunk(0) });
    pipeline.maybeFlush();
    await disk.fail();
    expect(failures).toHaveLength(1);
  });
});

describe('merge', () => {
  it('keeps the latest hard state, and the log as the later write leaves it', () => {
    const batch = [
      { group: 1, write: write({ hardState: hard(1), entries: [entry(5), entry(6), entry(7)] }) },
      { group: 2, write: write({ hardState: hard(9) }) },
      { group: 1, write: write({ hardState: hard(2), entries: [entry(6, 2)] }) },
      { group: 1, write: write({ entries: [entry(7, 2), entry(8, 2)] }) },
      { group: 3, write: write({}) },
    ];
    expect(merge(batch)).toEqual([
      { group: 1, hardState: hard(2), entries: [entry(5), entry(6, 2), entry(7, 2), entry(8, 2)] },
      { group: 2, hardState: hard(9), entries: [] },
    ]);
  });
});

it('reports when the oldest write in flight began, whatever is queued behind it', async () => {
  expect(pipeline.oldestSinceMs).toBeUndefined();
  nowMs = 5;
  push(1, { entries: [entry(1)] });
  expect(pipeline.oldestSinceMs).toBeUndefined();
  pipeline.maybeFlush();
  nowMs = 6;
  push(2, { chunk: chunk(0) });
  pipeline.maybeFlush();
  nowMs = 7;
  push(1, { entries: [entry(2)] });
  pipeline.maybeFlush();
  expect(pipeline.oldestSinceMs).toBe(5);
  await disk.done();
  expect(pipeline.oldestSinceMs).toBe(6);
  await disk.done();
  expect(pipeline.oldestSinceMs).toBe(7);
  await disk.done();
  expect(pipeline.oldestSinceMs).toBeUndefined();
});
