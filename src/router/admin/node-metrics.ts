/**
 * Prometheus metrics of the node in this process: its groups, its followers, its disk. Read when scraped, from one
 * status and one health, without touching the disk.
 */
import { Counter, Gauge, type Registry } from 'prom-client';
import {
  shardOfGroup,
  type GroupStatus,
  type NodeHealth,
  type NodeStatus,
  type OutgoingSnapshot,
} from '../../shard/index.js';
import type { Backend } from '../dispatch/index.js';

/** The node's state at the start of a scrape, so that all metrics are of one moment. */
export interface NodeSnapshot {
  readonly status: NodeStatus | undefined;
  readonly health: NodeHealth | undefined;
  readonly snapshots: readonly OutgoingSnapshot[];
}

export function nodeSnapshot(backend: Backend): NodeSnapshot {
  return { status: backend.localStatus(), health: backend.health(), snapshots: backend.outgoingSnapshots?.() ?? [] };
}

type Value = readonly [labels: Readonly<Record<string, string>>, value: number];

interface Definition {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  /** All series of this moment: others are removed. */
  readonly values: () => readonly Value[];
}

function addGauge(registers: Registry[], { name, help, labelNames, values }: Definition): void {
  new Gauge({
    name,
    help,
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const [labels, value] of values()) this.set(labels, value);
    },
  });
}

/** Adds a counter whose value is counted elsewhere, and never falls while the process runs. */
function addCounter(registers: Registry[], { name, help, labelNames, values }: Definition): void {
  new Counter({
    name,
    help,
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const [labels, value] of values()) this.inc(labels, value);
    },
  });
}

const GROUP_GAUGES: readonly (readonly [name: string, help: string, value: (group: GroupStatus) => number])[] = [
  ['term', 'Current Raft term of the replica.', (group) => group.raft.term],
  ['commit_index', 'Highest log index known to be committed.', (group) => group.raft.commit],
  ['applied_index', 'Highest log index applied to the state machine.', (group) => group.raft.applied],
  ['last_index', 'Last index of the Raft log.', (group) => group.raft.lastIndex],
  ['leading', '1 if this replica is the leader.', (group) => (group.raft.role === 'leader' ? 1 : 0)],
  ['leader_known', '1 if this replica knows the current leader.', (group) => (group.raft.leader > 0 ? 1 : 0)],
  ['keys', 'Keys that exist.', (group) => group.keys],
  ['pending_writes', 'Writes waiting for their log entry to be committed and applied.', (group) => group.pendingWrites],
  ['pending_reads', 'Reads waiting for the leader to be confirmed by a quorum.', (group) => group.pendingReads],
];

/** `system` for the system group, else the number of the shard. */
const shardLabel = (shard: number): string => (shard < 0 ? 'system' : String(shard));
const groupLabel = (group: number): string => shardLabel(shardOfGroup(group));

export function addGroupMetrics(registers: Registry[], now: () => NodeSnapshot): void {
  const groups = (): readonly GroupStatus[] => now().status?.groups ?? [];
  const each = (value: (group: GroupStatus) => number): readonly Value[] =>
    groups().map((group) => [{ shard: groupLabel(group.group) }, value(group)]);
  for (const [name, help, value] of GROUP_GAUGES) {
    addGauge(registers, { name: `kvorum_group_${name}`, help, labelNames: ['shard'], values: () => each(value) });
  }
  addCounter(registers, {
    name: 'kvorum_group_leader_changes_total',
    help: 'Leader changes seen by this replica.',
    labelNames: ['shard'],
    values: () => each((group) => group.leaderChanges),
  });
  addGauge(registers, {
    name: 'kvorum_group_since_commit_seconds',
    help:
      'Seconds since this replica applied something committed, or since it was started; also of followers, and of ' +
      'shards that have no leader.',
    labelNames: ['shard'],
    values: () => each((group) => (group.sinceAppliedMs ?? 0) / 1_000),
  });
  const led = (): readonly GroupStatus[] => groups().filter(({ raft }) => raft.role === 'leader');
  addGauge(registers, {
    name: 'kvorum_group_follower_lag_entries',
    help: 'Log entries that a follower of a group led by this node is not known to have on disk.',
    labelNames: ['shard', 'peer'],
    values: () => led().flatMap(lagsOf),
  });
  addGauge(registers, {
    name: 'kvorum_group_commit_wait_seconds',
    help:
      'For groups led by this node: seconds since an entry was last committed and applied, while entries are pending; ' +
      '0 while none is pending. Pending reads do not count.',
    labelNames: ['shard'],
    values: () => {
      const waits = new Map(now().health?.stalled.map(({ shard, ms }) => [shard, ms / 1_000]));
      return led().map(({ group }) => [{ shard: groupLabel(group) }, waits.get(shardOfGroup(group)) ?? 0]);
    },
  });
}

