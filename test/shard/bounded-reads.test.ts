/** Stale reads with a bound over nodes in virtual time: who answers, who waits, and what is never answered. */
import { afterEach, describe, expect, it } from 'vitest';
import { stringKey, type Answer, type PeerMessage, type ReadBound, type Transport } from '../../src/shard/index.js';
import { delayedTransport } from '../support/delayed-transport.js';
import { VirtualCluster } from '../support/virtual-cluster.js';
import type { VirtualRuntime } from '../support/virtual-runtime.js';

const KEY = 'k';
const SHARD = 0;

/** Wraps all links between nodes: counts questions, and delays what a test wants delayed. */
class Links {
  readonly questions: { readonly from: number; readonly to: number }[] = [];
  delayMs: (message: PeerMessage, to: number) => number = () => 0;

  wrap(from: number, inner: Transport, runtime: VirtualRuntime): Transport {
    return delayedTransport(inner, runtime, (to, message) => {
      if (message.type === 'read-index-request') this.questions.push({ from, to });
      return this.delayMs(message, to);
    });
  }
}

let links: Links;
async function start(nodes = 3): Promise<VirtualCluster> {
  links = new Links();
  const cluster = await VirtualCluster.start({
    ...{ nodes, replicas: nodes, shards: 1 },
    transport: (id, transport, runtime) => links.wrap(id, transport, runtime),
  });
  running.push(cluster);
  return cluster;
}
const running: VirtualCluster[] = [];
afterEach(() => {
  for (const cluster of running.splice(0)) cluster.dispatcher.close();
});

const followersOf = (cluster: VirtualCluster): [number, number] => {
  const [first, second] = [...cluster.nodes.keys()].filter((id) => id !== cluster.leader(SHARD));
  if (first === undefined || second === undefined) throw new Error('there are no two followers');
  return [first, second];
};

/** Asks one node, and no other. */
function ask(cluster: VirtualCluster, node: number, bound: ReadBound, budgetMs = 2_000): Promise<Answer> {
  const operation = { type: 'get', key: stringKey(KEY), consistency: 'stale', bound } as const;
  return new Promise((resolve) => {
    cluster.node(node).submit({ shard: SHARD, budgetMs, operation }, ({ answer }) => {
      resolve(answer);
    });
  });
}
const told = (cluster: VirtualCluster, node: number, bound: ReadBound, budgetMs?: number): Promise<string> =>
  cluster.runtime.settle(ask(cluster, node, bound, budgetMs)).then(textOf);

function textOf(answer: Answer): string {
  if (answer.type === 'get') return answer.record === undefined ? 'absent' : Buffer.from(answer.record.body).toString();
  return answer.type === 'refused' ? `${answer.code} ${answer.outcome}` : answer.type;
}

/** Asks by the router. */
async function routed(cluster: VirtualCluster, bound: ReadBound, deadlineMs = 3_000) {
  const operation = { type: 'get', key: stringKey(KEY), consistency: 'stale', bound } as const;
  const reply = await cluster.runtime.settle(cluster.dispatcher.execute(operation, { deadlineMs, forward: true }));
  return { told: textOf(reply.answer), servedBy: reply.servedBy };
}

async function put(cluster: VirtualCluster, value: string): Promise<number> {
  const answer = await cluster.put(KEY, value);
  if (answer.type !== 'put') throw new Error(textOf(answer));
  return answer.revision;
}

/** Nothing passes between this node and others; routers reach it. */
const cutOff = (cluster: VirtualCluster, node: number): void => {
  const isNode = (id: number): boolean => cluster.nodes.has(id);
  cluster.network.dropWhen((from, to) => isNode(from) && isNode(to) && (from === node || to === node));
};
const cutOffInSilence = (cluster: VirtualCluster, node: number): void => {
  links.delayMs = (message, to) => (to === node && message.type !== 'ping' ? 60_000 : 0);
};

