/**
 * The quarantine of a node, as far as its replicas and its operators see it: puts all replicas into it, tells loudly why,
 * and ends it when all are out (`rollback-detector.ts` decides, `raft/quarantine.ts` says what it means).
 */
import type { NodeId } from '../../raft/index.js';
import type { ReplicaSet } from './replica-set.js';
import type { Inbox } from './inbox.js';
import type { RollbackDetector } from './rollback-detector.js';
import type { FailureDetector } from './failure-detector.js';
import type { Logger } from '../runtime.js';
import type { TopologyStore } from '../cluster/index.js';

export interface NodeQuarantineParts {
  readonly rollbackDetector: RollbackDetector;
  readonly replicas: ReplicaSet;
  readonly topologyStore: TopologyStore;
  readonly failureDetector: FailureDetector;
  readonly inbox: Inbox;
  readonly logger: Logger;
}

export class NodeQuarantine {
  readonly #parts: NodeQuarantineParts;

  constructor(parts: NodeQuarantineParts) {
    this.#parts = parts;
  }

  /** Called between turns, before the link to the accuser begins. */
  begin(life: number, why: string, accuser: NodeId): void {
    const { replicas, inbox, logger } = this.#parts;
    const told = 'the data folder of this node went back in time: its replicas do not count until they are brought up';
    logger.error({ peer: accuser, why, boot: life }, told);
    replicas.quarantine(life);
    inbox.schedule();
  }

  /** From time to time: whoever is alive is told the journal's position, and a quarantine may be over. */
  review(): void {
    const { rollbackDetector, replicas, topologyStore, failureDetector, logger } = this.#parts;
    for (const peer of failureDetector.alive()) rollbackDetector.noteSentTo(peer);
    if (rollbackDetector.review(replicas.all(), topologyStore.topology !== undefined)) {
      logger.info({}, 'all replicas of this node were brought up and count again: its quarantine is over');
    }
  }
}
