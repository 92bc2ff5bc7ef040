/**
 * Leases under faults: clocks run alike, all else is as in `chaos.ts`. At no moment may a leader that trusts its lease
 * lack anything that anyone has committed.
 */
import { expect, it } from 'vitest';
import { Lease, MAX_CLOCK_DRIFT, promiseMsOf, SHORT_TICKS, type RaftTimers, type Ready } from '../../src/raft/index.js';
import { Chaos, randomFrom, type ChaosOptions, type Node } from './chaos.js';

/** Every tick is a whole number of these. */
const TICK_MS = 100;
const ELECTION_TICKS = 10;

interface Own {
  readonly tickMs: number;
  readonly electionTicks: number;
  readonly leaseReads: boolean;
}

const ALIKE: Own = { tickMs: TICK_MS, electionTicks: ELECTION_TICKS, leaseReads: true };

/** What each node goes by: the same, or other timers and leases with each start, and while it runs. */
class Settings {
  readonly own = new Map<number, Own>();
  /** The longest promise that it ever made, as its folder keeps it. */
  readonly #promisedMs = new Map<number, number>();
  readonly #random: () => number;

  constructor(
    seed: number,
    readonly differ: boolean,
  ) {
    this.#random = randomFrom(seed * 1_000);
  }

  draw(): Own {
    if (!this.differ) return ALIKE;
    const pick = <T>(values: readonly [T, ...T[]]): T =>
      values[Math.floor(this.#random() * values.length)] ?? values[0];
    return {
      tickMs: pick([TICK_MS, TICK_MS, 2 * TICK_MS]),
      electionTicks: pick([6, 9, 14]),
      leaseReads: pick([true, true, true, false]),
    };
  }

  /** As the node starts. */
  readonly of = (id: number) => {
    const promisedMs = this.#promisedMs.get(id) ?? 0;
    const own = this.draw();
    const owedTicks = promisedMs === 0 ? 0 : Math.ceil(promisedMs / own.tickMs) + SHORT_TICKS;
    return { ...this.#take(id, own), owedTicks };
  };

  /** The topology has changed. */
  retime({ raft }: Node): void {
    const before = this.own.get(raft.id) ?? ALIKE;
    const after = this.draw();
    raft.retime(this.#take(raft.id, after), before.tickMs / after.tickMs);
  }

  #take(id: number, own: Own): RaftTimers {
    const { tickMs, electionTicks, leaseReads } = own;
    const promiseMs = leaseReads ? promiseMsOf(tickMs, electionTicks) : 0;
    this.own.set(id, own);
    this.#promisedMs.set(id, Math.max(promiseMs, this.#promisedMs.get(id) ?? 0));
    return { electionTicks, heartbeatTicks: 2, quiesceTicks: 0, leaseReads, promiseMs };
  }
}

class LeaseChaos extends Chaos {
  nowMs = 0;
  trusted = 0;
  sieges = 0;
  readonly leases = new Map<Node, { term: number; lease: Lease }>();

  constructor(
    chaos: ChaosOptions,
    readonly settings: Settings,
  ) {
    super({ ...chaos, settings: settings.of });
  }

  leaseOf(node: Node): Lease {
    const known = this.leases.get(node);
    if (known?.term === node.raft.term && node.raft.role === 'leader') return known.lease;
    const lease = new Lease();
    this.leases.set(node, { term: node.raft.term, lease });
    return lease;
  }

  override crash(node: Node): void {
    this.leases.delete(node);
    super.crash(node);
  }

  override take(node: Node): Ready | undefined {
    const ready = super.take(node);
    const lease = this.leaseOf(node);
    for (const message of ready?.messages ?? []) {
      if (message.type === 'heartbeat' && message.readContext > 0) lease.sent(message.readContext, this.nowMs);
    }
    // The margin is for clocks that differ; here they do not, so that a lease as long as the promise is tried.
    for (const { context, promiseMs = 0 } of ready?.reads ?? []) {
      lease.confirmed(context, promiseMs / (1 - MAX_CLOCK_DRIFT));
    }
    return ready;
  }

  override passTime(): void {
    if (this.random() <= 0.3) this.advance();
  }

  advance(): void {
    this.nowMs += TICK_MS;
    for (const node of this.nodes.values()) {
      const { tickMs } = this.settings.own.get(node.raft.id) ?? ALIKE;
      if (this.nowMs % tickMs === 0) node.raft.tick();
      if (node.raft.role === 'leader') this.read(node);
      this.history.observe(node.raft);
    }
  }

  /** The worst moment: the leader is cut off, and the others do all they can to replace it before time passes. */
  ambush(leader: Node): void {
    const others = [...this.nodes.values()].filter((node) => node !== leader);
    const heir = others[this.below(others.length)];
    if (heir === undefined) return;
    const way = this.below(5);
    if (way === 0) leader.raft.transferLeadership(heir.raft.id);
    // The heir had stood before, and heard of a later term only now.
    if (way === 1)
      heir.raft.step({ type: 'term-notice', from: leader.raft.id, to: heir.raft.id, term: heir.raft.term + 1 });
    this.take(leader);
    for (const { raft } of others) {
      this.cut.add(`${leader.raft.id}>${raft.id}`);
      this.cut.add(`${raft.id}>${leader.raft.id}`);
    }
    if (way === 2) for (const other of others) this.crash(other);
    if (way === 3) for (const other of others) other.raft.forgetLeader();
    heir.raft.campaign();
    for (let round = 0; round < 12; round++) {
      // Somewhat later, but within the lease.
      if (this.random() < 0.2) this.passTime();
      for (const other of others) {
        while (other.raft.hasReady() || other.writes.length > 0) {
          this.take(other);
          this.sync(other);
        }
      }
      if (heir.raft.role === 'leader' && this.random() < 0.3) this.propose(heir);
      for (let left = this.network.length; left > 0; left--) this.deliver();
      this.checkLeases();
    }
    if (this.random() < 0.5) this.cut.clear();
  }

  /**
   * Out of calm, a leader with a lease is cut off, and the others replace it as soon as their promises let them, while
   * some are started again or go over to other timers. What is wrong with a promise shows here, and seldom elsewhere.
   */
  siege(): void {
    this.faults = false;
    this.cut.clear();
    for (let ms = 0; ms < 6_000 && this.trustedLeader() === undefined; ms += TICK_MS) this.passCalmly();
    for (let ticks = this.below(10); ticks > 0; ticks--) this.passCalmly();
    const leader = this.trustedLeader();
    const others = [...this.nodes.values()].filter((node) => node !== leader);
    if (leader !== undefined) {
      this.sieges++;
      for (const { raft } of others) this.cut.add(`${leader.raft.id}>${raft.id}`).add(`${raft.id}>${leader.raft.id}`);
    }
    for (let ms = 0; ms < 4_000 && leader !== undefined && this.trustedLeader() === leader; ms += TICK_MS) {
      for (const node of others) {
        if (this.random() < 0.02) this.crash(node);
        else if (this.random() < 0.05) this.settings.retime(node);
        if (node.raft.role === 'follower' && this.random() < 0.5) node.raft.campaign();
        this.settle();
        if (node.raft.role === 'leader') this.propose(node);
        this.settle();
        this.checkLeases();
      }
      this.advance();
    }
    this.faults = true;
    this.cut.clear();
  }

  trustedLeader(): Node | undefined {
    return [...this.nodes.values()].find((node) => node.raft.mayReadByLease && this.leaseOf(node).validAt(this.nowMs));
  }

  passCalmly(): void {
    this.advance();
    this.settle();
    this.checkLeases();
  }

  override step(): void {
    super.step();
    if (this.random() < 0.01) {
      for (const node of this.nodes.values()) if (this.leaseOf(node).validAt(this.nowMs)) this.ambush(node);
    }
    if (this.random() < 0.002) this.cut.clear();
    if (this.settings.differ && this.random() < 0.003) this.settings.retime(this.pick());
    if (this.settings.differ && this.random() < 0.005) this.siege();
    this.checkLeases();
  }

  checkLeases(): void {
    for (const node of this.nodes.values()) {
      if (!node.raft.mayReadByLease) continue;
      if (!this.leaseOf(node).validAt(this.nowMs)) continue;
      this.trusted++;
      if (node.raft.log.commit < this.history.highestCommit) throw new Error('a lease would give a stale answer');
    }
  }
}

for (let seed = 1; seed <= 12; seed++) {
  it(`s50 no lease outlives its leader’s office, whatever happens (seed ${seed})`, () => {
    const size = seed % 2 === 0 ? 3 : 5;
    const chaos = new LeaseChaos({ seed, size, steps: 12_000, leaseReads: true }, new Settings(seed, false));
    chaos.run();
    // Leases were really held.
    expect(chaos.trusted).toBeGreaterThan(100);
  });
}

for (let seed = 21; seed <= 26; seed++) {
  it(`s50 no lease outlives its leader’s office when timers and leases differ and change (seed ${seed})`, () => {
    const size = seed % 2 === 0 ? 3 : 5;
    const chaos = new LeaseChaos({ seed, size, steps: 12_000, leaseReads: true }, new Settings(seed, true));
    chaos.run();
    expect(chaos.trusted).toBeGreaterThan(20);
    expect(chaos.sieges).toBeGreaterThan(5);
  });
}
