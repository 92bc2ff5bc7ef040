import { beforeEach, describe, expect, it } from 'vitest';
import type { DispatchReply } from '../../src/router/dispatch/call.js';
import { Dispatcher, type DispatcherOptions } from '../../src/router/dispatch/dispatcher.js';
import { refuse } from '../../src/shard/errors.js';
import type { Answer, Consistency, KvOperation } from '../../src/shard/index.js';
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
const get = (consistency: Consistency = 'linearizable'): KvOperation => ({ type: 'get', key, consistency });
const done: Answer = { type: 'put', revision: 5, version: 1, created: true, replayed: false };
const found: Answer = { type: 'get', record: undefined, revision: 5 };

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

describe('choosing a node', () => {
  it('asks the preferred leader first, and then the node that answered last', async () => {
    cluster.scripts.set(2, (asked) => {
      asked.reply(notLeader(3));
    });
    cluster.scripts.set(3, (asked) => {
      asked.reply(done, 4);
    });
    const d = dispatcher();
    const reply = await run(d, put);
    expect(reply).toEqual({ answer: done, term: 4, servedBy: 3, shard: 0, way: expect.anything() as unknown });
    expect(cluster.path).toEqual([2, 3]);
    await run(d, put);
    expect(cluster.path).toEqual([2, 3, 3]);
    expect(d.leaderOf(0)).toBe(3);
  });

  it('prefers what the local replica knows', async () => {
    cluster.leaders.set(0, 1);
    cluster.scripts.set(1, (asked) => {
      asked.reply(done);
    });
    await run(dispatcher(), put);
    expect(cluster.path).toEqual([1]);
  });

  it('asks live replicas before dead ones, and dead ones only if none is alive', async () => {
    cluster.dead.add(2);
    for (const node of [1, 3]) {
      cluster.scripts.set(node, (asked) => {
        asked.reply(notLeader());
      });
    }
    expect(codeOf(await run(dispatcher(), put))).toBe('no-leader');
    expect(new Set(cluster.path)).toEqual(new Set([1, 3]));
    cluster.dead.add(1).add(3);
    cluster.scripts.set(2, (asked) => {
      asked.reply(done);
    });
    expect(codeOf(await run(dispatcher(), put))).toBe('ok');
  });

  it('a stale read prefers the replica in this process and otherwise takes any', async () => {
    cluster.self = 3;
    for (const node of [1, 2, 3]) {
      cluster.scripts.set(node, (asked) => {
        asked.reply(found);
      });
    }
    await run(dispatcher(), get('stale'));
    cluster.self = 4;
    await run(dispatcher(), get('stale'));
    expect(cluster.path).toEqual([3, 2]);
  });

  it('an answer to a stale read does not update the leader cache', async () => {
    cluster.self = 3;
    cluster.scripts.set(3, (asked) => {
      asked.reply(found);
    });
    const d = dispatcher();
    await run(d, get('stale'));
    expect(d.leaderOf(0)).toBeUndefined();
  });

  it('drops cached leaders when the topology changes', async () => {
    cluster.scripts.set(2, (asked) => {
      asked.reply(done);
    });
    const d = dispatcher();
    await run(d, put);
    expect(d.leaderOf(0)).toBe(2);
    cluster.change(topologyOf(4, [[1, 3, 4]], 2));
    expect(d.leaderOf(0)).toBeUndefined();
  });

  it('waits for a topology', async () => {
    const topology = cluster.known;
    cluster.known = undefined;
    cluster.scripts.set(2, (asked) => {
      asked.reply(done);
    });
    const pending = run(dispatcher(), put);
    runtime.after(300, () => {
      cluster.known = topology;
    });
    expect(codeOf(await pending)).toBe('ok');
    cluster.known = undefined;
    const refused = await run(dispatcher(), put);
    expect(refused).toMatchObject({ shard: -1, answer: { code: 'no-leader', outcome: 'not_applied' } });
  });
});

