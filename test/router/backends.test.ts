import { beforeEach, describe, expect, it } from 'vitest';
import type { ServingState, ShardHost } from '../../src/router/dispatch/backend.js';
import { Dispatcher, NodeBackend, RemoteBackend } from '../../src/router/index.js';
import { PendingCalls } from '../../src/router/dispatch/pending-calls.js';
import { ROUTER_PEERS, refuse } from '../../src/shard/index.js';
import type {
  Answer,
  NodeHealth,
  NodeStatus,
  PeerId,
  PeerMessage,
  ReplyMessage,
  ShardReply,
  ShardRequest,
  Topology,
  Transport,
  TransportEvents,
} from '../../src/shard/index.js';
import { topologyOf } from '../support/fake-cluster.js';
import { VirtualRuntime } from '../support/virtual-runtime.js';

const key = Uint8Array.of(1);
const request: ShardRequest = {
  shard: 0,
  budgetMs: 1_000,
  operation: { type: 'get', key, consistency: 'linearizable' },
};
const found: Answer = { type: 'get', record: undefined, revision: 1 };
const reply = (node: number, answer: Answer = found): ShardReply => ({ answer, term: 1, servedBy: node });
const statusOf = (id: number): NodeStatus => ({
  id,
  name: `n${id}`,
  state: 'serving',
  failure: undefined,
  topologyEpoch: 1,
  uptimeMs: 1,
  alive: [],
  groups: [],
  storage: { journalBytes: 0, journalRows: 0, stateBytes: 0, commits: 0, commitMs: [] },
  inboxLength: 0,
  featureLevel: 2,
  links: [],
});

class FakeTransport implements Transport {
  events: TransportEvents | undefined;
  readonly sent: { to: PeerId; message: PeerMessage }[] = [];
  flushes = 0;
  full = false;
  closed = false;

  start(events: TransportEvents): Promise<void> {
    this.events = events;
    return Promise.resolve();
  }
  send(to: PeerId, message: PeerMessage): boolean {
    if (this.full) return false;
    this.sent.push({ to, message });
    return true;
  }
  flush(): void {
    this.flushes += 1;
  }
  link(): undefined {
    return undefined;
  }
  probe(): void {
    throw new Error('a router proves nothing');
  }
  refuse(): void {
    throw new Error('a router refuses no link');
  }
  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
  receive(from: PeerId, ...messages: PeerMessage[]): void {
    this.events?.onMessages(from, messages);
  }
  of<T extends PeerMessage['type']>(type: T): (Extract<PeerMessage, { type: T }> & { to: PeerId })[] {
    return this.sent.flatMap(({ to, message }) =>
      message.type === type ? [{ ...(message as Extract<PeerMessage, { type: T }>), to }] : [],
    );
  }
}

let runtime: VirtualRuntime;
beforeEach(() => {
  runtime = new VirtualRuntime();
});

describe('the request table', () => {
  it('accepts an answer only from the node that was asked, and only once', () => {
    const table = new PendingCalls(10, () => 0);
    const got: ShardReply[] = [];
    const id = table.add(1, 0, 100, (each) => got.push(each))!;
    table.settle(2, id, reply(2));
    table.settle(1, id + 1, reply(1));
    expect(got).toEqual([]);
    table.settle(1, id, reply(1));
    table.settle(1, id, reply(1));
    expect(got).toEqual([reply(1)]);
    expect(table.size).toBe(0);
  });

  it('row 28 is bounded', () => {
    const table = new PendingCalls(2, () => 0);
    const ignore = (): void => undefined;
    const id = table.add(1, 0, 1, ignore)!;
    expect(table.add(1, 0, 1, ignore)).toBeDefined();
    expect(table.add(1, 0, 1, ignore)).toBeUndefined();
    table.remove(id);
    expect(table.add(1, 0, 1, ignore)).toBeDefined();
  });

  it('keeps a long-pending request while thousands of others come and go, also when ids wrap around', () => {
    const table = new PendingCalls(2_000, () => 1 - 100 / 0xffff_ffff);
    const got: number[] = [];
    const add = (n: number): number => table.add(1, 0, 100, () => got.push(n))!;
    const old = add(-1);
    const ids = Array.from({ length: 1_000 }, (_, n) => add(n));
    expect(new Set([old, ...ids]).size).toBe(1_001);
    expect(ids.every((id) => id >= 1 && id <= 0xffff_ffff)).toBe(true);
    for (const id of ids) table.settle(1, id, reply(1));
    for (let n = 1_000; n < 10_000; n++) table.settle(1, add(n), reply(1));
    expect(got).toEqual(Array.from({ length: 10_000 }, (_, n) => n));
    expect(table.size).toBe(1);
    table.settle(1, old, reply(1));
    expect(got.at(-1)).toBe(-1);
  });

  it('a callback may send a new request while the requests of a lost node are being failed', () => {
    const table = new PendingCalls(10, () => 0);
    const codes: unknown[] = [];
    table.add(1, 0, 100, ({ answer }) => {
      codes.push(answer);
      table.add(1, 0, 100, () => codes.push('again'));
    });
    table.failNode(1);
    expect(codes).toMatchObject([{ code: 'leadership-lost', outcome: 'unknown' }]);
    expect(table.size).toBe(1);
  });
});

