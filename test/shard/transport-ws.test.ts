/** Links between processes: addresses, dialling, queues, closing. For the handshake see `ws-handshake.test.ts`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { NodeId } from '../../src/raft/index.js';
import { ROUTER_PEERS, type PeerMessage } from '../../src/shard/transport/transport.js';
import { WsTransport } from '../../src/shard/transport/ws.js';
import { encodeHello } from '../../src/shard/transport/wire-hello.js';
import { encodeFrame } from '../../src/shard/transport/wire.js';
import { ManualRuntime } from './manual-runtime.js';
import { Recorder } from './recorder.js';
import { transportContract, type Endpoint, type TestNetwork, type TestNetworkOptions } from './transport.contract.js';
import { CLUSTER, helloOf, HOST, WsLab, type WsEndpoint } from './ws-lab.js';

const contractNetwork = (options: TestNetworkOptions): TestNetwork => {
  const lab = new WsLab();
  const limits = options.tiny ? { maxQueueBytes: 100 } : {};
  const nodes = new Map<NodeId, WsEndpoint>();
  const routers: WsEndpoint[] = [];
  const spread = (): void => {
    const peers = new Map([...nodes].map(([id, node]) => [id, `${HOST}:${node.transport.port}`] as const));
    for (const { transport } of [...nodes.values(), ...routers]) transport.setPeers(peers);
  };
  const start = async (id: NodeId): Promise<WsEndpoint> => {
    const endpoint = await lab.node(id, limits);
    nodes.set(id, endpoint);
    return endpoint;
  };
  return {
    nodes: async (ids) => {
      const started: Endpoint[] = [];
      for (const id of ids) started.push(await start(id));
      spread();
      return started;
    },
    router: async () => {
      const router = await lab.router();
      routers.push(router);
      spread();
      return router;
    },
    crash: (id) => nodes.get(id)!.transport.close(),
    restart: async (id) => {
      const endpoint = await start(id);
      spread();
      return endpoint;
    },
    settle: () => {
      for (const { runtime } of nodes.values()) runtime.advance(1000);
    },
    close: () => lab.close(),
  };
};

transportContract('ws', contractNetwork);

const ping = (epoch: number): PeerMessage => ({ type: 'ping', epoch, stopping: false });
const bodyOf = (bytes: number): PeerMessage => ({
  type: 'reply',
  id: 1,
  reply: {
    term: 1,
    servedBy: 1,
    answer: {
      type: 'get',
      revision: 1,
      record: { revision: 1, createRevision: 1, version: 1, contentType: '', body: new Uint8Array(bytes) },
    },
  },
});

describe('ws links', () => {
  let lab: WsLab;
  beforeEach(() => {
    lab = new WsLab();
  });
  afterEach(() => lab.close());

  const knowing = new Map([[1, 'unused:1']]);

  describe('dialling', () => {
    test('is retried soon after the first failure, then with growing delays of at most a second', async () => {
      const unused = createServer().listen(0, HOST);
      await once(unused, 'listening');
      const { port } = unused.address() as { port: number };
      unused.close();
      await once(unused, 'close');

      const { runtime, transport } = await lab.node(1, { peers: new Map([[2, `${HOST}:${port}`]]) });
      const waits: number[] = [];
      const failed = async (attempt: number): Promise<void> => {
        while (transport.stats().failedDials < attempt || runtime.waits.length === 0) await new Promise(setImmediate);
      };
      for (let attempt = 1; attempt <= 8; attempt++) {
        await failed(attempt);
        runtime.chance = attempt % 2 === 0 ? 0 : 0.999;
        waits.push(runtime.waits[0]!);
        runtime.advance(runtime.waits[0]!);
      }
      expect(transport.stats().failedDials).toBe(8);
      expect(waits[0]).toBeGreaterThanOrEqual(20);
      expect(waits[0]).toBeLessThanOrEqual(50);
      for (const wait of waits) expect(wait).toBeLessThanOrEqual(1000);
      expect(waits.at(-1)).toBeGreaterThanOrEqual(400);
    });

    test('resumes when a link is lost', async () => {
      const server = await lab.server();
      const { runtime, recorder } = await lab.node(1, { peers: new Map([[2, server.address]]) });
      for (let incarnation = 1; incarnation <= 3; incarnation++) {
        const peer = await server.next();
        peer.hello({ from: 2, to: 1, incarnation });
        await recorder.linked(2);
        peer.socket.terminate();
        await recorder.unlinked(2);
        runtime.advance(1000);
      }
      expect(recorder.linkLog).toEqual(['+2', '-2', '+2', '-2', '+2', '-2']);
    });

    test('restarts with short delays after a link that lasted, not after a short-lived one', async () => {
      const server = await lab.server();
      const { runtime, recorder } = await lab.node(1, { peers: new Map([[2, server.address]]) });
      const waitAfterLinkOf = async (ms: number): Promise<number> => {
        const peer = await server.next();
        peer.hello({ from: 2, to: 1 });
        await recorder.linked(2);
        const repeating = runtime.timers;
        runtime.advance(ms);
        peer.socket.terminate();
        await recorder.unlinked(2);
        while (runtime.timers === repeating) await new Promise(setImmediate);
        const [wait] = runtime.waits;
        runtime.advance(wait!);
        return wait!;
      };
      const brief = [await waitAfterLinkOf(0), await waitAfterLinkOf(0), await waitAfterLinkOf(0)];
      expect(brief).toEqual([35, 70, 140]);
      expect(await waitAfterLinkOf(1500)).toBe(35);
    });

    test('an invalid address is a failure like any other, until it is replaced', async () => {
      const node = await lab.node(2, { peers: knowing });
      const { recorder, log, transport } = await lab.node(1, { peers: new Map([[2, 'no address at all']]) });
      await log.line('no link');
      expect(transport.stats()).toMatchObject({ failedDials: 1, links: 0 });
      transport.setPeers(new Map([[2, `${HOST}:${node.transport.port}`]]));
      await recorder.linked(2);
    });

    test('a connection that is not answered in time is given up', async () => {
      const server = await lab.server();
      const { runtime, transport, log } = await lab.node(1, { peers: new Map([[2, server.address]]) });
      const peer = await server.next();
      await peer.received(1);
      expect(peer.introduction).toEqual(helloOf({ incarnation: runtime.wallTime() }));
      runtime.advance(5000);
      await peer.closed;
      expect((await log.line('no link')).fields).toMatchObject({
        complaint: expect.stringContaining('hello') as string,
      });
      expect(transport.stats().refused['hello-timeout']).toBe(1);
    });
  });

  describe('addresses', () => {
    test('a node that is removed is no longer linked, on either side', async () => {
      const b = await lab.node(2, { peers: knowing });
      const a = await lab.node(1, { peers: new Map([[2, `${HOST}:${b.transport.port}`]]) });
      await Promise.all([a.recorder.linked(2), b.recorder.linked(1)]);
      b.transport.setPeers(new Map());
      expect(b.recorder.linkLog).toEqual(['+1', '-1']);
      await a.recorder.unlinked(2);
      a.runtime.advance(1000);
      // Dialled again, and refused.
      await a.log.line('no link');
      expect(b.transport.stats().refused['wrong-node']).toBe(1);
      a.transport.setPeers(new Map());
      expect(a.runtime.waits).toEqual([]);
    });

    test('a node that has moved is dialled at its new address', async () => {
      const [first, second] = [await lab.server(), await lab.server()];
      const { transport, recorder } = await lab.node(1, { peers: new Map([[2, first.address]]) });
      const before = await first.next();
      before.hello({ from: 2, to: 1 });
      await recorder.linked(2);
      transport.setPeers(new Map([[2, second.address]]));
      await before.closed;
      const after = await second.next();
      after.hello({ from: 2, to: 1 });
      await recorder.linkEvents(3);
      expect(recorder.linkLog).toEqual(['+2', '-2', '+2']);
    });

    test('setting the same addresses again has no effect', async () => {
      const server = await lab.server();
      const peers = new Map([[2, server.address]]);
      const { transport, recorder } = await lab.node(1, { peers });
      (await server.next()).hello({ from: 2, to: 1 });
      await recorder.linked(2);
      transport.setPeers(new Map(peers).set(1, 'myself:1'));
      expect(recorder.linkLog).toEqual(['+2']);
      expect(transport.stats().links).toBe(1);
    });

    test('a port that is taken rejects the start', async () => {
      const taken = await lab.node(2);
      const clash = lab.node(3, { listen: { host: HOST, port: taken.transport.port } });
      await expect(clash).rejects.toMatchObject({ code: 'EADDRINUSE' });
    });

    test('a node without a cluster id throws', () => {
      const self = { role: 'node' as const, id: 1, clusterId: '' };
      expect(() => new WsTransport({ self, runtime: new ManualRuntime() })).toThrow('must know its cluster');
    });

    test('a router learns the cluster id, and keeps it', async () => {
      const server = await lab.server();
      const b = await lab.node(2);
      const router = await lab.router({ peers: new Map([[2, `${HOST}:${b.transport.port}`]]) });
      expect(router.transport.clusterId).toBe('');
      expect(router.transport.port).toBe(0);
      await router.recorder.linked(2);
      expect(router.transport.clusterId).toBe(CLUSTER);
      router.transport.setPeers(new Map([[3, server.address]]));
      const impostor = await server.next();
      impostor.hello({ from: 3, to: 0, clusterId: 'cluster-b' });
      expect(await impostor.closed).toEqual([4002, expect.stringContaining('wrong-cluster')]);
      expect(router.transport.clusterId).toBe(CLUSTER);
    });
  });

  describe('queues', () => {
    test('the queue to a peer that does not read is bounded, and is delivered once it reads', async () => {
      const b = await lab.node(2, { peers: knowing, maxQueueBytes: 1_000_000 });
      const peer = await lab.introduced(b);
      peer.socket.pause();
      let sent = 0;
      while (b.transport.send(1, bodyOf(50_000))) {
        sent += 1;
        b.transport.flush();
      }
      const { queuedBytes, droppedFull } = b.transport.stats();
      expect(droppedFull).toBe(1);
      expect(queuedBytes.get(1)).toBeGreaterThanOrEqual(1_000_000);
      expect(queuedBytes.get(1)).toBeLessThan(1_060_000);
      peer.socket.resume();
      await peer.received(1 + sent);
      expect(peer.peerMessages).toHaveLength(sent);
      while (b.transport.stats().queuedBytes.get(1) !== 0) await new Promise(setImmediate);
      expect(b.transport.send(1, ping(1))).toBe(true);
    });

    test('a large batch is sent in several frames, in order', async () => {
      const b = await lab.node(2, { peers: knowing, splitFrameBytes: 2000, maxFrameBytes: 10_000 });
      const peer = await lab.introduced(b);
      for (let i = 0; i < 7; i++) {
        b.transport.send(1, bodyOf(900));
        b.transport.send(1, ping(i));
      }
      b.transport.flush();
      await peer.received(1 + 3);
      expect(peer.frames.map((frame) => frame.messages.length)).toEqual([5, 6, 3]);
      expect(peer.peerMessages.filter((m) => m.type === 'ping').map((m) => m.epoch)).toEqual([0, 1, 2, 3, 4, 5, 6]);
      expect(b.transport.stats()).toMatchObject({ framesOut: 3, messagesOut: 14 });
    });

    test('a message longer than any peer accepts is not sent', async () => {
      const b = await lab.node(2, { peers: knowing, splitFrameBytes: 2000, maxFrameBytes: 10_000 });
      await lab.introduced(b);
      expect(b.transport.send(1, bodyOf(8000))).toBe(false);
      expect(b.transport.stats().droppedEncodeError).toBe(1);
      expect(b.transport.send(1, bodyOf(7800))).toBe(true);
    });

    test('what was not flushed is lost with the link, and counted', async () => {
      const b = await lab.node(2, { peers: knowing });
      const peer = await lab.introduced(b);
      b.transport.send(1, ping(1));
      b.transport.send(1, ping(2));
      peer.socket.terminate();
      await b.recorder.unlinked(1);
      b.transport.flush();
      expect(b.transport.stats()).toMatchObject({ droppedQueued: 2, messagesOut: 0, framesOut: 0 });
    });

    test('bytes are counted on both sides', async () => {
      const b = await lab.node(2, { peers: knowing });
      const peer = await lab.introduced(b);
      const bytes = encodeFrame({ from: 1, to: 2, messages: [ping(7)] });
      peer.send(bytes);
      await b.recorder.received(1, 1);
      b.transport.send(1, ping(7));
      b.transport.flush();
      await peer.received(2);
      expect(b.transport.stats()).toMatchObject({ bytesIn: bytes.length, bytesOut: bytes.length });
      expect(peer.frames).toEqual([{ from: 2, to: 1, messages: [ping(7)] }]);
    });
  });

  describe('closing', () => {
    test('a peer process that is killed is down at once', async () => {
      const b = await lab.node(2, { peers: knowing });
      const hello = Buffer.from(encodeHello(helloOf())).toString('base64');
      const script = `import { WebSocket } from 'ws';
        const socket = new WebSocket('ws://${HOST}:${b.transport.port}/');
        socket.on('open', () => socket.send(Buffer.from('${hello}', 'base64')));`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' });
      const exited = once(child, 'exit');
      await b.recorder.linked(1);
      child.kill('SIGKILL');
      await b.recorder.unlinked(1);
      // The clock of the transport has not moved: nothing timed out.
      expect(b.recorder.linkLog).toEqual(['+1', '-1']);
      await exited;
    });

    test('a silent peer is pinged, and given up if it does not answer', async () => {
      const b = await lab.node(2, { peers: knowing, silenceTimeoutMs: 3000 });
      const peer = await lab.introduced(b, {}, { autoPong: false });
      const asked = once(peer.socket, 'ping');
      b.runtime.advance(2000);
      await asked;
      expect(b.recorder.linkLog).toEqual(['+1']);
      b.runtime.advance(1000);
      expect(b.recorder.linkLog).toEqual(['+1', '-1']);
      await peer.closed;
      expect(b.transport.stats().refused.silent).toBe(1);
    });

    test('a peer that answers pings, or sends anything, stays linked', async () => {
      const b = await lab.node(2, { peers: knowing, silenceTimeoutMs: 3000 });
      const peer = await lab.introduced(b, {}, { autoPong: false });
      for (let round = 1; round <= 3; round++) {
        const asked = once(peer.socket, 'ping');
        b.runtime.advance(2000);
        await asked;
        peer.socket.pong();
        peer.send(encodeFrame({ from: 1, to: 2, messages: [ping(round)] }));
        await b.recorder.received(1, round);
      }
      expect(b.recorder.linkLog).toEqual(['+1']);
    });

    test('close sends a close frame and releases everything', async () => {
      const server = await lab.server();
      const b = await lab.node(2, {
        peers: new Map([
          [1, 'unused:1'],
          [3, server.address],
          [4, 'no address'],
        ]),
      });
      const linked = await lab.introduced(b);
      const stranger = await lab.client(b);
      const dialled = await server.next();
      b.transport.send(1, ping(1));
      b.transport.flush();
      await b.transport.close();
      expect((await linked.closed)[0]).toBe(1001);
      expect(linked.peerMessages).toEqual([ping(1)]);
      await Promise.all([stranger.closed, dialled.closed]);
      while (b.runtime.timers > 0) await new Promise(setImmediate);
      expect(b.recorder.linkLog).toEqual(['+1']);
      b.transport.setPeers(new Map([[3, server.address]]));
      expect(b.transport.stats().links).toBe(0);
    });

    test('close without a start, and twice, is harmless', async () => {
      const self = { role: 'node' as const, id: 1, clusterId: CLUSTER };
      const never = new WsTransport({ self, runtime: new ManualRuntime(), listen: { host: HOST, port: 0 } });
      expect(never.port).toBe(0);
      await never.close();
      const b = await lab.node(2);
      await b.transport.close();
      await b.transport.close();
      await expect(b.transport.start(new Recorder())).rejects.toThrow('started before');
    });

    test('router peer ids are not used twice', async () => {
      const b = await lab.node(2);
      const first = await lab.introduced(b, { role: 'router', from: 0 });
      await first.end();
      await b.recorder.unlinked(ROUTER_PEERS);
      await lab.introduced(b, { role: 'router', from: 0 });
      await b.recorder.linked(ROUTER_PEERS + 1);
      expect(b.recorder.linkLog).toEqual([`+${ROUTER_PEERS}`, `-${ROUTER_PEERS}`, `+${ROUTER_PEERS + 1}`]);
    });
  });
});
