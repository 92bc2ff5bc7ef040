/** Logs, terms and journals whose numbers begin just before they no longer fit into 31, 32 or 48 bits. */
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { SqliteStorage } from '../../../src/raft/storage/index.js';
import { JournalIndex } from '../../../src/raft/storage/journal/journal-index.js';
import { decodeRow, encodeRow } from '../../../src/raft/storage/journal/row.js';
import { readSlotHeader, writeSlot } from '../../../src/raft/storage/journal/slot.js';
import {
  RequestQueueReader,
  RequestQueueWriter,
  newQueueMemory,
} from '../../../src/raft/storage/worker/request-queue.js';
import { describeEachStorage } from './support/bench.js';
import {
  entries,
  freshFolder,
  meta,
  readChunks,
  removeFoldersAfterEach,
  row,
  stage,
  viewOf,
} from './support/builders.js';
import { InlineWorker } from './support/inline-worker.js';

const EDGES = [2 ** 31, 2 ** 32, 2 ** 48];
const named = (first: number, last: number, term: number): string[] =>
  entries(first, last, term).map(({ index }) => `${index}@${term}=${index}@${term}`);

describeEachStorage('a log across an edge', (bench) => {
  it.each(EDGES)('is written, cut, read back, compacted, and sent as a snapshot: %d', async (edge) => {
    const base = edge - 4;
    const at = (index: number, term = base) => meta(index, term);
    const commit = (first: number, last: number, term: number) =>
      bench().storage.commit([
        { group: 1, hardState: { term, vote: 2, commit: first - 1 }, entries: entries(first, last, term) },
      ]);
    await bench().storage.stageChunk(1, 0, new Uint8Array(0));
    await bench().storage.install(1, at(base), { term: base, vote: 1, commit: base });
    await commit(base + 1, base + 9, base);
    // Those of another leader, from just before the edge on.
    await commit(base + 3, base + 8, edge);
    const log = [...named(base + 1, base + 2, base), ...named(base + 3, base + 8, edge)];
    const hardState = [edge, 2, base + 2];
    expect((await bench().reopen())[1]).toEqual({ hardState, snapshot: `${base}@${base}`, log, state: {} });
    await expect(bench().commitEntries(1, base + 10, base + 10, edge)).rejects.toThrow(RangeError);

    await bench().storage.checkpoint([{ group: 1, meta: at(base + 5, edge), rows: [row('a', 'x')] }]);
    const compacted = { hardState, snapshot: `${base + 5}@${edge}`, log: log.slice(5), state: { a: 'x' } };
    expect((await bench().reopen())[1]).toEqual(compacted);
    await expect(bench().storage.checkpoint([{ group: 1, meta: at(base + 4, edge), rows: [] }])).rejects.toThrow();

    const reader = await bench().storage.openSnapshot(1);
    expect(reader?.meta).toEqual(at(base + 5, edge));
    await stage(bench().storage, 2, await readChunks(reader!, 100));
    reader!.close();
    await bench().storage.install(2, reader!.meta, { term: edge + 1, vote: 3, commit: base + 5 });
    await bench().commitEntries(2, base + 6, base + 7, edge + 1);
    const groups = await bench().reopen();
    expect(groups[1]).toEqual(compacted);
    expect(groups[2]).toEqual({
      hardState: [edge + 1, 3, base + 5],
      snapshot: `${base + 5}@${edge}`,
      log: named(base + 6, base + 7, edge + 1),
      state: { a: 'x' },
    });
  });
});

describe('the rows of a journal across an edge', () => {
  removeFoldersAfterEach();

  /** A store without rows whose row numbers start after `rows`. */
  async function storeBehind(rows: number): Promise<() => SqliteStorage> {
    const directory = freshFolder();
    const make = (): SqliteStorage =>
      new SqliteStorage({ directory, worker: new InlineWorker(), journalSlackBytes: 0 });
    const first = make();
    await first.open();
    await first.close();
    const set = (file: string, names: readonly string[]): void => {
      const db = new Database(join(directory, file));
      for (const name of names) db.prepare('UPDATE facts SET value = ? WHERE name = ?').run(rows, name);
      db.close();
    };
    set('journal.db', ['trimmed', 'closed']);
    set('state.db', ['journal']);
    return make;
  }

  it.each(EDGES)('are numbered on, read back in order, and let go of: %d', async (edge) => {
    const make = await storeBehind(edge - 4);
    let storage = make();
    await storage.open();
    expect(storage.position).toBe(edge - 4);
    for (let i = 1; i <= 8; i++) {
      await storage.commit([{ group: 1, hardState: { term: i, vote: 1, commit: i - 1 }, entries: entries(i, i) }]);
      expect(storage.position).toBe(edge - 4 + i);
    }
    await storage.close();
    storage = make();
    const whole = viewOf(storage, await storage.open());
    expect(whole[1]).toMatchObject({ hardState: [8, 1, 7], log: named(1, 8, 1) });
    expect(storage.position).toBe(edge + 4);
    expect(storage.status().journalRows).toBeGreaterThan(0);
    await storage.checkpoint([{ group: 1, meta: meta(7), rows: [row('a', 'x')] }]);
    await storage.commit([{ group: 1, hardState: { term: 9, vote: 1, commit: 8 }, entries: entries(9, 9) }]);
    await storage.checkpoint([{ group: 1, meta: meta(9), rows: [row('b', 'y')] }]);
    const { position } = storage;
    await storage.close();
    storage = make();
    expect(viewOf(storage, await storage.open())[1]).toMatchObject({
      hardState: [9, 1, 8],
      snapshot: '9@1',
      log: [],
      state: { a: 'x', b: 'y' },
    });
    expect(storage.position).toBeGreaterThanOrEqual(position);
    await storage.close();
  });

  it.each(EDGES)('and slots, records and calls name their numbers whole: %d', (edge) => {
    const slot = new Uint8Array(200);
    const queue = newQueueMemory();
    const writer = new RequestQueueWriter(queue);
    const reader = new RequestQueueReader(queue, () => undefined);
    const index = new JournalIndex(edge - 3);
    for (let number = edge - 2; number <= edge + 2; number++) {
      const header = { seq: number, batch: number - 1, part: 0, parts: 1, rowBytes: 3, rowCrc: 2 ** 32 - 1 };
      writeSlot(slot, header, new Uint8Array(3));
      expect(readSlotHeader(slot)).toEqual(header);

      const hardState = { term: number, vote: 3, commit: number - 1 };
      const record = {
        group: 2 ** 32 - 1,
        hardState,
        reset: { slot: number, meta: meta(number, number) },
        entries: [],
      };
      expect(decodeRow(encodeRow([record]))).toEqual([record]);

      const data = new Uint8Array(3);
      expect(writer.put(number, number, { type: 'commit', seq: number, data, activation: undefined })).toBe(true);
      writer.publish();
      expect(reader.next()).toMatchObject({ store: number, call: number, request: { seq: number } });

      const [next] = entries(number, number);
      if (number === edge - 2) index.restore(1, { covered: number - 1, hardState, hardSeq: 0, resetSeq: 0 });
      expect(index.append([{ group: 1, hardState: undefined, entries: [next!] }])).toBe(number);
    }
    index.cover(1, edge);
    index.durableTo(edge + 2);
    expect(index.truncatableTo()).toBe(edge);
  });
});
