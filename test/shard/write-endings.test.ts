/**
 * A write ends once, with an answer that is true, at whatever moment its node stops, crashes, loses its disk or its
 * office: what was answered is there afterwards, and what was not applied never appears.
 */
import { describe, expect, it } from 'vitest';
import { StorageFailure } from '../../src/raft/index.js';
import { stringKey, type Answer, type ShardRequest, type Storage } from '../../src/shard/index.js';
import { VirtualCluster } from '../support/virtual-cluster.js';
import type { VirtualRuntime } from '../support/virtual-runtime.js';

/** How long a commit waits for the disk, and how long its end for the node. */
const TO_DISK_MS = 2;
const FROM_DISK_MS = 1;
/** Long enough for a commit, what the others answer, and the next one. */
const MOMENTS = Array.from({ length: 13 }, (_, ms) => ms);

/** Commits take their time, so that there are moments in them. */
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

  /** To that very node, which is not asked by anybody on the way. */
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

  /** By the router, which asks again where it may. */
  put(): void {
    const entry: Written = { key: `routed-${this.written.length}`, answers: [] };
    this.written.push(entry);
    void this.cluster.startPut(entry.key, entry.key).then((answer) => entry.answers.push(answer));
  }
}

/** What happens to the leader of the shard. */
const ENDS: Readonly<Record<string, (cluster: VirtualCluster, leader: number) => void>> = {
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
  'hears no more, and says on': (cluster, leader) => {
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

/** The sort of end of each; throws for one that is not true. */
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

describe.each(Object.entries(ENDS))('a leader that %s', (_, end) => {
  it('answers each write once, and truly, whatever the moment', { timeout: 120_000 }, async () => {
    const ends = new Set<string>();
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
      // In the turn that is to come, before and behind what ends it.
      writers.submit(leader);
      end(cluster, leader);
      writers.submit(leader);
      await cluster.runtime.run(60);
      timer.cancel();
      // Until it knows that it has lost its office, if that is what it does.
      for (let i = 0; i < 30; i++) {
        writers.submit(leader);
        await cluster.runtime.run(50);
      }
      await settle(cluster, leader);
      for (const each of writers.written) ends.add(await judge(cluster, each));
    }
    expect([...ends].sort()).toEqual(['not_applied', 'ok', 'unknown']);
  });
});

describe('a node that fails in the middle of a turn', () => {
  it('answers what was to begin behind the operation that showed it, and what comes later', async () => {
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

  it('and one that was stopped refuses what comes later', async () => {
    const cluster = await VirtualCluster.start({ nodes: 1, shards: 1 });
    const writers = new Writers(cluster);
    await cluster.runtime.settle(cluster.node(1).stop());
    writers.submit(1);
    await cluster.runtime.run(10);
    const refused = { type: 'refused', code: 'shutting-down', outcome: 'not_applied' };
    expect(writers.written[0]?.answers).toMatchObject([refused]);
  });
});
