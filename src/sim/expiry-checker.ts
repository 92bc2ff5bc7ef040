/**
 * What is due goes: once everything is healed, no key is there for longer than a bound after its deadline, while its shard
 * has one and the same leader; also where nobody writes. And a replica's index of deadlines names the keys that have one, and
 * no others: also after a restart, and from a snapshot.
 *
 * A deadline is a moment of replicated time, which may be slower than real time, and which a leader that begins anew may
 * set back to where its state is. So the bound is counted from the last change of leader, and from the writing of the key,
 * in the longest real time that its time to live can take. A leader whose disk has a fault, or whose node fails, counts as
 * none: what it proposes may wait until it has noticed, and a node that has failed proposes nothing.
 */
import { InvariantViolation, type GroupId } from '../raft/index.js';
import { replicasOf } from './groups.js';
import type { Reference } from './reference.js';
import type { SimCluster } from './sim-cluster.js';

/** As in `time-checker.ts`: what the specification allows. */
const MOST_SLEW = 0.1;
/** How long after its moment a key may still be there. */
const LATEST_MS = 2_000;
const NARROW_LATEST_MS = 10_000;
const MOST_KEYS = 1_000;
/** Behind every deadline. */
const END_OF_TIME = 2 ** 48 - 2;

interface Leadership {
  readonly term: number;
  readonly sinceMs: number;
}

export interface ExpiryCheckerOptions {
  readonly cluster: SimCluster;
  readonly reference: Reference;
  readonly now: () => number;
  /** Links are so narrow that an entry may need long. */
  readonly isNarrow: boolean;
}

export class ExpiryChecker {
  readonly #options: ExpiryCheckerOptions;
  readonly #leaderships = new Map<GroupId, Leadership>();
  #isHealed = false;

  constructor(options: ExpiryCheckerOptions) {
    this.#options = options;
  }

  /** From now on, what is due must go. */
  healed(): void {
    this.#isHealed = true;
  }

  /** Must be called periodically. */
  inspect(): void {
    this.#indexes();
    if (this.#isHealed) this.#overdue();
  }

  /** No key has a deadline any more. */
  get isOver(): boolean {
    return [...this.#options.reference.armed()].length === 0;
  }

  #indexes(): void {
    const { cluster, reference } = this.#options;
    for (const node of cluster.nodes) {
      if (!node.serving || cluster.isTroubled(node.id)) continue;
      for (const { id, raft, applied, installing, machine } of node.replicas()) {
        if (installing || applied !== reference.appliedOf(id) || machine.dueKeys === undefined) continue;
        const indexed = machine.dueKeys(END_OF_TIME, MOST_KEYS);
        const wrong = indexed.find((key) => !reference.isArmed(id, key));
        if (wrong !== undefined) {
          throw new InvariantViolation(
            `group ${id}, n${raft.id}: ${textOf(wrong)} is among the deadlines, and has none`,
          );
        }
        // Keys that a transaction holds are not named.
        if (machine.openTransactions?.().length === 0 && indexed.length < MOST_KEYS)
          this.#missing(id, raft.id, indexed);
      }
    }
  }

  #missing(id: GroupId, node: number, indexed: readonly Uint8Array[]): void {
    const texts = new Set(indexed.map(textOf));
    for (const [group, { name, key }] of this.#options.reference.armed()) {
      if (group !== id || texts.has(textOf(key))) continue;
      throw new InvariantViolation(`group ${id}, n${node}: ${name} has a deadline, and is not among them`);
    }
  }

  #overdue(): void {
    const { cluster, reference, now, isNarrow } = this.#options;
    const slowest = (1 - MOST_SLEW) * (1 - cluster.mostDrift);
    for (const [group, replicas] of replicasOf(cluster)) {
      const isFit = (id: number): boolean => !cluster.disk(id).isTroubled && cluster.nodes[id - 1]?.failing !== true;
      const leaders = replicas.filter(({ raft }) => raft.role === 'leader' && isFit(raft.id));
      const term = leaders.length === 1 ? (leaders[0]?.raft.term ?? 0) : 0;
      if (this.#leaderships.get(group)?.term !== term) this.#leaderships.set(group, { term, sinceMs: now() });
    }
    for (const [group, { name, deadlineMs, writtenMs, atMs }] of reference.armed()) {
      const leadership = this.#leaderships.get(group);
      if (leadership === undefined || leadership.term === 0) continue;
      const lifeMs = (deadlineMs - writtenMs) / slowest;
      const dueMs = Math.max(atMs, leadership.sinceMs) + lifeMs + (isNarrow ? NARROW_LATEST_MS : LATEST_MS);
      if (now() <= dueMs) continue;
      const late = Math.round(now() - dueMs);
      throw new InvariantViolation(`group ${group}: ${name} is there ${late} ms after it had to have expired`);
    }
  }
}

const textOf = (key: Uint8Array): string => Buffer.from(key).toString('latin1');
