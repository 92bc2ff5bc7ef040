import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { NodeView } from '../../src/faults/index.js';
import { askLeaders } from '../../src/faults/leaders.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

interface Said {
  readonly node: number;
  readonly role: string | null;
  readonly term?: number;
}

/** A node whose `/v1/shards` says this of the replicas of shard 0. */
async function node(
  number: number,
  replicas: readonly Said[],
  state: NodeView['state'] = 'running',
): Promise<NodeView> {
  const server = createServer((_, response) => response.end(JSON.stringify({ shards: [{ shard: 0, replicas }] })));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    node: number,
    name: `n${number}`,
    pid: 1,
    state,
    ended: null,
    killed: false,
    url,
    slowDiskMs: 0,
    warnings: [],
  };
}

describe('the leader of a shard', () => {
  it('is the node that claims leadership in the highest term', async () => {
    const nodes = [
      await node(1, [{ node: 1, role: 'leader', term: 4 }]),
      await node(2, [{ node: 2, role: 'leader', term: 5 }]),
      await node(3, [{ node: 3, role: 'follower', term: 6 }]),
    ];
    expect(await askLeaders(nodes)).toEqual([{ shard: 0, leader: 2, term: 5 }]);
  });

  it('is not taken from what other nodes report', async () => {
    const rumour = [
      { node: 1, role: 'leader', term: 9 },
      { node: 2, role: 'follower', term: 9 },
    ];
    expect(await askLeaders([await node(2, rumour)])).toEqual([{ shard: 0, leader: null, term: 0 }]);
  });

  it('is no node that is paused or does not answer', async () => {
    const claim = (number: number) => [{ node: number, role: 'leader', term: 1 }];
    const gone = { ...(await node(2, claim(2))), url: 'http://127.0.0.1:9' };
    const nodes = [await node(1, claim(1), 'paused'), gone, await node(3, [{ node: 3, role: null }])];
    expect(await askLeaders(nodes)).toEqual([{ shard: 0, leader: null, term: 0 }]);
    expect(await askLeaders([gone])).toEqual([]);
  });
});
