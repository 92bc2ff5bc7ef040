/**
 * No lease holds while somebody else leads in a later term: whoever reads by it then may read what is no longer so.
 *
 * Stricter than what clients can see: the promise behind a lease is that no other leader is elected, not that none has
 * written yet.
 */
import { InvariantViolation, describeNode } from '../raft/index.js';
import type { GroupId, Replica } from '../shard/index.js';

export interface LeaseHolder {
  readonly id: number;
  /** Of the process that is there now, paused or not. */
  replicas(): Iterable<Replica>;
}

export class LeaseWatch {
  readonly #nodes: readonly LeaseHolder[];
  /** Highest term that was seen led. */
  readonly #led = new Map<GroupId, number>();

  constructor(nodes: readonly LeaseHolder[]) {
    this.#nodes = nodes;
  }

  /** After whatever happened at a node. @throws InvariantViolation */
  look(node: LeaseHolder): void {
    for (const { id, raft } of node.replicas()) {
      if (raft.role !== 'leader' || raft.term <= (this.#led.get(id) ?? 0)) continue;
      this.#led.set(id, raft.term);
      for (const other of this.#nodes) if (other !== node) this.#ask(other, id, raft);
    }
  }

  #ask(other: LeaseHolder, group: GroupId, later: Replica['raft']): void {
    for (const { id, raft, holdsLease } of other.replicas()) {
      if (id !== group || raft.term >= later.term || !holdsLease) continue;
      throw new InvariantViolation(
        `group ${group}: the lease of ${describeNode(raft.id, raft.term)} holds, and ${describeNode(later.id, later.term)} leads`,
      );
    }
  }
}
