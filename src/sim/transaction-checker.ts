/**
 * Inspects what the shards of a cluster say about transactions over shards, and throws `InvariantViolation`:
 *
 * - All decisions on one transaction are the same, in all shards, whoever decides.
 * - At most one transaction under one id of a client is committed.
 * - No shard holds keys for a transaction on which it has applied a decision.
 * - While all shards have leaders, and once nothing is wrong any more, no transaction stays undecided for long.
 *
 * Sees applied entries and replicas from outside. Reports marks, too.
 */
import { EntryKind, InvariantViolation, describePosition, type Entry, type GroupId } from '../raft/index.js';
import { transactionsIn, type Decision, type NodeId, type ReplicaView } from '../shard/index.js';
import type { Mark } from './marks.js';

export interface TransactionCheckerOptions {
  readonly nodes: readonly { replicas(): Iterable<ReplicaView> }[];
  /** Data groups are 1 to this. */
  readonly shards: number;
  readonly now: () => number;
  readonly reached: (mark: Mark) => void;
}

/** What is known of a transaction, by its id. */
interface Known {
  decision: Decision | undefined;
  /** As it was first seen decided. */
  where: string;
  client: string | undefined;
  /** By group: term of the first prepare, and index of the first decision. */
  readonly preparedIn: Map<GroupId, number>;
  readonly decidedAt: Map<GroupId, number>;
}

/** A replica after the previous turn. */
interface Before {
  readonly raft: ReplicaView['raft'];
  readonly term: number;
  readonly reads: number;
  readonly writes: number;
  readonly releases: number;
}

export class TransactionChecker {
  readonly #options: TransactionCheckerOptions;
  readonly #known = new Map<string, Known>();
  /** By a client's id: the transaction that was committed under it. */
  readonly #committed = new Map<string, string>();
  /** By group: the highest index whose entry was looked at. */
  readonly #looked = new Map<GroupId, number>();
  readonly #before = new Map<string, Before>();
  /** By leader, term and transaction: since when it was seen undecided. */
  #undecided = new Map<string, number>();

  constructor(options: TransactionCheckerOptions) {
    this.#options = options;
  }

  /** Must be called after every event at a node. */
  inspect(node: NodeId, replicas: Iterable<ReplicaView>): void {
    for (const replica of replicas) {
      if (replica.id === 0) continue;
      this.#applied(replica);
      this.#open(node, replica);
      this.#waiting(node, replica);
    }
  }

  /** To be called now and then. @throws InvariantViolation if a transaction is undecided for longer than `mostMs` */
  inspectUndecided(mostMs: number): void {
    const { nodes, shards, now } = this.#options;
    const undecided = new Map<string, number>();
    let led = 0;
    for (const node of nodes) {
      for (const { id: group, raft, machine } of node.replicas()) {
        if (group === 0 || raft.role !== 'leader') continue;
        led++;
        for (const { id, decision } of machine.openTransactions?.() ?? []) {
          if (decision !== undefined) continue;
          const key = `group ${group}, ${raft.id}@${raft.term}: transaction ${nameOf(id)}`;
          const sinceMs = this.#undecided.get(key) ?? now();
          undecided.set(key, sinceMs);
          if (now() - sinceMs <= mostMs) continue;
          throw new InvariantViolation(`${key} is undecided for ${Math.round(now() - sinceMs)} ms`);
        }
      }
    }
    // Without a leader, a shard answers nobody who would finish it.
    this.#undecided = led === shards ? undecided : new Map<string, number>();
  }

  #applied({ id: group, raft: { log }, applied }: ReplicaView): void {
    const from = Math.max((this.#looked.get(group) ?? 0) + 1, log.firstIndex);
    if (from > applied) return;
    this.#looked.set(group, applied);
    for (let index = from; index <= applied; index++) {
      const entry = log.entryAt(index);
      if (entry?.kind === EntryKind.command) this.#entry(group, entry);
    }
  }

  #entry(group: GroupId, { index, term, data }: Entry): void {
    for (const said of transactionsIn(data)) this.#said(group, { index, term }, said);
  }

  #said(
    group: GroupId,
    { index, term }: Pick<Entry, 'index' | 'term'>,
    { id, message }: ReturnType<typeof transactionsIn>[number],
  ): void {
    const known = this.#of(nameOf(id));
    if (message.phase === 'prepare') {
      if (message.client !== undefined) known.client = nameOf(message.client.id);
      if (!known.preparedIn.has(group)) known.preparedIn.set(group, term);
    }
    if (message.phase !== 'decide' && message.phase !== 'conclude') return;
    const where = `group ${group} at ${describePosition(index, term)}`;
    this.#decided(nameOf(id), known, message.decision, where);
    if (known.decidedAt.has(group)) return;
    known.decidedAt.set(group, index);
    if (term > (known.preparedIn.get(group) ?? term)) this.#options.reached('transaction-outlives-leadership');
  }

  #decided(name: string, known: Known, decision: Decision, where: string): void {
    if (known.decision !== undefined && known.decision !== decision) {
      throw new InvariantViolation(
        `transaction ${name}: ${where} decides ${decision}, ${known.where} decided ${known.decision}`,
      );
    }
    if (known.decision === undefined) Object.assign(known, { decision, where });
    if (decision === 'abort' || known.client === undefined) return;
    const other = this.#committed.get(known.client) ?? name;
    this.#committed.set(known.client, name);
    if (other === name) return;
    throw new InvariantViolation(`${where}: ${name} is committed under the client's id of ${other}, which was, too`);
  }

  #open(node: NodeId, { id: group, applied, machine }: ReplicaView): void {
    for (const { id, decision } of machine.openTransactions?.() ?? []) {
      const known = this.#known.get(nameOf(id));
      if (known === undefined) continue;
      const where = `group ${group}, n${node} at ${applied}`;
      if (decision !== undefined) this.#decided(nameOf(id), known, decision, where);
      else if (applied >= (known.decidedAt.get(group) ?? Infinity)) {
        throw new InvariantViolation(`${where}: holds keys for ${nameOf(id)}, which was decided there`);
      }
    }
  }

  #waiting(node: NodeId, { id: group, raft, blocked, machine }: ReplicaView): void {
    const key = `${node} ${group}`;
    const before = this.#before.get(key);
    const { reads, writes } = blocked;
    const { releases = 0 } = machine;
    const isSame = before?.raft === raft && before.term === raft.term && raft.role === 'leader';
    if (isSame && releases > before.releases) {
      if (before.reads > reads) this.#options.reached('read-waited-for-transaction');
      if (before.writes > writes) this.#options.reached('write-waited-for-transaction');
    }
    this.#before.set(key, { raft, term: raft.term, reads, writes, releases });
  }

  #of(name: string): Known {
    let known = this.#known.get(name);
    if (known === undefined) {
      known = { decision: undefined, where: '', client: undefined, preparedIn: new Map(), decidedAt: new Map() };
      this.#known.set(name, known);
    }
    return known;
  }
}

const nameOf = (id: Uint8Array): string => Buffer.from(id).toString('hex');
