/** Admission, and what a linked peer may send: raw clients against a real node (s73, bad-inputs rows 21, 25). */
import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { PROTOCOL } from '../../src/shard/transport/protocol.js';
import { ROUTER_PEERS } from '../../src/shard/transport/transport.js';
import type { RefusalReason } from '../../src/shard/transport/stats.js';
import { WireError } from '../../src/shard/transport/wire-buffer.js';
import { decodeHello, encodeHello, type Hello } from '../../src/shard/transport/wire-hello.js';
import { encodeFrame } from '../../src/shard/transport/wire.js';
import { bytesOf, frame, frameBetween, termNotice, u8 } from './crafted.js';
import { CLUSTER, helloOf, HOST, WsLab, type RawPeer, type WsEndpoint } from './ws-lab.js';

/** Node 2 knows nodes 1 and 3. */
const peers = new Map([
  [1, 'unused:1'],
  [3, 'no address'],
]);
const ping = { type: 'ping', epoch: 1, stopping: false } as const;

let lab: WsLab;
let node: WsEndpoint;
beforeEach(async () => {
  lab = new WsLab();
  node = await lab.node(2, { peers });
});
afterEach(() => lab.close());

/** The peer is disconnected for this reason, and the owner of the node has received nothing from it. */
const expectRefusal = async (peer: RawPeer, code: number, reason: RefusalReason): Promise<void> => {
  expect(await peer.closed).toEqual([code, expect.stringContaining(reason)]);
  expect(node.transport.stats().refused[reason]).toBe(1);
  expect(node.recorder.frames).toEqual([]);
  expect(node.transport.stats()).toMatchObject({ messagesIn: 0, links: 0 });
};

describe('the hello', () => {
  test('round-trips', () => {
    const extension = {
      clusterUid: 'u',
      dataWithoutUid: true,
      folderId: 'f',
      boot: 3,
      position: 9,
      known: { boot: 2, position: 7, process: 5, accused: 0, folder: 'f' },
    };
    const hello = helloOf({ incarnation: 2 ** 48 - 1, clusterId: 'x'.repeat(255), extension });
    expect(decodeHello(encodeHello(hello))).toEqual({ layout: 2, hello });
    expect(decodeHello(encodeHello(hello, 99))).toEqual({ layout: 99, hello: undefined });
  });

  const good = encodeHello(helloOf());
  test.each<[string, Uint8Array]>([
    ['nothing', bytesOf()],
    ['half of it', good.subarray(0, 12)],
    ['something behind it', bytesOf([...good], u8(0))],
    ['another magic', bytesOf(u8(0), [...good.subarray(1)])],
    ['an unknown role', bytesOf([...good.subarray(0, 5)], u8(2), [...good.subarray(6)])],
    ['node 0', encodeHello(helloOf({ from: 0 }))],
    ['a router with a node id', encodeHello(helloOf({ role: 'router', from: 1 }))],
  ])('%s is refused', (_name, bytes) => {
    expect(() => decodeHello(bytes)).toThrow(WireError);
  });
});

describe('s60 the answer to a hello', () => {
  test('carries the state from before this side validated the hello, so that both judge by the same', async () => {
    const before = {
      boot: 1,
      quarantined: 0,
      started: 0,
      process: 7,
      known: { boot: 2, position: 7, process: 5, accused: 0 },
    };
    const after = { ...before, boot: 5, quarantined: 5, known: { ...before.known, accused: 2 } };
    node.recorder.extension = before;
    node.recorder.check = () => {
      node.recorder.extension = after;
      return undefined;
    };
    expect((await lab.introduced(node)).introduction?.extension).toEqual(before);
    expect((await lab.introduced(node)).introduction?.extension).toEqual(after);
  });
});

