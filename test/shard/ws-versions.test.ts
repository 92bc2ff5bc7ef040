/** Builds of different protocol versions on one link: negotiation, and the former hello. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { commonVersion, FORMER_PROTOCOL, PROTOCOL } from '../../src/shard/transport/protocol.js';
import type { PeerMessage } from '../../src/shard/transport/transport.js';
import { WireError } from '../../src/shard/transport/wire-buffer.js';
import { decodeHello, encodeHello, MAX_EXTENSION_BYTES } from '../../src/shard/transport/wire-hello.js';
import { decodeFrame, encodeFrame } from '../../src/shard/transport/wire.js';
import { ascii, bytesOf, u16, u32, u48, u8 } from './crafted.js';
import { helloOf, HOST, WsLab, type WsEndpoint } from './ws-lab.js';

const ping: PeerMessage = { type: 'ping', epoch: 7, stopping: true };
/** Bytes as the build before protocol version 2 writes and reads them. */
const FORMER_HELLO = bytesOf(u32(0x4d52564b), u8(1), u8(0), u16(1), u16(2), u48(5), ascii('cluster-a'));
const FORMER_PING = bytesOf(u8(1), u16(1), u16(2), u8(35), u48(7), u8(1));

let lab: WsLab;
beforeEach(() => {
  lab = new WsLab();
});
afterEach(() => lab.close());

/** Two nodes that have found each other; 1 dials. */
const pair = async (one: object, two: object): Promise<[WsEndpoint, WsEndpoint]> => {
  const b = await lab.node(2, { peers: new Map([[1, 'unused:1']]), ...two });
  const a = await lab.node(1, { peers: new Map([[2, `${HOST}:${b.transport.port}`]]), ...one });
  await Promise.all([a.recorder.linked(2), b.recorder.linked(1)]);
  return [a, b];
};

const exchange = async (a: WsEndpoint, b: WsEndpoint): Promise<void> => {
  a.transport.send(2, ping);
  b.transport.send(1, ping);
  a.transport.flush();
  b.transport.flush();
  await Promise.all([a.recorder.received(2, 1), b.recorder.received(1, 1)]);
  expect([a.recorder.messagesFrom(2), b.recorder.messagesFrom(1)]).toEqual([[ping], [ping]]);
};

describe('the version of a link', () => {
  test('is the highest that both sides speak', () => {
    expect(commonVersion({ min: 1, max: 2 }, { min: 1, max: 5 })).toBe(2);
    expect(commonVersion({ min: 1, max: 2 }, { min: 2, max: 2 })).toBe(2);
    expect(commonVersion({ min: 1, max: 1 }, { min: 1, max: 2 })).toBe(1);
    expect(commonVersion({ min: 1, max: 1 }, { min: 2, max: 3 })).toBeUndefined();
  });

  const later = { versions: { min: 1, max: 9 }, featureLevel: 8 };
  test.each([
    ['this build, this build', {}, {}, PROTOCOL.versions.max],
    ['the former, this build', { protocol: FORMER_PROTOCOL }, {}, 1],
    ['this build, the former', {}, { protocol: FORMER_PROTOCOL }, 1],
    ['a later one, this build', { protocol: later }, {}, PROTOCOL.versions.max],
  ])('%s', async (_name, one, two, version) => {
    const [a, b] = await pair(one, two);
    expect([a.transport.link(2)?.version, b.transport.link(1)?.version]).toEqual([version, version]);
    expect(b.transport.stats().versions).toEqual(new Map([[1, version]]));
    await exchange(a, b);
  });

  test('both sides learn the feature level and the extension of the other', async () => {
    const two = await lab.node(2, { peers: new Map([[1, 'unused:1']]) });
    two.recorder.extension = { clusterUid: 'uid', boot: 4 };
    const one = await lab.node(1, { peers: new Map([[2, `${HOST}:${two.transport.port}`]]), protocol: later });
    await Promise.all([one.recorder.linked(2), two.recorder.linked(1)]);
    expect(one.transport.link(2)).toMatchObject({ featureLevel: PROTOCOL.featureLevel, extension: { boot: 4 } });
    expect(two.transport.link(1)).toMatchObject({ featureLevel: 8, extension: {} });
    expect(one.transport.link(3)).toBeUndefined();
  });

  test('sides without a common version refuse each other by it', async () => {
    const node = await lab.node(2, { peers: new Map([[1, 'unused:1']]) });
    const peer = await lab.client(node);
    peer.hello({ versions: { min: 4, max: 5 } });
    expect(await peer.closed).toEqual([4001, expect.stringContaining('version 4..5 meets version 1..3')]);
  });

  test('the owner may object to a hello, on either side', async () => {
    const two = await lab.node(2, { peers: new Map([[1, 'unused:1']]) });
    two.recorder.check = ({ extension }) =>
      extension.clusterUid === 'b' ? { reason: 'wrong-cluster', detail: 'not ours' } : undefined;
    const peer = await lab.client(two);
    peer.hello({ extension: { clusterUid: 'b' } });
    expect(await peer.closed).toEqual([4002, 'wrong-cluster: not ours']);

    const server = await lab.server();
    const one = await lab.node(1, { peers: new Map([[2, server.address]]) });
    one.recorder.check = two.recorder.check;
    const answering = await server.next();
    answering.hello({ from: 2, to: 1, extension: { clusterUid: 'b' } });
    expect(await answering.closed).toEqual([4002, 'wrong-cluster: not ours']);
    expect([...one.recorder.linkLog, ...two.recorder.linkLog]).toEqual([]);
  });
});

