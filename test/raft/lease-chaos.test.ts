/**
 * Leases under faults: clocks run alike (one tick everywhere is 100 ms), all else is as in `chaos.ts`. At no moment may
 * a leader that trusts its lease lack anything that anyone has committed.
 */
import { expect, it } from 'vitest';
import { Lease, type Ready } from '../../src/raft/index.js';
import { Chaos, type Node } from './chaos.js';

const TICK_MS = 100;
const ELECTION_TICKS = 10;

class LeaseChaos extends Chaos {
  nowMs = 0;
  trusted = 0;
  /** Moments at which another replica led a later term while an earlier leader had not noticed. */
  outdated = 0;
  readonly leases = new Map<Node, { term: number; lease: Lease }>();

  leaseOf(node: Node): Lease {
    const known = this.leases.get(node);
    if (known?.term === node.raft.term && node.raft.role === 'leader') return known.lease;
    const lease = new Lease({ electionTimeoutMs: (ELECTION_TICKS - 1) * TICK_MS, driftMarginMs: 0.001 });
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
    for (const { context } of ready?.reads ?? []) lease.confirmed(context);
    return ready;
  }

  override passTime(): void {
    if (this.random() > 0.3) return;
    this.nowMs += TICK_MS;
    for (const node of this.nodes.values()) {
      node.raft.tick();
      if (node.raft.role === 'leader') this.read(node);
      this.history.observe(node.raft);
    }
  }

  override step(): void {
    super.step();
    for (const node of this.nodes.values()) {
      if (!node.raft.mayReadByLease) continue;
      if (node.raft.log.commit < this.history.highestCommit) this.outdated++;
      if (!this.leaseOf(node).validAt(this.nowMs)) continue;
      this.trusted++;
      if (node.raft.log.commit < this.history.highestCommit) throw new Error('a lease would give a stale answer');
    }
  }
}

for (let seed = 1; seed <= 12; seed++) {
  it(`s50 no lease outlives its leader’s office, whatever happens (seed ${seed})`, () => {
    const chaos = new LeaseChaos({ seed, size: seed % 2 === 0 ? 3 : 5, steps: 12_000, leaseReads: true });
    chaos.run();
    // Leases were really held.
    expect(chaos.trusted).toBeGreaterThan(100);
  });
}
