/** Two processes with the id of one node: which is linked, and how the other is refused. */
import { on, once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { HelloDecision } from '../../src/shard/transport/transport.js';
import { encodeFrame } from '../../src/shard/transport/wire.js';
import { FORMER_PROTOCOL } from '../../src/shard/transport/protocol.js';
import { WsLab, type RawPeer, type WsEndpoint } from './ws-lab.js';

const knowing = new Map([[1, 'unused:1']]);
const DUPLICATE = [4011, expect.stringMatching(/^duplicate-node: node 1 already runs as another process/)];

let lab: WsLab;
beforeEach(() => {
  lab = new WsLab();
});
afterEach(() => lab.close());

/** A connection with a hello of `process` of node 1, started later than all before it. */
async function newcomer(to: WsEndpoint, process: number, incarnation = 100 + process): Promise<RawPeer> {
  const peer = await lab.client(to);
  peer.hello({ incarnation, extension: { process } });
  return peer;
}

describe('a hello of another process of a node that is linked', () => {
  test('is refused when the linked one answers a ping', async () => {
    const node = await lab.node(2, { peers: knowing });
    const original = await lab.introduced(node, { extension: { process: 7 } });
    const copy = await newcomer(node, 8);
    expect(await copy.closed).toEqual(DUPLICATE);
    expect(copy.messages).toEqual([]);
    expect(original.socket.readyState).toBe(original.socket.OPEN);
    expect(node.recorder.linkLog).toEqual(['+1']);
    expect(node.transport.link(1)?.extension.process).toBe(7);
    expect(node.transport.stats().refused).toMatchObject({ 'duplicate-node': 1, replaced: 0, silent: 0 });
    const { level, fields } = await node.log.line('two processes are alive as one node');
    expect([level, fields]).toEqual(['error', { peer: 1, linked: 7, refused: 8 }]);
    // None of this takes a timeout.
    expect(node.runtime.waits).toEqual([]);
  });

  test('is refused whichever of the two began later', async () => {
    const node = await lab.node(2, { peers: knowing });
    await lab.introduced(node, { incarnation: 500, extension: { process: 7 } });
    expect(await (await newcomer(node, 8, 400)).closed).toEqual(DUPLICATE);
    expect(await (await newcomer(node, 9, 600)).closed).toEqual(DUPLICATE);
    expect(node.recorder.linkLog).toEqual(['+1']);
  });

  test('is accepted when the linked one does not answer: a killed node behind a half-open link has restarted', async () => {
    const node = await lab.node(2, { peers: knowing });
    const dead = await lab.introduced(node, { extension: { process: 7 } }, { autoPong: false });
    const asked = once(dead.socket, 'ping');
    const next = await newcomer(node, 8);
    await asked;
    expect(next.messages).toEqual([]);
    expect(node.runtime.waits).toEqual([3000]);
    node.runtime.advance(3000);
    await next.received(1);
    expect(node.recorder.linkLog).toEqual(['+1', '-1', '+1']);
    expect(node.transport.link(1)?.extension.process).toBe(8);
    expect(node.transport.stats().refused).toMatchObject({ 'duplicate-node': 0, silent: 1 });
  });

  test('is accepted before the dialling side times out, even if silent links are kept for longer', async () => {
    const node = await lab.node(2, { peers: knowing, helloTimeoutMs: 1000, silenceTimeoutMs: 30_000 });
    const dead = await lab.introduced(node, { extension: { process: 7 } }, { autoPong: false });
    const asked = once(dead.socket, 'ping');
    const next = await newcomer(node, 8);
    await asked;
    node.runtime.advance(600);
    await next.received(1);
    expect(node.transport.link(1)?.extension.process).toBe(8);
  });

  test('is accepted at once when the link of the other breaks while it is pinged', async () => {
    const node = await lab.node(2, { peers: knowing });
    const dying = await lab.introduced(node, { extension: { process: 7 } }, { autoPong: false });
    const asked = once(dying.socket, 'ping');
    const next = await newcomer(node, 8);
    await asked;
    dying.socket.terminate();
    await next.received(1);
    expect(node.recorder.linkLog).toEqual(['+1', '-1', '+1']);
    expect(node.runtime.waits).toEqual([]);
  });

  test('an answer to an earlier ping, and frames that were in flight, do not count as an answer', async () => {
    const node = await lab.node(2, { peers: knowing });
    const dead = await lab.introduced(node, { extension: { process: 7 } }, { autoPong: false });
    const asked = once(dead.socket, 'ping');
    const next = await newcomer(node, 8);
    await asked;
    dead.socket.pong('');
    dead.socket.pong('17');
    // Pings are answered in order, so both are there when this one is.
    dead.socket.ping();
    await once(dead.socket, 'pong');
    node.runtime.advance(3000);
    await next.received(1);
    expect(node.transport.link(1)?.extension.process).toBe(8);
  });

  test('of two that arrive while a dead one is pinged, one is accepted and the other refused', async () => {
    const node = await lab.node(2, { peers: knowing });
    const dead = await lab.introduced(node, { extension: { process: 7 } }, { autoPong: false });
    const pings = on(dead.socket, 'ping');
    const [one, two] = [await newcomer(node, 8), await newcomer(node, 9)];
    await pings.next();
    await pings.next();
    node.runtime.advance(3000);
    expect(await Promise.race([one.closed, two.closed])).toEqual(DUPLICATE);
    expect(node.recorder.linkLog).toEqual(['+1', '-1', '+1']);
    expect(node.transport.stats().refused['duplicate-node']).toBe(1);
  });

  test('is accepted without a ping when it is the same process: its new link replaces the old', async () => {
    const node = await lab.node(2, { peers: knowing });
    const before = await lab.introduced(node, { extension: { process: 7 } }, { autoPong: false });
    await lab.introduced(node, { extension: { process: 7 } });
    expect((await before.closed)[0]).toBe(4007);
  });

  test('builds without process ids replace each other, as before', async () => {
    const node = await lab.node(2, { peers: knowing });
    const before = await lab.introduced(node, { extension: { process: 7 } });
    const former = await lab.client(node);
    former.version = 1;
    former.hello({ ...FORMER_PROTOCOL, incarnation: 6 }, 1);
    await former.received(1);
    expect((await before.closed)[0]).toBe(4007);
    const later = await newcomer(node, 8);
    await later.received(1);
    expect((await former.closed)[0]).toBe(4007);
    expect(node.transport.stats().refused['duplicate-node']).toBe(0);
  });
});

describe('a process that is refused because another one is alive as the same node', () => {
  test('reports which peer refused it, and stops dialling', async () => {
    const server = await lab.server();
    const { recorder, runtime, transport } = await lab.node(1, { peers: new Map([[2, server.address]]) });
    const peer = await server.next();
    await peer.received(1);
    peer.socket.close(4011, 'duplicate-node: …');
    await recorder.refusedBy(2);
    expect(recorder.linkLog).toEqual([]);
    expect(runtime.waits).toEqual([]);
    expect(transport.stats().links).toBe(0);
  });

  test('does so also when its link was up', async () => {
    const node = await lab.node(2, { peers: knowing });
    const peer = await lab.introduced(node, { extension: { process: 7 } });
    peer.socket.close(4011, 'duplicate-node: …');
    await node.recorder.refusedBy(1);
    await node.recorder.unlinked(1);
  });

  test('is the later one on both sides, of two transports of one node', async () => {
    const third = await lab.node(2, { peers: knowing });
    const peers = new Map([[2, `127.0.0.1:${third.transport.port}`]]);
    const first = await lab.node(1, { peers, extension: { process: 7 } });
    await Promise.all([first.recorder.linked(2), third.recorder.linked(1)]);
    const second = await lab.node(1, { peers, extension: { process: 8 } });
    await second.recorder.refusedBy(2);
    expect(first.recorder.linkLog).toEqual(['+2']);
    expect(first.recorder.refusals).toEqual([]);
  });
});

describe('a hello whose validation takes a while', () => {
  const refused = { reason: 'duplicate-node', detail: 'elsewhere' } as const;

  for (const [end, dialled] of [
    ['dialled side', true],
    ['dialling side', false],
  ] as const) {
    /** A raw peer whose hello is pending, and the callback that decides it. */
    async function pendingHello(): Promise<{ node: WsEndpoint; peer: RawPeer; decide: HelloDecision }> {
      const server = await lab.server();
      const peers = new Map(dialled ? [[1, 'unused:1']] : [[3, server.address]]);
      const node = await lab.node(2, { peers });
      const hello = new Promise<HelloDecision>((resolve) => {
        node.recorder.validate = (_hello, decide) => {
          resolve(decide);
        };
      });
      const peer = dialled ? await lab.client(node) : await server.next();
      peer.hello({ from: dialled ? 1 : 3, to: 2 });
      return { node, peer, decide: await hello };
    }

    test(`is linked once it is accepted: ${end}`, async () => {
      const { node, peer, decide } = await pendingHello();
      const from = dialled ? 1 : 3;
      expect(node.transport.link(from)).toBeUndefined();
      // The dialled side has both hellos and may send already: its frames are kept.
      const frame = encodeFrame({ from, to: 2, messages: [{ type: 'ping', epoch: 4, stopping: false }] });
      if (!dialled) peer.send(frame);
      peer.socket.ping();
      await once(peer.socket, 'pong');
      decide(undefined);
      expect(node.recorder.linkLog).toEqual([`+${from}`]);
      if (dialled) peer.send(frame);
      await node.recorder.received(from, 1);
    });

    test(`is refused if validation rejects it: ${end}`, async () => {
      const { node, peer, decide } = await pendingHello();
      decide(refused);
      expect(await peer.closed).toEqual([4011, 'duplicate-node: elsewhere']);
      expect(node.recorder.linkLog).toEqual([]);
      expect(node.transport.stats().refused['duplicate-node']).toBe(1);
    });

    test(`is dropped if the other side disconnects meanwhile: ${end}`, async () => {
      const { node, peer, decide } = await pendingHello();
      peer.socket.close();
      await peer.closed;
      decide(undefined);
      expect(node.recorder.linkLog).toEqual([]);
    });
  }
});
