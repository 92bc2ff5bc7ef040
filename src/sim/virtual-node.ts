/**
 * A machine with a disk, clocks, and one node process after another on it: the production node, its storage, and the
 * router inside of it. Knows how a process starts, dies and comes back; why, the nemesis knows.
 */
import { Dispatcher, NodeBackend, readinessOf, type HealthCheck } from '../router/index.js';
import {
  DuplicateNode,
  FORMER_PROTOCOL,
  PROTOCOL,
  ShardNode,
  shardOfKey,
  silentLogger,
  type ClusterConfig,
  type NodeId,
  type Protocol,
  type ReplicaView,
  type ShardNodeOptions,
  type Storage,
  type Topology,
} from '../shard/index.js';
import { observeAttempts } from './attempts.js';
import { IncarnationRuntime, type MachineClock } from './clock.js';
import type { Mark } from './marks.js';
import type { Scenario } from './scenario.js';
import { electionMsOf, settingsOf, type NodeSettings } from './node-settings.js';
import type { Random } from '../random.js';
import { Incarnation, type Scheduler } from './scheduler.js';
import type { VirtualTransport } from './virtual-transport.js';

/** What a node needs of its disk; `virtual-disk.ts` is it. */
export interface NodeDisk {
  readonly faults: { readonly failNextSync: unknown; readonly isFull: boolean };
  storage(incarnation: Incarnation): Storage;
  crash(kind: 'process' | 'power'): void;
}

/** What a node needs of its network; `virtual-network.ts` is it. */
export interface NodeNetwork {
  /** The end of a new incarnation. */
  transport(id: NodeId, incarnation: Incarnation, protocol: Protocol): VirtualTransport;
  /** The others see their links break after so long; undefined = not before its next incarnation. */
  died(transport: VirtualTransport, afterMs: number | undefined): void;
}

export interface VirtualNodeOptions {
  readonly id: NodeId;
  readonly plan: ClusterConfig;
  readonly scenario: Scenario;
  readonly scheduler: Scheduler;
  readonly network: NodeNetwork;
  readonly disk: NodeDisk;
  readonly clock: MachineClock;
  readonly random: Random;
  /** Something that nobody planned: an exception, or a start that failed although the disk was never damaged. */
  readonly onTrouble: (what: string) => void;
  /** It was told that another process is alive as this node, and ends; undefined: that is trouble. */
  readonly onDuplicate?: () => void;
  readonly reached: (mark: Mark) => void;
}

interface Process {
  readonly incarnation: Incarnation;
  readonly node: ShardNode;
  readonly transport: VirtualTransport;
  readonly backend: NodeBackend;
  readonly dispatcher: Dispatcher;
}

export class VirtualNode {
  readonly id: NodeId;
  readonly clock: MachineClock;
  /** Its data is known to be damaged: it must refuse to start. */
  damaged = false;
  /** A write of the present process was made to fail, or will be: it may end, or say that it has failed, for that. */
  failing = false;
  /** Of its next start. */
  settings: NodeSettings;
  /** Of all that it was started with. */
  longestElectionMs = 0;
  /** Its next start is of the build before, which speaks the former protocol. */
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

  /** A process is there, paused or not. */
  get running(): boolean {
    return this.#process !== undefined;
  }

  get incarnation(): Incarnation | undefined {
    return this.#process?.incarnation;
  }

  get paused(): boolean {
    return this.#process?.incarnation.paused === true;
  }

  /** It has said that its storage failed. */
  get failed(): boolean {
    return this.#process?.node.state() === 'failed';
  }

  get serving(): boolean {
    return this.#process?.node.state() === 'serving' && !this.paused;
  }

  /** The router inside it; undefined while no process is there that has come up, or it is about to end. */
  get endpoint(): { readonly incarnation: Incarnation; readonly dispatcher: Dispatcher } | undefined {
    const state = this.#process?.node.state();
    return state === 'serving' || state === 'failed' ? this.#process : undefined;
  }

  isLinked(peer: NodeId): boolean {
    return this.#process?.transport.link(peer) !== undefined;
  }

  /** As the present process knows it. */
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

  /** As `/readyz` answers; undefined while no process is there, or it stands still. */
  readiness(strict = false): readonly HealthCheck[] | undefined {
    if (this.#process === undefined || this.paused) return undefined;
    return readinessOf(this.#process.backend, strict);
  }

  start(): void {
    if (this.#process !== undefined) return;
    const { id, scenario, plan, scheduler, network, disk, clock, random } = this.#options;
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
      clusterConfig: { ...plan, leaseReads },
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
    const watched = observeAttempts(backend, this.#options.reached);
    const dispatcher = new Dispatcher({ backend: watched, runtime, shardOfKey, ...scenario.dispatch });
    const process: Process = { incarnation, node, transport, backend, dispatcher };
    this.#process = process;
    scheduler.settles();
    // Looked at in an event of its own: what a promise brings comes between events.
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
    // What runs must bear a disk without room; what starts may say no.
    if (name === 'StorageFull' && this.#options.disk.faults.isFull) return;
    this.#options.onTrouble(`n${this.id} does not start: ${String(error)}`);
  }

  /** `process`: as kill −9. `power`: as if somebody pulled the plug, so the others hear nothing. */
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

  /** Ends as told by SIGTERM: hands over, takes a checkpoint, closes; then the process is gone. */
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
  rememberedAnswers,
  snapshotChunkBytes,
  appendBytes,
  patience,
}: Scenario): ShardNodeOptions['limits'] => ({
  dedupEntries: rememberedAnswers,
  ...(patience && { dedupWindowMs: patience.rememberedMs, snapshotPatienceMs: patience.snapshotMs }),
  snapshotChunkBytes,
  // Of a chunk or two, so that several groups have to share it.
  snapshotWindowBytes: snapshotChunkBytes + 1,
  appendBytes,
  // Of the same order, so that some seeds find most rows in memory and others read most from the disk.
  rowCacheBytes: snapshotChunkBytes,
});
