/**
 * Hands leadership back to the replica that the placement prefers, once it is fit to take it.
 *
 * Placement spreads preferred leaders evenly, so this alone keeps leaders spread. Knows groups and liveness only.
 */
import type { NodeId } from '../raft/index.js';
import type { Group } from './group.js';
import type { Liveness } from './liveness.js';

/** Transfers started per call: leadership moves in small portions, so that clients see short waits only. */
const PER_CALL = 4;

export function balance(groups: Iterable<Group>, preferred: (group: Group) => NodeId, liveness: Liveness, now: number): void {
  let started = 0;
  for (const group of groups) {
    if (started === PER_CALL) return;
    if (!group.isLeader) continue;
    const target = preferred(group);
    if (target === group.raft.id || !liveness.isSettled(target, now)) continue;
    const { peers, lastIndex } = group.raft.status();
    const peer = peers.find((p) => p.id === target);
    if (peer?.state !== 'replicate' || lastIndex - peer.match > 100) continue;
    group.transfer(target);
    started++;
  }
}

/** Before a stop: any follower that is alive will do. */
export function handOver(groups: Iterable<Group>, liveness: Liveness, now: number): void {
  for (const group of groups) {
    if (!group.isLeader) continue;
    const { peers } = group.raft.status();
    const able = peers.filter((p) => p.state === 'replicate' && liveness.isSettled(p.id, now));
    const best = able.sort((a, b) => b.match - a.match)[0];
    if (best !== undefined) group.transfer(best.id);
  }
}
