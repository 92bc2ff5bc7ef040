/**
 * No lease may be held while another node leads in a later term, nor whenever the commit of that leader rises: a read
 * served by such a lease may be stale.
 *
 * Stricter than what clients can observe: a lease promises that no other leader is elected, not just that none has
 * written yet. The second check catches leases acquired late, for example from answers that waited for a paused leader.
 */
import { InvariantViolation, describeNode } from '../raft/index.js';
import type { GroupId, ReplicaView } from '../shard/index.js';

export interface LeaseHolder {
  readonly id: number;
  /** Replicas of the present process, paused or not. */
  replicas(): Iterable<ReplicaView>;
}

export class LeaseChecker {
  readonly #nodes: readonly LeaseHolder[];
  /** Highest term seen with a leader, and highest commit of a leader. */
  readonly #led = new Map<GroupId, number>();
  readonly #committed = new Map<GroupId, number>();

  constructor(nodes: readonly LeaseHolder[]) {
    this.#nodes = nodes;
  }

  /** Must be called after every event at a node. @throws InvariantViolation */
  inspect(node: LeaseHolder): void {
    for (const { id, raft } of node.replicas()) {
      if (raft.role !== 'leader') continue;
      const [led, committed] = [this.#led.get(id) ?? 0, this.#committed.get(id) ?? 0];
      if (raft.term <= led && raft.commit <= committed) continue;
      this.#led.set(id, Math.max(led, raft.term));
      this.#committed.set(id, Math.max(committed, raft.commit));
      for (const other of this.#nodes) if (other !== node) this.#ask(other, id, raft);
    }
  }

  #ask(other: LeaseHolder, group: GroupId, later: ReplicaView['raft']): void {
    for (const { id, raft, holdsLease } of other.replicas()) {
      if (id !== group || raft.term >= later.term || !holdsLease) continue;
      throw new InvariantViolation(
        `group ${group}: the lease of ${describeNode(raft.id, raft.term)} holds, and ${describeNode(later.id, later.term)} leads`,
      );
    }
  }
}
