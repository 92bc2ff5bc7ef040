import { describe, expect, it } from 'vitest';
import { StorageFailure, StorageFull } from '../../src/raft/index.js';
import { stringKey, type Answer, type Condition, type Storage, type Transport } from '../../src/shard/index.js';
import { VirtualCluster } from '../support/virtual-cluster.js';

/** A storage whose commits fail once `error` is set. */
class Failing {
  error: Error | undefined;
  readError: Error | undefined;

  wrap(inner: Storage): Storage {
    return new Proxy(inner, {
      get: (target, name) => {
        if (name === 'commit' && this.error !== undefined) return () => Promise.reject(this.error!);
        if (name === 'read' && this.readError !== undefined) {
          return () => {
            throw this.readError!;
          };
        }
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
      },
    });
  }
}

describe('a node whose disk fails', () => {
  for (const [error, code] of [
    [new StorageFull('the disk is full'), 'disk-full'],
    [new StorageFailure('input/output error'), 'storage-failed'],
  ] as const) {
    it(`s70 leaves its groups and answers ${code}; the others continue to serve, and nothing acknowledged is lost`, async () => {
      const failing = new Failing();
      const cluster = await VirtualCluster.start({
        storage: (id, storage) => (id === 1 ? failing.wrap(storage) : storage),
      });
      for (let i = 0; i < 10; i++) await cluster.put(`key-${i}`, 'before');
      failing.error = error;
      for (let i = 0; i < 10; i++) expect(await cluster.put(`key-${i}`, 'after')).toMatchObject({ type: 'put' });
      expect(cluster.node(1).state()).toBe('failed');
      expect(cluster.node(1).status().failure).toBe(error.message);
      const answers: unknown[] = [];
      const operation = { type: 'get', key: stringKey('key-1'), consistency: 'stale' } as const;
      cluster.node(1).submit({ shard: 0, budgetMs: 100, operation }, ({ answer }) => answers.push(answer));
      await cluster.runtime.run(50);
      expect(answers).toMatchObject([{ type: 'refused', code, outcome: 'not_applied' }]);
      for (let i = 0; i < 10; i++) expect(await cluster.text(`key-${i}`)).toBe('after');
    });
  }
});

describe('the client endpoint of a node whose disk has failed', () => {
  it('still receives the answers to what it requested from other nodes', async () => {
    const failing = new Failing();
    const cluster = await VirtualCluster.start({
      storage: (id, storage) => (id === 1 ? failing.wrap(storage) : storage),
    });
    failing.error = new StorageFailure('input/output error');
    for (let i = 0; i < 10; i++) await cluster.put(`key-${i}`, 'after');
    const node = cluster.node(1);
    expect(node.state()).toBe('failed');
    const replies: unknown[] = [];
    node.onReply((from, message) => replies.push({ from, type: message.type, id: message.id }));
    const operation = { type: 'get', key: stringKey('key-1'), consistency: 'stale' } as const;
    const request = { shard: cluster.shardOf('key-1'), budgetMs: 1_000, operation };
    expect(node.send(2, { type: 'request', id: 7, request })).toBe(true);
    expect(node.send(3, { type: 'status-request', id: 8 })).toBe(true);
    await cluster.runtime.run(50);
    expect(replies).toEqual([
      { from: 2, type: 'reply', id: 7 },
      { from: 3, type: 'status', id: 8 },
    ]);
  });
});

describe('a node that cannot read its state', () => {
  it('leaves its groups rather than answer wrongly; the others continue to serve', async () => {
    const failing = new Failing();
    const cluster = await VirtualCluster.start({
      storage: (id, storage) => (id === 1 ? failing.wrap(storage) : storage),
    });
    await cluster.runtime.run(3_000);
    failing.readError = new StorageFailure('page 7 cannot be read');
    for (let i = 0; i < 10; i++) expect(await cluster.text(`key-${i}`)).toBeUndefined();
    expect(cluster.node(1).state()).toBe('failed');
    expect(cluster.node(1).status().failure).toBe('page 7 cannot be read');
  });
});

