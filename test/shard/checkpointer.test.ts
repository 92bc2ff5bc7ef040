import { describe, expect, it } from 'vitest';
import { MemoryDisk, MemoryStorage, silentLogger, type Storage } from '../../src/shard/index.js';
import type { Write } from '../../src/raft/index.js';
import { Checkpointer } from '../../src/shard/node/checkpointer.js';
import { createReplica } from '../../src/shard/node/replica-factory.js';
import type { Replica } from '../../src/shard/node/replica.js';
import { DEFAULT_NODE_LIMITS } from '../../src/shard/node/options.js';
import { DEFAULT_TIMERS } from '../../src/shard/cluster/timers.js';
import { RowCache } from '../../src/shard/machine/row-cache.js';
import { ClusterSettings } from '../../src/shard/cluster/settings.js';
import { ManualRuntime } from './manual-runtime.js';

const configuration = { voters: [1, 2, 3], votersOutgoing: [], learners: [] };
const KEEP_NOTHING = { keepEntries: 0, keepBytes: 0, followerBytes: 0, nodeFollowerBytes: 0 };
const LIMITS = { bytes: 1, intervalMs: 1, journalBytes: 1, ...KEEP_NOTHING };

/** As a turn of the node does; outgoing messages are dropped. */
function take(replica: Replica, write: Write[]): void {
  while (replica.raft.hasReady()) {
    const ready = replica.raft.ready();
    if (ready.write !== undefined) write.push(ready.write);
    if (ready.committed.length > 0) replica.apply(ready.committed, 0);
  }
}

/** A shard on node 1, following node 2, with two empty entries applied. */
async function follower(storage: Storage, id = 1): Promise<Replica> {
  const write: Write[] = [];
  const runtime = new ManualRuntime();
  const recent = new RowCache(1_000);
  const scene = {
    self: 1,
    storage,
    runtime,
    settings: new ClusterSettings({ timers: DEFAULT_TIMERS, leaseReads: false }, silentLogger),
    limits: DEFAULT_NODE_LIMITS,
    recent,
    logger: silentLogger,
    askIndex: () => false,
  };
  const group = createReplica(scene, id, configuration.voters, undefined);
  const entries = [1, 2].map((index) => ({ index, term: 1, kind: 0 as const, data: new Uint8Array() }));
  group.step({ type: 'append', from: 2, to: 1, term: 1, prevIndex: 0, prevTerm: 0, entries, commit: 2 });
  take(group, write);
  const hardState = { term: 1, vote: 0, commit: 2 };
  await storage.commit([{ group: id, hardState, entries }]);
  for (const what of write) group.persisted(what);
  take(group, write);
  expect(group.applied).toBe(2);
  return group;
}

async function followers(count: number): Promise<{ readonly storage: Storage; readonly groups: readonly Replica[] }> {
  const storage = new MemoryStorage(new MemoryDisk());
  await storage.open();
  const groups: Replica[] = [];
  for (let id = 1; id <= count; id++) groups.push(await follower(storage, id));
  return { storage, groups };
}

