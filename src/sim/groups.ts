/** Whether the groups of a simulated cluster have leaders, and equal replicas. */
import type { ReplicaView } from '../shard/index.js';
import type { Scenario } from './scenario.js';
import type { SimCluster } from './sim-cluster.js';

export function replicasOf(cluster: SimCluster): Map<number, ReplicaView[]> {
  const groups = new Map<number, ReplicaView[]>();
  for (const node of cluster.nodes) {
    for (const replica of node.replicas()) {
      const known = groups.get(replica.id);
      if (known === undefined) groups.set(replica.id, [replica]);
      else known.push(replica);
    }
  }
  return groups;
}

/** Groups without exactly one leader; group 0 is the topology's. */
export function leaderless(cluster: SimCluster, scenario: Scenario): string[] {
  const groups = replicasOf(cluster);
  const missing: string[] = [];
  for (let group = 0; group <= scenario.shards; group++) {
    const leaders = (groups.get(group) ?? []).filter(({ raft }) => raft.role === 'leader');
    if (leaders.length !== 1)
      missing.push(`g${group}: ${leaders.length === 0 ? 'none' : leaders.map(({ raft }) => `n${raft.id}`).join(' ')}`);
  }
  return missing;
}

export const readsByLease = ({ nodes }: SimCluster): boolean =>
  nodes.every(({ topology }) => topology?.leases === 'read');

/** By group: what is committed anywhere. */
export const commitsOf = (cluster: SimCluster): Map<number, number> =>
  new Map(
    [...replicasOf(cluster)].map(([group, replicas]) => [group, Math.max(...replicas.map(({ raft }) => raft.commit))]),
  );

/** Replicas that have not applied so much yet. */
export function behind(cluster: SimCluster, due: ReadonlyMap<number, number>): string[] {
  const late: string[] = [];
  for (const [group, replicas] of replicasOf(cluster)) {
    for (const { raft, applied } of replicas) {
      const wanted = due.get(group) ?? 0;
      if (applied < wanted) late.push(`g${group}: n${raft.id} has applied ${applied}, not ${wanted}`);
    }
  }
  return late;
}

/** Replicas that have not applied the same entries, or have reached different states. */
export function differences(cluster: SimCluster, scenario: Scenario): string[] {
  const different: string[] = [];
  for (const [group, replicas] of replicasOf(cluster)) {
    const states = new Set(replicas.map(({ applied, machine }) => `${applied} ${machine.stateHash()}`));
    if (states.size <= 1) continue;
    different.push(
      `g${group}: ${replicas.map(({ raft, applied }) => `n${raft.id} applied ${applied} of ${raft.commit}`).join(', ')}`,
    );
  }
  const expected = scenario.shards + 1;
  const found = replicasOf(cluster).size;
  if (found !== expected) different.push(`${found} of ${expected} groups are there`);
  return different;
}