describe('the backend of a stand-alone router', () => {
  let transport: FakeTransport;
  let backend: RemoteBackend;
  const topology = topologyOf(3, [[1, 2, 3]]);

  beforeEach(async () => {
    transport = new FakeTransport();
    backend = new RemoteBackend({ transport, runtime, maxInFlight: 3, pingMs: 100, silentMs: 500 });
    await backend.start();
    transport.events?.onLink(1, true);
    transport.events?.onLink(2, true);
  });

  it('pings with its epoch, and serves once a node has sent it the topology', async () => {
    expect(transport.of('ping').map(({ to, epoch }) => [to, epoch])).toEqual([
      [1, 0],
      [2, 0],
    ]);
    expect(backend.state()).toBe('starting');
    const seen: Topology[] = [];
    backend.onTopology((each) => seen.push(each));
    transport.receive(1, { type: 'topology', topology });
    expect(backend.state()).toBe('serving');
    await runtime.run(100);
    expect(transport.of('ping').at(-1)?.epoch).toBe(1);
    const newer = { ...topology, epoch: 4 };
    transport.receive(2, { type: 'topology', topology: newer });
    // Older ones, the same one, and those of another cluster change nothing.
    transport.receive(1, { type: 'topology', topology });
    transport.receive(1, { type: 'topology', topology: { ...newer } });
    transport.receive(1, { type: 'topology', topology: { ...newer, epoch: 9, clusterId: 'other' } });
    expect(seen).toEqual([topology, newer]);
    expect(backend.topology()).toBe(newer);
  });

  it('sends requests in one frame a turn, and gives answers back', async () => {
    const got: ShardReply[] = [];
    const flushes = transport.flushes;
    backend.submit(1, request, (each) => got.push(each));
    backend.submit(2, request, (each) => got.push(each));
    await runtime.run(0);
    expect(transport.flushes).toBe(flushes + 1);
    const [first, second] = transport.of('request');
    transport.receive(2, { type: 'reply', id: second!.id, reply: reply(2) });
    transport.receive(1, { type: 'reply', id: first!.id, reply: reply(1) });
    expect(got.map((each) => each.servedBy)).toEqual([2, 1]);
    expect(backend.inFlight).toBe(0);
  });

  it('a request that was not sent is refused for certain; one under way when the link breaks has an unknown outcome', () => {
    const answers: Answer[] = [];
    const keep = ({ answer }: ShardReply): number => answers.push(answer);
    backend.submit(3, request, keep);
    transport.full = true;
    backend.submit(1, request, keep);
    transport.full = false;
    backend.submit(1, request, keep);
    transport.events?.onLink(1, false);
    expect(answers).toMatchObject([
      { code: 'not-here', outcome: 'not_applied' },
      { code: 'not-here', outcome: 'not_applied' },
      { code: 'leadership-lost', outcome: 'unknown' },
    ]);
    expect(backend.alive(1)).toBe(false);
  });

  it('a request that cannot be encoded is refused for good, not as a missing link', async () => {
    transport.receive(1, { type: 'topology', topology });
    transport.full = true;
    const dispatcher = new Dispatcher({ backend, runtime, shardOfKey: () => 0 });
    const get = { type: 'get', key: new Uint8Array(4_098), consistency: 'linearizable' } as const;
    const { answer } = await runtime.settle(dispatcher.execute(get, { deadlineMs: 5_000, forward: true }));
    expect(answer).toMatchObject({ code: 'invalid-request', outcome: 'not_applied' });
    expect(answer).toMatchObject({ message: expect.stringContaining('exceeds 4 KiB') as string });
    expect(runtime.now()).toBeLessThan(100);
  });

  it('row 28 bounds the requests under way', () => {
    const answers: Answer[] = [];
    for (let i = 0; i < 5; i++) backend.submit(1, request, ({ answer }) => answers.push(answer));
    expect(answers).toMatchObject([{ code: 'overloaded' }, { code: 'overloaded' }]);
    expect(backend.inFlight).toBe(3);
  });

  it('a silent node is presumed dead and its requests are given up; any message from it revives it', async () => {
    const answers: Answer[] = [];
    backend.submit(1, { ...request, budgetMs: 60_000 }, ({ answer }) => answers.push(answer));
    for (let i = 0; i < 6; i++) {
      await runtime.run(100);
      transport.receive(2, { type: 'ping', epoch: 0, stopping: false });
    }
    expect([backend.alive(1), backend.alive(2)]).toEqual([false, true]);
    expect(answers).toMatchObject([{ code: 'leadership-lost' }]);
    transport.receive(1, { type: 'ping', epoch: 0, stopping: false });
    expect(backend.alive(1)).toBe(true);
    transport.receive(1, { type: 'ping', epoch: 0, stopping: true });
    expect(backend.alive(1)).toBe(false);
  });

  it('a request that gets no answer ends some time after its budget', async () => {
    const answers: Answer[] = [];
    backend.submit(1, request, ({ answer }) => answers.push(answer));
    for (let i = 0; i < 30; i++) {
      await runtime.run(100);
      transport.receive(1, { type: 'ping', epoch: 0, stopping: false });
    }
    expect(answers).toMatchObject([{ code: 'leadership-lost', outcome: 'unknown' }]);
  });

  it('gathers statuses, and does not wait for missing ones beyond the time given', async () => {
    transport.receive(1, { type: 'topology', topology });
    const all = backend.statuses(300);
    const asked = transport.of('status-request');
    transport.receive(1, { type: 'status', id: asked[0]!.id, status: statusOf(1) });
    const answers = await runtime.settle(all);
    expect([answers.get(1)?.id, answers.get(2), answers.get(3)]).toEqual([1, undefined, undefined]);
    expect(runtime.now()).toBeGreaterThanOrEqual(300);
    const gathered = backend.statuses(60_000);
    for (const { to, id } of transport.of('status-request').slice(asked.length)) {
      transport.receive(to, { type: 'status', id, status: statusOf(to) });
      // Duplicates, and answers under another node id, are ignored.
      transport.receive(to, { type: 'status', id, status: statusOf(9) });
    }
    transport.events?.onLink(3, true);
    transport.events?.onLink(3, false);
    expect((await runtime.settle(gathered)).get(2)?.id).toBe(2);
  });

  it('takes no part in consensus, ignores requests, and has no links to other routers', () => {
    const before = transport.sent.length;
    transport.events?.onLink(ROUTER_PEERS + 1, true);
    transport.receive(ROUTER_PEERS + 1, { type: 'topology', topology });
    transport.receive(1, { type: 'request', id: 1, request }, { type: 'status-request', id: 1 });
    expect(backend.topology()).toBeUndefined();
    expect(transport.sent.length).toBe(before);
  });

  it('close ends all requests under way', async () => {
    const answers: Answer[] = [];
    backend.submit(1, request, ({ answer }) => answers.push(answer));
    await backend.close();
    expect([answers.length, transport.closed, backend.state(), backend.inFlight]).toEqual([1, true, 'stopping', 0]);
  });

  it('with the dispatcher: a write survives its leader, under one operation id', async () => {
    transport.receive(1, { type: 'topology', topology });
    const dispatcher = new Dispatcher({ backend, runtime, shardOfKey: () => 0 });
    const operationId = new Uint8Array(16).fill(3);
    const condition = { type: 'none' } as const;
    const result = dispatcher.execute(
      { type: 'put', key, body: key, contentType: 'a/b', condition, operationId, attempt: 'keyed' },
      { deadlineMs: 5_000, forward: true },
    );
    await runtime.run(1);
    expect(transport.of('request').map(({ to }) => to)).toEqual([1]);
    transport.events?.onLink(1, false);
    await runtime.run(1);
    const second = transport.of('request')[1]!;
    expect(second.to).toBe(2);
    expect(second.request.operation).toMatchObject({ operationId });
    transport.receive(2, { type: 'reply', id: second.id, reply: reply(2, refuse('not-here')) });
    await runtime.run(100);
    const third = transport.of('request').at(-1)!;
    const done: Answer = { type: 'put', revision: 9, version: 1, created: true, replayed: true };
    transport.receive(third.to, { type: 'reply', id: third.id, reply: reply(third.to, done) });
    expect((await runtime.settle(result)).answer).toEqual(done);
  });
});

