/**
 * The quarantine of a node, as far as its replicas and its operators see it: puts all replicas into it, tells loudly why,
 * and ends it when all are out (`lives.ts` decides, `raft/quarantine.ts` says what it means).
 */
import type { NodeId } from '../../raft/index.js';
import type { ReplicaSet } from './replica-set.js';
import type { Inbox } from './inbox.js';
import type { Lives } from './lives.js';
import type { FailureDetector } from './failure-detector.js';
import type { Logger } from '../runtime.js';
import type { TopologyStore } from '../cluster/index.js';

export interface ConfinementParts {
  readonly lives: Lives;
  readonly groups: ReplicaSet;
  readonly keeper: TopologyStore;
  readonly liveness: FailureDetector;
  readonly inbox: Inbox;
  readonly logger: Logger;
}

export class Confinement {
  readonly #parts: ConfinementParts;

  constructor(parts: ConfinementParts) {
    this.#parts = parts;
  }

  /** Called between turns, before the link to the accuser begins. */
  begin(life: number, why: string, accuser: NodeId): void {
    const { groups, inbox, logger } = this.#parts;
    const told = 'the data folder of this node went back in time: its replicas do not count until they are brought up';
    logger.error({ peer: accuser, why, boot: life }, told);
    groups.quarantine(life);
    inbox.schedule();
  }

  /** From time to time: whoever is alive is told the journal's position, and a quarantine may be over. */
  review(): void {
    const { lives, groups, keeper, liveness, logger } = this.#parts;
    for (const peer of liveness.alive()) lives.speaksTo(peer);
    if (lives.review(groups.all(), keeper.topology !== undefined)) {
      logger.info({}, 'all replicas of this node were brought up and count again: its quarantine is over');
    }
  }
}
