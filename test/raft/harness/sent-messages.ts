/**
 * Checks of the messages that the nodes of a group send: votes, terms and acknowledgements must be durable before they are
 * sent; one vote per node and term, and one leader per term, also across restarts.
 */
import type { Message, NodeId } from '../../../src/raft/index.js';
import { demand } from './broken.js';
import type { Replica } from './replica.js';

export class SentMessages {
  /** Leader of each term. */
  readonly leaders = new Map<number, NodeId>();
  readonly #votes = new Map<string, NodeId>();
  /** Highest index that a node acknowledged in a term; the key is `node@term`. */
  readonly #acknowledged = new Map<string, number>();
  /** The same, before its disk was rolled back. */
  readonly #lost = new Map<string, number>();
  readonly #replicas: ReadonlyMap<NodeId, Replica>;

  constructor(replicas: ReadonlyMap<NodeId, Replica>) {
    this.#replicas = replicas;
  }

  acknowledgedBy(id: NodeId, term: number): number {
    return this.#acknowledged.get(`${id}@${term}`) ?? 0;
  }

  lostBy(id: NodeId, term: number): number {
    return this.#lost.get(`${id}@${term}`) ?? 0;
  }

  /** Its disk was rolled back: its acknowledgements no longer prove what it holds. */
  rolledBack(id: NodeId): void {
    for (const [key, index] of this.#acknowledged) {
      if (!key.startsWith(`${id}@`)) continue;
      this.#lost.set(key, Math.max(index, this.#lost.get(key) ?? 0));
    }
  }

  lead(id: NodeId, term: number): void {
    const before = this.leaders.get(term);
    demand(before === undefined || before === id, () => `two leaders in term ${term}: n${before ?? 0} and n${id}`);
    this.leaders.set(term, id);
  }

  sent(replica: Replica, message: Message): void {
    const name = `n${replica.id}`;
    demand(message.from === replica.id, () => `${name} sends as n${message.from}`);
    demand(message.to !== replica.id, () => `${name} sends to itself`);
    const { disk } = replica;
    switch (message.type) {
      case 'vote':
        if (message.preVote) return;
        this.#castVote(replica, message.term, replica.id);
        break;
      case 'vote-answer':
        if (message.preVote) return;
        if (message.granted) this.#castVote(replica, message.term, message.to);
        break;
      case 'append-ok':
        this.#acknowledge(replica, message.term, message.index);
        break;
      case 'snapshot-answer':
        if (message.wanted === -1) this.#acknowledge(replica, message.term, message.index);
        break;
      case 'append':
      case 'heartbeat':
      case 'snapshot':
      case 'timeout-now':
        this.lead(replica.id, message.term);
        break;
      case 'append-refused':
      case 'heartbeat-ok':
        break;
      case 'term-notice':
        return;
    }
    demand(
      disk.hardState.term >= message.term,
      () => `${name} sends ${message.type} in term ${message.term}, not durable`,
    );
  }

  #castVote(replica: Replica, term: number, candidate: NodeId): void {
    const key = `${replica.id}@${term}`;
    const before = this.#votes.get(key);
    demand(
      before === undefined || before === candidate,
      () => `n${replica.id} votes for n${before ?? 0} and n${candidate} in term ${term}`,
    );
    this.#votes.set(key, candidate);
    const { hardState } = replica.disk;
    const durable = hardState.term > term || (hardState.term === term && hardState.vote === candidate);
    demand(durable, () => `n${replica.id} speaks of its vote for n${candidate} in term ${term} before its sync`);
  }

  #acknowledge(replica: Replica, term: number, index: number): void {
    const { disk } = replica;
    demand(index <= disk.lastIndex, () => `n${replica.id} acknowledges ${index}, durable is ${disk.lastIndex}`);
    const leader = this.#replicas.get(this.leaders.get(term) ?? 0);
    if (leader?.raft.role === 'leader' && leader.raft.term === term) {
      const expected = leader.shadowTermAt(index);
      if (expected !== undefined)
        demand(
          disk.holds(index, expected),
          () => `n${replica.id} acknowledges ${index}, which is not the leader's entry`,
        );
    }
    const key = `${replica.id}@${term}`;
    this.#acknowledged.set(key, Math.max(this.#acknowledged.get(key) ?? 0, index));
  }
}
