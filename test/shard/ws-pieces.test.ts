/** Long messages over real links: in pieces between builds that support them, unsplit with the former build. */
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FORMER_PROTOCOL, PROTOCOL, type Protocol } from '../../src/shard/transport/protocol.js';
import { encodePiece, encodeReceipt } from '../../src/shard/transport/pieces.js';
import type { PeerMessage } from '../../src/shard/transport/transport.js';
import { encodeFrame } from '../../src/shard/transport/wire.js';
import { newestLayout } from '../../src/shard/transport/wire-hello.js';
import { WsLab, type RawPeer, type WsEndpoint } from './ws-lab.js';

const peers = new Map([[1, 'unused:1']]);
const ping = (epoch: number): PeerMessage => ({ type: 'ping', epoch, stopping: false });
const replyOf = (bytes: number): PeerMessage => ({
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

let lab: WsLab;
let node: WsEndpoint;
beforeEach(async () => {
  lab = new WsLab();
  node = await lab.node(2, { peers, silenceTimeoutMs: 3000 });
});
afterEach(() => lab.close());

/** A link that a raw peer made to node 2. */
async function called(protocol: Protocol) {
  const peer = await lab.client(node, { autoPong: false });
  peer.hello(protocol, newestLayout(protocol));
  await peer.received(1);
  return { end: { ...node, id: 2 }, peer };
}

/** A link that node 1 made to a raw peer. */
async function dialled() {
  const server = await lab.server({ autoPong: false });
  const dialler = await lab.node(1, { peers: new Map([[2, server.address]]), silenceTimeoutMs: 3000 });
  const peer = await server.next();
  await peer.received(1);
  peer.hello({ from: 2, to: 1 });
  await dialler.recorder.linked(2);
  return { end: { ...dialler, id: 1 }, peer };
}

/** All that the socket of a peer gets from now on. */
const rawMessages = (peer: RawPeer): Uint8Array[] => {
  const raw: Uint8Array[] = [];
  peer.socket.on('message', (data: Buffer) => raw.push(data));
  return raw;
};

describe('a long message', () => {
  test('is sent in pieces of at most 64 KiB, with urgent messages between them', async () => {
    const peer = await lab.introduced(node);
    const raw = rawMessages(peer);
    node.transport.send(1, replyOf(2_000_000));
    node.transport.flush();
    node.transport.send(1, ping(7));
    node.transport.flush();
    await peer.received(3);
    expect(peer.frames[0]?.messages).toEqual([ping(7)]);
    expect(Buffer.compare(peer.messages[2]!, encodeFrame({ from: 2, to: 1, messages: [replyOf(2_000_000)] }))).toBe(0);
    expect(raw.length).toBeGreaterThan(30);
    expect(Math.max(...raw.map(({ length }) => length))).toBeLessThanOrEqual(64 * 1024 + 1);
    while (node.transport.stats().queuedBytes.get(1) !== 0) await new Promise(setImmediate);
    expect(node.transport.stats()).toMatchObject({ messagesOut: 2, messagesIn: 0, framesIn: 0 });
  });

  test('waits until the other side has received what was sent before', async () => {
    const peer = await lab.introduced(node);
    peer.version = 1;
    const raw = rawMessages(peer);
    node.transport.send(1, replyOf(2_000_000));
    node.transport.flush();
    node.transport.send(1, ping(7));
    node.transport.flush();
    while (raw.at(-1)?.[0] !== PROTOCOL.versions.max) await new Promise(setImmediate);
    expect(raw.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(200_000);
    expect(node.transport.stats().queuedBytes.get(1)).toBeGreaterThan(1_800_000);
    peer.socket.terminate();
    await node.recorder.unlinked(1);
    expect(node.transport.stats()).toMatchObject({ droppedQueued: 1, messagesOut: 1 });
  });

  test('keeps the link alive while its pieces arrive, and is delivered when it is complete', async () => {
    const peer = await lab.introduced(node, {}, { autoPong: false });
    const frame = encodeFrame({ from: 1, to: 2, messages: [replyOf(1000)] });
    const raw = rawMessages(peer);
    for (let start = 0; start < frame.length; start += 200) {
      node.runtime.advance(2000);
      peer.send(encodePiece(frame, start, 200));
      while (raw.length < start / 200 + 1) await new Promise(setImmediate);
      if (start + 200 < frame.length) expect(node.recorder.frames).toEqual([]);
    }
    await node.recorder.received(1, 1);
    expect(node.recorder.messagesFrom(1)).toEqual([replyOf(1000)]);
    expect(node.recorder.linkLog).toEqual(['+1']);
  });

  test.each([
    ['dialled side', PROTOCOL],
    ['dialled side', FORMER_PROTOCOL],
    ['dialling side', PROTOCOL],
  ])('keeps the link while its bytes arrive: %s, %o', async (side, protocol) => {
    const { end, peer } = side === 'dialling side' ? await dialled() : await called(protocol);
    const message = encodeFrame({ from: 3 - end.id, to: end.id, messages: [ping(7)] }, protocol.versions.max);
    for (const [at, byte] of message.entries()) {
      peer.socket.send(Uint8Array.of(byte), { fin: at === message.length - 1 });
      // The pong shows that what was sent before has arrived. Pings of the other side are not answered.
      peer.socket.ping();
      await once(peer.socket, 'pong');
      end.runtime.advance(1000);
    }
    await end.recorder.received(3 - end.id, 1);
    expect(end.recorder.linkLog).toEqual([`+${3 - end.id}`]);
  });

  test('does not keep the link alive once its pieces stop arriving', async () => {
    const peer = await lab.introduced(node, {}, { autoPong: false });
    const frame = encodeFrame({ from: 1, to: 2, messages: [replyOf(1000)] });
    peer.send(encodePiece(frame, 0, 200));
    await once(peer.socket, 'message');
    node.runtime.advance(3000);
    expect(node.recorder.linkLog).toEqual(['+1', '-1']);
  });

  test.each([
    ['an empty piece', Uint8Array.of(241)],
    ['a receipt for more than was sent', encodeReceipt(1)],
    ['half a receipt', Uint8Array.of(240, 0, 0)],
    ['pieces of no frame', Uint8Array.of(242, 99)],
  ])('%s cuts the link', async (_, message) => {
    const peer = await lab.introduced(node);
    peer.send(message);
    expect(await peer.closed).toEqual([4005, expect.stringContaining('bad-frame')]);
    expect(node.transport.stats().refused['bad-frame']).toBe(1);
    expect(node.recorder.frames).toEqual([]);
  });
});

describe('on a link with the former build', () => {
  const former = async (): Promise<RawPeer> => {
    const peer = await lab.client(node);
    peer.version = 1;
    peer.hello(FORMER_PROTOCOL, 1);
    await peer.received(1);
    return peer;
  };

  test('a long message is sent as one frame, in order', async () => {
    const peer = await former();
    const raw = rawMessages(peer);
    const messages = [replyOf(2_000_000), ping(7)];
    for (const message of messages) node.transport.send(1, message);
    node.transport.flush();
    await peer.received(2);
    expect(raw).toHaveLength(1);
    expect(Buffer.compare(raw[0]!, encodeFrame({ from: 2, to: 1, messages }, 1))).toBe(0);
  });

  test('nothing is acknowledged', async () => {
    const peer = await former();
    const raw = rawMessages(peer);
    peer.send(encodeFrame({ from: 1, to: 2, messages: [replyOf(100_000)] }, 1));
    await node.recorder.received(1, 1);
    node.transport.send(1, ping(7));
    node.transport.flush();
    await peer.received(2);
    expect(raw).toHaveLength(1);
  });

  test('a piece is refused as a frame', async () => {
    const peer = await former();
    peer.send(encodePiece(new Uint8Array(10), 0, 10));
    expect(await peer.closed).toEqual([4005, expect.stringContaining('bad-frame')]);
  });
});
