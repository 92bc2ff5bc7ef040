import { describe, expect, it } from 'vitest';
import type { RecoveredGroup } from '../../src/raft/index.js';
import { MemoryDisk, MemoryStorage, silentLogger } from '../../src/shard/index.js';
import { DEFAULT_TIMERS } from '../../src/shard/cluster/timers.js';
import { ClusterSettings } from '../../src/shard/cluster/settings.js';
import type { Topology } from '../../src/shard/cluster/topology.js';
import { RowCache } from '../../src/shard/machine/row-cache.js';
import { DEFAULT_NODE_LIMITS } from '../../src/shard/node/options.js';
import { createReplica } from '../../src/shard/node/replica-factory.js';
import { ReplicaSet } from '../../src/shard/node/replica-set.js';
import { ManualRuntime } from './manual-runtime.js';

const configuration = { voters: [1], votersOutgoing: [], learners: [] };
const recoveredOf = (group: number): RecoveredGroup => ({
  hardState: { term: 7, vote: 1, commit: 0 },
  snapshot: { index: 0, term: 0, configuration },
  entries: [],
  ...{ group },
});

describe('the replicas of a node', () => {
  it('start from their recovered state, which is then released; that of groups not placed here is kept', () => {
    const storage = new MemoryStorage(new MemoryDisk());
    const runtime = new ManualRuntime();
    const settings = new ClusterSettings({ timers: DEFAULT_TIMERS, leaseReads: false }, silentLogger);
    const recent = new RowCache(1_000);
    const factory = {
      ...{ self: 1, storage, runtime, settings, recent, limits: DEFAULT_NODE_LIMITS, logger: silentLogger },
      askIndex: () => false,
    };
    const replicas = new ReplicaSet(1, (id, voters, recovered) => createReplica(factory, id, voters, recovered));
    const recovered = new Map([1, 2].map((group) => [group, recoveredOf(group)]));
    const topology = { shards: [[1], [2], [1]] } as unknown as Topology;
    replicas.startShards(topology, recovered);
    expect([...replicas.all()].map(({ id, raft }) => [id, raft.term])).toEqual([
      [1, 7],
      [3, 0],
    ]);
    expect([...recovered.keys()]).toEqual([2]);
  });
});