describe('s73 a dialling peer is refused that', () => {
  test.each<[string, Partial<Hello>, number, RefusalReason]>([
    ['is of another cluster', { clusterId: 'cluster-b' }, 4002, 'wrong-cluster'],
    ['is a node that does not know its cluster', { clusterId: '' }, 4002, 'wrong-cluster'],
    ['is a router of another cluster', { role: 'router', from: 0, clusterId: 'cluster-b' }, 4002, 'wrong-cluster'],
    ['dials another node', { to: 4 }, 4003, 'wrong-node'],
    ['is a node and names no node', { to: 0 }, 4003, 'wrong-node'],
    ['is a router and dials another node', { role: 'router', from: 0, to: 4 }, 4003, 'wrong-node'],
    ['is not a member', { from: 7 }, 4003, 'wrong-node'],
    ['should wait to be dialled', { from: 3 }, 4003, 'wrong-node'],
    ['claims to be this very node', { from: 2 }, 4003, 'wrong-node'],
  ])('%s', async (_name, hello, code, reason) => {
    const peer = await lab.client(node);
    peer.hello(hello);
    await expectRefusal(peer, code, reason);
    expect(peer.messages).toEqual([]);
    expect(node.recorder.linkLog).toEqual([]);
    expect((await node.log.line('a link was refused')).fields).toMatchObject({ reason });
  });

  test('speaks another version', async () => {
    const peer = await lab.client(node);
    peer.hello({}, 3);
    await expectRefusal(peer, 4001, 'wrong-version');
  });

  test.each<[string, Uint8Array | string]>([
    ['sends a message before the hello', encodeFrame({ from: 1, to: 2, messages: [ping] })],
    ['sends a text', 'hello'],
    ['sends nothing but an empty message', new Uint8Array(0)],
    ['sends random bytes', Uint8Array.from({ length: 100 }, (_, i) => (i * 37) % 256)],
  ])('%s', async (_name, first) => {
    const peer = await lab.client(node);
    peer.send(first);
    await expectRefusal(peer, 4004, 'bad-hello');
  });

  test('sends nothing for five seconds', async () => {
    const peer = await lab.client(node);
    node.runtime.advance(4999);
    expect(node.transport.stats().refused['hello-timeout']).toBe(0);
    node.runtime.advance(1);
    await expectRefusal(peer, 4009, 'hello-timeout');
  });

  test('is a browser', async () => {
    const socket = new WebSocket(`ws://${HOST}:${node.transport.port}/`, { origin: 'http://localhost' });
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toContain('401');
  });

  test('speaks plain HTTP', async () => {
    const call = request({ host: HOST, port: node.transport.port }).end();
    const [response] = (await once(call, 'response')) as [{ statusCode: number; resume(): void }];
    response.resume();
    expect(response.statusCode).toBe(426);
  });

  test('is one router too many', async () => {
    const small = await lab.node(4, { maxRouters: 1 });
    await lab.introduced(small, { role: 'router', from: 0, to: 4 });
    const second = await lab.client(small);
    second.hello({ role: 'router', from: 0, to: 4, clusterId: '' });
    expect((await second.closed)[0]).toBe(4008);
    expect(small.recorder.linkLog).toEqual([`+${ROUTER_PEERS}`]);
  });

  test('is one connection too many', async () => {
    const small = await lab.node(4, { maxConnections: 1 });
    await lab.client(small);
    const second = connect(small.transport.port, HOST);
    second.on('error', () => undefined);
    await once(second, 'close');
    expect(small.transport.stats().refused['too-many-links']).toBe(1);
  });
});

describe('a good hello is answered, and the link is up', () => {
  test('of a node', async () => {
    const peer = await lab.introduced(node);
    expect(peer.introduction).toEqual({
      role: 'node',
      from: 2,
      to: 1,
      incarnation: node.runtime.wallTime(),
      clusterId: CLUSTER,
      ...PROTOCOL,
      extension: {},
    });
    expect(node.recorder.linkLog).toEqual(['+1']);
  });

  test('of a router, which learns the cluster id from it', async () => {
    const peer = await lab.introduced(node, { role: 'router', from: 0, clusterId: '' });
    expect(peer.introduction).toMatchObject({ from: 2, to: 0, clusterId: CLUSTER });
    expect(node.recorder.linkLog).toEqual([`+${ROUTER_PEERS}`]);
  });

  test('of a router that does not know the id of the node', async () => {
    const peer = await lab.introduced(node, { role: 'router', from: 0, to: 0 });
    expect(peer.introduction).toMatchObject({ role: 'node', from: 2, to: 0 });
    expect(node.recorder.linkLog).toEqual([`+${ROUTER_PEERS}`]);
  });

  test('also when the first frame follows immediately', async () => {
    const peer = await lab.client(node);
    peer.hello();
    peer.send(encodeFrame({ from: 1, to: 2, messages: [ping] }));
    await node.recorder.received(1, 1);
    expect(node.recorder.frames).toEqual([{ from: 1, messages: [ping] }]);
  });

  test('a later incarnation of a node replaces an earlier one', async () => {
    const first = await lab.introduced(node, { incarnation: 5 });
    const second = await lab.introduced(node, { incarnation: 6 });
    expect((await first.closed)[0]).toBe(4007);
    expect(node.recorder.linkLog).toEqual(['+1', '-1', '+1']);
    second.send(encodeFrame({ from: 1, to: 2, messages: [ping] }));
    await node.recorder.received(1, 1);
    expect(node.transport.stats().links).toBe(1);
  });

  test('so does a second attempt of the same incarnation', async () => {
    const first = await lab.introduced(node, { incarnation: 5 });
    await lab.introduced(node, { incarnation: 5 });
    expect((await first.closed)[0]).toBe(4007);
    expect(node.recorder.linkLog).toEqual(['+1', '-1', '+1']);
  });

  test('an earlier incarnation does not replace a later one', async () => {
    await lab.introduced(node, { incarnation: 6 });
    const earlier = await lab.client(node);
    earlier.hello({ incarnation: 5 });
    expect(await earlier.closed).toEqual([4007, expect.stringContaining('later incarnation')]);
    expect(node.recorder.linkLog).toEqual(['+1']);
  });
});

