/** Views of the durable state: what every storage owes to who reads a state for longer than a step. */
import { expect, it } from 'vitest';
import { EVERYTHING, NO_BOUNDS, StorageFailure, ViewClosed } from '../../../src/raft/storage/index.js';
import type { StateView, Storage } from '../../../src/raft/storage/index.js';
import { StateRowWriter } from '../../../src/raft/storage/state/state-rows.js';
import { describeEachStorage } from './support/bench.js';
import { meta, row, text } from './support/builders.js';

const rowsOf = (view: StateView): Record<string, string | undefined> =>
  Object.fromEntries(view.range(EVERYTHING, NO_BOUNDS).rows.map(([key, value]) => [key, text(value)]));

async function install(storage: Storage, index: number, rows: Record<string, string>): Promise<void> {
  const writer = new StateRowWriter();
  for (const [key, value] of Object.entries(rows)) writer.add(key, Buffer.from(value));
  await storage.stageChunk(1, 0, writer.take());
  await storage.install(1, meta(index), undefined);
}

describeEachStorage('views of a state', (bench) => {
  it('stay as they were, whatever is checkpointed, installed and purged, and however late they are first read', async () => {
    const { storage } = bench();
    await storage.checkpoint([{ group: 1, meta: meta(1), rows: [row('a', '1'), row('b', '1'), row('c', '1')] }]);
    const [early, late, checked] = [storage.openView(1), storage.openView(1), storage.openView(1)];
    const first = { a: '1', b: '1', c: '1' };
    expect(rowsOf(checked)).toEqual(first);
    await storage.checkpoint([{ group: 1, meta: meta(2), rows: [row('a', undefined), row('b', '2'), row('d', '2')] }]);
    const second = storage.openView(1);
    expect(rowsOf(early)).toEqual(first);
    await install(storage, 9, { z: 'installed' });
    await storage.checkpoint([{ group: 1, meta: meta(10), rows: [row('y', '10')] }]);
    expect([early, late, checked].map(rowsOf)).toEqual([first, first, first]);
    expect(rowsOf(second)).toEqual({ b: '2', c: '1', d: '2' });
    expect(rowsOf(storage.openView(1))).toEqual({ y: '10', z: 'installed' });
    const page = late.range({ from: 'a', to: 'c', reverse: true }, { rows: 1, bytes: Infinity });
    expect([page.rows.map(([key]) => key), page.rest]).toEqual([['b'], { from: 'a', to: 'b', reverse: true }]);
  });

  it('of a group without a state have no rows, also when it gets some', async () => {
    const { storage } = bench();
    const view = storage.openView(1);
    await storage.checkpoint([{ group: 1, meta: meta(1), rows: [row('a', '1')] }]);
    expect([rowsOf(view), view.walBytes]).toEqual([{}, expect.any(Number)]);
    view.close();
  });

  it('that are closed are not read', async () => {
    const { storage } = bench();
    await storage.checkpoint([{ group: 1, meta: meta(1), rows: [row('a', '1')] }]);
    const view = storage.openView(1);
    view.close();
    view.close();
    expect(() => rowsOf(view)).toThrow(ViewClosed);
    expect(view.walBytes).toBe(0);
  });

  it('end with the storage', async () => {
    const { storage } = bench();
    await storage.checkpoint([{ group: 1, meta: meta(1), rows: [row('a', '1')] }]);
    const view = storage.openView(1);
    await bench().reopen();
    expect(() => rowsOf(view)).toThrow(new ViewClosed('the store is closed'));
    expect(() => storage.openView(1)).toThrow(StorageFailure);
    expect(rowsOf(bench().storage.openView(1))).toEqual({ a: '1' });
  });
});
