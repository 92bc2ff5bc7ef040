/**
 * A machine with a disk, clocks, and one node process after another on it: the production node, its storage, and the
 * router inside it. It starts, kills and restarts the process; the nemesis decides when.
 */
import { NodeBackend, readinessOf, type HealthCheck } from '../router/index.js';
import {
  DuplicateNode,
  FORMER_PROTOCOL,
  PROTOCOL,
  ShardNode,
  silentLogger,
  type ClusterConfig,
  type NodeId,
  type Protocol,
  type ReplicaView,
  type ShardNodeOptions,
  type Storage,
  type Topology,
} from '../shard/index.js';
import { IncarnationRuntime, type MachineClock } from './clock.js';
import type { Mark } from './marks.js';
import type { Scenario } from './scenario.js';
import { electionMsOf, settingsOf, type NodeSettings } from './node-settings.js';
import type { Random } from '../random.js';
import { Incarnation, type Scheduler } from './scheduler.js';
import { VirtualDispatcher } from './virtual-dispatcher.js';
import type { VirtualTransport } from './virtual-transport.js';

/** What a node needs of its disk; implemented by `virtual-disk.ts`. */
export interface NodeDisk {
  readonly faults: { readonly failNextSync: unknown; readonly isFull: boolean };
  storage(incarnation: Incarnation): Storage;
  crash(kind: 'process' | 'power'): void;
}

/** What a node needs of its network; implemented by `virtual-network.ts`. */
export interface NodeNetwork {
  /** The transport of a new incarnation. */
  transport(id: NodeId, incarnation: Incarnation, protocol: Protocol): VirtualTransport;
  /** The other peers' links to it break after this long; undefined = not before its next incarnation. */
  died(transport: VirtualTransport, afterMs: number | undefined): void;
}

export interface VirtualNodeOptions {
  readonly id: NodeId;
  readonly clusterConfig: ClusterConfig;
  readonly scenario: Scenario;
  readonly scheduler: Scheduler;
  readonly network: NodeNetwork;
  readonly disk: NodeDisk;
  readonly clock: MachineClock;
  readonly random: Random;
  /** Called on an unplanned failure: an exception, or a failed start although the disk was never damaged. */
  readonly onTrouble: (what: string) => void;
  /** Called when it ends because another process runs as this node; undefined: that counts as trouble. */
  readonly onDuplicate?: () => void;
  readonly reached: (mark: Mark) => void;
}

interface Process {
  readonly incarnation: Incarnation;
  readonly node: ShardNode;
  readonly transport: VirtualTransport;
  readonly backend: NodeBackend;
  readonly dispatcher: VirtualDispatcher;
}

export class VirtualNode {
  readonly id: NodeId;
  readonly clock: MachineClock;
  /** Its data is known to be damaged: it must refuse to start. */
  damaged = false;
  /** A write of the present process failed by a fault, or will: it may end, or report the failure. */
  failing = false;
  /** For its next start. */
  settings: NodeSettings;
  /** The longest of all its starts. */
  longestElectionMs = 0;
  /** Its next start uses the previous build, with the former protocol. */
  isFormer: boolean;
  #process: Process | undefined;
  #incarnations = 0;
  readonly #options: VirtualNodeOptions;

  constructor(options: VirtualNodeOptions) {
    this.#options = options;
    this.id = options.id;
    this.clock = options.clock;
    this.settings = settingsOf(options.scenario, options.id);
    this.isFormer = options.id <= (options.scenario.former?.nodes ?? 0);
  }

  /** There is a process, paused or not. */
  get running(): boolean {
    return this.#process !== undefined;
  }

  get incarnation(): Incarnation | undefined {
    return this.#process?.incarnation;
  }

  get paused(): boolean {
    return this.#process?.incarnation.paused === true;
  }

  /** It has reported that its storage failed. */
  get failed(): boolean {
    return this.#process?.node.state() === 'failed';
  }

  get serving(): boolean {
    return this.#process?.node.state() === 'serving' && !this.paused;
  }

  /** The router inside it; undefined while there is no started process, or it is shutting down. */
  get endpoint(): { readonly incarnation: Incarnation; readonly dispatcher: VirtualDispatcher } | undefined {
    const state = this.#process?.node.state();
    return state === 'serving' || state === 'failed' ? this.#process : undefined;
  }

  isLinked(peer: NodeId): boolean {
    return this.#process?.transport.link(peer) !== undefined;
  }

  /** The topology that the present process has. */
  get topology(): Topology | undefined {
    return this.#process?.node.topology();
  }

  /** The random id of its cluster, once it knows it. */
  get clusterUid(): string | undefined {
    return this.topology?.clusterUid;
  }

