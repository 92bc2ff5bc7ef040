/**
 * The quarantine of a node: puts all its replicas into it, logs why, and ends it when all replicas have left it.
 * `rollback-detector.ts` decides when it begins; `raft/quarantine.ts` explains its meaning for a replica.
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

  /** Called between turns, before the link to the peer that reported it begins. */
  begin(boot: number, why: string, peer: NodeId): void {
    const { replicas, inbox, logger } = this.#parts;
    const message =
      'the data folder of this node went back in time: its replicas do not count until they are brought up';
    logger.error({ peer, why, boot }, message);
    replicas.quarantine(boot);
    inbox.schedule();
  }

  /** Called periodically: sends the journal's position to live peers, and ends a quarantine that is over. */
  review(): void {
    const { rollbackDetector, replicas, topologyStore, failureDetector, logger } = this.#parts;
    for (const peer of failureDetector.alive()) rollbackDetector.noteSentTo(peer);
    if (rollbackDetector.review(replicas.all(), topologyStore.topology !== undefined)) {
      logger.info({}, 'all replicas of this node were brought up and count again: its quarantine is over');
    }
  }
}
