/** The documents of `/v1/cluster`, `/v1/nodes`, `/v1/shards` and `/v1/where`, from topology and statuses. */
import {
  MAX_KEY_BYTES,
  groupOfShard,
  keyHash,
  featureLevelOf,
  type GroupStatus,
  type NodeId,
  type NodeStatus,
  type Topology,
} from '../../shard/index.js';
import type { Backend } from '../dispatch/index.js';
import type { NamedKey } from '../kv/index.js';
import { highestTerm, leaderAmong, replicasOf, type Statuses } from './status-poller.js';
import type { Limits } from '../http/index.js';

export function clusterView(backend: Backend, topology: Topology, limits: Limits): object {
  return {
    cluster_id: topology.clusterId,
    cluster_uid: topology.clusterUid ?? null,
    feature_level: featureLevelOf(topology),
    epoch: topology.epoch,
    shard_count: topology.shardCount,
    replicas: topology.replicas,
    hash: topology.hash,
    lease_reads: topology.leaseReads,
    leases: topology.leases ?? null,
    timers: timersView(topology),
    served_by: backend.self ?? null,
    state: backend.state(),
    nodes: topology.nodes.map((node) => ({
      id: node.id,
      name: node.name,
      peer_address: node.peerAddress,
      http_address: node.httpAddress,
      alive: backend.alive(node.id),
    })),
    limits: {
      value_bytes: limits.valueBytes,
      key_bytes: MAX_KEY_BYTES,
      default_timeout_ms: limits.defaultTimeoutMs,
      max_timeout_ms: limits.maxTimeoutMs,
      in_flight: limits.maxInFlight,
      connections: limits.maxConnections,
    },
  };
}

/** Null while every node uses its own. */
function timersView({ timers }: Topology): object | null {
  if (timers === undefined) return null;
  return { tick_ms: timers.tickMs, election_ticks: timers.electionTicks, heartbeat_ticks: timers.heartbeatTicks };
}

export function nodesView(backend: Backend, topology: Topology, statuses: Statuses): object {
  const nodes = topology.nodes.map((node) => {
    const status = statuses.get(node.id);
    return {
      id: node.id,
      name: node.name,
      peer_address: node.peerAddress,
      http_address: node.httpAddress,
      alive: backend.alive(node.id),
      status: status === undefined ? null : nodeStatusView(status),
    };
  });
  return { nodes };
}

function nodeStatusView(status: NodeStatus): object {
  return {
    state: status.state,
    // The text may name files; it is in the node's log.
    failed: status.failure !== undefined,
    // Its disk went back in time: its votes and acknowledgements do not count until it has caught up.
    quarantine: status.quarantine ?? null,
    topology_epoch: status.topologyEpoch,
    uptime_ms: Math.round(status.uptimeMs),
    hears: status.alive,
    groups: status.groups.length,
    leads: status.groups.filter((group) => group.raft.role === 'leader').length,
    keys: status.groups.reduce((sum, group) => sum + group.keys, 0),
    inbox_length: status.inboxLength,
    feature_level: status.featureLevel,
    links: status.links,
    election_timeout_ms: status.electionTimeoutMs ?? null,
    // Commits wait for room on its disk, and writes are refused; null if they do not.
    room_wait_ms: rounded(status.roomWaitMs),
    // How far its wall clock is ahead of the median of the nodes' clocks; null while fewer than three are known.
    clock_offset_ms: rounded(status.clockOffsetMs),
    storage: {
      journal_bytes: status.storage.journalBytes,
      journal_rows: status.storage.journalRows,
      state_bytes: status.storage.stateBytes,
      // As the file system reports them; they include what is above.
      files: fileSizesView(status.storage.files),
      commits: status.storage.commits,
    },
  };
}

function fileSizesView(files: NodeStatus['storage']['files']): object | null {
  if (files === undefined) return null;
  return { 'journal.db': files.journal, 'state.db': files.state, 'state.db-wal': files.stateWal };
}

export function shardsView(topology: Topology, statuses: Statuses): object {
  return { shards: topology.shards.map((_, shard) => shardView(topology, statuses, shard)) };
}

export function shardView(topology: Topology, statuses: Statuses, shard: number): object {
  const replicas = topology.shards[shard] ?? [];
  const groups = replicasOf(statuses, topology, shard);
  const commit = [...groups.values()].reduce((highest, { raft }) => Math.max(highest, raft.commit), 0);
  return {
    shard,
    group: groupOfShard(shard),
    preferred_leader: replicas[0] ?? null,
    leader: leaderAmong(groups) ?? null,
    term: highestTerm(groups.values()),
    commit,
    replicas: replicas.map((node) => ({ node, ...replicaView(groups.get(node), commit) })),
  };
}

function replicaView(group: GroupStatus | undefined, commit: number): object {
  if (group === undefined) return { role: null };
  const { raft } = group;
  return {
    role: raft.role,
    term: raft.term,
    first_index: raft.firstIndex,
    last_index: raft.lastIndex,
    stable_index: raft.stableIndex,
    commit: raft.commit,
    applied: raft.applied,
    /** Committed entries that this replica has not applied. */
    lag: Math.max(0, commit - raft.applied),
    quiesced: raft.quiesced,
    state_hash: group.stateHash,
    keys: group.keys,
    leader_changes: group.leaderChanges,
    pending_writes: group.pendingWrites,
    pending_reads: group.pendingReads,
    /** Leader: for how long nothing was committed although something waits; otherwise null. */
    commit_wait_ms: rounded(group.commitWaitMs),
    since_commit_ms: rounded(group.sinceAppliedMs),
  };
}

const rounded = (ms: number | undefined): number | null => (ms === undefined ? null : Math.round(ms));

export interface Place {
  readonly shard: number;
  readonly leader: NodeId | undefined;
}

export function whereView(topology: Topology, named: NamedKey, { shard, leader }: Place): object {
  return {
    key: named.text,
    key_type: named.type,
    shard,
    hash: keyHash(named.key),
    replicas: topology.shards[shard] ?? [],
    leader: leader ?? null,
  };
}
