/**
 * Detects when replicas reach marks (`marks.ts`). Observes them from outside, after each turn of their node, and the
 * messages they send; judges nothing.
 */
import type { GroupId, Message } from '../raft/index.js';
import type { NodeId, ReplicaView } from '../shard/index.js';
import type { Mark } from './marks.js';

/** The state of a replica after the previous turn. */
interface Before {
  readonly raft: ReplicaView['raft'];
  leads: boolean;
  held: boolean;
  installing: boolean;
  lastIndex: number;
  reads: number;
  writes: number;
  dedupEntries: number;
}

/** Identifies leader, follower and term: no other node sends what this leader sends on this way. */
const wayOf = (group: GroupId, from: NodeId, to: NodeId, term: number): string => `${group} ${from} ${to} ${term}`;

export class TurningPoints {
  readonly #reached: (mark: Mark) => void;
  readonly #before = new Map<NodeId, Map<GroupId, Before>>();
  /** Snapshots that were partly sent, without the last part. */
  readonly #begun = new Set<string>();

  constructor(reached: (mark: Mark) => void) {
    this.#reached = reached;
  }

  /** Must be called with every consensus message that is sent. */
  sent(group: GroupId, message: Message): void {
    const { from, to, term } = message;
    const way = wayOf(group, from, to, term);
    // The peer is about to be restored from nothing: the leader drops what it was sending.
    if ('quarantine' in message && message.quarantine !== undefined) this.#begun.delete(wayOf(group, to, from, term));
    switch (message.type) {
      case 'timeout-now':
        this.#reached('leadership-handed-over');
        return;
      case 'snapshot':
        if (message.done) this.#begun.delete(way);
        else this.#begun.add(way);
        return;
      case 'append':
        // While a snapshot is on its way, nothing else is sent to that peer.
        if (this.#begun.delete(way)) this.#reached('snapshot-overtaken');
        return;
      case 'heartbeat-ok':
        if (message.released !== undefined) this.#reached('quarantine-ended');
        return;
      case 'append-ok':
      case 'append-refused':
      case 'heartbeat':
      case 'vote':
      case 'vote-answer':
      case 'snapshot-answer':
      case 'term-notice':
    }
  }

  /** Must be called after every event at a node. */
  inspect(node: NodeId, replicas: Iterable<ReplicaView>): void {
    let known = this.#before.get(node);
    if (known === undefined) this.#before.set(node, (known = new Map<GroupId, Before>()));
    for (const replica of replicas) {
      const before = known.get(replica.id);
      if (before?.raft === replica.raft) this.#compare(before, replica);
      else known.set(replica.id, nowOf(replica));
    }
  }

  #compare(before: Before, replica: ReplicaView): void {
    const { raft, installing } = replica;
    const leads = raft.role === 'leader';
    if (before.leads && !leads) {
      if (before.reads > 0) this.#reached('leadership-lost-while-read-waited');
      if (before.writes > 0) this.#reached('leadership-lost-while-write-waited');
    }
    const held = replica.holdsLease;
    if (before.held && !held && before.reads > 0) this.#reached('lease-lost-while-read-waited');
    if (before.installing && !installing) this.#reached('snapshot-installed');
    const { lastIndex } = raft.log;
    if (lastIndex < before.lastIndex) this.#reached('entries-dropped');
    const { dedupEntries = 0 } = replica.machine;
    // Eviction for lack of room keeps the count constant; an installed snapshot may have fewer.
    if (dedupEntries < before.dedupEntries && !before.installing && !installing) this.#reached('answer-evicted-by-age');
    Object.assign(before, { leads, held, installing, lastIndex, dedupEntries });
    before.reads = leads ? replica.waitingReads : 0;
    before.writes = leads ? replica.waitingWrites : 0;
  }
}

const nowOf = ({ raft, holdsLease, installing, waitingReads, waitingWrites, machine }: ReplicaView): Before => ({
  raft,
  leads: raft.role === 'leader',
  held: holdsLease,
  installing,
  lastIndex: raft.log.lastIndex,
  reads: waitingReads,
  writes: waitingWrites,
  dedupEntries: machine.dedupEntries ?? 0,
});
