import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FaultNetwork } from '../../src/faults/index.js';
import type { Endpoint } from '../../src/faults/link-proxy.js';
import { dial, holds, Target, type End } from './wires.js';

let targets: Target[];
let nodes: Endpoint[];
let network: FaultNetwork;
let clients: End[];

beforeEach(async () => {
  targets = [1, 2, 3].map(() => new Target());
  nodes = await Promise.all(targets.map((target) => target.listen()));
  network = await FaultNetwork.open({ nodes, routers: ['r1', 'r2'] });
  clients = [];
});
afterEach(async () => {
  for (const { socket } of clients) socket.destroy();
  for (const target of targets) target.close();
  await network.close();
});

const sick = () => network.views().map(({ from, to }) => `${from}>${to}`);

function dialFrom(party: number | 'r1' | 'r2', node: number, word: string): End {
  const detour = network.detours(party).find(({ to }) => to === nodes[node - 1]);
  if (detour === undefined) throw new Error(`${party} does not dial ${node}`);
  const client = dial(detour.through);
  clients.push(client);
  client.socket.write(word);
  return client;
}

describe('the links of a cluster', () => {
  it('are one per pair of nodes, dialled by the lower id, and one per router and node', async () => {
    const dialledBy = (party: number | 'r1' | 'r2') => network.detours(party).map(({ to }) => nodes.indexOf(to) + 1);
    expect([dialledBy(1), dialledBy(2), dialledBy(3)]).toEqual([[2, 3], [3], []]);
    expect([dialledBy('r1'), dialledBy('r2')]).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ]);
    const ports = [1, 2, 'r1', 'r2'].flatMap((party) => network.detours(party as 1).map(({ through }) => through.port));
    expect(new Set(ports).size).toBe(9);
    dialFrom('r2', 3, 'from r2');
    await holds(() => targets[2]!.ends[0]?.text === 'from r2');
  });

  it('are cut independently, in either direction', async () => {
    network.addCuts([{ from: 3, to: 1 }]);
    expect(sick()).toEqual(['3>1']);
    dialFrom(1, 3, 'cut');
    dialFrom(1, 2, 'passes');
    await holds(() => targets[1]!.ends[0]?.text === 'passes');
    dialFrom(2, 3, 'passes too');
    await holds(() => targets[2]!.ends[0]?.text === 'passes too');
    network.heal();
    await holds(() => targets[2]!.ends[1]?.text === 'cut');
    expect(network.views()).toEqual([]);
  });

  it('keep cuts when more are added, and lose them when they are replaced; delays stay', () => {
    network.set(1, 2, { delayMs: 5 });
    network.addCuts([{ from: 1, to: 3 }]);
    network.addCuts([{ from: 'r1', to: 3 }]);
    expect(sick()).toEqual(['1>2', '2>1', '1>3', 'r1>3']);
    network.replaceCuts([{ from: 2, to: 3 }]);
    expect(sick()).toEqual(['1>2', '2>1', '2>3']);
    expect(network.views()[0]).toEqual({ from: 1, to: 2, cut: false, delayMs: 5, dropPercent: 0, kbitPerSecond: 0 });
    network.set(2, 1, { delayMs: 0 });
    network.set('r1', 1, { dropPercent: 20 });
    expect(sick()).toEqual(['2>3', 'r1>1', '1>r1']);
  });

  it('report the direction in which a rate limit delayed data', async () => {
    network.set(1, 2, { kbitPerSecond: 1 });
    dialFrom(1, 2, 'a hundred bytes or so '.repeat(5));
    await holds(() => (network.views().find(({ from }) => from === 1)?.heldMs ?? 0) >= 800);
    expect(network.views().find(({ from }) => from === 2)).not.toHaveProperty('heldMs');
    network.heal();
    await holds(() => targets[1]!.ends[0]?.text.length === 110);
  });

  it('pass nothing while one shape replaces another', async () => {
    network.replaceCuts([{ from: 1, to: 2 }]);
    dialFrom(1, 2, 'waits');
    await holds(() => network.waitingBytes === 5);
    network.replaceCuts([{ from: 2, to: 1 }]);
    const witness = dial(nodes[1]!);
    clients.push(witness);
    witness.socket.write('witness');
    await holds(() => targets[1]!.ends[0]?.text === 'witness');
    network.heal();
    await holds(() => targets[1]!.ends[1]?.text === 'waits');
  });
});
