/**
 * A write is answered once and correctly, at whatever moment its node stops, crashes, or loses its disk or its
 * leadership: an acknowledged write is there afterwards, and one reported as not applied never appears.
 */
import { describe, expect, it } from 'vitest';
import { StorageFailure } from '../../src/raft/index.js';
import { stringKey, type Answer, type ShardRequest, type Storage } from '../../src/shard/index.js';
import { VirtualCluster } from '../support/virtual-cluster.js';
import type { VirtualRuntime } from '../support/virtual-runtime.js';

/** Delay of a commit before the disk, and of its completion. */
const TO_DISK_MS = 2;
const FROM_DISK_MS = 1;
/** In ms; long enough for a commit, the answers of the others, and the next commit. */
const MOMENTS = Array.from({ length: 13 }, (_, ms) => ms);

/** Delays commits, so that the fault can occur in the middle of one. */
function slowly(inner: Storage, runtime: VirtualRuntime): Storage {
  const wait = (ms: number): Promise<void> => new Promise((resolve) => void runtime.after(ms, resolve));
  return new Proxy(inner, {
    get: (target, name) => {
      if (name === 'commit') {
        return async (writes: Parameters<Storage['commit']>[0]): Promise<void> => {
          await wait(TO_DISK_MS);
          await inner.commit(writes);
          await wait(FROM_DISK_MS);
        };
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
    },
  });
}

interface Written {
  readonly key: string;
  readonly answers: Answer[];
}

class Writers {
  readonly cluster: VirtualCluster;
  readonly written: Written[] = [];

  constructor(cluster: VirtualCluster) {
    this.cluster = cluster;
  }

  /** Directly to that node, without a router. */
  submit(id: number): void {
    const key = `direct-${this.written.length}`;
    const entry: Written = { key, answers: [] };
    const request: ShardRequest = {
      shard: 0,
      budgetMs: 1_000,
      operation: {
        type: 'put',
        key: stringKey(key),
        body: Buffer.from(key),
        contentType: 'text/plain',
        condition: { type: 'none' },
        operationId: this.cluster.operationId(),
        attempt: 'initial',
      },
    };
    this.written.push(entry);
    this.cluster.nodes.get(id)?.submit(request, ({ answer }) => entry.answers.push(answer));
  }

  /** Through the router, which retries where that is safe. */
  put(): void {
    const entry: Written = { key: `routed-${this.written.length}`, answers: [] };
    this.written.push(entry);
    void this.cluster.startPut(entry.key, entry.key).then((answer) => entry.answers.push(answer));
  }
}

/** Faults of the leader of the shard. */
const FAULTS: Readonly<Record<string, (cluster: VirtualCluster, leader: number) => void>> = {
  stops: (cluster, leader) => {
    void cluster.node(leader).stop(40);
  },
  crashes: (cluster, leader) => {
    cluster.network.kill(leader);
    void cluster.node(leader).crash();
  },
  'has a disk that fails': (cluster, leader) => {
    cluster.disk(leader).failure = new StorageFailure('input/output error');
  },
  'has a disk that is full, and stops': (cluster, leader) => {
    cluster.disk(leader).isFull = true;
    cluster.runtime.after(20, () => void cluster.node(leader).stop(40));
  },
  'is cut off': (cluster, leader) => {
    cluster.network.dropWhen((from, to) => (from === leader) !== (to === leader) && from <= 3 && to <= 3);
  },
  'receives nothing more, but can still send': (cluster, leader) => {
    cluster.network.dropWhen((from, to) => to === leader && from <= 3);
  },
};

async function settle(cluster: VirtualCluster, leader: number): Promise<void> {
  await cluster.runtime.run(4_000);
  cluster.network.dropWhen(undefined);
  const disk = cluster.disk(leader);
  disk.failure = undefined;
  disk.isFull = false;
  if (cluster.node(leader).state() !== 'serving') {
    await cluster.kill(leader);
    await cluster.startNode(leader);
  }
  await cluster.runtime.run(6_000);
  expect(await cluster.runtime.until(() => cluster.everyShardHasALeader() && cluster.converged())).toBe(true);
}

/** Outcome of a write; fails if its answer was wrong. */
async function judge(cluster: VirtualCluster, { key, answers }: Written): Promise<string> {
  if (answers.length !== 1) expect.unreachable(`${key} was answered ${answers.length} times`);
  const [answer] = answers;
  const found = await cluster.text(key);
  if (answer?.type === 'put') {
    expect(found, `${key} was acknowledged`).toBe(key);
    return 'ok';
  }
  if (answer?.type !== 'refused') throw new Error(`${key}: ${String(answer?.type)}`);
  if (answer.outcome === 'not_applied') expect(found, `${key}: ${answer.code}, not applied`).toBeUndefined();
  return answer.outcome;
}

describe.each(Object.entries(FAULTS))('a leader that %s', (_, inject) => {
  it('answers each write once and correctly, at every moment', { timeout: 120_000 }, async () => {
    const outcomes = new Set<string>();
    for (const moment of MOMENTS) {
      const cluster = await VirtualCluster.start({
        shards: 1,
        seed: moment + 1,
        storage: (_id, storage, runtime) => slowly(storage, runtime),
      });
      const leader = cluster.leader(0);
      const writers = new Writers(cluster);
      const timer = cluster.runtime.every(1, () => {
        writers.submit(leader);
        if (writers.written.length % 4 === 0) writers.put();
      });
      await cluster.runtime.run(20 + moment);
      // In the turn of the fault, before and after it.
      writers.submit(leader);
      inject(cluster, leader);
      writers.submit(leader);
      await cluster.runtime.run(60);
      timer.cancel();
      // Until it steps down, if it does.
      for (let i = 0; i < 30; i++) {
        writers.submit(leader);
        await cluster.runtime.run(50);
      }
      await settle(cluster, leader);
      for (const each of writers.written) outcomes.add(await judge(cluster, each));
    }
    expect([...outcomes].sort()).toEqual(['not_applied', 'ok', 'unknown']);
  });
});

describe('a node that fails in the middle of a turn', () => {
  it('answers the operations queued behind the one that failed, and later ones', async () => {
    const disk: { readError?: Error } = {};
    const cluster = await VirtualCluster.start({
      nodes: 1,
      shards: 1,
      storage: (_id, inner) =>
        new Proxy(inner, {
          get: (target, name) => {
            const value: unknown = Reflect.get(target, name);
            if (typeof value !== 'function') return value;
            return (...args: unknown[]) => {
              if (name === 'read' && disk.readError !== undefined) throw disk.readError;
              return (value as (...args: unknown[]) => unknown).apply(target, args);
            };
          },
        }),
    });
    const writers = new Writers(cluster);
    const reads: Answer[] = [];
    const read = (): void => {
      const operation = { type: 'get', key: stringKey('absent'), consistency: 'stale' } as const;
      cluster.node(1).submit({ shard: 0, budgetMs: 1_000, operation }, ({ answer }) => reads.push(answer));
    };
    disk.readError = new StorageFailure('page 7 cannot be read');
    writers.submit(1);
    read();
    read();
    writers.submit(1);
    await cluster.runtime.run(10);
    expect(cluster.node(1).state()).toBe('failed');
    writers.submit(1);
    read();
    await cluster.runtime.run(10);
    const refused = { type: 'refused', code: 'storage-failed', outcome: 'not_applied' };
    expect(reads).toMatchObject([refused, refused, refused]);
    expect(writers.written.map(({ answers }) => answers)).toMatchObject([[refused], [refused], [refused]]);
  });

  it('and one that was stopped refuses later operations', async () => {
    const cluster = await VirtualCluster.start({ nodes: 1, shards: 1 });
    const writers = new Writers(cluster);
    await cluster.runtime.settle(cluster.node(1).stop());
    writers.submit(1);
    await cluster.runtime.run(10);
    const refused = { type: 'refused', code: 'shutting-down', outcome: 'not_applied' };
    expect(writers.written[0]?.answers).toMatchObject([refused]);
  });
});