describe('a node that stops', () => {
  it('transfers leadership first, so that few requests wait', async () => {
    const cluster = await VirtualCluster.start();
    await cluster.runtime.run(3_000);
    const before = cluster.shards().map((shard) => cluster.leader(shard));
    const stopping = cluster.node(1);
    await cluster.runtime.settle(stopping.stop());
    cluster.nodes.delete(1);
    expect(before).toContain(1);
    // Without waiting for any election timeout.
    expect(cluster.everyShardHasALeader()).toBe(true);
    expect(stopping.state()).toBe('stopping');
    for (const shard of cluster.shards()) expect(cluster.leader(shard)).not.toBe(1);
  });

  it('answers pending requests, and accepts no more', async () => {
    const cluster = await VirtualCluster.start({ nodes: 1 });
    const node = cluster.node(1);
    const answers: unknown[] = [];
    const operation = { type: 'get', key: stringKey('a'), consistency: 'linearizable' } as const;
    node.submit({ shard: 0, budgetMs: 1_000, operation }, ({ answer }) => answers.push(answer));
    await cluster.runtime.settle(node.crash());
    expect(answers).toMatchObject([{ type: 'refused', code: 'shutting-down', outcome: 'not_applied' }]);
  });
});

describe('a node that is stopped while it starts', () => {
  /** Calls `stop` when the value called `name` has become durable. */
  const stoppingAt = (name: string, inner: Storage, stop: () => void): Storage =>
    new Proxy(inner, {
      get: (target, property) => {
        if (property === 'putMeta') {
          return async (written: string, value: Uint8Array): Promise<void> => {
            await inner.putMeta(written, value);
            if (written === name) stop();
          };
        }
        const value: unknown = Reflect.get(target, property);
        return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
      },
    });

  it('does not start after that, although its disk has completed every write', async () => {
    let isArmed = false;
    const cluster = await VirtualCluster.start({
      storage: (id, inner) => {
        if (id !== 3) return inner;
        return stoppingAt('topology', inner, () => {
          if (isArmed) void cluster.nodes.get(3)?.crash();
        });
      },
    });
    await cluster.runtime.settle(cluster.node(3).stop(0));
    isArmed = true;
    await expect(cluster.startNode(3)).rejects.toMatchObject({ code: 'shutting-down' });
    await cluster.runtime.run(100);
    expect(cluster.node(3).state()).toBe('stopping');
    isArmed = false;
    await cluster.startNode(3);
    expect(await cluster.runtime.until(() => cluster.node(3).state() === 'serving')).toBe(true);
  });
});