describe('row 25: a linked node is disconnected that', () => {
  test.each<[string, Uint8Array | string, number, RefusalReason]>([
    ['sends a text', '{"type":"ping"}', 4005, 'bad-frame'],
    ['sends nothing', new Uint8Array(0), 4005, 'bad-frame'],
    ['sends an unknown type', frame(u8(99)), 4005, 'bad-frame'],
    ['sends half a message', frame(termNotice).subarray(0, 10), 4005, 'bad-frame'],
    ['sends a second hello', encodeHello(helloOf()), 4005, 'bad-frame'],
    ['sends in the name of another node', frameBetween(3, 2, termNotice), 4006, 'not-allowed'],
    ['sends in the name of this node', frameBetween(2, 1, termNotice), 4006, 'not-allowed'],
    ['sends to another node', frameBetween(1, 3, termNotice), 4006, 'not-allowed'],
    ['sends as a router', encodeFrame({ from: 0, to: 2, messages: [ping] }), 4006, 'not-allowed'],
  ])('%s', async (_name, message, code, reason) => {
    const peer = await lab.introduced(node);
    peer.send(message);
    // A frame after a bad one is ignored, too.
    peer.send(encodeFrame({ from: 1, to: 2, messages: [ping] }));
    await expectRefusal(peer, code, reason);
    expect(node.recorder.linkLog).toEqual(['+1', '-1']);
  });

  test('sends a frame longer than any may be', async () => {
    const small = await lab.node(4, { peers, maxFrameBytes: 1000, splitFrameBytes: 100 });
    const peer = await lab.introduced(small, { to: 4 });
    peer.send(new Uint8Array(1001));
    expect((await peer.closed)[0]).toBe(1009);
    await small.recorder.unlinked(1);
    expect(small.recorder.frames).toEqual([]);
  });

  test('a valid message in a frame with a bad one is ignored', async () => {
    const peer = await lab.introduced(node);
    peer.send(frame(termNotice, u8(99)));
    await expectRefusal(peer, 4005, 'bad-frame');
  });

  test('the next link of the same node works', async () => {
    const peer = await lab.introduced(node);
    peer.send(frame(u8(99)));
    await expectRefusal(peer, 4005, 'bad-frame');
    const again = await lab.introduced(node);
    again.send(encodeFrame({ from: 1, to: 2, messages: [ping] }));
    await node.recorder.received(1, 1);
    expect(node.recorder.frames).toEqual([{ from: 1, messages: [ping] }]);
  });
});

describe('row 25: a linked router is disconnected that', () => {
  test.each<[string, Uint8Array, number, RefusalReason]>([
    ['sends raft', frameBetween(0, 2, termNotice), 4005, 'bad-frame'],
    ['sends raft in the name of a node', frame(termNotice), 4006, 'not-allowed'],
    ['sends anything in the name of a node', encodeFrame({ from: 1, to: 2, messages: [ping] }), 4006, 'not-allowed'],
  ])('%s', async (_name, message, code, reason) => {
    const peer = await lab.introduced(node, { role: 'router', from: 0 });
    peer.send(message);
    await expectRefusal(peer, code, reason);
  });
});

describe('s73 a dialled peer is refused that', () => {
  test.each<[string, Uint8Array | string, number, RefusalReason]>([
    ['is of another cluster', encodeHello(helloOf({ from: 3, to: 2, clusterId: 'cluster-b' })), 4002, 'wrong-cluster'],
    ['is another node', encodeHello(helloOf({ from: 4, to: 2 })), 4003, 'wrong-node'],
    ['addresses another node', encodeHello(helloOf({ from: 3, to: 1 })), 4003, 'wrong-node'],
    ['is a router', encodeHello(helloOf({ role: 'router', from: 0, to: 2 })), 4003, 'wrong-node'],
    ['speaks another version', encodeHello(helloOf({ from: 3, to: 2 }), 7), 4001, 'wrong-version'],
    ['sends a frame first', encodeFrame({ from: 3, to: 2, messages: [ping] }), 4004, 'bad-hello'],
    ['sends a text', 'hello', 4004, 'bad-hello'],
  ])('%s', async (_name, answer, code, reason) => {
    const server = await lab.server();
    node.transport.setPeers(new Map([[3, server.address]]));
    const peer = await server.next();
    peer.send(answer);
    await expectRefusal(peer, code, reason);
    expect(node.recorder.linkLog).toEqual([]);
    // It is dialled again all the same: the cause may be fixed.
    await node.log.line('no link', 2);
    node.runtime.advance(1000);
    const next = await server.next();
    next.hello({ from: 3, to: 2 });
    await node.recorder.linked(3);
  });
});
