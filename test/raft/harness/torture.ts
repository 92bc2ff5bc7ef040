/**
 * One random run from one seed: first safety under faults (every step is checked by `History`), then liveness after
 * healing. Each seed generates its own mix of faults, so that rare ones coincide.
 */
import { seededRandom } from '../../../src/random.js';
import { below, pick } from './pick.js';
import { Cluster, type ClusterOptions } from './cluster.js';
import { bytes } from './entries.js';
import { FaultMix, plan, planRollBacks } from './faults.js';
import type { ClusterEvent } from './events.js';
import { recover } from './recovery.js';
import type { Replica } from './replica.js';
import { RollBacks } from './roll-backs.js';

export interface TortureResult {
  readonly committed: number;
  readonly confirmedReads: number;
  readonly leaders: number;
  readonly crashes: number;
  readonly snapshots: number;
  readonly rolledBack: number;
}

/** Options of a run; absent ones are generated from its seed. */
export interface TortureOptions {
  /** Disks are rolled back, always with a quorum outside quarantine. */
  readonly rollBacks?: boolean;
  /** A group of this shape, with every kind of fault; their frequencies are still generated. */
  readonly shape?: Shape;
  /** Checks whole logs after every step, which is slow. By default a quarter of the runs does. */
  readonly thorough?: boolean;
  /** Advances time for all nodes; by default each node ticks by itself. */
  readonly clock?: () => void;
  readonly observe?: (event: ClusterEvent) => void;
}

export interface Shape {
  readonly voters: number;
  readonly learners?: number;
  /** Of all nodes, or of each, called at each of its starts. */
  readonly timing?: ClusterOptions['timing'];
}

export const MAX_IN_FLIGHT = 150;
export const ELECTION_TICKS = 8;

export class Torture {
  readonly random: () => number;
  readonly cluster: Cluster;
  /** Nodes paused like a process under SIGSTOP: no tick, no message, no disk. Messages to them wait. */
  readonly paused = new Set<number>();
  readonly rollBacks: RollBacks;
  readonly #mix: FaultMix;
  #proposals = 0;
  readonly refused: string[] = [];
  /** Share of inputs after which output is taken at once; otherwise several inputs share a `Ready`, as in a busy node. */
  readonly #takeShare: number;
  #crashes = 0;
  #snapshots = 0;
  readonly #options: TortureOptions;

