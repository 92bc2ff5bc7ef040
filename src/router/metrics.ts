/**
 * Prometheus metrics: what requests do is counted as it happens, what groups and storage do is read when scraped.
 *
 * Labels are names of ours only; nothing that a client sent becomes one. Knows no HTTP.
 */
import type { IntervalHistogram } from 'node:perf_hooks';
import { Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import { maxOpenFiles, openFileCount } from './descriptors.js';
import { shardOfGroup, type GroupStatus, type NodeStatus, type TransportStats } from '../shard/index.js';
import { addLinkMetrics } from './link-metrics.js';
import type { MetricsSource } from './app.js';
import type { Backend } from './backend.js';
import type { Dispatcher } from './dispatch.js';
import type { ProblemCode } from './http-errors.js';
import type { OperationName, RequestObserver } from './kv-routes.js';
import { RequestDurations } from './request-durations.js';

export type EventLoopDelay = Pick<IntervalHistogram, 'percentile' | 'max' | 'reset'>;

export interface MetricsOptions {
  readonly backend: Backend;
  readonly dispatcher: Dispatcher;
  /** In nanoseconds: a running `monitorEventLoopDelay()`, or a view of one. */
  readonly eventLoopDelay?: EventLoopDelay;
  /** What the links to other processes count about themselves, as of now. */
  readonly linkStats?: () => TransportStats;
  /** Lines of the log that could not be written. */
  readonly lostLogLines?: () => number;
  /** Metrics of the process (memory, CPU, garbage collection); default true. */
  readonly processMetrics?: boolean;
}

const NANOS = 1e9;

export class Metrics implements RequestObserver, MetricsSource {
  readonly #registry = new Registry();
  readonly #backend: Backend;
  /** As of the scrape under way: all gauges tell of one moment, and the node is asked once. */
  #status: NodeStatus | undefined;
  readonly #durations: RequestDurations;

  constructor(options: MetricsOptions) {
    const registers = [this.#registry];
    this.#backend = options.backend;
    this.#durations = new RequestDurations(registers);
    if (options.processMetrics ?? true) addProcessMetrics(this.#registry);
    addDescriptorGauge(registers);
    addRouterGauges(registers, options);
    if (options.linkStats !== undefined) addLinkMetrics(registers, options.linkStats);
    if (options.backend.self !== undefined) {
      const status = (): NodeStatus | undefined => this.#status;
      addGroupGauges(registers, status);
      addStorageGauges(registers, status);
      addStallGauge(registers, options.backend);
    }
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  observe(operation: OperationName, code: ProblemCode | 'ok', ms: number): void {
    this.#durations.add(operation, code, ms);
  }

  render(): Promise<string> {
    this.#status = this.#backend.localStatus();
    return this.#registry.metrics();
  }
}

/**
 * Memory, CPU, garbage collection. Its own measure of the event loop's delay wakes the process 100 times a second,
 * which is most of what an idle node costs; ours does with less.
 */
function addProcessMetrics(register: Registry): void {
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: 60_000 });
  for (const { name } of register.getMetricsAsArray()) {
    if (name.startsWith('nodejs_eventloop_lag')) register.removeSingleMetric(name);
  }
}

function addDescriptorGauge(registers: Registry[]): void {
  new Gauge({
    name: 'kvorum_file_descriptors',
    help: 'File descriptors of this process: used, and left until its limit (ulimit -n).',
    labelNames: ['state'],
    registers,
    collect() {
      const used = openFileCount();
      if (used === undefined) return;
      this.set({ state: 'used' }, used);
      this.set({ state: 'left' }, maxOpenFiles() - used);
    },
  });
}

function addRouterGauges(registers: Registry[], options: MetricsOptions): void {
  const { dispatcher, backend, eventLoopDelay, lostLogLines } = options;
  if (lostLogLines !== undefined) addLostLines(registers, lostLogLines);
  new Gauge({
    name: 'kvorum_operations_in_flight',
    help: 'Operations that the dispatcher has not answered yet.',
    registers,
    collect() {
      this.set(dispatcher.inFlight);
    },
  });
  new Gauge({
    name: 'kvorum_topology_epoch',
    help: 'Epoch of the topology in use; 0 if none is known.',
    registers,
    collect() {
      this.set(backend.topology()?.epoch ?? 0);
    },
  });
  if (eventLoopDelay === undefined) return;
  new Gauge({
    name: 'kvorum_event_loop_delay_seconds',
    help: 'Delay of the event loop since the last scrape.',
    labelNames: ['quantile'],
    registers,
    collect() {
      this.set({ quantile: '0.5' }, eventLoopDelay.percentile(50) / NANOS);
      this.set({ quantile: '0.99' }, eventLoopDelay.percentile(99) / NANOS);
      this.set({ quantile: '1' }, eventLoopDelay.max / NANOS);
      eventLoopDelay.reset();
    },
  });
}

function addLostLines(registers: Registry[], lost: () => number): void {
  new Gauge({
    name: 'kvorum_log_lines_lost',
    help: 'Lines of the log that could not be written: the disk was full, or nobody read the pipe.',
    registers,
    collect() {
      this.set(lost());
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
  ['leader_changes', 'Times that this replica saw another leader.', (group) => group.leaderChanges],
  ['keys', 'Live keys.', (group) => group.keys],
  ['pending_writes', 'Writes waiting for their entry.', (group) => group.pendingWrites],
  ['pending_reads', 'Reads waiting for a confirmation.', (group) => group.pendingReads],
];

/** Group 0 is `system`, the others carry their shard's number. */
const groupLabel = (group: number): string => (group === 0 ? 'system' : String(shardOfGroup(group)));

function addGroupGauges(registers: Registry[], current: () => NodeStatus | undefined): void {
  for (const [name, help, value] of GROUP_GAUGES) {
    new Gauge({
      name: `kvorum_group_${name}`,
      help,
      labelNames: ['shard'],
      registers,
      collect() {
        this.reset();
        for (const group of current()?.groups ?? []) this.set({ shard: groupLabel(group.group) }, value(group));
      },
    });
  }
}

function addStallGauge(registers: Registry[], backend: Backend): void {
  new Gauge({
    name: 'kvorum_storage_stalled',
    help: '1 while commits, or only checkpoints (state), wait: for room on the disk or in the journal, or for a descriptor.',
    labelNames: ['waits', 'reason'],
    registers,
    collect() {
      const stall = backend.diskStall?.();
      for (const waits of ['commits', 'state']) {
        for (const reason of ['disk-full', 'journal-full', 'no-descriptors']) {
          this.set({ waits, reason }, stall?.waits === waits && stall.reason === reason ? 1 : 0);
        }
      }
    },
  });
}

function addStorageGauges(registers: Registry[], current: () => NodeStatus | undefined): void {
  const gauge = (name: string, help: string, value: (status: NodeStatus) => number): void => {
    new Gauge({
      name: `kvorum_${name}`,
      help,
      registers,
      collect() {
        const status = current();
        if (status !== undefined) this.set(value(status));
      },
    });
  };
  gauge('inbox_length', 'Events waiting for the next turn of the node.', (status) => status.inboxLength);
  gauge('quarantined_replicas', 'Replicas that do not count: the disk of this node went back in time.', (status) => {
    return status.groups.filter(({ raft }) => raft.quarantine !== undefined).length;
  });
  gauge('storage_commits', 'Durable commits since the start.', (status) => status.storage.commits);
  gauge('storage_journal_bytes', 'Size of the journal.', (status) => status.storage.journalBytes);
  gauge('storage_journal_rows', 'Rows of the journal.', (status) => status.storage.journalRows);
  gauge('storage_state_bytes', 'Size of the state on disk.', (status) => status.storage.stateBytes);
  new Gauge({
    name: 'kvorum_storage_commit_seconds',
    help: 'Duration of the latest durable commits.',
    labelNames: ['quantile'],
    registers,
    collect() {
      const sorted = [...(current()?.storage.commitMs ?? [])].sort((a, b) => a - b);
      for (const quantile of [0.5, 0.99, 1]) {
        const at = Math.max(0, Math.ceil(quantile * sorted.length) - 1);
        this.set({ quantile: String(quantile) }, (sorted[at] ?? 0) / 1_000);
      }
    },
  });
}