describe('checkpoints', () => {
  it('leave out a group whose log a snapshot replaced earlier in the same turn (seed 20530f)', async () => {
    const storage = new MemoryStorage(new MemoryDisk());
    await storage.open();
    const group = await follower(storage);
    const compacted: number[] = [];
    const checkpointer = new Checkpointer(storage, LIMITS, (_group, index) => compacted.push(index));
    checkpointer.applied(group, 1, 0);
    await checkpointer.run();
    expect(compacted).toEqual([2]);

    const meta = { index: 5, term: 1, configuration };
    const chunk = { meta, sequence: 0, data: new Uint8Array(), done: true };
    group.raft.step({ type: 'snapshot', from: 2, to: 1, term: 1, ...chunk });
    expect(group.installing).toBe(true);
    checkpointer.applied(group, 1, 0);
    await checkpointer.run();
    expect(compacted).toEqual([2]);
    await storage.close();
  });

  it('prepare each group when it is taken, and none after the node has failed meanwhile', async () => {
    const { storage, groups } = await followers(3);
    const taken: number[] = [];
    const flushed: number[] = [];
    for (const { machine, id } of groups) machine.flush = () => flushed.push(id);
    storage.checkpoint = async (checkpoints) => {
      for (const { group } of checkpoints) {
        taken.push(group);
        await Promise.resolve();
        if (group === 2) checkpointer.close();
      }
    };
    const checkpointer = new Checkpointer(storage, LIMITS, () => undefined);
    for (const group of groups) checkpointer.applied(group, 1, 0);
    await checkpointer.run();
    expect([taken, flushed]).toEqual([
      [1, 2],
      [1, 2],
    ]);
    await storage.close();
  });

  it('have what is applied until a group is taken; what is applied later makes the next one due, counted from then', async () => {
    const { storage, groups } = await followers(2);
    const limits = { bytes: Infinity, journalBytes: Infinity, intervalMs: 30_000, ...KEEP_NOTHING };
    let [now, checkpoints] = [0, 0];
    const taken: number[][] = [];
    const apply = (): void => {
      for (const group of groups) checkpointer.applied(group, 1, now);
    };
    storage.checkpoint = async (given) => {
      checkpoints += 1;
      const list: number[] = [];
      taken.push(list);
      for (const { group } of given) {
        list.push(group);
        await Promise.resolve();
        now += 1;
        // The second is waiting for its turn, the first has been taken.
        if (group === 1 && checkpoints !== 2) apply();
      }
    };
    const checkpointer = new Checkpointer(storage, limits, () => undefined);
    apply();
    await checkpointer.run();
    await checkpointer.run();
    expect(taken).toEqual([[1, 2], [1]]);
    [now, checkpoints] = [0, 2];
    for (; now < 100_000; now += 200) {
      apply();
      if (checkpointer.isDue(now)) await checkpointer.run();
    }
    expect(checkpoints).toBe(2 + 3);
    await storage.close();
  });

  it('leave out a group that a snapshot begins to replace before it is taken, and have it in the next one', async () => {
    const { storage, groups } = await followers(2);
    const taken: number[] = [];
    storage.checkpoint = async (checkpoints) => {
      for (const { group } of checkpoints) {
        taken.push(group);
        await Promise.resolve();
        isInstalling = true;
      }
    };
    let isInstalling = false;
    Object.defineProperty(groups[1], 'installing', { get: () => isInstalling });
    const compacted: number[] = [];
    const checkpointer = new Checkpointer(storage, LIMITS, ({ id }) => compacted.push(id));
    for (const group of groups) checkpointer.applied(group, 1, 0);
    await checkpointer.run();
    expect([taken, compacted]).toEqual([[1], [1]]);
    isInstalling = false;
    expect(checkpointer.isDue(1)).toBe(true);
    await checkpointer.run();
    expect([taken, compacted]).toEqual([
      [1, 2],
      [1, 2],
    ]);
    await storage.close();
  });

  it('are due once the journal has grown by the limit since the last one, however little was applied', async () => {
    const storage = new MemoryStorage(new MemoryDisk());
    await storage.open();
    const group = await follower(storage);
    const before = storage.status().journalBytes;
    expect(before).toBeGreaterThan(0);
    const rare = { bytes: Infinity, intervalMs: Infinity, ...KEEP_NOTHING };
    const dueAt = (journalBytes: number): Checkpointer => {
      const checkpointer = new Checkpointer(storage, { ...rare, journalBytes }, () => undefined);
      checkpointer.applied(group, 1, 0);
      return checkpointer;
    };
    expect(dueAt(before + 1).isDue(1e9)).toBe(false);
    const checkpointer = dueAt(before);
    expect(checkpointer.isDue(0)).toBe(true);
    await checkpointer.run();
    const left = storage.status().journalBytes;
    // The rest of the journal was written before the checkpoint ended: by itself it makes none due.
    expect(left).toBeGreaterThan(0);
    checkpointer.applied(group, 1, 0);
    expect(checkpointer.isDue(0)).toBe(false);
    await storage.close();
  });
});