  constructor(seed: number, options: TortureOptions = {}) {
    this.#options = options;
    this.random = seededRandom(seed);
    const stepwise = this.random() < (options.shape === undefined ? 0.2 : 0.5);
    this.#takeShare = stepwise ? 0 : 0.2 + 0.8 * this.random();
    const shape = options.shape ?? this.#randomShape();
    const all = Array.from({ length: shape.voters + (shape.learners ?? 0) }, (_, at) => at + 1);
    this.cluster = new Cluster({
      voters: all.slice(0, shape.voters),
      learners: all.slice(shape.voters),
      seed,
      thorough: options.thorough ?? seed % 4 === 0,
      timing: shape.timing,
      observe: (event) => {
        if (event.type === 'installed') this.#snapshots++;
        options.observe?.(event);
      },
    });
    for (const replica of this.cluster.replicas.values()) replica.chunkBytes = this.random() < 0.5 ? 20 : 100_000;
    this.rollBacks = new RollBacks(this.cluster, this.random);
    this.#mix = new FaultMix(this.random, options.shape === undefined ? 0.6 : 1);
    plan(this, this.#mix, { stepwise });
    if (options.rollBacks === true) planRollBacks(this, this.#mix);
  }

  #randomShape(): Shape {
    const nodes = [1, 2, 3, 3, 3, 4, 5, 5][below(this.random, 8)]!;
    const learners = nodes > 2 && this.random() < 0.2 ? 1 : 0;
    const timing = {
      electionTicks: ELECTION_TICKS,
      heartbeatTicks: 1 + below(this.random, 2),
      maxAppendBytes: this.random() < 0.3 ? 10 : 100_000,
      maxInflight: 1 + below(this.random, 6),
      quiesceTicks: this.random() < 0.3 ? 6 : 0,
    };
    return { voters: nodes - learners, learners, timing };
  }

  run(steps: number): TortureResult {
    for (let step = 0; step < steps; step++) this.step();
    recover(this, this.#options.rollBacks !== true);
    return this.#result();
  }

  step(): void {
    this.#mix.step();
    const { network } = this.cluster;
    if (network.inFlight.length > MAX_IN_FLIGHT) network.takeAt(below(this.random, MAX_IN_FLIGHT));
  }

  #result(): TortureResult {
    const { committed, confirmedReads, leaders } = this.cluster.history!;
    return {
      committed,
      confirmedReads,
      leaders: leaders.size,
      crashes: this.#crashes,
      snapshots: this.#snapshots,
      rolledBack: this.rollBacks.count,
    };
  }

  anyId(): number {
    return 1 + below(this.random, this.cluster.replicas.size);
  }

  withNode(run: (replica: Replica) => void): void {
    const replica = this.cluster.node(this.anyId());
    if (replica.up && !this.paused.has(replica.id)) run(replica);
  }

  /** Takes the output at once for a share of the inputs; otherwise several inputs share a `Ready`. */
  input(replica: Replica, run: () => void): void {
    run();
    if (this.random() < this.#takeShare) replica.pump();
    else replica.checkAfterStep();
  }

  deliver(): void {
    const { network } = this.cluster;
    // Nearly in order, as links are; sometimes from anywhere.
    const inOrder = this.random() < 0.7;
    const first = network.inFlight.findIndex(({ to }) => !this.paused.has(to));
    const position = inOrder ? first : below(this.random, network.inFlight.length);
    const message = network.inFlight[position];
    if (message === undefined || this.paused.has(message.to)) return;
    this.cluster.deliverAt(position, this.random() < this.#takeShare);
  }

  sync(replica: Replica): void {
    replica.sync(false, this.random() < this.#takeShare);
  }

  /** Time passes for one node, or by the clock for all. */
  tick(): void {
    if (this.#options.clock === undefined) {
      this.withNode((replica) => {
        this.tickOf(replica);
      });
    } else if (this.random() < 0.2) this.#options.clock();
  }

  tickOf(replica: Replica): void {
    this.input(replica, () => {
      replica.raft.tick();
    });
  }

  /** Time passes, and most messages and writes make progress, so that elections complete even under faults. */
  pass(ticks: number): void {
    for (let tick = 0; tick < ticks; tick++) {
      this.#options.clock?.();
      for (const { id } of this.cluster.running()) {
        if (this.paused.has(id)) continue;
        if (this.#options.clock === undefined) this.cluster.tick(id);
        if (this.random() < 0.7) this.cluster.sync(id);
      }
      for (let left = this.cluster.network.inFlight.length; left > 0; left--) this.deliver();
    }
  }

  propose(): void {
    // Also at leaders that are cut off: entries that reach no other node make logs differ.
    const replica = this.#requestTarget();
    if (replica !== undefined) this.proposeTo(replica);
  }

  proposeTo(replica: Replica): void {
    const data = Array.from({ length: 1 + below(this.random, 3) }, () => `p${++this.#proposals}`);
    this.input(replica, () => {
      const result = replica.raft.propose(data.map(bytes));
      if (result.type === 'refused') this.refused.push(...data);
    });
  }

  read(): void {
    const replica = this.#requestTarget();
    if (replica !== undefined) this.readAt(replica);
  }

  readAt(replica: Replica): void {
    this.input(replica, () => {
      const result = replica.raft.readIndex();
      if (result.type === 'accepted') this.cluster.history!.readRequested(replica, result.context);
    });
  }

  /** The node that gets a client request: mostly one that believes it leads. */
  #requestTarget(): Replica | undefined {
    const leaders = this.cluster.running().filter(({ raft }) => raft.role === 'leader');
    const replica = this.random() < 0.9 ? pick(this.random, leaders) : this.cluster.node(this.anyId());
    return replica?.up === true && !this.paused.has(replica.id) ? replica : undefined;
  }

  /** A paused node, often the leader, continues as if no time had passed: clients send requests, old answers arrive. */
  resume(): void {
    const id = pick(this.random, [...this.paused]);
    if (id === undefined) return;
    this.paused.delete(id);
    const replica = this.cluster.node(id);
    if (!replica.up) return;
    if (this.random() < 0.5) this.readAt(replica);
    if (this.random() < 0.5) this.cluster.deliver({ to: id });
    if (this.random() < 0.5) this.readAt(replica);
  }

  crash(replica: Replica): void {
    // The disk may hold more than the node knew.
    while (this.random() < 0.5 && replica.sync(true)) continue;
    this.cluster.crash(replica.id);
    this.#crashes++;
    // A process that restarts at once receives messages to its former process, and may break promises of that.
    if (this.random() < 0.3) this.rollBacks.restart(replica);
  }

  /** Ends all faults, for now at least: every node is up, all links work, and nothing is held back. */
  calm(): void {
    const { cluster } = this;
    this.paused.clear();
    cluster.heal();
    cluster.network.release({});
    for (const replica of cluster.replicas.values()) {
      if (!replica.up) this.rollBacks.restart(replica);
      replica.snapshotsReady = true;
      cluster.applySlowly(replica.id, false);
      cluster.offerLate(replica.id, false);
    }
  }
}
