/**
 * Prometheus metrics: requests are counted as they happen, groups and storage are read when scraped. A scrape resets
 * nothing, so several scrapers do not disturb each other.
 *
 * Label values are defined here: none comes from a client.
 */
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client';
import { maxOpenFiles, openFileCount } from './descriptors.js';
import { PROTOCOL, featureLevelOf, type TransportStats } from '../../shard/index.js';
import { addLinkMetrics } from './link-metrics.js';
import type { MetricsSource } from './app.js';
import type { Backend, Dispatcher } from '../dispatch/index.js';
import type { ProblemCode, ReceiveObserver } from '../http/index.js';
import { LINES_PER_SECOND, type OperationName, type RequestObserver, SLOW_MS } from '../kv/index.js';
import { LoopDelays, type LoopDelay } from './loop-delay.js';
import * as ofNode from './node-metrics.js';
import { RequestDurations } from './request-durations.js';

export interface MetricsOptions {
  readonly backend: Backend;
  readonly dispatcher: Dispatcher;
  readonly loopDelay?: Pick<LoopDelay, 'onDelay'>;
  /** Current counters of the links to other processes. */
  readonly linkStats?: () => TransportStats;
  /** Log lines that could not be written. */
  readonly lostLogLines?: () => number;
  /** Metrics of the process (memory, CPU, garbage collection); default true. */
  readonly processMetrics?: boolean;
}

export class Metrics implements RequestObserver, ReceiveObserver, MetricsSource {
  readonly #registry = new Registry();
  readonly #backend: Backend;
  /** Taken once per scrape. */
  #snapshot: ofNode.NodeSnapshot = { status: undefined, health: undefined, snapshots: [] };
  readonly #durations: RequestDurations;
  readonly #slow: Counter;
  readonly #slowUnlogged: Counter;
  #receivingBytes = (): number => 0;

  constructor(options: MetricsOptions) {
    const registers = [this.#registry];
    this.#backend = options.backend;
    this.#durations = new RequestDurations(registers);
    this.#slow = new Counter({
      name: 'kvorum_slow_requests_total',
      help: `Data requests that took longer than ${SLOW_MS} ms.`,
      registers,
    });
    this.#slowUnlogged = new Counter({
      name: 'kvorum_slow_requests_unlogged_total',
      help: `Slow data requests without a log line, of which there are at most ${LINES_PER_SECOND} a second.`,
      registers,
    });
    addReceivingGauge(registers, () => this.#receivingBytes());
    if (options.processMetrics ?? true) addProcessMetrics(this.#registry);
    addDescriptorGauge(registers);
    addRouterGauges(registers, options);
    if (options.linkStats !== undefined) addLinkMetrics(registers, options.linkStats);
    if (options.backend.self !== undefined) {
      const now = (): ofNode.NodeSnapshot => this.#snapshot;
      ofNode.addGroupMetrics(registers, now);
      ofNode.addSnapshotMetrics(registers, now);
      ofNode.addStorageMetrics(registers, now);
      ofNode.addClockMetric(registers, now);
      ofNode.addStallMetric(registers, options.backend);
    }
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  observe(operation: OperationName, code: ProblemCode | 'ok', ms: number): void {
    this.#durations.add(operation, code, ms);
  }

  slow(logged: boolean): void {
    this.#slow.inc();
    if (!logged) this.#slowUnlogged.inc();
  }

  observeReceiving(heldBytes: () => number): void {
    this.#receivingBytes = heldBytes;
  }

  render(): Promise<string> {
    this.#snapshot = ofNode.nodeSnapshot(this.#backend);
    return this.#registry.metrics();
  }
}

/**
 * Memory, CPU, garbage collection. prom-client's measure of the event loop's delay wakes the process 100 times a
 * second, which is most of what an idle node costs; `loop-delay.ts` does with less.
 */
function addProcessMetrics(register: Registry): void {
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: 60_000 });
  for (const { name } of register.getMetricsAsArray()) {
    if (name.startsWith('nodejs_eventloop_lag')) register.removeSingleMetric(name);
  }
}

function addReceivingGauge(registers: Registry[], heldBytes: () => number): void {
  new Gauge({
    name: 'kvorum_receiving_bytes',
    help: 'Bytes of request bodies that are not complete yet.',
    registers,
    collect() {
      this.set(heldBytes());
    },
  });
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
  const { dispatcher, backend, loopDelay, lostLogLines } = options;
  if (lostLogLines !== undefined) addLostLines(registers, lostLogLines);
  new Gauge({
    name: 'kvorum_operations_in_flight',
    help: 'Operations in flight in the dispatcher.',
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
  addFeatureLevels(registers, backend);
  if (loopDelay !== undefined) addLoopDelay(registers, loopDelay);
}

function addFeatureLevels(registers: Registry[], backend: Backend): void {
  new Gauge({
    name: 'kvorum_feature_level',
    help: 'Highest feature level of replicated data that this process can read.',
    registers,
    collect() {
      this.set(backend.localStatus()?.featureLevel ?? PROTOCOL.featureLevel);
    },
  });
  new Gauge({
    name: 'kvorum_cluster_feature_level',
    help: 'Feature level committed by the cluster, as known to this process; 0 if unknown.',
    registers,
    collect() {
      const topology = backend.topology();
      this.set(topology === undefined ? 0 : featureLevelOf(topology));
    },
  });
}

function addLoopDelay(registers: Registry[], loopDelay: Pick<LoopDelay, 'onDelay'>): void {
  const delays = new LoopDelays(registers);
  loopDelay.onDelay((seconds) => {
    delays.add(seconds);
  });
}

function addLostLines(registers: Registry[], lost: () => number): void {
  new Counter({
    name: 'kvorum_log_lines_lost_total',
    help: 'Log lines that could not be written: the disk was full, or nobody read the pipe.',
    registers,
    collect() {
      this.reset();
      this.inc(lost());
    },
  });
}
