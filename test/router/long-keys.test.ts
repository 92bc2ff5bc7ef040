/** Keys at their limit, through a router and over the wire format: the node asked first is never the leader. */
import { describe, expect, it } from 'vitest';
import { Dispatcher, NodeBackend } from '../../src/router/index.js';
import { MAX_KEY_BYTES, shardOfKey, stringKey } from '../../src/shard/index.js';
import { VirtualCluster } from '../support/virtual-cluster.js';

describe('row 10: the longest key', () => {
  it.each(['k'.repeat(MAX_KEY_BYTES), 'ä'.repeat(MAX_KEY_BYTES / 2)])(
    'row 10 a key of 4,096 bytes is put and read through a stand-alone router (%#)',
    async (key) => {
      const cluster = await VirtualCluster.start();
      expect(await cluster.put(key, 'x')).toMatchObject({ type: 'put', created: true });
      expect(await cluster.text(key)).toBe('x');
    },
  );

  it('row 10 the same through a node that does not lead its shard', async () => {
    const cluster = await VirtualCluster.start();
    const key = 'k'.repeat(MAX_KEY_BYTES);
    const leader = cluster.leader(cluster.shardOf(key));
    const { runtime } = cluster;
    const follower = new NodeBackend({ host: cluster.node(leader === 1 ? 2 : 1), runtime });
    const dispatcher = new Dispatcher({ backend: follower, runtime, shardOfKey });
    const execute = (operation: Parameters<Dispatcher['execute']>[0]) =>
      runtime.settle(dispatcher.execute(operation, { deadlineMs: 5_000, forward: true }));
    const body = Buffer.from('x');
    const encoded = stringKey(key);
    const operationId = cluster.operationId();
    const condition = { type: 'none' } as const;
    const put = await execute({
      type: 'put',
      key: encoded,
      body,
      contentType: 'a/b',
      condition,
      operationId,
      attempt: 'initial',
    });
    expect([put.answer.type, put.servedBy]).toEqual(['put', leader]);
    const got = await execute({ type: 'get', key: encoded, consistency: 'linearizable' });
    expect([got.answer.type, got.servedBy]).toEqual(['get', leader]);
  });
});