describe('a node that receives invalid messages', () => {
  it('row 25 ignores a term that no honest replica can have reached', async () => {
    const cluster = await VirtualCluster.start({ shards: 1 });
    await cluster.kill(3);
    const forger = cluster.network.node(3);
    await forger.start({ onMessages: () => undefined, onLink: () => undefined });
    await cluster.runtime.run(50);
    const before = [1, 2].map((id) => cluster.group(id, 0)!.raft.term);
    for (const term of [2 ** 40, 2 ** 47]) {
      for (const to of [1, 2]) {
        const heartbeat = { type: 'heartbeat', from: 3, to, term, commit: 10, readContext: 0, quiesce: false } as const;
        forger.send(to, { type: 'raft', group: 1, message: heartbeat });
      }
    }
    forger.flush();
    await cluster.runtime.run(3_000);
    const after = [1, 2].map((id) => cluster.group(id, 0)!.raft.term);
    for (const [i, term] of after.entries()) expect(term - before[i]!).toBeLessThan(10);
    expect(await cluster.put('a', 'one')).toMatchObject({ type: 'put' });
  });

  it('never sends a restarted peer the answer to a request of its earlier incarnation', async () => {
    const cluster = await VirtualCluster.start({ nodes: 4, replicas: 3, shards: 8 });
    const shard = cluster.shards().find((s) => !cluster.node(1).topology()!.shards[s]!.includes(4))!;
    const keys = Array.from({ length: 200 }, (_, i) => `key-${i}`).filter((key) => cluster.shardOf(key) === shard);
    const leader = cluster.leader(shard);
    await cluster.kill(4);
    const request = (key: string, condition: Condition) =>
      ({
        type: 'request',
        id: 1,
        request: {
          shard,
          budgetMs: 60_000,
          operation: {
            type: 'put',
            key: stringKey(key),
            body: Buffer.from('x'),
            contentType: 'text/plain',
            condition,
            operationId: cluster.operationId(),
            attempt: 'initial',
          },
        },
      }) as const;
    const answers: Answer[][] = [[], []];
    const startIncarnation = async (number: number): Promise<Transport> => {
      const transport = cluster.network.node(4);
      await transport.start({
        onMessages: (_from, messages) => {
          for (const message of messages) if (message.type === 'reply') answers[number]!.push(message.reply.answer);
        },
        onLink: () => undefined,
      });
      await cluster.runtime.run(20);
      return transport;
    };
    const first = await startIncarnation(0);
    // The leader's appends are lost, so the write stays pending; not for so long that the leader steps down.
    cluster.network.dropWhen((from, _to, m) => from === leader && m.type === 'raft' && m.message.type === 'append');
    first.send(leader, request(keys[0]!, { type: 'none' }));
    first.flush();
    await cluster.runtime.run(20);
    cluster.network.kill(4);
    const second = await startIncarnation(1);
    second.send(leader, request(keys[1]!, { type: 'revision', revision: 999 }));
    second.flush();
    await cluster.runtime.run(20);
    cluster.network.dropWhen(undefined);
    await cluster.runtime.run(2_000);
    expect(answers[0]).toEqual([]);
    expect(answers[1]).toMatchObject([{ type: 'refused', code: 'precondition-failed' }]);
    expect(await cluster.text(keys[0]!)).toBe('x');
  });

  it('s73 refuses a key for a shard that it does not belong to (M23)', async () => {
    const cluster = await VirtualCluster.start({ shards: 4 });
    const wrong = (cluster.shardOf('a') + 1) % 4;
    const answers: unknown[] = [];
    const operation = { type: 'get', key: stringKey('a'), consistency: 'stale' } as const;
    cluster.node(1).submit({ shard: wrong, budgetMs: 100, operation }, ({ answer }) => answers.push(answer));
    await cluster.runtime.run(50);
    expect(answers).toMatchObject([{ type: 'refused', code: 'invalid-request', outcome: 'not_applied' }]);
  });
});

describe('a node that is started with another cluster config', () => {
  it('names the field that differs, and does not start', async () => {
    const cluster = await VirtualCluster.start({ shards: 4 });
    await cluster.kill(2);
    await expect(cluster.startNode(2, { ...cluster.clusterConfig, shardCount: 8 })).rejects.toThrow(
      'shards: this node was started with 8, the cluster was made with 4',
    );
    await expect(cluster.startNode(2, { ...cluster.clusterConfig, clusterId: 'other' })).rejects.toThrow(
      /belongs to .*test-cluster/,
    );
  });

  it('writes new addresses into the topology', async () => {
    const cluster = await VirtualCluster.start();
    const moved = {
      ...cluster.clusterConfig,
      nodes: cluster.clusterConfig.nodes.map((n) => ({ ...n, httpAddress: `127.0.0.1:9${n.id}00` })),
    };
    for (const id of [1, 2, 3]) await cluster.kill(id);
    for (const id of [1, 2, 3]) await cluster.startNode(id, moved);
    const known = (): boolean => [...cluster.nodes.values()].every((n) => n.topology()?.epoch === 2);
    expect(await cluster.runtime.until(known)).toBe(true);
    expect(cluster.node(3).topology()?.nodes).toEqual(moved.nodes);
    expect(await cluster.runtime.until(() => cluster.backend.topology()?.epoch === 2)).toBe(true);
  });
});

