/**
 * One random run from one seed: first safety under faults (every step is checked by `History`), then liveness after
 * healing. Each seed draws its own mix of faults, so that rare ones meet each other. Nothing here knows the core's insides.
 */
import { EntryKind, NONE } from '../../../src/raft/index.js';
import { below, chance, pick } from './chance.js';
import { Cluster } from './cluster.js';
import { text } from './entries.js';
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

const MAX_IN_FLIGHT = 150;
const ELECTION_TICKS = 8;

export class Torture {
  readonly cluster: Cluster;
  private readonly random: () => number;
  private readonly actions: { readonly upTo: number; readonly run: () => void }[] = [];
  private totalWeight = 0;
  private proposals = 0;
  private readonly refused: string[] = [];
  /** How often what is ready is taken at once; else several inputs meet in one `Ready`, as in a busy node. */
  private readonly diligence: number;
  private crashes = 0;
  /** Stopped like a process under SIGSTOP: no tick, no message, no disk. What is sent to them waits. */
  private readonly paused = new Set<number>();
  private snapshots = 0;

  private readonly rollBacks: RollBacks;

  /** `rollBacks`: disks go back in time, of fewer nodes at once than make a quorum needless. */
  constructor(
    private readonly seed: number,
    { rollBacks = false }: { readonly rollBacks?: boolean } = {},
  ) {
    this.random = chance(seed);
    this.diligence = 0.2 + 0.8 * this.random();
    const nodes = [1, 2, 3, 3, 3, 4, 5, 5][below(this.random, 8)]!;
    const withLearner = nodes > 2 && this.random() < 0.2;
    const all = Array.from({ length: nodes }, (_, at) => at + 1);
    this.cluster = new Cluster({
      voters: withLearner ? all.slice(0, -1) : all,
      learners: withLearner ? all.slice(-1) : [],
      seed,
      // Looking at whole logs after every step takes its time; a part of the runs does it.
      thorough: seed % 4 === 0,
      timing: {
        electionTicks: ELECTION_TICKS,
        heartbeatTicks: 1 + below(this.random, 2),
        maxAppendBytes: this.random() < 0.3 ? 10 : 100_000,
        maxInflight: 1 + below(this.random, 6),
        quiesceTicks: this.random() < 0.3 ? 6 : 0,
      },
      observe: (happening) => {
        if (happening.type === 'installed') this.snapshots++;
      },
    });
    for (const replica of this.cluster.replicas.values()) replica.chunkBytes = this.random() < 0.5 ? 20 : 100_000;
    this.plan();
    this.rollBacks = new RollBacks(this.cluster, this.random);
    if (rollBacks) this.planRollBacks();
  }

  run(steps: number): TortureResult {
    for (let step = 0; step < steps; step++) {
      const at = this.random() * this.totalWeight;
      this.actions.find(({ upTo }) => at < upTo)?.run();
      if (this.cluster.network.inFlight.length > MAX_IN_FLIGHT)
        this.cluster.network.takeAt(below(this.random, MAX_IN_FLIGHT));
    }
    this.recover();
    return {
      committed: this.cluster.history!.committed,
      confirmedReads: this.cluster.history!.confirmedReads,
      leaders: this.cluster.history!.leaders.size,
      crashes: this.crashes,
      snapshots: this.snapshots,
      rolledBack: this.rollBacks.count,
    };
  }

  /** The mix of this seed: what is usual always, what is a fault by chance. */
  private plan(): void {
    const maybe = (weight: number): number => (this.random() < 0.6 ? weight * this.random() : 0);
    this.act(40, () => {
      this.deliver();
    });
    this.act(3 + 20 * this.random(), () => {
      this.withNode(({ id }) => this.cluster.sync(id, 1));
    });
    this.act(6 + 20 * this.random(), () => {
      this.withNode((replica) => {
        this.input(replica, () => {
          replica.raft.tick();
        });
      });
    });
    this.act(0.3 * this.random(), () => {
      this.pass(below(this.random, 2 * ELECTION_TICKS));
    });
    this.act(1 + 5 * this.random(), () => {
      this.propose();
    });
    this.act(2 * this.random(), () => {
      this.read();
    });
    this.planNetworkFaults(maybe);
    this.planNodeFaults(maybe);
    this.planPauses(maybe);
    this.planRequests(maybe);
  }

