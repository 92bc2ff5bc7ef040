/** Retries of writes after an attempt of unknown outcome: how they are marked for the shard, and how the call ends. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { DispatchReply } from '../../src/router/dispatch/call.js';
import { Dispatcher, type DispatcherOptions } from '../../src/router/dispatch/dispatcher.js';
import { refuse } from '../../src/shard/errors.js';
import type { Answer, KvOperation } from '../../src/shard/index.js';
import { FakeCluster, notLeader, topologyOf } from '../support/fake-cluster.js';
import { VirtualRuntime } from '../support/virtual-runtime.js';

const key = Uint8Array.of(1, 2, 3);
const put: KvOperation = {
  type: 'put',
  key,
  body: Uint8Array.of(9),
  contentType: 'text/plain',
  condition: { type: 'none' },
  operationId: new Uint8Array(16).fill(7),
  attempt: 'keyed',
};
const done: Answer = { type: 'put', revision: 5, version: 1, created: true, replayed: false };

let runtime: VirtualRuntime;
let cluster: FakeCluster;

function dispatcher(options: Partial<DispatcherOptions> = {}): Dispatcher {
  return new Dispatcher({ backend: cluster, runtime, shardOfKey: () => 0, ...options });
}

async function run(d: Dispatcher, operation: KvOperation, deadlineMs = 1_000, forward = true): Promise<DispatchReply> {
  return runtime.settle(d.execute(operation, { deadlineMs, forward }));
}

const codeOf = (reply: DispatchReply): string => (reply.answer.type === 'refused' ? reply.answer.code : 'ok');
const outcomeOf = (reply: DispatchReply): string => (reply.answer.type === 'refused' ? reply.answer.outcome : 'done');

beforeEach(() => {
  runtime = new VirtualRuntime();
  cluster = new FakeCluster(topologyOf(4, [[2, 1, 3]]));
});

describe('a retried write', () => {
  it.each([
    ['initial', 'retry'],
    ['keyed', 'keyed-retry'],
  ] as const)('is marked as a retry only after an attempt of unknown outcome: %s', async (attempt, retry) => {
    const write: KvOperation = { ...put, attempt };
    const codes = ['not-here', 'no-quorum', 'leadership-lost', 'not-here'] as const;
    for (const node of [1, 2, 3]) {
      cluster.scripts.set(node, (asked) => {
        const code = codes[cluster.asked.length - 1];
        asked.reply(code === undefined ? done : refuse(code));
      });
    }
    expect(codeOf(await run(dispatcher(), write))).toBe('ok');
    const asked = cluster.asked.map(({ request }) => request.operation);
    expect(asked).toEqual([write, write, write, ...[1, 2].map(() => ({ ...write, attempt: retry }))]);
    expect(write.attempt).toBe(attempt);
  });

  it('is marked as a retry after a silent node', async () => {
    cluster.scripts.set(1, (asked) => {
      asked.reply(done);
    });
    await run(dispatcher({ attemptMs: 200 }), put);
    expect(cluster.asked.map(({ request }) => 'attempt' in request.operation && request.operation.attempt)).toEqual([
      'keyed',
      'keyed-retry',
    ]);
  });

  /** At which times nodes that never answer were asked, in ms. */
  async function askedAt(operation: KvOperation, deadlineMs: number): Promise<number[]> {
    const at: number[] = [];
    for (const node of [1, 2, 3]) cluster.scripts.set(node, () => at.push(Math.round(runtime.now() / 10) * 10));
    await run(dispatcher({ attemptMs: 200, backoffFirstMs: 10, backoffMostMs: 10 }), operation, deadlineMs);
    return at;
  }

  it('doubles the wait for each silent node: resent bytes take time on the link, too', async () => {
    const start = runtime.now();
    const [first = 0, ...later] = await askedAt(put, 3_000);
    expect(first).toBe(start);
    const between = [first, ...later].map((at, i, all) => (all[i + 1] ?? at) - at).slice(0, -1);
    expect(between.map((ms) => Math.round(ms / 100))).toEqual([2, 4, 8]);
  });

  it('waits for a large value as long as two narrow links need to carry it', async () => {
    const large = { ...put, body: new Uint8Array(60_000) };
    expect(await askedAt(large, 12_000)).toHaveLength(1);
    const [first = 0, second = 0] = await askedAt(large, 25_000);
    expect(second - first).toBeGreaterThan(15_000);
    expect(second - first).toBeLessThan(15_500);
  });

  it('does not give up the replica in this process, which answers by the deadline', async () => {
    cluster = new FakeCluster(topologyOf(4, [[2, 1, 3]]), 2);
    expect(await askedAt(put, 3_000)).toHaveLength(1);
  });

  it('whose answer the shard has evicted ends as a timeout at once, if an attempt had an unknown outcome', async () => {
    const expired = refuse('idempotency-key-expired', undefined, {}, 'unknown');
    cluster.scripts.set(2, (asked) => {
      asked.reply(refuse('leadership-lost'));
    });
    cluster.scripts.set(1, (asked) => {
      asked.reply(expired, 4);
    });
    const reply = await run(dispatcher(), put, 5_000);
    expect([codeOf(reply), outcomeOf(reply)]).toEqual(['timeout', 'unknown']);
    expect(reply).toMatchObject({ term: 4, servedBy: 1, answer: { details: { shard: 0 } } });
    expect(cluster.path).toEqual([2, 1]);
    expect(runtime.now()).toBeLessThan(5_000);
  });

  it('whose answer the shard has evicted is refused as expired, if no attempt had an unknown outcome', async () => {
    cluster.scripts.set(2, (asked) => {
      asked.reply(notLeader());
    });
    cluster.scripts.set(1, (asked) => {
      asked.reply(refuse('idempotency-key-expired', undefined, {}, 'unknown'));
    });
    const reply = await run(dispatcher(), put, 5_000);
    expect([codeOf(reply), outcomeOf(reply)]).toEqual(['idempotency-key-expired', 'unknown']);
    expect(cluster.path).toEqual([2, 1]);
  });
});
