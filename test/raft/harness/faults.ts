/**
 * The actions and faults of a torture run: each seed generates its own mix, of all usual actions and a share of the faults.
 */
import { NONE, type Raft } from '../../../src/raft/index.js';
import { below, pick } from './pick.js';
import { ELECTION_TICKS, MAX_IN_FLIGHT, type Torture } from './torture.js';

/** Weighted random choice between actions. */
export class FaultMix {
  readonly #actions: { readonly upTo: number; readonly run: () => void }[] = [];
  #totalWeight = 0;
  readonly #random: () => number;
  readonly #share: number;

  /** `share`: of all faults, the fraction that a seed has. */
  constructor(random: () => number, share: number) {
    this.#random = random;
    this.#share = share;
  }

  get hasAll(): boolean {
    return this.#share === 1;
  }

  act(weight: number, run: () => void): void {
    if (weight === 0) return;
    this.#totalWeight += weight;
    this.#actions.push({ upTo: this.#totalWeight, run });
  }

  maybe(weight: number, run: () => void): void {
    this.act(this.#random() < this.#share ? weight * this.#random() : 0, run);
  }

  step(): void {
    const at = this.#random() * this.#totalWeight;
    this.#actions.find(({ upTo }) => at < upTo)?.run();
  }
}

/** `stepwise`: output is taken only one `Ready` at a time, as an action of its own. */
export function plan(torture: Torture, mix: FaultMix, { stepwise }: { readonly stepwise: boolean }): void {
  planUsual(torture, mix, stepwise);
  planPieces(torture, mix, stepwise);
  planNetworkFaults(torture, mix);
  planNodeFaults(torture, mix);
  planPauses(torture, mix);
  planRequests(torture, mix);
}

function planUsual(torture: Torture, mix: FaultMix, stepwise: boolean): void {
  mix.act(40, () => {
    torture.deliver();
  });
  // Stepwise there are more and smaller writes.
  mix.act((stepwise ? 10 : 3) + 20 * torture.random(), () => {
    torture.withNode((replica) => {
      torture.sync(replica);
    });
  });
  mix.act(6 + 20 * torture.random(), () => {
    torture.tick();
  });
  mix.act(0.3 * torture.random(), () => {
    torture.pass(below(torture.random, 2 * ELECTION_TICKS));
  });
  mix.act(1 + 5 * torture.random(), () => {
    torture.propose();
  });
  mix.act(2 * torture.random(), () => {
    torture.read();
  });
}

/** Actions of a busy owner: takes a single `Ready`, offers a chunk that was requested a while ago. */
function planPieces(torture: Torture, mix: FaultMix, stepwise: boolean): void {
  const take = (): void => {
    torture.withNode((replica) => {
      if (!replica.raft.hasReady()) return;
      replica.take();
      replica.checkAfterStep();
    });
  };
  if (stepwise) mix.act(15 + 20 * torture.random(), take);
  else mix.maybe(5, take);
  mix.maybe(0.3, () => {
    torture.withNode(({ id, offersLate }) => {
      torture.cluster.offerLate(id, !offersLate);
    });
  });
  mix.act(2, () => {
    torture.withNode((replica) => {
      // Mostly in the order of the requests; sometimes not, as reads from a disk may complete in any order.
      const position = torture.random() < 0.7 ? 0 : below(torture.random, replica.lateChunks);
      torture.input(replica, () => replica.offerLate(position, torture.random() < 0.8));
    });
  });
}

function planNetworkFaults(torture: Torture, mix: FaultMix): void {
  const { network } = torture.cluster;
  mix.maybe(5, () => {
    network.takeAt(below(torture.random, network.inFlight.length));
  });
  mix.maybe(5, () => {
    const message = pick(torture.random, network.inFlight);
    if (message !== undefined) network.inFlight.splice(below(torture.random, network.inFlight.length + 1), 0, message);
  });
  mix.maybe(1, () => {
    network.hold({ from: torture.anyId(), to: torture.anyId() });
    if (network.held.length > MAX_IN_FLIGHT) network.held.length = MAX_IN_FLIGHT;
  });
  mix.maybe(0.5, () => {
    network.release({ to: torture.anyId() });
  });
  mix.maybe(0.3, () => {
    const side = [...torture.cluster.replicas.keys()].filter(() => torture.random() < 0.5);
    const rest = [...torture.cluster.replicas.keys()].filter((id) => !side.includes(id));
    torture.cluster.partition(side, rest);
  });
  mix.maybe(0.5, () => {
    network.cut(torture.anyId(), torture.anyId());
  });
  mix.maybe(1, () => {
    const leader = torture.cluster.leader();
    if (leader === NONE) return;
    torture.cluster.isolate(leader);
    for (let time = below(torture.random, 4); time > 0; time--) torture.propose();
  });
  // With every kind of fault, links break so often that hardly anything would make progress otherwise.
  mix.act(mix.hasAll ? 1.5 : 0.3, () => {
    torture.cluster.heal();
  });
}

function planNodeFaults(torture: Torture, mix: FaultMix): void {
  mix.maybe(0.7, () => {
    torture.withNode((replica) => {
      torture.crash(replica);
    });
  });
  mix.maybe(0.05, () => {
    for (const replica of torture.cluster.running()) torture.crash(replica);
  });
  mix.act(1, () => {
    const down = [...torture.cluster.replicas.values()].filter(({ up }) => !up);
    const replica = pick(torture.random, down);
    if (replica !== undefined) torture.rollBacks.restart(replica);
  });
  mix.maybe(3, () => {
    torture.withNode(({ id }) => {
      torture.cluster.compact(id);
    });
  });
  mix.maybe(1, () => {
    torture.withNode((replica) => {
      // A checkpoint that keeps part of the log, as a node does for slow followers.
      torture.cluster.compact(replica.id, Math.max(replica.machine.appliedIndex - 3, 0));
    });
  });
  mix.maybe(0.5, () => {
    torture.withNode((replica) => {
      torture.cluster.applySlowly(replica.id, !replica.slowApply);
    });
  });
  mix.act(2, () => {
    torture.withNode((replica) => {
      if (replica.slowApply) torture.cluster.applyWaiting(replica.id, 1 + below(torture.random, 4));
    });
  });
  mix.maybe(0.3, () => {
    torture.withNode((replica) => {
      replica.snapshotsReady = !replica.snapshotsReady;
    });
  });
}

export function planRollBacks(torture: Torture, mix: FaultMix): void {
  mix.act(1, () => {
    torture.rollBacks.copy(torture.anyId());
  });
  mix.act(0.2 + torture.random(), () => {
    const id = torture.anyId();
    if (!torture.paused.has(id)) torture.rollBacks.rollBack(id);
  });
}

function planPauses(torture: Torture, mix: FaultMix): void {
  mix.maybe(0.4, () => {
    const id = torture.random() < 0.7 ? torture.cluster.leader() : torture.anyId();
    if (id !== NONE && torture.paused.size === 0) torture.paused.add(id);
  });
  mix.act(0.4, () => {
    torture.resume();
  });
}

function planRequests(torture: Torture, mix: FaultMix): void {
  const ask = (request: (raft: Raft) => void): void => {
    mix.maybe(0.5, () => {
      torture.withNode((replica) => {
        torture.input(replica, () => {
          request(replica.raft);
        });
      });
    });
  };
  ask((raft) => raft.transferLeadership(torture.anyId()));
  ask((raft) => {
    raft.campaign();
  });
  ask((raft) => {
    raft.forgetLeader();
  });
  ask((raft) => {
    raft.reportUnreachable(torture.anyId());
  });
}