  private planNetworkFaults(maybe: (weight: number) => number): void {
    const { network } = this.cluster;
    this.act(maybe(5), () => {
      network.takeAt(below(this.random, network.inFlight.length));
    });
    this.act(maybe(5), () => {
      const message = pick(this.random, network.inFlight);
      if (message !== undefined) network.inFlight.splice(below(this.random, network.inFlight.length + 1), 0, message);
    });
    this.act(maybe(1), () => {
      network.hold({ from: this.anyId(), to: this.anyId() });
      if (network.held.length > MAX_IN_FLIGHT) network.held.length = MAX_IN_FLIGHT;
    });
    this.act(maybe(0.5), () => {
      network.release({ to: this.anyId() });
    });
    this.act(maybe(0.3), () => {
      const side = [...this.cluster.replicas.keys()].filter(() => this.random() < 0.5);
      const rest = [...this.cluster.replicas.keys()].filter((id) => !side.includes(id));
      this.cluster.partition(side, rest);
    });
    this.act(maybe(0.5), () => {
      network.cut(this.anyId(), this.anyId());
    });
    this.act(maybe(1), () => {
      const leader = this.cluster.leader();
      if (leader === NONE) return;
      this.cluster.isolate(leader);
      for (let time = below(this.random, 4); time > 0; time--) this.propose();
    });
    this.act(0.3, () => {
      this.cluster.heal();
    });
  }

  private planNodeFaults(maybe: (weight: number) => number): void {
    this.act(maybe(0.7), () => {
      this.withNode((replica) => {
        this.crash(replica);
      });
    });
    this.act(maybe(0.05), () => {
      for (const replica of this.cluster.running()) this.crash(replica);
    });
    this.act(1, () => {
      const down = [...this.cluster.replicas.values()].filter(({ up }) => !up);
      const replica = pick(this.random, down);
      if (replica !== undefined) this.rollBacks.restart(replica);
    });
    this.act(maybe(3), () => {
      this.withNode(({ id }) => {
        this.cluster.compact(id);
      });
    });
    this.act(maybe(1), () => {
      this.withNode((replica) => {
        // A checkpoint that keeps part of the log, as a node does for slow followers.
        this.cluster.compact(replica.id, Math.max(replica.machine.appliedIndex - 3, 0));
      });
    });
    this.act(maybe(0.5), () => {
      this.withNode((replica) => {
        this.cluster.applySlowly(replica.id, !replica.slowApply);
      });
    });
    this.act(2, () => {
      this.withNode((replica) => {
        if (replica.slowApply) this.cluster.applyWaiting(replica.id, 1 + below(this.random, 4));
      });
    });
    this.act(maybe(0.3), () => {
      this.withNode((replica) => {
        replica.snapshotsReady = !replica.snapshotsReady;
      });
    });
  }

  private planRollBacks(): void {
    this.act(1, () => {
      this.rollBacks.copy(this.anyId());
    });
    this.act(0.2 + this.random(), () => {
      const id = this.anyId();
      if (!this.paused.has(id)) this.rollBacks.rollBack(id);
    });
  }

  private planPauses(maybe: (weight: number) => number): void {
    this.act(maybe(0.4), () => {
      const id = this.random() < 0.7 ? this.cluster.leader() : this.anyId();
      if (id !== NONE && this.paused.size === 0) this.paused.add(id);
    });
    this.act(0.4, () => {
      this.resume();
    });
  }

  private planRequests(maybe: (weight: number) => number): void {
    this.act(maybe(0.5), () => {
      this.withNode(({ id }) => {
        this.cluster.transfer(id, this.anyId());
      });
    });
    this.act(maybe(0.5), () => {
      this.withNode(({ id }) => {
        this.cluster.campaign(id);
      });
    });
    this.act(maybe(0.5), () => {
      this.withNode(({ id }) => {
        this.cluster.forgetLeader(id);
      });
    });
    this.act(maybe(0.5), () => {
      this.withNode(({ id }) => {
        this.cluster.unreachable(id, this.anyId());
      });
    });
  }

  private act(weight: number, run: () => void): void {
    if (weight === 0) return;
    this.totalWeight += weight;
    this.actions.push({ upTo: this.totalWeight, run });
  }

  private anyId(): number {
    return 1 + below(this.random, this.cluster.replicas.size);
  }

  private withNode(run: (replica: Replica) => void): void {
    const replica = this.cluster.node(this.anyId());
    if (replica.up && !this.paused.has(replica.id)) run(replica);
  }

  /** Mostly takes what is ready at once; sometimes several inputs meet in one `Ready`. */
  private input(replica: Replica, run: () => void): void {
    run();
    if (this.random() < this.diligence) replica.pump();
    else replica.look();
  }

  private deliver(): void {
    const { network } = this.cluster;
    // Nearly in order, as links are; sometimes from anywhere.
    const inOrder = this.random() < 0.7;
    const first = network.inFlight.findIndex(({ to }) => !this.paused.has(to));
    const position = inOrder ? first : below(this.random, network.inFlight.length);
    const message = network.inFlight[position];
    if (message === undefined || this.paused.has(message.to)) return;
    this.cluster.deliverAt(position, this.random() < this.diligence);
  }

