/**
 * The simulator's disk: what it may lose, what it may not, and that it does so alike every time. That it is a storage
 * like any other, the contract suite and the model of `test/raft/storage` show.
 */
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { StorageCorruption, StorageFailure } from '../../src/raft/storage/index.js';
import type { Storage } from '../../src/raft/storage/index.js';
import { Random } from '../../src/random.js';
import { Incarnation, Scheduler } from '../../src/sim/scheduler.js';
import { VirtualDisk } from '../../src/sim/virtual-disk.js';
import { entries, meta, row, stateOf } from '../raft/storage/support/builders.js';
import { Machine } from './support/machine.js';
import type { Step } from './support/machine.js';

const part = fc.record({
  group: fc.constantFrom(1, 2, 3),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.constantFrom(0, 0, 1, 2, 4),
  withHardState: fc.boolean(),
});
const parts = fc.uniqueArray(part, { selector: ({ group }) => group, minLength: 1, maxLength: 3 });
const rows = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 5 }) },
  { weight: 1, arbitrary: fc.constant(300) },
);
const how = fc.constantFrom('full' as const, 'failure' as const);
const kind = fc.constantFrom('process' as const, 'power' as const);
const early = fc.option(fc.double({ min: 0, max: 2, noNaN: true }), { nil: undefined, freq: 2 });
/** Now and then so long that everything is done. */
const ms = fc.oneof(
  { weight: 4, arbitrary: fc.double({ min: 0, max: 4, noNaN: true }) },
  { weight: 1, arbitrary: fc.constant(20) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ type: fc.constant('commit' as const), parts }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('checkpoint' as const), parts, rows }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('install' as const), part, rows }) },
  { weight: 10, arbitrary: fc.record({ type: fc.constant('pass' as const), ms }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('fail' as const), how }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('crash' as const), kind, early }) },
  { weight: 1, arbitrary: fc.constant({ type: 'reopen' as const }) },
);
const run = fc.record({ seed: fc.nat(), steps: fc.array(step, { maxLength: 60, size: 'max' }) });

describe('an incarnation on a virtual disk', () => {
  it('s65 s68 s70 keeps everything acknowledged, and nothing in part', async () => {
    const seen = { 'something at stake': 0, 'was torn': 0, SQLITE_FULL: 0, SQLITE_IOERR_FSYNC: 0, 'install done': 0 };
    await fc.assert(
      fc.asyncProperty(run, async ({ seed, steps }) => {
        const machine = new Machine(seed);
        await machine.live(steps);
        const trace = machine.trace.join('\n');
        for (const what of Object.keys(seen) as (keyof typeof seen)[]) if (trace.includes(what)) seen[what]++;
      }),
      { numRuns: 400 },
    );
    for (const [what, times] of Object.entries(seen)) expect(times, what).toBeGreaterThan(0);
  }, 60_000);

  it('is deterministic', async () => {
    await fc.assert(
      fc.asyncProperty(run, async ({ seed, steps }) => {
        const [one, other] = [new Machine(seed), new Machine(seed)];
        await one.live(steps);
        await other.live(steps);
        expect(other.trace).toEqual(one.trace);
      }),
      { numRuns: 50 },
    );
  }, 60_000);
});

const PATIENCE_MS = 1000;