describe('min_revision', () => {
  it('is answered by any replica that has applied it', async () => {
    const cluster = await start();
    const minRevision = await put(cluster, 'a');
    await cluster.runtime.until(() => cluster.converged());
    for (const node of cluster.nodes.keys()) expect(await told(cluster, node, { minRevision })).toBe('a');
    expect(links.questions).toEqual([]);
  });

  it('makes a replica wait until it is applied, and not longer', async () => {
    const cluster = await start();
    const [follower] = followersOf(cluster);
    cutOff(cluster, follower);
    const minRevision = await put(cluster, 'a');
    let answered: string | undefined;
    void ask(cluster, follower, { minRevision }, 60_000).then((answer) => (answered = textOf(answer)));
    await cluster.runtime.run(2_000);
    expect(answered).toBeUndefined();
    cluster.network.dropWhen(undefined);
    const isApplied = (): boolean => (cluster.group(follower, SHARD)?.raft.applied ?? 0) >= minRevision;
    expect(await cluster.runtime.until(isApplied)).toBe(true);
    await cluster.runtime.run(0);
    expect(answered).toBe('a');
  });

  it('is refused by a replica that does not get there in its time', async () => {
    const cluster = await start();
    await cluster.runtime.until(() => cluster.converged());
    const [follower] = followersOf(cluster);
    cutOff(cluster, follower);
    const minRevision = await put(cluster, 'a');
    expect(await told(cluster, follower, { minRevision }, 500)).toBe('timeout not_applied');
    expect(await told(cluster, follower, { minRevision: minRevision - 1 }, 500)).toBe('absent');
  });

  it('is met by another replica where one is cut off, well within the deadline', async () => {
    const cluster = await start();
    await put(cluster, 'old');
    const [first = 0] = cluster.backend.topology()?.shards[SHARD] ?? [];
    cutOff(cluster, first);
    await cluster.runtime.until(() => cluster.leaders(SHARD).some((id) => id !== first));
    const minRevision = await put(cluster, 'new');
    const began = cluster.runtime.now();
    expect(await routed(cluster, { minRevision }, 10_000)).toMatchObject({ told: 'new' });
    expect(cluster.runtime.now() - began).toBeLessThan(3_000);
  });

  it('that nobody has is a timeout at the deadline, whoever is asked', async () => {
    const cluster = await start();
    const minRevision = (await put(cluster, 'a')) + 1;
    const began = cluster.runtime.now();
    expect(await routed(cluster, { minRevision })).toMatchObject({ told: 'timeout not_applied' });
    expect(cluster.runtime.now() - began).toBeGreaterThanOrEqual(2_900);
    expect(cluster.runtime.now() - began).toBeLessThan(3_300);
  });
});

/** Long after the group has gone quiet. */
async function quiet(cluster: VirtualCluster): Promise<void> {
  await cluster.runtime.run(10_000);
  for (const { raft } of cluster.replicas(SHARD)) expect(raft.quiesced).toBe(true);
}

