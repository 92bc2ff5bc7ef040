/**
 * Finds transactions over several shards that nobody seems to finish: the leader of a shard has seen one prepared for
 * longer than `PREPARED_MS` of its own monotonic clock, counted from when it applied the prepare or began to lead, or
 * decided and not forgotten for longer than `DECIDED_MS`. It only reports them: asking other shards is the router's.
 */
import { binaryString } from '../big-endian.js';
import type { OpenTransaction } from '../transaction.js';
import type { Replica } from './replica.js';
import type { ReplicaSet } from './replica-set.js';
import { shardOfGroup } from '../cluster/index.js';

/** A transaction with a live coordinator is decided well within this time. */
export const PREPARED_MS = 2_000;
/** Nothing waits for a decided transaction but its row. */
export const DECIDED_MS = 10_000;

export interface Orphan extends OpenTransaction {
  /** The shard that reports it. */
  readonly shard: number;
}

interface Seen {
  readonly sinceMs: number;
  readonly isDecided: boolean;
}

export class OrphanWatch {
  readonly #replicas: ReplicaSet;
  /** By group and id: since when this node, leading the group in this term, has seen it so. */
  #seen = new Map<string, Seen>();

  constructor(replicas: ReplicaSet) {
    this.#replicas = replicas;
  }

  /** Called periodically. Each orphan is reported again after the same time, should it still be there. */
  review(now: number): Orphan[] {
    const seen = new Map<string, Seen>();
    const orphans: Orphan[] = [];
    for (const replica of this.#replicas.all()) {
      if (!replica.isLeader) continue;
      for (const open of replica.machine.openTransactions?.() ?? []) {
        const key = keyOf(replica, open);
        const known = this.#known(key, open, now);
        const isDue = now - known.sinceMs >= (known.isDecided ? DECIDED_MS : PREPARED_MS);
        if (isDue) orphans.push({ ...open, shard: shardOfGroup(replica.id) });
        seen.set(key, isDue ? { ...known, sinceMs: now } : known);
      }
    }
    this.#seen = seen;
    return orphans;
  }

  #known(key: string, { decision }: OpenTransaction, now: number): Seen {
    const isDecided = decision !== undefined;
    const known = this.#seen.get(key);
    return known?.isDecided === isDecided ? known : { sinceMs: now, isDecided };
  }
}

const keyOf = (replica: Replica, { id }: OpenTransaction): string =>
  `${replica.id} ${replica.raft.term} ${binaryString(id, 0, id.length)}`;
