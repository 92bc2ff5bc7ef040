/** Contract of every storage, run against each of them. */
import { expect, it } from 'vitest';
import { EVERYTHING, NO_BOUNDS, StorageFailure } from '../../../src/raft/storage/index.js';
import { bytes, entries, entry, meta, row, stateOf, text } from './support/builders.js';
import { describeEachStorage } from './support/bench.js';

describeEachStorage('storage', (bench) => {
  it('s1 starts empty', () => {
    expect(bench().recovered.groups.size).toBe(0);
    expect(bench().recovered.meta.size).toBe(0);
    expect(bench().storage.read(1, 'a')).toBeUndefined();
    expect(bench().storage.readAll(1, ['a', 'b'])).toEqual([undefined, undefined]);
    expect(bench().storage.range(1, EVERYTHING, NO_BOUNDS)).toEqual({ rows: [], rest: undefined });
    expect(bench().storage.status()).toMatchObject({ journalRows: 0, journalBytes: 0, commits: 0, commitMs: [] });
  });

  it('s1 s42 recovers hard states (term, vote, commit) and entries of every group', async () => {
    await bench().storage.commit([
      { group: 0, hardState: { term: 2, vote: 65_535, commit: 1 }, entries: entries(1, 3) },
      { group: 7, hardState: { term: 2 ** 40, vote: 0, commit: 0 }, entries: [] },
    ]);
    await bench().storage.commit([{ group: 0, hardState: undefined, entries: entries(4, 4, 2) }]);
    expect(await bench().reopen()).toEqual({
      0: { hardState: [2, 65_535, 1], snapshot: '0@0', log: ['1@1=1@1', '2@1=2@1', '3@1=3@1', '4@2=4@2'], state: {} },
      7: { hardState: [2 ** 40, 0, 0], snapshot: '0@0', log: [], state: {} },
    });
    expect(bench().recovered.groups.get(0)?.entries[0]).toMatchObject({ kind: 1 });
  });

  it('s27 replaces entries from the first index of a commit on', async () => {
    await bench().commitEntries(1, 1, 9);
    await bench().commitEntries(1, 4, 5, 2);
    expect((await bench().reopen())[1]?.log).toEqual(['1@1=1@1', '2@1=2@1', '3@1=3@1', '4@2=4@2', '5@2=5@2']);
    await bench().commitEntries(1, 1, 1, 3);
    expect((await bench().reopen())[1]?.log).toEqual(['1@3=1@3']);
  });

  it('commits in the order of the calls, an empty one behind those before it', async () => {
    const done: number[] = [];
    const note = (n: number) => () => done.push(n);
    await Promise.all([
      bench().commitEntries(1, 1, 2).then(note(1)),
      bench()
        .storage.commit([{ group: 1, hardState: { term: 1, vote: 1, commit: 0 }, entries: [] }])
        .then(note(2)),
      bench()
        .storage.commit([{ group: 1, hardState: undefined, entries: [] }])
        .then(note(3)),
      bench().commitEntries(1, 2, 2, 2).then(note(4)),
    ]);
    expect(done).toEqual([1, 2, 3, 4]);
    expect((await bench().reopen())[1]).toMatchObject({ hardState: [1, 1, 0], log: ['1@1=1@1', '2@2=2@2'] });
  });

  it('refuses a commit that would leave a gap, and continues', async () => {
    await bench().commitEntries(1, 1, 3);
    await expect(bench().commitEntries(1, 5, 5)).rejects.toThrow(RangeError);
    await expect(bench().commitEntries(2, 2, 2)).rejects.toThrow(RangeError);
    await expect(bench().commitEntries(2, 0, 2)).rejects.toThrow(RangeError);
    const holed = [entry(4), entry(6)];
    await expect(bench().storage.commit([{ group: 1, hardState: undefined, entries: holed }])).rejects.toThrow(
      'where 5 is due',
    );
    await bench().commitEntries(1, 4, 4);
    expect((await bench().reopen())[1]?.log).toHaveLength(4);
  });

  it('s43 s64 keeps effects, applied index, term and configuration of a checkpoint together', async () => {
    await bench().commitEntries(1, 1, 5);
    await bench().storage.checkpoint([
      { group: 1, meta: meta(3), rows: [row('a', '1'), row('b', '2'), row('\xff\x00', '')] },
    ]);
    expect(text(bench().storage.read(1, 'b'))).toBe('2');
    expect(bench().storage.readAll(1, ['b', 'c', 'b']).map(text)).toEqual(['2', undefined, '2']);
    expect(bench().storage.read(1, '\xff\x00')).toHaveLength(0);
    expect(bench().storage.read(2, 'b')).toBeUndefined();
    const before = await bench().reopen();
    expect(before[1]).toEqual({
      hardState: [0, 0, 0],
      snapshot: '3@1',
      log: ['4@1=4@1', '5@1=5@1'],
      state: { a: '1', b: '2', 'ÿ\0': '' },
    });
    expect(bench().recovered.groups.get(1)?.snapshot).toEqual(meta(3));
    await bench().storage.checkpoint([
      { group: 1, meta: meta(5), rows: [row('a', undefined), row('b', '3'), row('c', '4')] },
    ]);
    expect(stateOf(bench().storage, 1)).toEqual({ b: '3', c: '4', 'ÿ\0': '' });
    await bench().commitEntries(1, 6, 6);
    expect((await bench().reopen())[1]).toMatchObject({ snapshot: '5@1', log: ['6@1=6@1'] });
  });

  it('shows nothing of a checkpoint until it is complete', async () => {
    await bench().storage.checkpoint([{ group: 1, meta: meta(1), rows: [row('a', 'old'), row('b', 'old')] }]);
    const seen = new Set<string>();
    const look = (): void => {
      seen.add(JSON.stringify(stateOf(bench().storage, 1)));
    };
    const rows = function* () {
      for (let i = 0; i < 3000; i++) yield row(`k${i}`, 'x'.repeat(100));
      yield row('a', 'new');
      yield row('b', 'new');
      for (let i = 0; i < 3000; i++) yield row(`k${i}`, undefined);
    };
    const done: string[] = [];
    const checkpoint = bench()
      .storage.checkpoint([{ group: 1, meta: meta(2), rows: rows() }])
      .then(() => done.push('checkpoint'));
    while (done.length === 0) {
      look();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await checkpoint;
    look();
    expect([...seen].sort()).toEqual(['{"a":"new","b":"new"}', '{"a":"old","b":"old"}']);
  });

  it('commits while a checkpoint is in progress', async () => {
    await bench().commitEntries(1, 1, 1);
    const order: string[] = [];
    const rows = Array.from({ length: 5000 }, (_, i) => row(`key ${i}`, 'v'.repeat(50)));
    const checkpoint = bench()
      .storage.checkpoint([{ group: 1, meta: meta(1), rows }])
      .then(() => order.push('checkpoint'));
    for (let i = 2; i < 12; i++) await bench().commitEntries(1, i, i);
    await checkpoint;
    expect((await bench().reopen())[1]?.log.map((line) => line.split('@')[0])).toEqual([
      '2',
      '3',
      '4',
      '5',
      '6',
      '7',
      '8',
      '9',
      '10',
      '11',
    ]);
    expect(Object.keys(stateOf(bench().storage, 1))).toHaveLength(5000);
  });

  it('drops entries that checkpoints cover, and keeps hard states', async () => {
    const hardState = { term: 3, vote: 2, commit: 1 };
    await bench().storage.commit([
      { group: 1, hardState, entries: entries(1, 4) },
      { group: 2, hardState, entries: entries(1, 4) },
      { group: 3, hardState, entries: [] },
    ]);
    for (let i = 5; i < 40; i++) await bench().commitEntries(1, i, i);
    expect(bench().storage.status().journalRows).toBe(36);
    const before = bench().storage.status().journalBytes;
    await bench().storage.checkpoint([
      { group: 1, meta: meta(39), rows: [] },
      { group: 2, meta: meta(4), rows: [] },
    ]);
    expect(bench().storage.status().journalRows).toBeLessThanOrEqual(1);
    expect(bench().storage.status().journalBytes).toBeLessThan(before / 10);
    expect(await bench().reopen()).toMatchObject({
      1: { hardState: [3, 2, 1], snapshot: '39@1', log: [] },
      2: { hardState: [3, 2, 1], snapshot: '4@1', log: [] },
      3: { hardState: [3, 2, 1], snapshot: '0@0', log: [] },
    });
    await bench().storage.commit([{ group: 3, hardState: { term: 4, vote: 1, commit: 0 }, entries: entries(1, 1, 4) }]);
    expect((await bench().reopen())[3]).toMatchObject({ hardState: [4, 1, 0], log: ['1@4=1@4'] });
  });

  it('takes the groups of a checkpoint one by one, and commits between them', async () => {
    const order: string[] = [];
    let commit: Promise<unknown> = Promise.reject(new Error('nothing was committed'));
    commit.catch(() => undefined);
    const groups = function* () {
      for (const group of [1, 2, 3]) {
        order.push(`group ${group}`);
        void Promise.resolve().then(() => order.push(`between ${group}`));
        if (group === 2) commit = bench().commitEntries(4, 1, 1);
        yield { group, meta: meta(1), rows: [row('a', `${group}`)] };
      }
    };
    await bench().storage.checkpoint(groups());
    await commit;
    expect(order).toEqual([1, 2, 3].flatMap((group) => [`group ${group}`, `between ${group}`]));
    expect([1, 2, 3].map((group) => stateOf(bench().storage, group))).toEqual([{ a: '1' }, { a: '2' }, { a: '3' }]);
    expect((await bench().reopen())[4]?.log).toEqual(['1@1=1@1']);
  });

  it('writes nothing of a checkpoint that was refused, nor does the next one', async () => {
    for (const group of [1, 2]) await bench().commitEntries(group, 1, 9);
    await bench().storage.checkpoint([{ group: 2, meta: meta(5), rows: [] }]);
    const stale = { group: 1, meta: meta(2), rows: [row('a', 'stale')] };
    const behind = { group: 2, meta: meta(4), rows: [] };
    await expect(bench().storage.checkpoint([stale, behind])).rejects.toThrow(RangeError);
    const failing = function* () {
      yield stale;
      throw new Error('cannot be prepared');
    };
    await expect(bench().storage.checkpoint(failing())).rejects.toThrow('cannot be prepared');
    await bench().storage.checkpoint([{ group: 1, meta: meta(3), rows: [] }]);
    expect(stateOf(bench().storage, 1)).toEqual({});
  });

  it('refuses a checkpoint behind the last one, and two at once', async () => {
    await bench().storage.checkpoint([{ group: 1, meta: meta(5), rows: [row('a', '5')] }]);
    await expect(bench().storage.checkpoint([{ group: 1, meta: meta(4), rows: [] }])).rejects.toThrow(RangeError);
    const first = bench().storage.checkpoint([{ group: 1, meta: meta(6), rows: [row('a', '6')] }]);
    await expect(bench().storage.checkpoint([])).rejects.toThrow('under way');
    await first;
    await bench().storage.checkpoint([]);
    expect(stateOf(bench().storage, 1)).toEqual({ a: '6' });
  });

  it('fails a checkpoint whose rows throw, and accepts the next one', async () => {
    const rows = function* () {
      for (let i = 0; i < 4000; i++) yield row(`lost ${i}`, 'x'.repeat(100));
      throw new Error('no more rows');
    };
    await expect(bench().storage.checkpoint([{ group: 1, meta: meta(1), rows: rows() }])).rejects.toThrow(
      'no more rows',
    );
    await bench().storage.checkpoint([{ group: 1, meta: meta(2), rows: [row('a', '1')] }]);
    expect(stateOf(bench().storage, 1)).toEqual({ a: '1' });
  });

  it('keeps small named values', async () => {
    await bench().storage.putMeta('identity', bytes('node 1'));
    await bench().storage.putMeta('identity', bytes('node 2'));
    await bench().storage.putMeta('empty', new Uint8Array(0));
    await bench().reopen();
    expect([...bench().recovered.meta].map(([name, value]) => [name, text(value)]).sort()).toEqual([
      ['empty', ''],
      ['identity', 'node 2'],
    ]);
  });

  it('counts commits and how long they took, the latest 512 of them', async () => {
    await Promise.all(Array.from({ length: 600 }, (_, i) => bench().commitEntries(1, i + 1, i + 1)));
    const { commits, commitMs, journalRows, journalBytes } = bench().storage.status();
    expect(commits).toBe(600);
    expect(commitMs).toHaveLength(512);
    expect(commitMs.every((ms) => ms >= 0)).toBe(true);
    expect(journalRows).toBe(600);
    expect(journalBytes).toBeGreaterThan(600 * 21);
    await bench().storage.checkpoint([{ group: 1, meta: meta(600), rows: [row('a', 'b'.repeat(9000))] }]);
    expect(bench().storage.status().stateBytes).toBeGreaterThan(9000);
  });

  it('is held by one store at a time', async () => {
    const other = bench().make();
    await expect(other.open()).rejects.toThrow(/data folder in use/);
    await expect(other.open()).rejects.toThrow(StorageFailure);
    await bench().commitEntries(1, 1, 1);
    expect((await bench().reopen())[1]?.log).toEqual(['1@1=1@1']);
  });

  it('refuses every operation once it is closed', async () => {
    const commit = bench().commitEntries(1, 1, 1);
    await bench().storage.close();
    await commit;
    await bench().storage.close();
    await expect(bench().commitEntries(1, 2, 2)).rejects.toThrow(StorageFailure);
    await expect(bench().storage.checkpoint([])).rejects.toThrow(StorageFailure);
    await expect(bench().storage.openSnapshot(1)).rejects.toThrow(StorageFailure);
    await expect(bench().storage.stageChunk(1, 0, bytes(''))).rejects.toThrow(StorageFailure);
    await expect(bench().storage.install(1, meta(1), undefined)).rejects.toThrow(StorageFailure);
    await expect(bench().storage.putMeta('a', bytes('b'))).rejects.toThrow(StorageFailure);
    expect((await bench().reopen())[1]?.log).toEqual(['1@1=1@1']);
  });
});
