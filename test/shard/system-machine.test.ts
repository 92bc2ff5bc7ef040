/** Which commands group 0 accepts as the next topology, and which it refuses. */
import { expect, it } from 'vitest';
import type { StateStore } from '../../src/shard/machine/state-store.js';
import { encodeTopology, SystemMachine } from '../../src/shard/cluster/system-machine.js';
import type { Topology } from '../../src/shard/cluster/topology.js';

const topology = (epoch: number, clusterUid?: string): Topology => ({
  clusterId: 'cluster',
  epoch,
  shardCount: 1,
  replicas: 1,
  leaseReads: false,
  hash: 'xxh64',
  nodes: [],
  shards: [[1]],
  ...(clusterUid === undefined ? {} : { featureLevel: 2, clusterUid }),
});

function machineAt(...applied: readonly Topology[]): SystemMachine {
  const rows = new Map<string, Uint8Array>();
  const store: StateStore = {
    get: (key) => rows.get(key),
    getAll: (keys) => keys.map((key) => rows.get(key)),
    set: (key, value) => {
      rows.set(key, value);
    },
    delete: (key) => {
      rows.delete(key);
    },
    range: () => ({ rows: [], rest: undefined }),
    scan: () => rows,
  };
  const machine = new SystemMachine(store);
  for (const [i, one] of applied.entries())
    expect(machine.apply(i + 1, encodeTopology(one))).toMatchObject({ type: 'put' });
  return machine;
}

it('takes one that follows the present one', () => {
  const machine = machineAt(topology(1), topology(2), topology(3, 'a'), topology(4, 'a'));
  expect(machine.topology).toEqual(topology(4, 'a'));
});

it.each([
  ['of the same epoch', topology(2, 'a')],
  ['of a later one', topology(4, 'a')],
  ['of another cluster', topology(3, 'b')],
  ['of no cluster', topology(3)],
])('refuses one %s', (_what, next) => {
  const machine = machineAt(topology(1, 'a'), topology(2, 'a'));
  expect(machine.apply(9, encodeTopology(next))).toMatchObject({ type: 'refused', code: 'precondition-failed' });
  expect(machine.topology).toEqual(topology(2, 'a'));
});
