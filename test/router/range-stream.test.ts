/** A stream of a range against a reader that stops: what it holds, what it asks for, and how it ends. */
import { Writable } from 'node:stream';
import { beforeAll, describe, expect, it } from 'vitest';
import { SortedTable } from '../../src/raft/storage/index.js';
import type { PageQuery } from '../../src/router/dispatch/index.js';
import { RangeStream } from '../../src/router/kv/range-stream.js';
import { loadHash, stringKey, type Answer, type List, type ListItem } from '../../src/shard/index.js';
import type { Memtable } from '../../src/shard/machine/index.js';
import { encodeContent } from '../../src/shard/machine/record-row.js';
import { ListSessions, SESSION_MS } from '../../src/shard/node/list-sessions.js';

beforeAll(loadHash);

const MIB = 1024 * 1024;
/** What a process may hold for a stream, besides the value that is being written. */
const MOST_HELD = 16 * MIB;

/** A response whose reader takes nothing before `resume`; afterwards all of it. */
class Reader extends Writable {
  readonly lines: Buffer[] = [];
  #isStopped = false;
  #waiting: (() => void) | undefined;

  stop(): void {
    this.#isStopped = true;
  }

  resume(): void {
    this.#isStopped = false;
    this.#waiting?.();
    this.#waiting = undefined;
  }

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.lines.push(chunk);
    if (this.#isStopped) this.#waiting = done;
    else done();
  }

  get rows(): Record<string, unknown>[] {
    const text = Buffer.concat(this.lines).toString().trimEnd();
    return text === '' ? [] : text.split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}

const bytesOf = (items: readonly ListItem[]): number =>
  items.reduce((sum, item) => sum + item.key.length + (item.type === 'record' ? item.record.body.length : 0), 0);

/** Shards with sessions as replicas keep them, asked by the stream as over links. */
class Lab {
  nowMs = 0;
  asked = 0;
  openViews = 0;
  /** By shard: bytes of its latest page, which the stream has until it gets the next one. */
  readonly held = new Map<number, number>();
  mostHeld = 0;
  longestValue = 0;
  readonly #sessions: ListSessions[];
  readonly #keys: readonly string[];

  constructor(shards: number, values: readonly (readonly [key: string, bytes: number])[]) {
    const stores = Array.from({ length: shards }, () => new SortedTable());
    const metadata = { revision: 1, createRevision: 1, version: 1, expiresAtMs: undefined, contentType: 'a/b' };
    for (const [at, [key, bytes]] of values.entries()) {
      const encoded = stringKey(key);
      const row = encodeContent(encoded, { ...metadata, body: Buffer.alloc(bytes) });
      stores[at % shards]?.put(`\0${Buffer.from(encoded).toString('latin1')}`, row);
      this.longestValue = Math.max(this.longestValue, bytes);
    }
    this.#keys = values.map(([key]) => key);
    this.#sessions = stores.map((store) => this.#sessionsOf(store));
  }

  #sessionsOf(store: SortedTable): ListSessions {
    const openView = () => {
      this.openViews += 1;
      const close = (): void => {
        this.openViews -= 1;
      };
      return { range: store.range.bind(store), walBytes: 0, close };
    };
    let id = 0;
    return new ListSessions({ openView } as unknown as Memtable, {
      now: () => this.nowMs,
      random: () => (id += 1) / 1_000,
      every: () => ({ cancel: () => undefined }),
    });
  }

