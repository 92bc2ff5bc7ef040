/** A router with seed addresses, without knowing which node is at which. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ROUTER_PEERS } from '../../src/shard/transport/transport.js';
import { CLUSTER, HOST, WsLab, type RawPeer, type RawServer, type WsEndpoint } from './ws-lab.js';

describe('seeds of a router', () => {
  let lab: WsLab;
  beforeEach(() => {
    lab = new WsLab();
  });
  afterEach(() => lab.close());

  const address = ({ transport }: WsEndpoint): string => `${HOST}:${transport.port}`;
  const welcome = (peer: RawPeer, from: number): void => {
    peer.hello({ from, to: 0 });
  };
  /** The router's next connection to `server`, and whom it means. */
  const caller = async (server: RawServer): Promise<RawPeer> => {
    const peer = await server.next();
    await peer.received(1);
    return peer;
  };

  test('lead to nodes in any order, under the nodes’ own ids', async () => {
    const [three, five] = [await lab.node(3), await lab.node(5)];
    const router = await lab.router({ seeds: [address(five), address(three)] });
    await router.recorder.linked(3, 5);
    expect(router.transport.clusterId).toBe(CLUSTER);
    expect(router.transport.send(5, { type: 'status-request', id: 1 })).toBe(true);
    router.transport.flush();
    await five.recorder.received(ROUTER_PEERS, 1);
    expect(three.recorder.frames).toEqual([]);
  });

  test('two that lead to one node yield one link', async () => {
    const [first, second] = [await lab.server(), await lab.server()];
    const router = await lab.router({ seeds: [first.address, second.address, first.address] });
    const [one, two] = [await caller(first), await caller(second)];
    welcome(one, 3);
    await router.recorder.linked(3);
    welcome(two, 3);
    await two.closed;
    expect(router.recorder.linkLog).toEqual(['+3']);
    expect(router.runtime.waits).toEqual([]);
  });

  test('their links stay when the addresses become known; the other nodes are dialled', async () => {
    const [seed, other] = [await lab.server(), await lab.server()];
    const router = await lab.router({ seeds: [seed.address] });
    const peer = await caller(seed);
    expect(peer.introduction).toMatchObject({ role: 'router', to: 0 });
    welcome(peer, 3);
    await router.recorder.linked(3);
    router.transport.setPeers(
      new Map([
        [3, other.address],
        [4, seed.address],
      ]),
    );
    const four = await caller(seed);
    expect(four.introduction).toMatchObject({ to: 4 });
    welcome(four, 4);
    await router.recorder.linked(4);
    expect(router.recorder.linkLog).toEqual(['+3', '+4']);

    // When the link is lost, node 3 is dialled at its real address.
    peer.socket.terminate();
    await router.recorder.unlinked(3);
    router.runtime.advance(1000);
    const again = await caller(other);
    expect(again.introduction).toMatchObject({ to: 3 });
    welcome(again, 3);
    await router.recorder.linked(3);
  });

  test('links to other nodes are closed when the addresses become known', async () => {
    const [linked, unanswered, member] = [await lab.server(), await lab.server(), await lab.server()];
    const router = await lab.router({ seeds: [linked.address, unanswered.address] });
    const gone = await caller(linked);
    welcome(gone, 9);
    const pending = await caller(unanswered);
    await router.recorder.linked(9);
    router.transport.setPeers(new Map([[3, member.address]]));
    await Promise.all([gone.closed, pending.closed, router.recorder.unlinked(9)]);
    welcome(await caller(member), 3);
    await router.recorder.linked(3);
    expect(router.recorder.linkLog).toEqual(['+9', '-9', '+3']);
  });

  test('are not for nodes, nor for a router that knows its peers', async () => {
    const [unused, member] = [await lab.server(), await lab.server()];
    const node = await lab.node(2, { seeds: [unused.address] });
    const router = await lab.router({ seeds: [unused.address], peers: new Map([[3, member.address]]) });
    welcome(await caller(member), 3);
    await router.recorder.linked(3);
    expect(node.transport.stats().failedDials).toBe(0);
    expect(unused.connections).toBe(0);
  });

  test('a server that is no node is refused', async () => {
    const server = await lab.server();
    await lab.router({ seeds: [server.address] });
    const peer = await caller(server);
    peer.hello({ role: 'router', from: 0, to: 0 });
    expect((await peer.closed)[0]).toBe(4003);
  });
});