describe('a virtual disk', () => {
  let scheduler: Scheduler;
  let disk: VirtualDisk;
  let synced: string[];

  const make = (seed = 1, parameters = { syncMs: 2, jitterMs: 0, stallProbability: 0 }): void => {
    scheduler = new Scheduler();
    synced = [];
    disk = new VirtualDisk({ scheduler, random: new Random(seed), parameters, onSync: (what) => synced.push(what) });
  };
  beforeEach(() => {
    make();
  });

  /** Lets what was called come to its first event, then time pass. */
  async function pass(ms: number): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    await scheduler.run(ms);
  }

  /** Lets time pass until it is done. */
  async function within<T>(promise: Promise<T>): Promise<T> {
    let isOver = false;
    const end = (): void => {
      isOver = true;
    };
    promise.then(end, end);
    if (!(await scheduler.until(() => isOver, PATIENCE_MS))) throw new Error('it never came to an end');
    return promise;
  }

  async function open(incarnation = new Incarnation()): Promise<Storage> {
    const storage = disk.storage(incarnation);
    await within(storage.open());
    return storage;
  }

  const commit = (storage: Storage, first: number, last = first, term = 1): Promise<void> =>
    storage.commit([{ group: 1, hardState: { term, vote: 1, commit: 0 }, entries: entries(first, last, term) }]);

  it('acknowledges nothing before its sync is complete', async () => {
    const storage = await open();
    expect(synced).toEqual(['begin']);
    const start = scheduler.now;
    const ends: number[] = [];
    const note = (): void => {
      ends.push(scheduler.now - start);
    };
    const done = [commit(storage, 1).then(note), commit(storage, 2).then(note)];
    await pass(1.9);
    expect(ends).toEqual([]);
    expect(disk.durableTerm(1, 1)).toBeUndefined();
    done.push(commit(storage, 3).then(note));
    await within(Promise.all(done));
    // The first two shared a sync; the third came while it was under way.
    expect(ends).toEqual([2, 2, 4]);
    expect(synced).toEqual(['begin', 'commit', 'commit']);
    expect(disk.durableTerm(1, 3)).toBe(1);
    expect(storage.status().commitMs).toEqual([2, 2, expect.closeTo(2.1)]);
  });

  it('chooses sync durations at random, and can be slowed or stalled', async () => {
    make(3, { syncMs: 1, jitterMs: 1, stallProbability: 0.1 });
    const storage = await open();
    const took = async (index: number): Promise<number> => {
      const start = scheduler.now;
      let end = start;
      await within(commit(storage, index).then(() => (end = scheduler.now)));
      return end - start;
    };
    const times: number[] = [];
    for (let i = 1; i <= 400; i++) times.push(await took(i));
    const stalls = times.filter((ms) => ms >= 100);
    const usual = times.filter((ms) => ms < 50);
    expect(stalls.length).toBeGreaterThan(20);
    expect(stalls.length).toBeLessThan(70);
    expect(Math.min(...times)).toBeGreaterThanOrEqual(1);
    const mean = usual.reduce((sum, ms) => sum + ms, 0) / usual.length;
    expect(mean).toBeGreaterThan(1.8);
    expect(mean).toBeLessThan(2.3);
    disk.faults.slowFactor = 30;
    expect(await took(401)).toBeGreaterThanOrEqual(30);
    disk.faults.slowFactor = 1;
    const until = scheduler.now + 400;
    disk.faults.stallUntil = until;
    await took(402);
    expect(scheduler.now).toBeGreaterThanOrEqual(until);
  });

  it('counts as troubled while a write is in flight that began while it was slow', async () => {
    const storage = await open();
    disk.faults.slowFactor = 100;
    const slow = commit(storage, 1);
    await pass(10);
    disk.faults.slowFactor = 1;
    expect(disk.isTroubled).toBe(true);
    await within(slow);
    void commit(storage, 2);
    await pass(1);
    expect(disk.isTroubled).toBe(false);
  });

  it('shows nothing of a checkpoint to readers until it is synced', async () => {
    const storage = await open();
    const checkpoint = storage.checkpoint([{ group: 1, meta: meta(5), rows: [row('a', '1')] }]);
    await pass(1.9);
    expect(stateOf(storage, 1)).toEqual({});
    expect(disk.durableSnapshotIndex(1)).toBe(0);
    await within(checkpoint);
    expect(stateOf(storage, 1)).toEqual({ a: '1' });
    expect([disk.durableSnapshotIndex(1), disk.durableTerm(1, 5)]).toEqual([5, 1]);
    expect(synced).toEqual(['begin', 'checkpoint', 'truncate']);
  });

  it('knows which entries are durable, through truncation, checkpoints and installs', async () => {
    const storage = await open();
    const terms = (...indexes: number[]): (number | undefined)[] => indexes.map((i) => disk.durableTerm(1, i));
    await within(commit(storage, 1, 5));
    await within(commit(storage, 4, 6, 2));
    expect(terms(0, 1, 3, 4, 6, 7)).toEqual([0, 1, 1, 2, 2, undefined]);
    await within(commit(storage, 3, 3, 3));
    expect(terms(2, 3, 4)).toEqual([1, 3, undefined]);
    await within(storage.checkpoint([{ group: 1, meta: meta(2), rows: [] }]));
    expect(terms(1, 2, 3)).toEqual([undefined, 1, 3]);
    await within(storage.stageChunk(1, 0, new Uint8Array(0)));
    await within(storage.install(1, meta(50, 7), undefined));
    expect([disk.durableSnapshotIndex(1), ...terms(3, 49, 50, 51)]).toEqual([50, undefined, undefined, 7, undefined]);
    await within(commit(storage, 51, 52, 8));
    expect(terms(50, 51, 52, 53)).toEqual([7, 8, 8, undefined]);
    expect(disk.durableTerm(2, 1)).toBeUndefined();
  });

  it.each(['process', 'power'] as const)('may lose or keep writes in flight at a %s crash', async (kind) => {
    const found: number[] = [];
    for (let seed = 0; seed < 60; seed++) {
      make(seed);
      const incarnation = new Incarnation();
      const storage = await open(incarnation);
      await within(commit(storage, 1));
      let isAcknowledged = false;
      commit(storage, 2, 3).then(
        () => (isAcknowledged = true),
        () => undefined,
      );
      await pass(1);
      incarnation.end();
      disk.crash(kind);
      const reopened = disk.storage(new Incarnation());
      const { groups } = await within(reopened.open());
      found.push(groups.get(1)?.entries.length ?? 0);
      expect(isAcknowledged).toBe(false);
    }
    expect(new Set(found)).toEqual(new Set([1, 3]));
  });

  it('s68 tears the last journal row at a power cut; the storage drops it and continues', async () => {
    let torn = 0;
    for (let seed = 0; seed < 60; seed++) {
      make(seed);
      const incarnation = new Incarnation();
      const storage = await open(incarnation);
      await within(commit(storage, 1));
      void commit(storage, 2, 3);
      await pass(1);
      incarnation.end();
      disk.crash('power');
      const notices: string[] = [];
      const reopened = disk.storage(new Incarnation(), { onNotice: (notice) => notices.push(notice) });
      const { groups } = await within(reopened.open());
      const last = groups.get(1)?.entries.length ?? 0;
      if (notices.length > 0) {
        torn++;
        expect(notices[0]).toContain('the last row, 2, was torn');
        expect(last).toBe(1);
      }
      await within(commit(reopened, last + 1, last + 1, 2));
      expect(disk.durableTerm(1, last + 1)).toBe(2);
    }
    expect(torn).toBeGreaterThan(3);
  });

  it('s69 refuses a journal in which a bit has flipped', async () => {
    for (let seed = 0; seed < 40; seed++) {
      make(seed);
      const incarnation = new Incarnation();
      const storage = await open(incarnation);
      expect(disk.flipBit()).toBe(false);
      await within(commit(storage, 1));
      expect(disk.flipBit()).toBe(false);
      for (let i = 2; i <= 4; i++) await within(commit(storage, i));
      expect(disk.flipBit()).toBe(true);
      // What is in memory is not what is on the disk.
      await within(commit(storage, 5));
      incarnation.end();
      disk.crash('process');
      const reopened = disk.storage(new Incarnation());
      await expect(within(reopened.open())).rejects.toThrow(StorageCorruption);
      await expect(within(disk.storage(new Incarnation()).open())).rejects.toThrow(
        /journal.db: row [123] of 1 to 5 is damaged/,
      );
    }
  });

  it('s69 does not copy a row in which a bit has flipped', async () => {
    const storage = disk.storage(new Incarnation(), { journalSlackBytes: 0 });
    await within(storage.open());
    await within(storage.commit([{ group: 2, hardState: undefined, entries: entries(1, 3) }]));
    await within(commit(storage, 1));
    expect(disk.flipBit()).toBe(true);
    for (let i = 2; i <= 20; i++) await within(commit(storage, i));
    const checkpoint = storage.checkpoint([{ group: 1, meta: meta(20), rows: [] }]);
    await expect(within(checkpoint)).rejects.toThrow(/journal.db: row 1 is damaged/);
    await expect(within(commit(storage, 21))).rejects.toThrow(StorageCorruption);
  });

  it('s70 acknowledges a write that found no space only once there is some', async () => {
    const storage = await open(new Incarnation());
    await within(commit(storage, 1));
    disk.faults.isFull = true;
    let isDone = false;
    const second = commit(storage, 2).then(() => (isDone = true));
    await pass(5_000);
    expect(isDone).toBe(false);
    expect(storage.stall?.reason).toBe('full');
    expect(disk.durableTerm(1, 2)).toBeUndefined();
    disk.faults.isFull = false;
    await within(second);
    expect(storage.stall).toBeUndefined();
    expect(disk.durableTerm(1, 2)).toBeDefined();
  });

  it('s70 acknowledges nothing after a sync that failed', async () => {
    const [fault, error] = ['failure', StorageFailure] as const;
    const found = new Set<number>();
    for (let seed = 0; seed < 30; seed++) {
      make(seed);
      const incarnation = new Incarnation();
      const storage = await open(incarnation);
      await within(commit(storage, 1));
      disk.faults.failNextSync = fault;
      await expect(within(commit(storage, 2))).rejects.toThrow(error);
      expect(disk.faults.failNextSync).toBeUndefined();
      await expect(within(commit(storage, 3))).rejects.toThrow(error);
      await expect(within(storage.checkpoint([]))).rejects.toThrow(error);
      await expect(within(storage.putMeta('a', new Uint8Array(1)))).rejects.toThrow(error);
      expect(disk.durableTerm(1, 2)).toBeUndefined();
      if (seed % 2 === 0) await within(storage.close());
      incarnation.end();
      disk.crash('power');
      const { groups } = await within(disk.storage(new Incarnation()).open());
      found.add(groups.get(1)?.entries.length ?? 0);
    }
    expect(found).toEqual(new Set([1, 2]));
  });

  it('does nothing for an incarnation that has ended, and defers callbacks of a paused one', async () => {
    const incarnation = new Incarnation();
    const storage = await open(incarnation);
    incarnation.pause();
    let isDone = false;
    void commit(storage, 1).then(() => (isDone = true));
    await pass(50);
    expect([isDone, disk.durableTerm(1, 1)]).toEqual([false, undefined]);
    scheduler.resume(incarnation);
    await pass(50);
    expect([isDone, disk.durableTerm(1, 1)]).toEqual([true, 1]);
    expect(() => {
      disk.crash('process');
    }).toThrow('end the incarnation first');
    void commit(storage, 2).then(() => (isDone = false));
    incarnation.end();
    await pass(50);
    expect([isDone, disk.durableTerm(1, 2)]).toEqual([true, undefined]);
    await expect(within(disk.storage(new Incarnation()).open())).rejects.toThrow('data folder in use');
    disk.crash('process');
    await open();
  });

  it('takes at most 2 s for a sync, however slow, unless it is stalled', async () => {
    make(1, { syncMs: 40, jitterMs: 0, stallProbability: 1 });
    const incarnation = new Incarnation();
    const storage = disk.storage(incarnation);
    const opening = storage.open();
    await pass(10_000);
    await opening;
    disk.faults.slowFactor = 200;
    let done = 0;
    const count = (): void => {
      done++;
    };
    void commit(storage, 1).then(count);
    await pass(1_999);
    expect(done).toBe(0);
    await pass(2);
    expect(done).toBe(1);
    disk.faults.stallUntil = scheduler.now + 3_000;
    void commit(storage, 2).then(count);
    await pass(2_999);
    expect(done).toBe(1);
    await pass(2);
    expect(done).toBe(2);
  });

  it('can be crashed at the very moment a sync begins', async () => {
    const incarnation = new Incarnation();
    const crashing = new VirtualDisk({
      scheduler,
      random: new Random(1),
      parameters: { syncMs: 2, jitterMs: 0, stallProbability: 0 },
      onSync: (what) => {
        if (what !== 'checkpoint') return;
        incarnation.end();
        crashing.crash('power');
      },
    });
    const storage = crashing.storage(incarnation);
    await within(storage.open());
    await within(commit(storage, 1));
    void storage.checkpoint([{ group: 1, meta: meta(1), rows: [row('a', 'b')] }]);
    await pass(50);
    expect(incarnation.ended).toBe(true);
    const { groups } = await within(crashing.storage(new Incarnation()).open());
    expect(groups.get(1)?.snapshot.index === 1 || groups.get(1)?.entries.length === 1).toBe(true);
  });
});
