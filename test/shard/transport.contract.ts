/** Contract of every transport; `transport-memory.test.ts` and `transport-ws.test.ts` run it. */
import { afterEach, describe, expect, test } from 'vitest';
import type { NodeId } from '../../src/raft/index.js';
import { ROUTER_PEERS, type PeerId, type PeerMessage, type Transport } from '../../src/shard/transport/transport.js';
import type { TransportStats } from '../../src/shard/transport/stats.js';
import { Recorder } from './recorder.js';

export interface Endpoint {
  readonly transport: Transport & { stats(): TransportStats };
  readonly recorder: Recorder;
}

export interface TestNetwork {
  /** Starts these nodes, which know each other, in this order. */
  nodes(ids: readonly NodeId[]): Promise<Endpoint[]>;
  router(): Promise<Endpoint>;
  /** Kills a node without a close frame, as `kill -9` does. */
  crash(id: NodeId): Promise<void>;
  /** The next incarnation of a crashed node. */
  restart(id: NodeId): Promise<Endpoint>;
  /** Advances time past all timers in use. */
  settle(): void;
  close(): Promise<void>;
}

export interface TestNetworkOptions {
  /** Bounds queues to a few messages. */
  readonly tiny: boolean;
}

const ping = (epoch: number): PeerMessage => ({ type: 'ping', epoch, stopping: false });
const raft = (from: NodeId, to: NodeId, index = 1): PeerMessage => ({
  type: 'raft',
  group: 3,
  message: { type: 'append-ok', from, to, term: 2, index },
});
const get = (id: number): PeerMessage => ({
  type: 'request',
  id,
  request: {
    shard: 1,
    budgetMs: 100,
    operation: { type: 'get', key: new Uint8Array([1, 2]), consistency: 'linearizable' },
  },
});
const got = (id: number): PeerMessage => ({
  type: 'reply',
  id,
  reply: { answer: { type: 'get', record: undefined, revision: 9 }, term: 2, servedBy: 1 },
});