describe('row 21: leader hints', () => {
  it('row 21 a hint to a node that holds no replica, or is not configured, is not followed', async () => {
    for (const hint of [4, 99, 0, -1, Number.NaN, 2 ** 53]) {
      cluster.asked.length = 0;
      cluster.scripts.set(2, (asked) => {
        asked.reply(notLeader(hint));
      });
      for (const node of [1, 3]) {
        cluster.scripts.set(node, (asked) => {
          asked.reply(notLeader());
        });
      }
      const d = dispatcher();
      expect(codeOf(await run(d, put, 100))).toBe('no-leader');
      expect(cluster.path.every((node) => [1, 2, 3].includes(node))).toBe(true);
      expect(d.leaderOf(0)).toBeUndefined();
    }
  });

  it('row 21 two nodes that point at each other are asked once a round', async () => {
    cluster.scripts.set(2, (asked) => {
      asked.reply(notLeader(1));
    });
    cluster.scripts.set(1, (asked) => {
      asked.reply(notLeader(2));
    });
    cluster.scripts.set(3, (asked) => {
      asked.reply(notLeader(2));
    });
    const reply = await run(dispatcher({ backoffFirstMs: 100, backoffMostMs: 100 }), put, 1_000);
    expect(outcomeOf(reply)).toBe('not_applied');
    // At most 20 rounds fit, of three nodes each; an endless loop would ask thousands of times.
    expect(cluster.asked.length).toBeLessThanOrEqual(60);
  });

  it('row 20 without forwarding nothing leaves this process', async () => {
    cluster.self = 1;
    cluster.scripts.set(1, (asked) => {
      asked.reply(notLeader(2));
    });
    const d = dispatcher();
    const reply = await run(d, put, 1_000, false);
    expect(reply.answer).toMatchObject({ code: 'not-here', details: { leader: 2 } });
    // Now it is known who leads: the local replica need not be asked.
    expect((await run(d, put, 1_000, false)).answer).toMatchObject({ code: 'not-here', details: { leader: 2 } });
    expect(cluster.path).toEqual([1]);
  });

  it('row 21 without forwarding a forged hint is not passed on', async () => {
    cluster.self = 1;
    cluster.scripts.set(1, (asked) => {
      asked.reply(notLeader(77));
    });
    const reply = await run(dispatcher(), put, 1_000, false);
    expect(reply.answer).toMatchObject({ type: 'refused', code: 'not-here', details: { shard: 0 } });
    expect(reply.answer.type === 'refused' && reply.answer.details.leader).toBeUndefined();
  });

  it('without forwarding a stand-alone router answers nothing itself, and a local leader does', async () => {
    expect(codeOf(await run(dispatcher(), put, 1_000, false))).toBe('not-here');
    cluster.self = 3;
    cluster.leaders.set(0, 3);
    cluster.scripts.set(3, (asked) => {
      asked.reply(done);
    });
    expect(codeOf(await run(dispatcher(), put, 1_000, false))).toBe('ok');
  });
});

describe('asking again', () => {
  it('waits through an election with a backoff, within the deadline', async () => {
    const electedAt = 700;
    for (const node of [1, 2, 3]) {
      cluster.scripts.set(node, (asked) => {
        asked.reply(node === 3 && runtime.now() >= electedAt ? done : notLeader());
      });
    }
    const reply = await run(dispatcher(), put, 5_000);
    expect(codeOf(reply)).toBe('ok');
    expect(runtime.now()).toBeGreaterThanOrEqual(electedAt);
    expect(runtime.now()).toBeLessThan(electedAt + 300);
    expect(cluster.asked.length).toBeLessThan(60);
  });

  it('repeats a write under the same operation id after leadership was lost', async () => {
    cluster.scripts.set(2, (asked) => {
      asked.reply(refuse('leadership-lost'));
    });
    cluster.scripts.set(1, (asked) => {
      asked.reply({ ...done, replayed: true });
    });
    const reply = await run(dispatcher(), put);
    expect(reply.answer).toMatchObject({ type: 'put', replayed: true });
    const ids = cluster.asked.map(({ request }) =>
      request.operation.type === 'put' ? request.operation.operationId : 0,
    );
    expect(new Set(ids).size).toBe(1);
  });

  it('gives a silent node up, asks another one, and still takes the late answer', async () => {
    const d = dispatcher({ attemptMs: 200 });
    const pending = d.execute(put, { deadlineMs: 2_000, forward: true });
    await runtime.run(250);
    expect(cluster.path.slice(0, 2)).toEqual([2, 1]);
    cluster.asked[0]?.reply(done);
    expect(codeOf(await runtime.settle(pending))).toBe('ok');
    cluster.asked[1]?.reply(refuse('internal'));
    expect(d.inFlight).toBe(0);
  });

  it('hands each node the time that is left', async () => {
    cluster.scripts.set(2, (asked) => {
      runtime.after(400, () => {
        asked.reply(notLeader());
      });
    });
    cluster.scripts.set(1, (asked) => {
      asked.reply(done);
    });
    await run(dispatcher(), put, 1_000);
    expect(cluster.asked.map((each) => each.request.budgetMs)).toEqual([1_000, 600]);
  });

  it('does not repeat what the state itself refused, nor load shedding, nor a defect', async () => {
    for (const code of ['precondition-failed', 'idempotency-key-reused', 'overloaded', 'internal'] as const) {
      cluster.asked.length = 0;
      cluster.scripts.set(2, (asked) => {
        asked.reply(refuse(code, undefined, { currentRevision: 3 }));
      });
      expect(codeOf(await run(dispatcher(), put))).toBe(code);
      expect(cluster.path).toEqual([2]);
    }
  });
});

