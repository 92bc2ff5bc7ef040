/** An exception that one operation causes is answered to that operation alone: the node and all other operations continue. */
import { describe, expect, it } from 'vitest';
import { stringKey, type Answer, type KvOperation, type Put, type Storage } from '../../src/shard/index.js';
import { VirtualCluster } from '../support/virtual-cluster.js';

const put: Put = {
  type: 'put',
  key: stringKey('a'),
  body: Buffer.from('x'),
  contentType: 'text/plain',
  condition: { type: 'none' },
  operationId: new Uint8Array(16).fill(7),
  attempt: 'initial',
};

/** Submits the operation directly to the node that leads its shard. */
async function atTheLeader(cluster: VirtualCluster, operation: KvOperation): Promise<Answer | undefined> {
  const shard = cluster.shardOf('a');
  let answer: Answer | undefined;
  cluster.node(cluster.leader(shard)).submit({ shard, budgetMs: 1_000, operation }, (reply) => (answer = reply.answer));
  await cluster.runtime.run(500);
  return answer;
}

const states = (cluster: VirtualCluster): string[] => [...cluster.nodes.values()].map((node) => node.state());
const SERVING = ['serving', 'serving', 'serving'];

describe('an operation that cannot be encoded', () => {
  it.each([
    ['a revision beyond six bytes', { condition: { type: 'revision', revision: 2 ** 48 } }, 'invalid-request'],
    ['a tab in its content type', { contentType: 'text/plain;\tcharset=utf-8' }, 'invalid-request'],
    ['an operation id of 15 bytes', { operationId: new Uint8Array(15) }, 'invalid-request'],
    ['a value that no message carries', { body: new Uint8Array(16 * 1024 * 1024 + 1) }, 'value-too-large'],
  ] as [string, Partial<Put>, string][])(
    'because of %s is refused, and its node serves on',
    async (_, change, code) => {
      const cluster = await VirtualCluster.start();
      expect(await atTheLeader(cluster, { ...put, ...change })).toMatchObject({
        type: 'refused',
        code,
        outcome: 'not_applied',
      });
      expect(states(cluster)).toEqual(SERVING);
      expect(await cluster.put('a', 'one')).toMatchObject({ type: 'put', created: true });
    },
  );

  it('because of a defect is answered as an internal error, and its node continues to serve', async () => {
    const cluster = await VirtualCluster.start();
    const broken = { ...put, condition: undefined } as unknown as Put;
    expect(await atTheLeader(cluster, broken)).toMatchObject({ code: 'internal', outcome: 'not_applied' });
    expect(states(cluster)).toEqual(SERVING);
    expect(cluster.group(cluster.leader(cluster.shardOf('a')), cluster.shardOf('a'))).toMatchObject({
      pendingWrites: 0,
    });
  });
});

describe('a read that fails', () => {
  it.each(['stale', 'linearizable'] as const)(
    'because of a defect is answered as an internal error (%s)',
    async (consistency) => {
      let broken = false;
      const cluster = await VirtualCluster.start({
        storage: (_, inner) =>
          new Proxy<Storage>(inner, {
            get: (target, name) => {
              if (broken && name === 'read') {
                return () => {
                  throw new TypeError('a defect');
                };
              }
              const value: unknown = Reflect.get(target, name);
              return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value;
            },
          }),
      });
      broken = true;
      const answer = await atTheLeader(cluster, { type: 'get', key: put.key, consistency });
      expect(answer).toMatchObject({ type: 'refused', code: 'internal', outcome: 'not_applied' });
      expect(states(cluster)).toEqual(SERVING);
    },
  );
});

describe('a callback that throws', () => {
  const fail = (): never => {
    throw new Error('a defect of who asked');
  };

  it.each(['put', 'get', 'stale get', 'refused'])('for the answer to a %s stops nothing', async (kind) => {
    const cluster = await VirtualCluster.start();
    const shard = cluster.shardOf('a');
    const operation: KvOperation =
      kind === 'put'
        ? put
        : { type: 'get', key: put.key, consistency: kind === 'stale get' ? 'stale' : 'linearizable' };
    const asked = kind === 'refused' ? (shard + 1) % 4 : shard;
    const node = cluster.node(cluster.leader(shard));
    let calls = 0;
    node.submit({ shard: asked, budgetMs: 1_000, operation }, () => {
      calls += 1;
      fail();
    });
    await cluster.runtime.run(500);
    expect(calls).toBe(1);
    expect(states(cluster)).toEqual(SERVING);
    expect(await cluster.put('a', 'two')).toMatchObject({ type: 'put' });
  });

  it('for the answer of another node stops nothing', async () => {
    const cluster = await VirtualCluster.start();
    let replies = 0;
    cluster.node(1).onReply(() => {
      replies += 1;
      fail();
    });
    cluster.node(1).send(2, { type: 'status-request', id: 8 });
    await cluster.runtime.run(500);
    expect(replies).toBe(1);
    expect(states(cluster)).toEqual(SERVING);
  });
});
