import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SnapshotSpill } from '../../../src/raft/storage/state/snapshot-spill.js';
import { StateRowWriter, decodeStateRows } from '../../../src/raft/storage/state/state-rows.js';
import { openStoreFiles } from '../../../src/raft/storage/engine/store-files.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kvorum-spill-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const rowsOf = (...values: [string, number][]): Uint8Array => {
  const writer = new StateRowWriter();
  for (const [key, length] of values) writer.add(key, Buffer.alloc(length, key));
  return writer.take();
};

describe('the copy of a snapshot', () => {
  for (const [where, memoryBytes] of [
    ['in memory', 10_000],
    ['in a file', 100],
  ] as const) {
    it(`${where} yields complete rows, as many as requested, and leaves nothing behind`, () => {
      const spill = new SnapshotSpill(join(folder, 'copy'), memoryBytes);
      spill.add(rowsOf(['a', 10], ['b', 300]));
      spill.add(rowsOf(['c', 20], ['d', 0], ['e', 5]));
      expect(readdirSync(folder)).toEqual([]);
      const read: string[][] = [];
      for (let at = 0; at < spill.length;) {
        const bytes = spill.rows(at, 60);
        read.push([...decodeStateRows(bytes)].map(({ key, value }) => `${key.toString()} ${value?.length ?? -1}`));
        at += bytes.length;
      }
      expect(read).toEqual([['a 10'], ['b 300'], ['c 20', 'd 0', 'e 5']]);
      expect(spill.rows(spill.length, 60)).toHaveLength(0);
      spill.close();
    });
  }

  it('lets the WAL of state.db be reset while the snapshot is still sent to a slow follower', () => {
    const walBytes = 256 * 1024;
    const files = openStoreFiles(folder, undefined, { walBytes });
    const { state, journal } = files;
    const meta = { index: 1, term: 1, configuration: { voters: [1], votersOutgoing: [], learners: [] } };
    const write = (round: number): void => {
      state.transaction(() => {
        for (let i = 0; i < 20; i++) {
          state.writeRow(1, { key: Buffer.from(`key ${i}`), value: Buffer.alloc(2_000, round) });
        }
        state.saveMeta(1, 1, meta);
      });
      state.checkpointWal();
    };
    write(1);
    const source = files.openSnapshot(1)!;
    while (source.prepare());
    const { data: first } = source.next(4_000);
    for (let round = 2; round < 100; round++) write(round);
    expect(statSync(join(folder, 'state.db-wal')).size).toBeLessThan(3 * walBytes);
    const { data: rest, done } = source.next(1_000_000);
    expect(done).toBe(true);
    const rows = [...decodeStateRows(Buffer.concat([first, rest]))];
    expect(rows).toHaveLength(20);
    expect(rows.every(({ value }) => value?.every((byte) => byte === 1))).toBe(true);
    source.close();
    state.close();
    journal.close();
    files.release();
  });
});
