/** Contract of every storage for snapshots: reading, staging, installing. */
import { beforeEach, describe, expect, it } from 'vitest';
import { MalformedBytes } from '../../../src/raft/codec.js';
import { bytes, entries, meta, readChunks, row, stage, stateOf, text } from './support/builders.js';
import { describeEachStorage } from './support/bench.js';

describeEachStorage('snapshots', (bench) => {
  it('s64 reads a snapshot chunk by chunk, as of when it was opened', async () => {
    await bench().commitEntries(1, 1, 9);
    const rows = Array.from({ length: 50 }, (_, i) => row(`key ${String(i).padStart(2, '0')}`, `value ${i}`));
    await bench().storage.checkpoint([{ group: 1, meta: meta(5), rows: [...rows, row('', ''), row('\xfe', '\0')] }]);
    const reader = await bench().storage.openSnapshot(1);
    expect(reader?.meta).toEqual(meta(5));
    const first = await reader!.next(200);
    expect(first.data.length).toBeLessThanOrEqual(200);
    expect(first.done).toBe(false);
    await bench().storage.checkpoint([
      { group: 1, meta: meta(9), rows: [row('key 40', 'later'), row('key 41', undefined)] },
    ]);
    const chunks = [first.data, ...(await readChunks(reader!, 200))];
    expect(chunks.length).toBeGreaterThan(5);
    reader!.close();

    await stage(bench().storage, 2, chunks);
    expect(stateOf(bench().storage, 2)).toEqual({});
    await bench().storage.install(2, reader!.meta, { term: 8, vote: 3, commit: 5 });
    const expected = { ...Object.fromEntries(rows.map(([k, v]) => [k, text(v)])), '': '', þ: '\0' };
    expect(stateOf(bench().storage, 2)).toEqual(expected);
    expect((await bench().reopen())[2]).toEqual({ hardState: [8, 3, 5], snapshot: '5@1', log: [], state: expected });
    expect(bench().recovered.groups.get(2)?.snapshot.configuration).toEqual(meta(5).configuration);
    expect(bench().recovered.groups.get(1)?.snapshot.index).toBe(9);
  });

  it('has a snapshot of every group that had a checkpoint, even an empty one', async () => {
    expect(await bench().storage.openSnapshot(1)).toBeUndefined();
    await bench().commitEntries(1, 1, 1);
    expect(await bench().storage.openSnapshot(1)).toBeUndefined();
    await bench().storage.checkpoint([{ group: 1, meta: meta(1), rows: [] }]);
    const reader = await bench().storage.openSnapshot(1);
    const chunk = await reader!.next(100);
    expect(chunk).toMatchObject({ done: true });
    expect(chunk.data).toHaveLength(0);
    reader!.close();
    await bench().storage.stageChunk(2, 0, chunk.data);
    await bench().storage.install(2, meta(1), undefined);
    expect((await bench().reopen())[2]).toMatchObject({ snapshot: '1@1', state: {} });
  });

  it('gives a row larger than asked for a chunk of its own', async () => {
    const rows = [row('a', 'x'.repeat(500)), row('b', 'y'.repeat(500)), row('c', 'z')];
    await bench().storage.checkpoint([{ group: 1, meta: meta(1), rows }]);
    const reader = await bench().storage.openSnapshot(1);
    const chunks = await readChunks(reader!, 1);
    reader!.close();
    expect(chunks.map((chunk) => chunk.length)).toEqual([507, 507, 8]);
  });

  describe('installing', () => {
    let chunks: Uint8Array[];

    beforeEach(async () => {
      await bench().storage.checkpoint([{ group: 99, meta: meta(1), rows: [row('from', 'afar'), row('x', 'new')] }]);
      const reader = await bench().storage.openSnapshot(99);
      chunks = await readChunks(reader!, 10);
      reader!.close();
      expect(chunks).toHaveLength(2);
    });

    it('s65 replaces state and log; nothing older comes back', async () => {
      await bench().storage.commit([{ group: 1, hardState: { term: 4, vote: 1, commit: 3 }, entries: entries(1, 20) }]);
      await bench().storage.checkpoint([{ group: 1, meta: meta(3), rows: [row('x', 'old'), row('y', 'old')] }]);
      await stage(bench().storage, 1, chunks);
      expect(stateOf(bench().storage, 1)).toEqual({ x: 'old', y: 'old' });
      await bench().storage.install(1, meta(10, 5), undefined);
      expect(stateOf(bench().storage, 1)).toEqual({ from: 'afar', x: 'new' });
      const expected = { hardState: [4, 1, 3], snapshot: '10@5', log: [], state: { from: 'afar', x: 'new' } };
      expect((await bench().reopen())[1]).toEqual(expected);
      await expect(bench().commitEntries(1, 12, 12)).rejects.toThrow(RangeError);
      await bench().storage.commit([
        { group: 1, hardState: { term: 5, vote: 2, commit: 10 }, entries: entries(11, 12, 5) },
      ]);
      await bench().storage.checkpoint([{ group: 1, meta: meta(11, 5), rows: [row('x', undefined)] }]);
      expect((await bench().reopen())[1]).toEqual({
        hardState: [5, 2, 10],
        snapshot: '11@5',
        log: ['12@5=12@5'],
        state: { from: 'afar' },
      });
    });

    it('keeps its order among commits without awaiting in between', async () => {
      await bench().commitEntries(1, 1, 3);
      const done: string[] = [];
      const note = (what: string) => () => done.push(what);
      await Promise.all([
        bench().commitEntries(1, 4, 9).then(note('before')),
        stage(bench().storage, 1, [chunks[0]!]),
        bench().storage.stageChunk(1, 1, chunks[1]!),
        bench().storage.install(1, meta(50, 2), { term: 2, vote: 0, commit: 50 }).then(note('install')),
        bench().commitEntries(1, 51, 52, 2).then(note('after')),
      ]);
      expect(done).toEqual(['before', 'install', 'after']);
      expect((await bench().reopen())[1]).toEqual({
        hardState: [2, 0, 50],
        snapshot: '50@2',
        log: ['51@2=51@2', '52@2=52@2'],
        state: { from: 'afar', x: 'new' },
      });
    });

    it('survives a checkpoint of the replaced state that was in progress', async () => {
      await bench().commitEntries(1, 1, 3);
      const rows = Array.from({ length: 2000 }, (_, i) => row(`stale ${i}`, 'x'.repeat(200)));
      await stage(bench().storage, 1, chunks);
      const checkpoint = bench().storage.checkpoint([{ group: 1, meta: meta(3), rows }]);
      await bench().storage.install(1, meta(50, 2), undefined);
      await checkpoint;
      const expected = { snapshot: '50@2', log: [], state: { from: 'afar', x: 'new' } };
      expect(stateOf(bench().storage, 1)).toEqual(expected.state);
      expect((await bench().reopen())[1]).toMatchObject(expected);
    });

    it('s66 accepts two in short succession, even of a lower term', async () => {
      await stage(bench().storage, 1, chunks);
      const first = bench().storage.install(1, meta(50, 3), undefined);
      const staged = bench().storage.stageChunk(1, 0, chunks[1]!);
      const second = bench().storage.install(1, meta(60, 2), undefined);
      await Promise.all([first, staged, second]);
      expect((await bench().reopen())[1]).toMatchObject({ snapshot: '60@2', state: { x: 'new' } });
    });

    it('starts over at chunk 0, and requires chunks in order', async () => {
      await bench().storage.stageChunk(1, 0, chunks[1]!);
      await expect(bench().storage.stageChunk(1, 2, chunks[1]!)).rejects.toThrow(RangeError);
      await bench().storage.stageChunk(1, 0, chunks[0]!);
      await bench().storage.install(1, meta(7), undefined);
      expect(stateOf(bench().storage, 1)).toEqual({ from: 'afar' });
      await expect(bench().storage.stageChunk(1, 1, chunks[1]!)).rejects.toThrow(RangeError);
    });

    it('refuses chunks that are not rows, and keeps the old state', async () => {
      await bench().storage.checkpoint([{ group: 1, meta: meta(3), rows: [row('x', 'old')] }]);
      await bench().storage.stageChunk(1, 0, chunks[0]!);
      for (const bad of [
        chunks[1]!.subarray(1),
        chunks[1]!.subarray(0, 3),
        bytes('\x01\x00k\xff\xff\xff\xff'),
        bytes('?'),
      ]) {
        await expect(bench().storage.stageChunk(1, 0, bad)).rejects.toThrow(MalformedBytes);
        await expect(bench().storage.install(1, meta(7), undefined)).rejects.toThrow('nothing is staged');
      }
      const deleted = Uint8Array.of(1, 0, 0x6b, 0xff, 0xff, 0xff, 0xff);
      await expect(bench().storage.stageChunk(1, 0, deleted)).rejects.toThrow('no deleted rows');
      expect((await bench().reopen())[1]).toMatchObject({ snapshot: '3@1', state: { x: 'old' } });
    });

    it('discards staged chunks when it is closed', async () => {
      await bench().storage.stageChunk(1, 0, chunks[0]!);
      await bench().reopen();
      await expect(bench().storage.install(1, meta(7), undefined)).rejects.toThrow('nothing is staged');
      await expect(bench().storage.stageChunk(1, 1, chunks[1]!)).rejects.toThrow(RangeError);
    });

    it('does not retain the memory of the chunks that it was given', async () => {
      const chunk = chunks[1]!.slice();
      await bench().storage.stageChunk(1, 0, chunk);
      expect(chunk.length).toBeGreaterThan(0);
      chunk.fill(0);
      await bench().storage.install(1, meta(7), undefined);
      expect(stateOf(bench().storage, 1)).toEqual({ x: 'new' });
    });
  });
});
