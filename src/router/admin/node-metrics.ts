/**
 * Prometheus metrics of the node in this process: its groups, its followers, its disk. Read when scraped, from one status
 * and one health; nothing is asked of a disk. Knows no registry but the one that it is given, and no node.
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

/** What the node said of itself when the scrape under way began: all metrics tell of one moment. */
export interface NodeNow {
  readonly status: NodeStatus | undefined;
  readonly health: NodeHealth | undefined;
  readonly snapshots: readonly OutgoingSnapshot[];
}

export function nodeNow(backend: Backend): NodeNow {
  return { status: backend.localStatus(), health: backend.health(), snapshots: backend.outgoingSnapshots?.() ?? [] };
}

type Value = readonly [labels: Readonly<Record<string, string>>, value: number];

interface Definition {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
  /** All there are at this moment: what is not among them is not told. */
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

/** Of something that is counted elsewhere, and never falls while the process lives. */
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
  ['term', 'Term of the replica.', (group) => group.raft.term],
  ['commit_index', 'Highest index known to be committed.', (group) => group.raft.commit],
  ['applied_index', 'Highest index applied.', (group) => group.raft.applied],
  ['last_index', 'Last index of the log.', (group) => group.raft.lastIndex],
  ['leading', '1 if this replica leads.', (group) => (group.raft.role === 'leader' ? 1 : 0)],
  ['leader_known', '1 if this replica knows a leader.', (group) => (group.raft.leader > 0 ? 1 : 0)],
  ['keys', 'Live keys.', (group) => group.keys],
  ['pending_writes', 'Writes waiting for their entry.', (group) => group.pendingWrites],
  ['pending_reads', 'Reads waiting for a confirmation.', (group) => group.pendingReads],
];

/** The system group is `system`, the others carry their shard's number. */
const shardLabel = (shard: number): string => (shard < 0 ? 'system' : String(shard));
const groupLabel = (group: number): string => shardLabel(shardOfGroup(group));

export function addGroupMetrics(registers: Registry[], now: () => NodeNow): void {
  const groups = (): readonly GroupStatus[] => now().status?.groups ?? [];
  const each = (value: (group: GroupStatus) => number): readonly Value[] =>
    groups().map((group) => [{ shard: groupLabel(group.group) }, value(group)]);
  for (const [name, help, value] of GROUP_GAUGES) {
    addGauge(registers, { name: `kvorum_group_${name}`, help, labelNames: ['shard'], values: () => each(value) });
  }
  addCounter(registers, {
    name: 'kvorum_group_leader_changes_total',
    help: 'Times that this replica saw another leader.',
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
    help: 'Entries of the log of a group that this node leads which a follower is not known to have on its disk.',
    labelNames: ['shard', 'peer'],
    values: () => led().flatMap(lagsOf),
  });
  addGauge(registers, {
    name: 'kvorum_group_commit_wait_seconds',
    help:
      'Of groups that this node leads: seconds since something was committed and applied last, while something waits ' +
      'to be; 0 while nothing waits, however long ago the last commit was. Reads that wait are not counted.',
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

export function addSnapshotMetrics(registers: Registry[], now: () => NodeNow): void {
  const add = (name: string, help: string, value: (snapshot: OutgoingSnapshot) => number | undefined): void => {
    addGauge(registers, {
      name: `kvorum_snapshot_transfer_${name}`,
      help: `${help} There while the transfer is under way only.`,
      labelNames: ['shard', 'peer'],
      values: () =>
        now().snapshots.flatMap((snapshot): Value[] => {
          const told = value(snapshot);
          return told === undefined ? [] : [[{ shard: shardLabel(snapshot.shard), peer: String(snapshot.to) }, told]];
        }),
    });
  };
  add('sent_chunks', 'Chunks of a snapshot that were given out for a follower.', ({ chunks }) => chunks);
  add('sent_bytes', 'Bytes of these chunks.', ({ bytes }) => bytes);
  add('size_bytes', 'Bytes of the whole snapshot, once it is open.', ({ totalBytes }) => totalBytes);
}

export function addStallMetric(registers: Registry[], backend: Backend): void {
  addGauge(registers, {
    name: 'kvorum_storage_stalled',
    help: '1 while commits, or only checkpoints (state), wait: for room on the disk or in the journal, or for a descriptor.',
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

export function addStorageMetrics(registers: Registry[], now: () => NodeNow): void {
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
  gauge('quarantined_replicas', 'Replicas that do not count: the disk of this node went back in time.', (status) => {
    return status.groups.filter(({ raft }) => raft.quarantine !== undefined).length;
  });
  gauge('storage_journal_used_bytes', 'Bytes of the rows of the journal, which lie in its file.', (status) => {
    return status.storage.journalBytes;
  });
  gauge('storage_journal_rows', 'Rows of the journal.', (status) => status.storage.journalRows);
  gauge(
    'storage_state_used_bytes',
    'Bytes of the state that are in use in its file.',
    ({ storage }) => storage.stateBytes,
  );
  addCounter(
    registers,
    definition('storage_commits_total', 'Durable commits since the start.', (status) => status.storage.commits),
  );
  addGauge(registers, {
    name: 'kvorum_storage_file_bytes',
    help: 'Size of each file as the file system has it, as of at most a second ago; older while the disk hangs.',
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
    help: 'Duration of the latest durable commits, at most 512.',
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