const lagsOf = ({ group, raft }: GroupStatus): Value[] =>
  raft.peers.map(({ id, match }) => [
    { shard: groupLabel(group), peer: String(id) },
    Math.max(0, raft.lastIndex - match),
  ]);

export function addSnapshotMetrics(registers: Registry[], now: () => NodeSnapshot): void {
  const add = (name: string, help: string, value: (snapshot: OutgoingSnapshot) => number | undefined): void => {
    addGauge(registers, {
      name: `kvorum_snapshot_transfer_${name}`,
      help: `${help} Present only during the transfer.`,
      labelNames: ['shard', 'peer'],
      values: () =>
        now().snapshots.flatMap((snapshot): Value[] => {
          const current = value(snapshot);
          return current === undefined
            ? []
            : [[{ shard: shardLabel(snapshot.shard), peer: String(snapshot.to) }, current]];
        }),
    });
  };
  add('sent_chunks', 'Snapshot chunks sent to a follower.', ({ chunks }) => chunks);
  add('sent_bytes', 'Bytes of these chunks.', ({ bytes }) => bytes);
  add('size_bytes', 'Total size of the snapshot, once it is open.', ({ totalBytes }) => totalBytes);
}

export function addStallMetric(registers: Registry[], backend: Backend): void {
  addGauge(registers, {
    name: 'kvorum_storage_stalled',
    help: '1 while commits, or only checkpoints (state), are stalled for disk space, journal quota or file descriptors.',
    labelNames: ['waits', 'reason'],
    values: () => {
      const stall = backend.diskStall?.();
      return ['commits', 'state'].flatMap((waits) =>
        ['disk-full', 'journal-full', 'no-descriptors'].map((reason): Value => {
          return [{ waits, reason }, stall?.waits === waits && stall.reason === reason ? 1 : 0];
        }),
      );
    },
  });
}

export function addClockMetric(registers: Registry[], now: () => NodeSnapshot): void {
  new Gauge({
    name: 'kvorum_clock_offset_seconds',
    help: 'How far the wall clock is ahead of the median of the nodes. Absent while fewer than three are known.',
    registers,
    collect() {
      const offsetMs = now().status?.clockOffsetMs;
      // A gauge without labels is 0 from its start; `remove` without labels leaves none.
      if (offsetMs === undefined) this.remove();
      else this.set(offsetMs / 1000);
    },
  });
}

export function addStorageMetrics(registers: Registry[], now: () => NodeSnapshot): void {
  const definition = (name: string, help: string, value: (status: NodeStatus) => number): Definition => ({
    name: `kvorum_${name}`,
    help,
    labelNames: [],
    values: () => {
      const { status } = now();
      return status === undefined ? [] : [[{}, value(status)]];
    },
  });
  const gauge = (...args: Parameters<typeof definition>): void => {
    addGauge(registers, definition(...args));
  };
  gauge('inbox_length', 'Events waiting for the next turn of the node.', (status) => status.inboxLength);
  gauge(
    'quarantined_replicas',
    'Replicas in quarantine, because the data folder of this node was rolled back.',
    (status) => {
      return status.groups.filter(({ raft }) => raft.quarantine !== undefined).length;
    },
  );
  gauge('storage_journal_used_bytes', 'Bytes of live rows in the journal.', (status) => {
    return status.storage.journalBytes;
  });
  gauge('storage_journal_rows', 'Live rows in the journal.', (status) => status.storage.journalRows);
  gauge('storage_state_used_bytes', 'Bytes in use in the state file.', ({ storage }) => storage.stateBytes);
  addCounter(
    registers,
    definition('storage_commits_total', 'Durable commits since process start.', (status) => status.storage.commits),
  );
  addGauge(registers, {
    name: 'kvorum_storage_file_bytes',
    help: 'Size of each storage file, at most a second old; older while the disk hangs.',
    labelNames: ['file'],
    values: () => {
      const { journal, state, stateWal } = now().status?.storage.files ?? {};
      const sizes = { 'journal.db': journal, 'state.db': state, 'state.db-wal': stateWal };
      return Object.entries(sizes).flatMap(([file, bytes]): Value[] =>
        bytes === undefined ? [] : [[{ file }, bytes]],
      );
    },
  });
  addGauge(registers, {
    name: 'kvorum_storage_commit_seconds',
    help: 'Duration of the latest durable commits (at most 512).',
    labelNames: ['quantile'],
    values: () => {
      const sorted = [...(now().status?.storage.commitMs ?? [])].sort((a, b) => a - b);
      return [0.5, 0.99, 1].map((quantile) => {
        const at = Math.max(0, Math.ceil(quantile * sorted.length) - 1);
        return [{ quantile: String(quantile) }, (sorted[at] ?? 0) / 1_000];
      });
    },
  });
}