describe('final outcomes', () => {
  it('a write that no node accepted is not applied', async () => {
    for (const node of [1, 2, 3]) {
      cluster.scripts.set(node, (asked) => {
        asked.reply(notLeader());
      });
    }
    const reply = await run(dispatcher(), put, 500);
    expect([codeOf(reply), outcomeOf(reply)]).toEqual(['no-leader', 'not_applied']);
    expect(runtime.now()).toBeGreaterThanOrEqual(500);
  });

  it('a write pending at a silent node has an unknown outcome', async () => {
    const reply = await run(dispatcher(), put, 500);
    expect([codeOf(reply), outcomeOf(reply)]).toEqual(['timeout', 'unknown']);
  });

  it('an unknown outcome stays unknown, whatever definite refusals follow', async () => {
    cluster.scripts.set(2, (asked) => {
      asked.reply(cluster.asked.length === 1 ? refuse('leadership-lost') : notLeader());
    });
    for (const [node, code] of [
      [1, 'overloaded'],
      [3, 'no-quorum'],
    ] as const) {
      cluster.scripts.set(node, (asked) => {
        asked.reply(refuse(code));
      });
    }
    const reply = await run(dispatcher(), put, 500);
    expect([codeOf(reply), outcomeOf(reply)]).toEqual(['timeout', 'unknown']);
  });

  it('a write that every replica refused for certain is not applied', async () => {
    for (const node of [1, 2, 3]) {
      cluster.scripts.set(node, (asked) => {
        asked.reply(refuse('no-quorum'));
      });
    }
    expect(outcomeOf(await run(dispatcher(), put, 300))).toBe('not_applied');
  });

  it('a read has no unknown outcome', async () => {
    for (const script of [undefined, 'leadership-lost', 'timeout', 'no-quorum'] as const) {
      for (const node of [1, 2, 3]) {
        cluster.scripts.set(node, (asked) => {
          if (script !== undefined) asked.reply(refuse(script));
        });
      }
      const reply = await run(dispatcher(), get(), 300);
      expect(['no-leader', 'no-quorum']).toContain(codeOf(reply));
      expect(outcomeOf(reply)).toBe('not_applied');
    }
  });

  it('reports the definite reason that a node gave', async () => {
    for (const node of [1, 2, 3]) {
      cluster.scripts.set(node, (asked) => {
        asked.reply(refuse('disk-full'));
      });
    }
    expect(codeOf(await run(dispatcher(), put, 300))).toBe('disk-full');
  });

  it('row 39 does not wait for a disk that is not going to be repaired, once no replica has another', async () => {
    for (const node of [1, 2, 3]) {
      cluster.scripts.set(node, (asked) => {
        asked.reply(refuse('disk-full'));
      });
    }
    const before = runtime.now();
    const reply = await run(dispatcher(), put, 5_000);
    expect([codeOf(reply), outcomeOf(reply)]).toEqual(['disk-full', 'not_applied']);
    expect(cluster.path).toHaveLength(3);
    expect(runtime.now() - before).toBeLessThan(100);
  });

  it('row 40 stops: refuses new requests, lets those under way end, and ends the rest with their true outcome', async () => {
    const d = dispatcher();
    const write = d.execute(put, { deadlineMs: 60_000, forward: true });
    const read = d.execute(get(), { deadlineMs: 60_000, forward: true });
    let idle = false;
    void d.stop().then(() => (idle = true));
    expect(codeOf(await run(d, put))).toBe('shutting-down');
    await runtime.run(50);
    expect(idle).toBe(false);
    cluster.asked[1]?.reply(found);
    expect(codeOf(await runtime.settle(read))).toBe('ok');
    d.close();
    expect(outcomeOf(await write)).toBe('unknown');
    await runtime.run(0);
    expect(idle).toBe(true);
  });

  it('a stopping process does not wait for a leader', async () => {
    cluster.serving = 'stopping';
    for (const node of [1, 2, 3]) {
      cluster.scripts.set(node, (asked) => {
        asked.reply(refuse('shutting-down'));
      });
    }
    const reply = await run(dispatcher(), put, 5_000);
    expect([codeOf(reply), outcomeOf(reply)]).toEqual(['shutting-down', 'not_applied']);
    expect(runtime.now()).toBeLessThan(100);
  });
});

describe('row 29: bounds', () => {
  it('row 29 refuses what exceeds its bound at once, and recovers', async () => {
    const d = dispatcher({ maxInFlight: 100 });
    const pending = Array.from({ length: 100 }, () => d.execute(put, { deadlineMs: 500, forward: true }));
    expect(codeOf(await run(d, put))).toBe('overloaded');
    expect(d.inFlight).toBe(100);
    await runtime.run(600);
    expect((await Promise.all(pending)).map(outcomeOf)).toEqual(Array(100).fill('unknown'));
    cluster.scripts.set(1, (asked) => {
      asked.reply(done);
    });
    cluster.scripts.set(2, (asked) => {
      asked.reply(done);
    });
    expect(codeOf(await run(d, put))).toBe('ok');
  });
});
