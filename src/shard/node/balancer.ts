/**
 * Moves leadership: back to the replica that the placement prefers, once it is fit; away from a node that stops, whose
 * disk hangs (`hung-disk.ts`) or whose wall clock is off (`clock-watch.ts`).
 *
 * Placement spreads preferred leaders evenly, so handing leadership back is enough to keep leaders spread.
 */
import type { NodeId } from '../../raft/index.js';
import type { Replica } from './replica.js';
import type { ReplicaSet } from './replica-set.js';
import type { Inbox } from './inbox.js';
import type { FailureDetector } from './failure-detector.js';
import type { Runtime } from '../runtime.js';

/** Transfers started per call: leadership moves in small portions, so that clients see only short waits. */
const PER_CALL = 4;

export function balance(replicas: ReplicaSet, failureDetector: FailureDetector, now: number): void {
  let started = 0;
  for (const replica of replicas.all()) {
    if (started === PER_CALL) return;
    if (!replica.isLeader) continue;
    const target: NodeId = replicas.preferredLeader(replica);
    if (target === replica.raft.id || !failureDetector.isSettled(target, now)) continue;
    const { peers, lastIndex } = replica.raft.status();
    const peer = peers.find((p) => p.id === target);
    if (peer?.state !== 'replicate' || lastIndex - peer.match > 100) continue;
    replica.transfer(target);
    replicas.markDirty(replica);
    started++;
  }
}

/**
 * Hands leadership to any follower that is alive and fit. The replicas must be collected afterwards.
 * @param orUnfit if none is fit, to one that is alive and has stored what this node has not: its disk works at present
 * @returns how many were begun to be handed over
 */
export function handOver(
  replicas: Iterable<Replica>,
  failureDetector: FailureDetector,
  now: number,
  orUnfit = false,
): number {
  let started = 0;
  for (const replica of replicas) {
    if (!replica.isLeader) continue;
    const { peers, stableIndex } = replica.raft.status();
    const following = peers.filter(({ state }) => state === 'replicate');
    const fit = following.filter(({ id }) => failureDetector.isSettled(id, now));
    const able =
      fit.length > 0 || !orUnfit
        ? fit
        : following.filter(({ id, match }) => match > stableIndex && failureDetector.isSteady(id, now));
    const best = able.sort((a, b) => b.match - a.match)[0];
    if (best === undefined) continue;
    replica.transfer(best.id);
    started++;
  }
  return started;
}

export interface LeadershipHandOver {
  readonly replicas: ReplicaSet;
  readonly failureDetector: FailureDetector;
  readonly runtime: Runtime;
  readonly inbox: Inbox;
  readonly tickMs: number;
}

/** Resolves when this node leads nothing that another node could lead, or at `deadline` (monotonic ms). */
export function handOverAll(parts: LeadershipHandOver, deadline: number): Promise<void> {
  const { replicas, failureDetector, runtime, inbox, tickMs } = parts;
  return new Promise((resolve) => {
    const check = (): void => {
      const now = runtime.now();
      const leads = [...replicas.all()].some((r) => r.isLeader && r.raft.configuration.voters.length > 1);
      const targets = failureDetector.alive().some((id) => failureDetector.isSettled(id, now));
      if (!leads || !targets || now >= deadline) {
        resolve();
        return;
      }
      inbox.task(() => {
        handOver(replicas.all(), failureDetector, now);
        replicas.markAllDirty();
      });
      runtime.after(tickMs, check);
    };
    check();
  });
}
