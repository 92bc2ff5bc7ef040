/** What is waited for under load after the heal, and what is said when it does not come. */
import { describe, expect, it } from 'vitest';
import type { FaultControl } from '../../src/faults/index.js';
import { convergence, type ConvergenceOptions, type Wait } from '../../scripts/jepsen/convergence.js';
import { unserved } from '../../scripts/jepsen/read-back.js';
import { unreadyNodes } from '../../scripts/jepsen/readiness.js';
import { laggingReplicas, untilLevel, type ShardViews } from '../../scripts/jepsen/replicas.js';
import type { Stage } from '../../scripts/jepsen/session.js';

const { signal } = new AbortController();

function looked(answers: Partial<Record<'served' | 'ready' | 'level', readonly string[]>>, more = {}) {
  const order: string[] = [];
  const limits: number[] = [];
  const wait =
    (stage: 'served' | 'ready' | 'level'): Wait =>
    (limitMs) => {
      order.push(stage);
      limits.push(limitMs);
      return Promise.resolve(answers[stage] ?? []);
    };
  let time = 0;
  const options: ConvergenceOptions = {
    waits: { served: wait('served'), ready: wait('ready'), level: wait('level') },
    ...{ limitMs: 1_000, leastMs: 0, signal },
    now: () => (time += 1),
    ...more,
  };
  return { order, limits, done: convergence(options) };
}

describe('after the heal', () => {
  it('all shards are served, then all nodes ready, then all replicas level, within one time limit', async () => {
    const { order, limits, done } = looked({});
    const { start, end, afterMs, missing } = await done;
    expect(order).toEqual(['served', 'ready', 'level']);
    expect(limits).toEqual([...limits].sort((a, b) => b - a));
    expect([start, end, missing]).toEqual([1, 2, []]);
    for (const ms of Object.values(afterMs)) expect(ms).toBeLessThan(1_000);
  });

  it('a stage that is not reached is reported, and the next one is checked anyway', async () => {
    const { order, done } = looked({ ready: ['n2 is not ready: x'], level: ['n2 lags'] });
    const { afterMs, missing } = await done;
    expect(order).toEqual(['served', 'ready', 'level']);
    expect(missing).toEqual(['n2 is not ready: x', 'n2 lags']);
    expect(afterMs).toEqual({ served: expect.any(Number) as number, ready: undefined, level: undefined });
  });

  it('clients continue for a minimum time, however soon the cluster has converged', async () => {
    const startedAt = performance.now();
    await looked({}, { leastMs: 60 }).done;
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(59);
  });

  it('nothing is checked after an abort', async () => {
    const { order, done } = looked({}, { signal: AbortSignal.abort(), leastMs: 60_000 });
    await done;
    expect(order).toEqual([]);
  });
});

describe('under load', () => {
  it('a shard is served once a write succeeded through each endpoint; the missing ones are named', async () => {
    let asked = 0;
    const ask = (endpoint: string, { key }: { readonly key: string }) => {
      asked += 1;
      const served = endpoint === 'http://a' || key === 'probe-0' || asked > 8;
      const [status, body] = served
        ? ([200, { revision: 1 }] as const)
        : ([503, { code: 'no-leader', outcome: 'not_applied' }] as const);
      const headers = { etag: undefined, replayed: false };
      return Promise.resolve({ type: 'answer', status, body: JSON.stringify(body), headers } as const);
    };
    const stage = { endpoints: ['http://a', 'http://b'], http: { ask }, pause: () => Promise.resolve() };
    const probes = ['probe-0', 'probe-3'];
    const wrong = await unserved(stage as unknown as Stage, { probes, limitMs: -1, signal });
    expect(wrong).toEqual(['the shard of probe-3 is not served through http://b']);
    expect(asked).toBe(4);
    expect(await unserved(stage as unknown as Stage, { probes, limitMs: 10_000, signal })).toEqual([]);
  });

  it('a node that does not become ready is named', async () => {
    const nodes = ['n1', 'n2'].map((name) => ({ name, url: `http://${name}` }));
    const control = { status: () => Promise.resolve({ nodes }) } as unknown as FaultControl;
    const complaint = ({ url }: { readonly url: string }) =>
      Promise.resolve(url === 'http://n2' ? 'in quarantine' : undefined);
    expect(await unreadyNodes(control, -1, { complaint, signal })).toEqual(['n2 is not ready: in quarantine']);
  });

  const view = (commit: number, ...applied: (number | undefined)[]): ShardViews => [
    { shard: 2, commit, replicas: applied.map((index, place) => ({ node: place + 1, applied: index })) },
  ];
  it('a replica is level with the commit index at the first query, not with later ones', () => {
    expect(laggingReplicas(view(10, 10, 9), view(50, 50, 10))).toEqual([]);
    expect(laggingReplicas(view(10, 10, 9), view(50, 50, 9, undefined))).toEqual([
      'n2 lags in shard 2: it has applied 9 of 10',
      'n3 lags in shard 2: it has applied 0 of 10',
    ]);
  });
  it('the commit indexes are queried once, and then waited for', async () => {
    const answers = [undefined, view(10, 10, 3), view(20, 20, 9), view(30, 30, 10), view(40, 40, 40)];
    let times = 0;
    const views = () => Promise.resolve(answers[times++]);
    expect(await untilLevel('x', { limitMs: 10_000, signal, views })).toEqual([]);
    expect(times).toBe(4);
  });
  it('lagging replicas and an endpoint without an answer are reported', async () => {
    const says = (now: ShardViews | undefined) =>
      untilLevel('x', { limitMs: -1, signal, views: () => Promise.resolve(now) });
    expect(await says(view(10, 10, 3))).toEqual(['n2 lags in shard 2: it has applied 3 of 10']);
    expect(await says(undefined)).toEqual(['x does not report its shards']);
  });
});