export function transportContract(name: string, make: (options: TestNetworkOptions) => TestNetwork): void {
  describe(`${name}: the transport contract`, () => {
    let network: TestNetwork | undefined;
    const open = (options: Partial<TestNetworkOptions> = {}): TestNetwork =>
      (network = make({ tiny: false, ...options }));

    afterEach(async () => {
      await network?.close();
      network = undefined;
    });

    const pair = async (options: Partial<TestNetworkOptions> = {}): Promise<[Endpoint, Endpoint]> => {
      const [a, b] = await open(options).nodes([1, 2]);
      await Promise.all([a!.recorder.linked(2), b!.recorder.linked(1)]);
      return [a!, b!];
    };

    test('every pair of nodes is linked once, whoever starts first', async () => {
      const endpoints = await open().nodes([3, 1, 2]);
      const [c, a, b] = endpoints as [Endpoint, Endpoint, Endpoint];
      await Promise.all([a.recorder.linked(2, 3), b.recorder.linked(1, 3), c.recorder.linked(1, 2)]);
      for (const { recorder, transport } of endpoints) {
        expect(recorder.linkLog).toHaveLength(2);
        expect(transport.stats().links).toBe(2);
      }
    });

    test('messages arrive whole, in order, one frame per flush', async () => {
      const [a, b] = await pair();
      const first = [raft(1, 2, 1), ping(4), raft(1, 2, 2)];
      for (const message of first) expect(a.transport.send(2, message)).toBe(true);
      a.transport.flush();
      a.transport.send(2, raft(1, 2, 3));
      a.transport.flush();
      await b.recorder.received(1, 4);
      expect(b.recorder.frames).toEqual([
        { from: 1, messages: first },
        { from: 1, messages: [raft(1, 2, 3)] },
      ]);
      expect(a.transport.stats()).toMatchObject({ framesOut: 2, messagesOut: 4 });
      expect(b.transport.stats()).toMatchObject({ framesIn: 2, messagesIn: 4 });
    });

    test('both directions of a link work', async () => {
      const [a, b] = await pair();
      b.transport.send(1, raft(2, 1));
      b.transport.flush();
      await a.recorder.received(2, 1);
      expect(a.recorder.messagesFrom(2)).toEqual([raft(2, 1)]);
    });

    test('no handler is called from within send or flush', async () => {
      const [a, b] = await pair();
      let inside = false;
      b.recorder.react = () => {
        expect(inside).toBe(false);
      };
      inside = true;
      a.transport.send(2, ping(1));
      a.transport.flush();
      inside = false;
      await b.recorder.received(1, 1);
      expect(b.recorder.messagesFrom(1)).toEqual([ping(1)]);
    });

    test('an answer may be sent from within a handler', async () => {
      const [a, b] = await pair();
      b.recorder.react = (from) => {
        b.transport.send(from, ping(2));
        b.transport.flush();
      };
      a.transport.send(2, ping(1));
      a.transport.flush();
      await a.recorder.received(2, 1);
      expect(a.recorder.messagesFrom(2)).toEqual([ping(2)]);
    });

    test('a message to an unknown peer, or to the sender itself, is dropped at once', async () => {
      const [a] = await pair();
      expect(a.transport.send(7, ping(1))).toBe(false);
      expect(a.transport.send(1, ping(1))).toBe(false);
      expect(a.transport.send(ROUTER_PEERS, ping(1))).toBe(false);
      expect(a.transport.stats().droppedNoLink).toBe(3);
    });

    test('s73 a Raft message is only sent by the node that it is from, to the node that it is for', async () => {
      const [a, b] = await pair();
      expect(a.transport.send(2, raft(3, 2))).toBe(false);
      expect(a.transport.send(2, raft(1, 3))).toBe(false);
      expect(a.transport.stats().droppedEncodeError).toBe(2);
      expect(a.transport.send(2, raft(1, 2))).toBe(true);
      a.transport.flush();
      await b.recorder.received(1, 1);
      expect(b.recorder.frames).toEqual([{ from: 1, messages: [raft(1, 2)] }]);
    });

    test('routers send requests to every node, under peer ids of their own, and send no Raft messages', async () => {
      const [a, b] = await pair();
      const routers = [await network!.router(), await network!.router()] as const;
      await Promise.all(routers.map(({ recorder }) => recorder.linked(1, 2)));
      for (const router of routers) {
        expect(router.transport.send(1, raft(1, 2))).toBe(false);
        expect(router.transport.send(1, get(5))).toBe(true);
        router.transport.flush();
      }
      const peers = (): PeerId[] => a.recorder.frames.map((frame) => frame.from);
      const all = [...a.recorder.up].filter((peer) => peer >= ROUTER_PEERS);
      await Promise.all(all.map((peer) => a.recorder.received(peer, 1)));
      expect(new Set(peers())).toEqual(new Set(all));
      expect(all).toHaveLength(2);
      for (const peer of all) {
        expect(a.transport.send(peer, raft(1, peer))).toBe(false);
        expect(a.transport.send(peer, got(5))).toBe(true);
      }
      a.transport.flush();
      await Promise.all(routers.map(({ recorder }) => recorder.received(1, 1)));
      for (const { recorder } of routers) expect(recorder.frames).toEqual([{ from: 1, messages: [got(5)] }]);
      expect(b.recorder.frames).toEqual([]);
    });

    test('a full queue refuses further messages', async () => {
      const [a, b] = await pair({ tiny: true });
      let sent = 0;
      while (sent < 10_000 && a.transport.send(2, ping(sent))) sent += 1;
      expect(sent).toBeGreaterThan(1);
      expect(sent).toBeLessThan(10_000);
      expect(a.transport.stats().droppedFull).toBe(1);
      a.transport.flush();
      await b.recorder.received(1, sent);
      expect(b.recorder.messagesFrom(1)).toEqual(Array.from({ length: sent }, (_, epoch) => ping(epoch)));
    });

    test('the link to a node that dies goes down, and its next incarnation is linked again', async () => {
      const [a] = await pair();
      a.transport.send(2, ping(1));
      await network!.crash(2);
      await a.recorder.unlinked(2);
      expect(a.transport.send(2, ping(2))).toBe(false);
      a.transport.flush();
      expect(a.transport.stats()).toMatchObject({ links: 0, messagesOut: 0 });
      const again = await network!.restart(2);
      network!.settle();
      await Promise.all([a.recorder.linked(2), again.recorder.linked(1)]);
      expect(a.recorder.linkLog).toEqual(['+2', '-2', '+2']);
      a.transport.send(2, ping(3));
      a.transport.flush();
      await again.recorder.received(1, 1);
      expect(again.recorder.messagesFrom(1)).toEqual([ping(3)]);
    });

    test('a dialling node that dies is linked again too', async () => {
      const [, b] = await pair();
      await network!.crash(1);
      await b.recorder.unlinked(1);
      const again = await network!.restart(1);
      network!.settle();
      await Promise.all([b.recorder.linked(1), again.recorder.linked(2)]);
      b.transport.send(1, raft(2, 1));
      b.transport.flush();
      await again.recorder.received(2, 1);
      expect(again.recorder.messagesFrom(2)).toEqual([raft(2, 1)]);
    });

    test('after close nothing is sent or received', async () => {
      const [a, b] = await pair();
      const { length } = b.recorder.linkLog;
      await b.transport.close();
      await a.recorder.unlinked(2);
      expect(b.transport.send(1, raft(2, 1))).toBe(false);
      b.transport.flush();
      expect(b.recorder.linkLog).toHaveLength(length);
      expect(b.transport.stats().links).toBe(0);
    });

    test('a transport can be started only once', async () => {
      const [a] = await pair();
      await expect(a.transport.start(new Recorder())).rejects.toThrow('started before');
    });
  });
}