  /** Time passes, and most of what is under way gets on: elections come to an end also under faults. */
  private pass(ticks: number): void {
    for (let tick = 0; tick < ticks; tick++) {
      for (const { id } of this.cluster.running()) {
        if (this.paused.has(id)) continue;
        this.cluster.tick(id);
        if (this.random() < 0.7) this.cluster.sync(id);
      }
      for (let left = this.cluster.network.inFlight.length; left > 0; left--) this.deliver();
    }
  }

  private propose(): void {
    // Also at leaders that are cut off: what they append and nobody hears of makes logs differ.
    const leaders = this.cluster.running().filter(({ raft }) => raft.role === 'leader');
    const replica = this.random() < 0.9 ? pick(this.random, leaders) : this.cluster.node(this.anyId());
    if (replica?.up !== true || this.paused.has(replica.id)) return;
    const data = Array.from({ length: 1 + below(this.random, 3) }, () => `p${++this.proposals}`);
    this.input(replica, () => {
      const result = replica.raft.propose(data.map((one) => new TextEncoder().encode(one)));
      if (result.type === 'refused') this.refused.push(...data);
    });
  }

  private read(): void {
    const leaders = this.cluster.running().filter(({ id, raft }) => raft.role === 'leader' && !this.paused.has(id));
    const replica = pick(this.random, leaders);
    if (replica !== undefined) this.readAt(replica);
  }

  private readAt(replica: Replica): void {
    this.input(replica, () => {
      const result = replica.raft.readIndex();
      if (result.type === 'accepted') this.cluster.history!.readAsked(replica, result.context);
    });
  }

  /** A node that was stopped, often the leader, goes on as if no time had passed: clients ask it, old answers arrive. */
  private resume(): void {
    const id = pick(this.random, [...this.paused]);
    if (id === undefined) return;
    this.paused.delete(id);
    const replica = this.cluster.node(id);
    if (!replica.up) return;
    if (this.random() < 0.5) this.readAt(replica);
    if (this.random() < 0.5) this.cluster.deliver({ to: id });
    if (this.random() < 0.5) this.readAt(replica);
  }

  private crash(replica: Replica): void {
    // The disk may have come further than the node could tell.
    while (this.random() < 0.5 && replica.sync(true)) continue;
    this.cluster.crash(replica.id);
    this.crashes++;
  }

  /** Faults end: within a few election timeouts there is a leader and every replica holds the same. */
  private recover(): void {
    const { cluster } = this;
    this.paused.clear();
    cluster.heal();
    cluster.network.release({});
    for (const replica of cluster.replicas.values()) {
      if (!replica.up) this.rollBacks.restart(replica);
      replica.snapshotsReady = true;
      cluster.applySlowly(replica.id, false);
    }
    cluster.settle();
    this.await('a leader', () => cluster.leader() !== NONE);
    this.await('a leader that keeps a proposal', () => {
      const asked = `last${++this.proposals}`;
      if (cluster.leader() !== NONE) cluster.propose(cluster.leader(), asked);
      cluster.run(ELECTION_TICKS);
      return cluster.leader() !== NONE && cluster.state(cluster.leader()).includes(asked);
    });
    this.await('all equal', () => this.allEqual());
    this.await('all counted', () => [...cluster.replicas.values()].every(({ quarantine }) => quarantine === undefined));
    this.judgeState();
    this.judgeRead();
  }

  private await(what: string, holds: () => boolean): void {
    for (let tick = 0; tick < 8 * ELECTION_TICKS; tick++) {
      if (holds()) return;
      this.cluster.run(1);
    }
    if (!holds()) throw new Error(`after healing: never ${what}`);
  }

  private allEqual(): boolean {
    const { cluster } = this;
    if (cluster.leader() === NONE) return false;
    const { commit, lastIndex } = cluster.status(cluster.leader());
    if (commit !== lastIndex) return false;
    return [...cluster.replicas.values()].every(
      ({ machine, raft, disk }) =>
        machine.appliedIndex === commit && raft.status().lastIndex === lastIndex && disk.lastIndex === lastIndex,
    );
  }

  private judgeState(): void {
    const expected = this.cluster
      .history!.ledger.filter(({ entry }) => entry.kind === EntryKind.command)
      .map(({ entry }) => text(entry.data));
    for (const { id, machine } of this.cluster.replicas.values())
      if (machine.state.join() !== expected.join()) throw new Error(`n${id} does not hold what was committed`);
    const held = new Set(expected);
    if (held.size !== expected.length) throw new Error('a proposal was applied twice');
    const lie = this.refused.find((data) => held.has(data));
    if (lie !== undefined) throw new Error(`${lie} was refused and yet committed`);
  }

  private judgeRead(): void {
    const before = this.cluster.history!.confirmedReads;
    if (this.cluster.read(this.cluster.leader()).type !== 'accepted') throw new Error('a leader refuses a read');
    this.await('a read confirmed', () => this.cluster.history!.confirmedReads > before);
  }
}
