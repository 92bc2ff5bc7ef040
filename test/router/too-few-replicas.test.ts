/** A shard whose majority is dead is reported as such, not as one that may soon have a leader. */
import { describe, expect, it } from 'vitest';
import { Dispatcher } from '../../src/router/index.js';
import type { Answer, KvOperation } from '../../src/shard/index.js';
import { FakeCluster, notLeader, topologyOf } from '../support/fake-cluster.js';
import { VirtualCluster } from '../support/virtual-cluster.js';
import { VirtualRuntime } from '../support/virtual-runtime.js';

const key = Uint8Array.of(1, 2, 3);
const get: KvOperation = { type: 'get', key, consistency: 'linearizable' };
const remove: KvOperation = {
  type: 'delete',
  key,
  condition: { type: 'none' },
  operationId: new Uint8Array(16),
  attempt: 'initial',
};

describe('too few replicas', () => {
  it('are no-quorum, not no-leader, and nothing is applied', async () => {
    const runtime = new VirtualRuntime();
    const cluster = new FakeCluster(topologyOf(4, [[2, 1, 3]]));
    for (const node of [1, 2, 3]) {
      cluster.scripts.set(node, (asked) => {
        asked.reply(notLeader());
      });
    }
    const dispatcher = new Dispatcher({ backend: cluster, runtime, shardOfKey: () => 0 });
    const run = async (operation: KvOperation): Promise<Answer> =>
      (await runtime.settle(dispatcher.execute(operation, { deadlineMs: 300, forward: true }))).answer;
    // A node without a replica does not count, and one dead replica of three does not matter.
    cluster.dead.add(4).add(1);
    expect(await run(remove)).toMatchObject({ code: 'no-leader' });
    cluster.dead.add(3);
    const message = 'too few replicas of the shard are alive';
    for (const operation of [remove, get]) {
      expect(await run(operation)).toMatchObject({ code: 'no-quorum', outcome: 'not_applied', message });
    }
  });

  it('are reported over the links of a router, as in an embedded store', async () => {
    const cluster = await VirtualCluster.start();
    const leader = cluster.leader(cluster.shardOf('a'));
    const [other = 0] = [1, 2, 3].filter((id) => id !== leader);
    await cluster.kill(leader);
    await cluster.kill(other);
    const noQuorum = { code: 'no-quorum', outcome: 'not_applied' };
    expect(await cluster.put('a', 'x', { deadlineMs: 500 })).toMatchObject(noQuorum);
    expect(await cluster.get('a', 'linearizable', 500)).toMatchObject(noQuorum);
  });
});