describe('max_staleness', () => {
  it('makes a follower of a quiet group ask its leader, once for all reads that the round covers', async () => {
    const cluster = await start();
    await put(cluster, 'a');
    await quiet(cluster);
    const [follower] = followersOf(cluster);
    const reads = Array.from({ length: 20 }, () => ask(cluster, follower, { maxStalenessMs: 500 }));
    expect((await cluster.runtime.settle(Promise.all(reads))).map(textOf)).toEqual(reads.map(() => 'a'));
    expect(links.questions).toEqual([{ from: follower, to: cluster.leader(SHARD) }]);
    await cluster.runtime.run(300);
    expect(await told(cluster, follower, { maxStalenessMs: 500 })).toBe('a');
    expect(links.questions).toHaveLength(1);
    await cluster.runtime.run(300);
    expect(await told(cluster, follower, { maxStalenessMs: 500 })).toBe('a');
    expect(links.questions).toHaveLength(2);
  });

  it('is met by a leader by a round of its own', async () => {
    const cluster = await start();
    await put(cluster, 'a');
    await quiet(cluster);
    expect(await told(cluster, cluster.leader(SHARD), { maxStalenessMs: 1 })).toBe('a');
    expect(links.questions).toEqual([]);
  });

  it('is not met by a deposed leader, nor by a follower that is cut off; another replica answers', async () => {
    const cluster = await start();
    await put(cluster, 'old');
    const [first = 0] = cluster.backend.topology()?.shards[SHARD] ?? [];
    expect(cluster.leader(SHARD)).toBe(first);
    expect(await told(cluster, first, { maxStalenessMs: 100 })).toBe('old');
    cutOff(cluster, first);
    await cluster.runtime.until(() => cluster.leaders(SHARD).some((id) => id !== first));
    await put(cluster, 'new');
    await cluster.runtime.run(200);
    expect(await told(cluster, first, { maxStalenessMs: 100 }, 1_000)).toMatch(
      /^(timeout|no-leader|not-here) not_applied$/,
    );
    expect(await routed(cluster, { maxStalenessMs: 100 })).toMatchObject({ told: 'new' });
    // It knows of a round that is recent enough for this.
    expect(await told(cluster, first, { maxStalenessMs: 60_000 })).toBe('old');
  });

  it('counts from when the question was sent, however late the answer comes', async () => {
    const cluster = await start();
    await put(cluster, 'old');
    const [follower] = followersOf(cluster);
    // The answer, and the entries behind it, take 300 ms to this follower.
    links.delayMs = (message, to) => (to === follower && message.type !== 'ping' ? 300 : 0);
    const first = ask(cluster, follower, { maxStalenessMs: 60_000 });
    await cluster.runtime.run(100);
    const writing = put(cluster, 'new');
    expect(textOf(await cluster.runtime.settle(first))).toBe('old');
    await writing;
    // The answer came just now, but is 300 ms old: what was acknowledged since is not in it.
    expect(await told(cluster, follower, { maxStalenessMs: 150 }, 5_000)).toBe('new');
  });

  it('waits for the entries up to the index of the round', async () => {
    const cluster = await start();
    await put(cluster, 'old');
    await cluster.runtime.until(() => cluster.converged());
    const [follower] = followersOf(cluster);
    links.delayMs = (message, to) => (to === follower && message.type === 'raft' ? 700 : 0);
    await put(cluster, 'new');
    const began = cluster.runtime.now();
    expect(await told(cluster, follower, { maxStalenessMs: 1 }, 5_000)).toBe('new');
    expect(cluster.runtime.now() - began).toBeGreaterThan(300);
  });

  it('is asked for again where a question or its answer was lost', async () => {
    const cluster = await start();
    await put(cluster, 'a');
    const [follower] = followersOf(cluster);
    let lost = 0;
    links.delayMs = (message) => (message.type === 'read-index' && lost++ === 0 ? 600_000 : 0);
    expect(await told(cluster, follower, { maxStalenessMs: 100 }, 3_000)).toBe('a');
    expect(lost).toBe(2);
  });

  it('is refused by a follower that hears nothing, and by a leader without a quorum', async () => {
    const cluster = await start();
    await put(cluster, 'a');
    const [follower] = followersOf(cluster);
    cutOffInSilence(cluster, follower);
    expect(await told(cluster, follower, { maxStalenessMs: 100 }, 400)).toMatch(/not_applied$/);
    links.delayMs = () => 0;
    const leader = cluster.leader(SHARD);
    cutOff(cluster, leader);
    expect(await told(cluster, leader, { maxStalenessMs: 1 }, 400)).toMatch(/not_applied$/);
  });

  it('and min_revision hold together', async () => {
    const cluster = await start();
    const minRevision = await put(cluster, 'a');
    const [follower] = followersOf(cluster);
    expect(await told(cluster, follower, { minRevision, maxStalenessMs: 1 })).toBe('a');
    expect(await told(cluster, follower, { minRevision: minRevision + 1, maxStalenessMs: 1 }, 300)).toBe(
      'timeout not_applied',
    );
  });

  it('that nobody meets is a timeout at the deadline', async () => {
    const cluster = await start();
    await put(cluster, 'a');
    const isNode = (id: number): boolean => cluster.nodes.has(id);
    cluster.network.dropWhen((from, to) => isNode(from) && isNode(to));
    await cluster.runtime.run(2_000);
    expect(await routed(cluster, { maxStalenessMs: 100 })).toMatchObject({ told: 'timeout not_applied' });
  });
});

describe('a node that stops', () => {
  it('answers the reads that wait', async () => {
    const cluster = await start();
    await put(cluster, 'a');
    const [follower] = followersOf(cluster);
    const waiting = ask(cluster, follower, { minRevision: 1_000 }, 60_000);
    const stopping = cluster.node(follower).stop(0);
    expect(textOf(await cluster.runtime.settle(waiting))).toBe('shutting-down not_applied');
    await cluster.runtime.settle(stopping);
  });
});