describe('the former build', () => {
  test('dials: its hello is answered in its own format, and frames have its version', async () => {
    const node = await lab.node(2, { peers: new Map([[1, 'unused:1']]) });
    const former = await lab.client(node);
    former.send(FORMER_HELLO);
    await former.received(1);
    const answer = bytesOf(
      u32(0x4d52564b),
      u8(1),
      u8(0),
      u16(2),
      u16(1),
      u48(node.runtime.wallTime()),
      ascii('cluster-a'),
    );
    expect(new Uint8Array(former.messages[0]!)).toEqual(answer);
    former.send(FORMER_PING);
    await node.recorder.received(1, 1);
    expect(node.recorder.messagesFrom(1)).toEqual([ping]);
    node.transport.send(1, ping);
    node.transport.flush();
    await former.received(2);
    expect(new Uint8Array(former.messages[1]!)).toEqual(bytesOf(u8(1), u16(2), u16(1), u8(35), u48(7), u8(1)));
    expect(node.transport.link(1)).toMatchObject({ version: 1, featureLevel: 1, extension: {} });
  });

  test.each([
    ['by version', 4001],
    ['as no hello', 4004],
  ])('is dialled: it refuses the new hello %s, and at once gets its own', async (_name, code) => {
    const server = await lab.server();
    const node = await lab.node(1, { peers: new Map([[2, server.address]]) });
    const first = await server.next();
    await first.received(1);
    expect(first.layout).toBe(2);
    first.socket.close(code, 'wrong-version: version 2 meets version 1 of node 2');
    // No timer is involved.
    const second = await server.next();
    await second.received(1);
    expect(new Uint8Array(second.messages[0]!)).toEqual(
      encodeHello(helloOf({ incarnation: node.runtime.wallTime() }), 1),
    );
    second.hello({ from: 2, to: 1 }, 1);
    await node.recorder.linked(2);
    expect(node.transport.link(2)?.version).toBe(1);
    expect(node.transport.stats().failedDials).toBe(0);

    // It may have been restarted into this build: the next connection begins with the newest hello again.
    second.socket.terminate();
    await node.recorder.unlinked(2);
    node.runtime.advance(1000);
    const third = await server.next();
    await third.received(1);
    expect(third.layout).toBe(2);
    third.hello({ from: 2, to: 1 });
    await node.recorder.linked(2);
    expect(node.transport.link(2)?.version).toBe(PROTOCOL.versions.max);
  });

  test('refuses the old hello as well: it is dialled again later, with the newest', async () => {
    const server = await lab.server();
    const node = await lab.node(1, { peers: new Map([[2, server.address]]) });
    (await server.next()).socket.close(4001);
    (await server.next()).socket.close(4001);
    await node.log.line('no link');
    expect(server.connections).toBe(2);
    node.runtime.advance(1000);
    const third = await server.next();
    await third.received(1);
    expect(third.layout).toBe(2);
  });
});

describe('what later builds add', () => {
  const withExtension = (json: string): Uint8Array => {
    const text = [...new TextEncoder().encode(json)];
    const start = encodeHello(helloOf()).subarray(0, -'{}'.length - 4);
    return bytesOf([...start], u32(text.length), text);
  };

  test('unknown fields of the extension of a hello are ignored', () => {
    const { hello } = decodeHello(
      withExtension('{"boot":3,"what":{"is":["this"]},"known":{"boot":1,"position":2,"process":4,"accused":0,"x":3}}'),
    );
    expect(hello?.extension).toEqual({ boot: 3, known: { boot: 1, position: 2, process: 4, accused: 0 } });
  });

  test.each([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['a field of another type', '{"boot":"3"}'],
    ['a number beyond its bound', '{"position":281474976710656}'],
    ['more than there may be', `{"x":"${'x'.repeat(MAX_EXTENSION_BYTES)}"}`],
  ])('an extension that is %s is refused', (_name, json) => {
    expect(() => decodeHello(withExtension(json))).toThrow(WireError);
  });

  test('a record of a type that this build does not know is named in the refusal', () => {
    expect(() => decodeFrame(bytesOf(u8(2), u16(1), u16(2), u8(99)), 2)).toThrow(
      /record kind 99 is unknown to this build, which reads 1 to 14, 32 to 42; a later build wrote it/,
    );
    expect(() => decodeFrame(bytesOf(u8(1), u16(1), u16(2), u8(12), u32(1), u48(1)), 1)).toThrow(
      /record kind 12 has no place here, on a link of version 1/,
    );
  });

  test('a frame of another version than its link is refused', () => {
    expect(() => decodeFrame(encodeFrame({ from: 1, to: 2, messages: [ping] }, 2), 1)).toThrow(/version 2/);
  });
});
