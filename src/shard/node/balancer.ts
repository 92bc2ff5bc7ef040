/**
 * Moves leadership: back to the replica that the placement prefers, once it is fit; away from a node that stops.
 *
 * Placement spreads preferred leaders evenly, so handing back alone keeps leaders spread. Knows no clients.
 */
import type { NodeId } from '../../raft/index.js';
import type { Replica } from './replica.js';
import type { ReplicaSet } from './replica-set.js';
import type { Inbox } from './inbox.js';
import type { FailureDetector } from './failure-detector.js';
import type { Runtime } from '../runtime.js';

/** Transfers started per call: leadership moves in small portions, so that clients see short waits only. */
const PER_CALL = 4;

export function balance(groups: ReplicaSet, liveness: FailureDetector, now: number): void {
  let started = 0;
  for (const group of groups.all()) {
    if (started === PER_CALL) return;
    if (!group.isLeader) continue;
    const target: NodeId = groups.preferredLeader(group);
    if (target === group.raft.id || !liveness.isSettled(target, now)) continue;
    const { peers, lastIndex } = group.raft.status();
    const peer = peers.find((p) => p.id === target);
    if (peer?.state !== 'replicate' || lastIndex - peer.match > 100) continue;
    group.transfer(target);
    groups.touch(group);
    started++;
  }
}

/** Any follower that is alive and fit will do. The groups are to be collected after this. */
export function handOver(groups: Iterable<Replica>, liveness: FailureDetector, now: number): void {
  for (const group of groups) {
    if (!group.isLeader) continue;
    const { peers } = group.raft.status();
    const able = peers.filter((p) => p.state === 'replicate' && liveness.isSettled(p.id, now));
    const best = able.sort((a, b) => b.match - a.match)[0];
    if (best !== undefined) group.transfer(best.id);
  }
}

export interface HandOver {
  readonly groups: ReplicaSet;
  readonly liveness: FailureDetector;
  readonly runtime: Runtime;
  readonly inbox: Inbox;
  readonly tickMs: number;
}

/** Resolves when this node leads nothing that another node could lead, or at `deadline` (monotonic ms). */
export function handOverAll(parts: HandOver, deadline: number): Promise<void> {
  const { groups, liveness, runtime, inbox, tickMs } = parts;
  return new Promise((resolve) => {
    const look = (): void => {
      const now = runtime.now();
      const leads = [...groups.all()].some((g) => g.isLeader && g.raft.configuration.voters.length > 1);
      const heirs = liveness.alive().some((id) => liveness.isSettled(id, now));
      if (!leads || !heirs || now >= deadline) {
        resolve();
        return;
      }
      inbox.task(() => {
        handOver(groups.all(), liveness, now);
        groups.touchAll();
      });
      runtime.after(tickMs, look);
    };
    look();
  });
}
