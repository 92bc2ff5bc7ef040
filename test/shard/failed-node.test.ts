/** A node that has failed but whose process still answers: its peers must not count it as a live leader (s74). */
import { describe, expect, it } from 'vitest';
import { StorageFailure } from '../../src/raft/index.js';
import { FORMER_PROTOCOL, PROTOCOL, type Protocol } from '../../src/shard/transport/protocol.js';
import { stringKey, type PeerMessage, type Storage } from '../../src/shard/index.js';
import { VirtualCluster } from '../support/virtual-cluster.js';

const TIMEOUT_MS = 500;

class Failing {
  error: Error | undefined;

  wrap(inner: Storage): Storage {
    return new Proxy(inner, {
      get: (target, name) => {
        if (name === 'commit' && this.error !== undefined) return () => Promise.reject(this.error!);
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
      },
    });
  }
}

/** All shards are quiescent and have their preferred leaders. */
async function quiet(protocol: Protocol = PROTOCOL): Promise<{ cluster: VirtualCluster; disk: Failing }> {
  const disk = new Failing();
  const cluster = await VirtualCluster.start({
    shards: 6,
    protocol,
    storage: (id, storage) => (id === 1 ? disk.wrap(storage) : storage),
  });
  await cluster.runtime.run(10 * TIMEOUT_MS);
  const isQuiet = (shard: number): boolean => cluster.replicas(shard).every(({ raft }) => raft.quiesced);
  expect(cluster.shards().every(isQuiet)).toBe(true);
  return { cluster, disk };
}

/** Clients of nodes 2 and 3 keep sending requests to node 1, which keeps refusing them. */
function keepAsking(cluster: VirtualCluster): void {
  const operation = { type: 'get', key: stringKey('a'), consistency: 'stale' } as const;
  const request = { shard: cluster.shardOf('a'), budgetMs: 1_000, operation };
  cluster.runtime.every(20, () => {
    for (const id of [2, 3]) cluster.node(id).send(1, { type: 'request', id: 1, request });
  });
}

async function fail(cluster: VirtualCluster, disk: Failing): Promise<number[]> {
  const led = cluster.shards().filter((shard) => cluster.leader(shard) === 1);
  expect(led.length).toBeGreaterThan(1);
  keepAsking(cluster);
  disk.error = new StorageFailure('input/output error');
  const key = Array.from({ length: 200 }, (_, i) => `key-${i}`).find((each) => cluster.shardOf(each) === led[0]);
  void cluster.startPut(key ?? '', 'x');
  await cluster.runtime.until(() => cluster.node(1).state() === 'failed');
  return led;
}

const ledByOthers = (cluster: VirtualCluster, shards: readonly number[]): boolean =>
  shards.every((shard) => cluster.leaders(shard).some((id) => id !== 1));

describe('a failed node that still answers', () => {
  it('s74 reports it, and its quiescent shards have other leaders within an election timeout', async () => {
    const { cluster, disk } = await quiet();
    const led = await fail(cluster, disk);
    await cluster.runtime.run(TIMEOUT_MS);
    expect(ledByOthers(cluster, led)).toBe(true);
    expect(cluster.node(2).isAlive(1)).toBe(false);
  });

  it('s74 sends no pings to peers of version 1, which would count it as alive, and they elect after a silence', async () => {
    const { cluster, disk } = await quiet(FORMER_PROTOCOL);
    const led = await fail(cluster, disk);
    await cluster.runtime.run(3 * TIMEOUT_MS);
    expect(ledByOthers(cluster, led)).toBe(true);
    expect(cluster.node(2).isAlive(1)).toBe(false);
  });

  it('s74 stays dead to its peers however long it answers, even over a new link', async () => {
    const { cluster, disk } = await quiet();
    const led = await fail(cluster, disk);
    await cluster.runtime.run(20 * TIMEOUT_MS);
    expect(cluster.node(2).isAlive(1)).toBe(false);
    await cluster.kill(2);
    await cluster.startNode(2);
    await cluster.runtime.run(4 * TIMEOUT_MS);
    expect(cluster.node(2).isAlive(1)).toBe(false);
    expect(ledByOthers(cluster, led)).toBe(true);
  });

  it('s74 reports to routers that it takes no requests', async () => {
    for (const protocol of [PROTOCOL, FORMER_PROTOCOL]) {
      const { cluster, disk } = await quiet(protocol);
      await fail(cluster, disk);
      await cluster.runtime.run(3 * TIMEOUT_MS);
      expect([1, 2, 3].map((id) => cluster.backend.alive(id))).toEqual([false, true, true]);
    }
  });
});

it('s74 an operation refused by a quiescent follower wakes its group, and a dead leader is replaced', async () => {
  const { cluster } = await quiet();
  const shard = cluster.shardOf('a');
  const leader = cluster.leader(shard);
  const [follower] = [1, 2, 3].filter((id) => id !== leader);
  // The leader sends pings, but no message in this group any more.
  const isItsRaft = (from: number, message: PeerMessage): boolean => from === leader && message.type === 'raft';
  cluster.network.dropWhen((from, _to, message) => isItsRaft(from, message));
  await cluster.runtime.run(10 * TIMEOUT_MS);
  expect(cluster.group(follower!, shard)).toMatchObject({ raft: { quiesced: true, leader } });
  const operation = { type: 'get', key: stringKey('a'), consistency: 'linearizable' } as const;
  cluster.node(follower!).submit({ shard, budgetMs: 100, operation }, () => undefined);
  await cluster.runtime.run(6 * TIMEOUT_MS);
  expect(cluster.leaders(shard).some((id) => id !== leader)).toBe(true);
});

it('s74 an operation refused by a quiescent follower does not disturb a live leader', async () => {
  const { cluster } = await quiet();
  const shard = cluster.shardOf('a');
  const leader = cluster.leader(shard);
  const { term } = cluster.group(leader, shard)!.raft;
  const operation = { type: 'get', key: stringKey('a'), consistency: 'linearizable' } as const;
  for (const id of [1, 2, 3]) {
    if (id !== leader) cluster.node(id).submit({ shard, budgetMs: 100, operation }, () => undefined);
  }
  await cluster.runtime.run(20 * TIMEOUT_MS);
  expect(cluster.group(leader, shard)).toMatchObject({ raft: { role: 'leader', term, quiesced: true } });
});