  #serve(list: List): Answer {
    this.asked += 1;
    const answer = this.#sessions[list.shard]?.serve(list, list.view ?? { id: 0, isLast: false }, 1);
    if (answer?.type === 'list') {
      this.held.set(list.shard, bytesOf(answer.items));
      const held = [...this.held.values()].reduce((sum, bytes) => sum + bytes, 0);
      this.mostHeld = Math.max(this.mostHeld, held);
    }
    if (answer === undefined) throw new Error(`no shard ${list.shard}`);
    return answer;
  }

  stream(reader: Reader, from: Uint8Array = Uint8Array.of(1)): RangeStream {
    const reply = (list: List) =>
      Promise.resolve({ answer: this.#serve(list), term: 1, servedBy: 1, shard: list.shard });
    const shards = [...this.#sessions.keys()];
    const query: PageQuery = {
      ...{ from, to: undefined, reverse: false, shards, grouping: undefined, limit: Infinity },
      content: 'values',
      consistency: 'linearizable',
    };
    return new RangeStream(reader, query, {
      open: reply,
      next: (_, list) => reply(list),
      cursorAt: (bound) => Buffer.from(bound).toString('base64url'),
    });
  }

  get keys(): readonly string[] {
    return [...this.#keys].sort();
  }
}

const settled = async (): Promise<void> => {
  for (let turns = 0; turns < 20; turns += 1) await new Promise((resolve) => setImmediate(resolve));
};
const keysOf = (rows: readonly Record<string, unknown>[]): unknown[] => rows.map(({ key }) => key);
const named = (count: number, bytes: (at: number) => number): (readonly [string, number])[] =>
  Array.from({ length: count }, (_, at) => [`k${String(100_000 + at)}`, bytes(at)] as const);

/** A stream of so many values of 100 KiB in four shards, to a reader that stands still. */
async function standing(values: number) {
  const lab = new Lab(
    4,
    named(values, () => 100 * 1024),
  );
  const reader = new Reader({ highWaterMark: 64 * 1024 });
  const stream = lab.stream(reader);
  await stream.open();
  reader.stop();
  const ended = stream.run();
  await settled();
  return { lab, reader, ended };
}

describe('a stream', () => {
  it.each([
    ['of small values in 16 shards', 16, named(60_000, () => 256)],
    ['of values as long as a share', 16, named(300, () => 250 * 1024)],
    ['of long values in 16 shards', 16, named(80, (at) => (at % 5 === 0 ? 3 * MIB : 100))],
    ['over 1,024 shards', 1_024, named(8_192, (at) => (at % 100 === 0 ? 200_000 : 4_000))],
  ])('%s holds less than 16 MiB and one value', async (_, shards, values) => {
    const lab = new Lab(shards, values);
    const reader = new Reader({ highWaterMark: 64 * 1024 });
    const stream = lab.stream(reader);
    expect(await stream.open()).toBeUndefined();
    expect(await stream.run()).toBeUndefined();
    const rows = reader.rows;
    expect(keysOf(rows.slice(0, -1))).toEqual(lab.keys);
    expect(rows.at(-1)).toMatchObject({ end: true, count: lab.keys.length });
    expect(lab.mostHeld).toBeLessThan(MOST_HELD + lab.longestValue);
    expect(lab.mostHeld).toBeGreaterThan(0);
    expect(lab.openViews).toBe(0);
  });

  it('fetches nothing while its reader stands still, and goes on where it was', async () => {
    const { lab, reader, ended } = await standing(200);
    const { asked } = lab;
    expect(asked).toBeLessThan(20);
    // The line that the socket has not taken, and none behind it.
    expect(reader.writableLength).toBeLessThan(200 * 1024);
    await settled();
    expect(lab.asked).toBe(asked);
    reader.resume();
    expect(await ended).toBeUndefined();
    expect(keysOf(reader.rows.slice(0, -1))).toEqual(lab.keys);
  });

  it('ends with snapshot-expired once its views are too old; its cursor leads through the rest', async () => {
    const { lab, reader, ended } = await standing(100);
    lab.nowMs += SESSION_MS;
    reader.resume();
    expect(await ended).toBe('snapshot-expired');
    const rows = reader.rows;
    const { end, code, cursor } = rows.at(-1) as { end: boolean; code: string; cursor: string };
    expect([end, code]).toEqual([false, 'snapshot-expired']);
    expect(rows.length).toBeGreaterThan(1);
    const again = new Reader();
    const rest = lab.stream(again, Buffer.from(cursor, 'base64url'));
    await rest.open();
    await rest.run();
    expect(keysOf([...rows.slice(0, -1), ...again.rows.slice(0, -1)])).toEqual(lab.keys);
    expect(again.rows.at(-1)).toMatchObject({ end: true });
    expect(lab.openViews).toBe(0);
  });

  it('of a reader who leaves ends its views', async () => {
    const { lab, reader, ended } = await standing(100);
    expect(lab.openViews).toBeGreaterThan(0);
    reader.destroy();
    expect(await ended).toBeUndefined();
    expect(lab.openViews).toBe(0);
  });
});