describe('admission', () => {
  it('refuses requests beyond the bound, as not applied', async () => {
    const cluster = await VirtualCluster.start({ nodes: 1, shards: 1, node: { limits: { inflight: 3 } } });
    const answers: Answer[] = [];
    const operation = { type: 'get', key: stringKey('a'), consistency: 'linearizable' } as const;
    for (let i = 0; i < 5; i++) {
      cluster.node(1).submit({ shard: 0, budgetMs: 1_000, operation }, ({ answer }) => answers.push(answer));
    }
    await cluster.runtime.run(100);
    expect(
      answers.filter((a) => a.type === 'refused' && a.code === 'overloaded' && a.outcome === 'not_applied'),
    ).toHaveLength(2);
    expect(answers).toHaveLength(5);
  });

  it('refuses bytes beyond the bound', async () => {
    const cluster = await VirtualCluster.start({ nodes: 1, shards: 1, node: { limits: { inflightBytes: 1_000 } } });
    const puts = ['a', 'b', 'c'].map((key) => cluster.startPut(key, '.'.repeat(400), { deadlineMs: 1 }));
    const answers = await cluster.runtime.settle(Promise.all(puts));
    expect(answers.map((a) => (a.type === 'refused' ? a.code : a.type)).sort()).toEqual(['overloaded', 'put', 'put']);
  });

  it('s37 row 29 a flood of writes without a quorum is refused beyond a bound, and the cluster recovers', async () => {
    const cluster = await VirtualCluster.start({ shards: 1, node: { limits: { uncommittedBytes: 4_000 } } });
    const leader = cluster.leader(0);
    cluster.network.dropWhen((from, to) => (from === leader) !== (to === leader) && from <= 3 && to <= 3);
    const flood = Array.from({ length: 40 }, (_, i) =>
      cluster.startPut(`key-${i}`, '.'.repeat(400), { deadlineMs: 900 }),
    );
    const answers = await cluster.runtime.settle(Promise.all(flood));
    const codes = answers.map((a) => (a.type === 'refused' ? `${a.code} ${a.outcome}` : a.type));
    expect(codes.filter((code) => code === 'overloaded not_applied').length).toBeGreaterThan(20);
    // What was proposed may be committed later: none of it may be reported as not applied.
    for (const code of codes) expect(['overloaded not_applied', 'timeout unknown', 'put']).toContain(code);
    cluster.network.dropWhen(undefined);
    expect(await cluster.put('after', 'x')).toMatchObject({ type: 'put' });
    expect(await cluster.runtime.until(() => cluster.converged())).toBe(true);
  });

  it('refuses a shard that has no replica here', async () => {
    const cluster = await VirtualCluster.start({ nodes: 3, replicas: 1, shards: 3 });
    const elsewhere = cluster.shards().find((shard) => cluster.leader(shard) !== 1)!;
    const answers: unknown[] = [];
    const operation = { type: 'get', key: stringKey('a'), consistency: 'stale' } as const;
    cluster.node(1).submit({ shard: elsewhere, budgetMs: 1_000, operation }, ({ answer }) => answers.push(answer));
    await cluster.runtime.run(100);
    expect(answers).toMatchObject([{ type: 'refused', code: 'not-here', outcome: 'not_applied' }]);
  });
});

describe('lease reads', () => {
  it('s50 are answered without a round while the lease is valid, and never after a pause', async () => {
    const cluster = await VirtualCluster.start({ leaseReads: true, shards: 1 });
    await cluster.put('a', 'old');
    const nodes = [...cluster.nodes.values()];
    const mayRead = (): boolean => nodes.every((node) => node.topology()?.leases === 'read');
    expect(await cluster.runtime.until(mayRead)).toBe(true);
    await cluster.runtime.run(100);
    expect(await cluster.text('a')).toBe('old');
    const leader = cluster.leader(0);
    let heartbeats = 0;
    cluster.network.dropWhen((from, _to, message) => {
      if (from === leader && message.type === 'raft' && message.message.type === 'heartbeat') {
        if (message.message.readContext > 0) heartbeats++;
      }
      return false;
    });
    expect(await cluster.get('a', 'lease')).toMatchObject({ type: 'get', record: { version: 1 } });
    expect(heartbeats).toBe(0);
    // Cut off, as a paused process is; the others go on.
    cluster.network.dropWhen((from, to) => (from === leader) !== (to === leader) && from <= 3 && to <= 3);
    const others = [1, 2, 3].filter((id) => id !== leader);
    expect(await cluster.runtime.until(() => others.some((id) => cluster.node(id).leaderOf(0) === id))).toBe(true);
    expect(await cluster.put('a', 'new')).toMatchObject({ type: 'put' });
    const answers: unknown[] = [];
    const operation = { type: 'get', key: stringKey('a'), consistency: 'lease' } as const;
    cluster.node(leader).submit({ shard: 0, budgetMs: 1_000, operation }, ({ answer }) => answers.push(answer.type));
    await cluster.runtime.run(1_500);
    expect(answers).toEqual(['refused']);
  });
});