  replicas(): Iterable<ReplicaView> {
    return this.#process?.node.replicas() ?? [];
  }

  /** As `/readyz` answers; undefined while there is no process, or it is paused. */
  readiness(strict = false): readonly HealthCheck[] | undefined {
    if (this.#process === undefined || this.paused) return undefined;
    return readinessOf(this.#process.backend, strict);
  }

  start(): void {
    if (this.#process !== undefined) return;
    const { id, scenario, clusterConfig, scheduler, network, disk, clock, random } = this.#options;
    const incarnation = new Incarnation(id);
    this.failing = disk.faults.failNextSync !== undefined;
    const { timers, leaseReads } = this.settings;
    this.longestElectionMs = Math.max(this.longestElectionMs, electionMsOf(this.settings));
    const chance = random.stream(`life ${++this.#incarnations}`);
    const runtime = new IncarnationRuntime(scheduler, clock, incarnation, chance, scenario.tickLateness);
    const protocol = this.isFormer ? FORMER_PROTOCOL : PROTOCOL;
    const transport = network.transport(id, incarnation, protocol);
    const node = new ShardNode({
      id,
      name: `n${id}`,
      clusterConfig: { ...clusterConfig, leaseReads },
      storage: disk.storage(incarnation),
      transport,
      runtime,
      logger: silentLogger,
      timers,
      limits: pickLimits(scenario),
      checkpoints: scenario.checkpoints,
      featureLevel: protocol.featureLevel,
    });
    node.onFailure((error) => {
      const { onDuplicate } = this.#options;
      if (error instanceof DuplicateNode && onDuplicate !== undefined) onDuplicate();
      else if (!this.failing) this.#options.onTrouble(`n${id} failed on a good disk: ${String(error)}`);
    });
    const backend = new NodeBackend({ host: node, runtime });
    const { reached } = this.#options;
    const ids = chance.stream('transactions');
    const dispatcher = new VirtualDispatcher({ backend, runtime, scheduler, clock, random: ids, scenario, reached });
    const process: Process = { incarnation, node, transport, backend, dispatcher };
    this.#process = process;
    scheduler.settles();
    // Handled in an event of its own: promises settle between events.
    node.start().catch((error: unknown) => {
      if (incarnation.ended) return;
      scheduler.after(0, incarnation, () => {
        this.#startFailed(process, error);
      });
    });
  }

  #startFailed(process: Process, error: unknown): void {
    if (this.#process !== process) return;
    this.kill('process');
    const name = error instanceof Error ? error.name : '';
    if (name === 'StorageCorruption' && this.damaged) return;
    if ((name === 'StorageFailure' || name === 'StorageFull') && this.failing) return;
    // A running process must tolerate a full disk; a starting one may refuse.
    if (name === 'StorageFull' && this.#options.disk.faults.isFull) return;
    this.#options.onTrouble(`n${this.id} does not start: ${String(error)}`);
  }

  /** `process`: like kill −9. `power`: like a power failure, of which the other peers are not notified. */
  kill(kind: 'process' | 'power'): void {
    const process = this.#process;
    if (process === undefined) return;
    this.#process = undefined;
    process.incarnation.end();
    this.#options.network.died(process.transport, kind === 'process' ? 1 : undefined);
    this.#options.disk.crash(kind);
  }

  pause(): void {
    this.#process?.incarnation.pause();
  }

  resume(): void {
    const incarnation = this.#process?.incarnation;
    if (incarnation !== undefined) this.#options.scheduler.resume(incarnation);
  }

  /** Shuts down as on SIGTERM: hands over, takes a checkpoint, closes; then the process ends. */
  stop(graceMs: number): void {
    const process = this.#process;
    if (process === undefined) return;
    const { scheduler } = this.#options;
    const gone = (): void => {
      if (!process.incarnation.ended) {
        scheduler.after(0, process.incarnation, () => {
          if (this.#process === process) this.kill('process');
        });
      }
    };
    process.node.stop(graceMs).then(gone, gone);
    scheduler.settles();
  }
}

const pickLimits = ({
  dedupEntries,
  keyedEntries,
  snapshotChunkBytes,
  appendBytes,
  patience,
}: Scenario): ShardNodeOptions['limits'] => ({
  dedupEntries,
  keyedEntries,
  ...(patience && { dedupWindowMs: patience.dedupWindowMs, snapshotPatienceMs: patience.snapshotMs }),
  snapshotChunkBytes,
  // Room for one or two chunks, so that several groups have to share the window.
  snapshotWindowBytes: snapshotChunkBytes + 1,
  appendBytes,
  // Of the same order, so that in some seeds most rows are in memory and in others most are read from the disk.
  rowCacheBytes: snapshotChunkBytes,
});