describe('the backend inside a node', () => {
  class FakeHost implements ShardHost {
    readonly id = 1;
    readonly sent: { to: PeerId; message: PeerMessage }[] = [];
    readonly dead = new Set<number>();
    linked = true;
    listener: ((from: PeerId, message: ReplyMessage) => void) | undefined;
    topology(): Topology {
      return topologyOf(3, [[1, 2, 3]]);
    }
    onTopology(): void {
      // Never changes.
    }
    leaderOf(): number {
      return 2;
    }
    submit(_request: ShardRequest, done: (each: ShardReply) => void): void {
      done(reply(1));
    }
    send(to: PeerId, message: PeerMessage): boolean {
      if (this.linked) this.sent.push({ to, message });
      return this.linked;
    }
    onReply(listener: (from: PeerId, message: ReplyMessage) => void): void {
      this.listener = listener;
    }
    isAlive(node: number): boolean {
      return !this.dead.has(node);
    }
    state(): ServingState {
      return 'serving';
    }
    health(): NodeHealth {
      return { state: 'serving', electionTimeoutMs: 500, linked: [1, 2, 3], diskPendingMs: 7, stalled: [] };
    }
    status(): NodeStatus {
      return statusOf(1);
    }
  }

  it('asks its own replica directly and others over links', () => {
    const host = new FakeHost();
    const backend = new NodeBackend({ host, runtime });
    const got: number[] = [];
    backend.submit(1, request, (each) => got.push(each.servedBy));
    backend.submit(2, request, (each) => got.push(each.servedBy));
    expect(got).toEqual([1]);
    const sent = host.sent[0]!;
    expect(sent).toMatchObject({ to: 2, message: { type: 'request', request } });
    host.listener?.(2, { type: 'reply', id: (sent.message as { id: number }).id, reply: reply(2) });
    expect(got).toEqual([1, 2]);
  });

  it('without a link the refusal is definite; a node that dies leaves the outcome unknown', async () => {
    const host = new FakeHost();
    const backend = new NodeBackend({ host, runtime, sweepMs: 50, maxInFlight: 1 });
    const answers: Answer[] = [];
    const keep = ({ answer }: ShardReply): number => answers.push(answer);
    host.linked = false;
    backend.submit(2, request, keep);
    host.linked = true;
    backend.submit(2, request, keep);
    backend.submit(2, request, keep);
    host.dead.add(2);
    await runtime.run(60);
    expect(answers).toMatchObject([
      { code: 'not-here', outcome: 'not_applied' },
      { code: 'overloaded' },
      { code: 'leadership-lost', outcome: 'unknown' },
    ]);
    backend.close();
  });

  it('gathers the statuses of all nodes, its own without a link', async () => {
    const host = new FakeHost();
    const backend = new NodeBackend({ host, runtime });
    const all = backend.statuses(100);
    for (const { to, message } of host.sent) {
      if (to === 2 && message.type === 'status-request') {
        host.listener?.(2, { type: 'status', id: message.id, status: statusOf(2) });
      }
    }
    const answers = await runtime.settle(all);
    expect([answers.get(1)?.id, answers.get(2)?.id, answers.get(3)]).toEqual([1, 2, undefined]);
  });
});
