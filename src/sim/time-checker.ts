/**
 * Inspects the times that leaders write into entries, after every turn of a node, and throws `InvariantViolation`:
 *
 * - Replicated time of a replica never falls.
 * - Between two entries that a leader proposes in one term it advances by elapsed real time, give or take `MOST_SLEW`
 *   and the drift of the leader's clock. It may advance further only up to a later time of an earlier leader's entry.
 * - No entry is ahead of an earlier one in its leader's log by more than the real time between both proposals, plus the
 *   same. So nothing falls due early, whoever leads. A leader whose process has no entry from outside the log that it
 *   recovered may begin anywhere; what follows is compared with what it wrote, and no longer with what came before it.
 *   Not checked if clocks drift further apart than leases allow for.
 */
import { EntryKind, InvariantViolation, describeNode, describePosition, type GroupId } from '../raft/index.js';
import { commandTimeMs, type NodeId, type ReplicaView } from '../shard/index.js';
import { LEASE_DRIFT } from './clock.js';
import type { Mark } from './marks.js';

/** A property of the specification and not taken from the product: a clock that is slewed faster must be detected. */
const MOST_SLEW = 0.1;
/** Times in entries are whole milliseconds. */
const ROUNDING_MS = 2;

/** An entry as it was proposed. */
interface Proposed {
  readonly index: number;
  readonly timeMs: number;
  readonly atMs: number;
  /** Replicated time after this entry, as far as it is known from its leader's log. */
  readonly stateMs: number;
  /** The least, over this entry and earlier ones, of its replicated time less what may pass until its proposal. */
  readonly bound: number;
}

/** What a replica was at the last inspection. */
interface Shadow {
  readonly raft: ReplicaView['raft'];
  /** The end of the log at the first inspection. */
  readonly recoveredIndex: number;
  readonly recoveredTerm: number;
  /** It applied an entry that this process did not recover. */
  hasLive: boolean;
  applied: number;
  stateMs: number;
  /** When it had this replicated time first. */
  stateAtMs: number;
  /** Where to go on looking for proposals of the term in which it leads; its newest one. */
  term: number;
  next: number;
  last: Proposed | undefined;
}

export interface TimeCheckerOptions {
  /** The most that a machine's clock runs fast or slow. */
  readonly drift: number;
  /** Real time, ms. */
  readonly now: () => number;
  readonly reached: (mark: Mark) => void;
}

const keyOf = (index: number, term: number): number => index * 2 ** 21 + term;

export class TimeChecker {
  readonly #drift: number;
  readonly #now: () => number;
  readonly #reached: (mark: Mark) => void;
  readonly #shadows = new Map<NodeId, Map<GroupId, Shadow>>();
  readonly #proposed = new Map<GroupId, Map<number, Proposed>>();
  /** Bounds of what a leader's clock advances by in one millisecond. */
  readonly #fastest: number;
  readonly #slowest: number;

  constructor({ drift, now, reached }: TimeCheckerOptions) {
    this.#drift = drift;
    this.#now = now;
    this.#reached = reached;
    this.#fastest = (1 + MOST_SLEW) * (1 + drift);
    this.#slowest = (1 - MOST_SLEW) * (1 - drift);
  }

  /** Must be called after every event at a node. */
  inspect(node: NodeId, replicas: Iterable<ReplicaView>): void {
    let known = this.#shadows.get(node);
    if (known === undefined) this.#shadows.set(node, (known = new Map<GroupId, Shadow>()));
    for (const replica of replicas) {
      if (replica.machine.replicatedTimeMs === undefined) continue;
      let shadow = known.get(replica.id);
      if (shadow?.raft !== replica.raft) known.set(replica.id, (shadow = freshShadow(replica, this.#now())));
      this.#proposals(shadow, replica);
      this.#state(shadow, replica);
    }
  }

  #state(shadow: Shadow, { id, raft, applied, machine }: ReplicaView): void {
    const stateMs = machine.replicatedTimeMs ?? 0;
    if (stateMs < shadow.stateMs) {
      const who = describeNode(raft.id, raft.term);
      throw new InvariantViolation(`group ${id}, ${who}: replicated time fell from ${shadow.stateMs} to ${stateMs}`);
    }
    if (stateMs > shadow.stateMs) shadow.stateAtMs = this.#now();
    shadow.stateMs = stateMs;
    for (let index = shadow.applied + 1; index <= applied && !shadow.hasLive; index++) {
      shadow.hasLive = isLive(shadow, raft, index);
    }
    shadow.applied = applied;
  }

  /** Checks the entries that the replica has proposed since the last inspection. */
  #proposals(shadow: Shadow, replica: ReplicaView): void {
    const { raft } = replica;
    if (raft.role !== 'leader') return;
    const { log, term } = raft;
    if (shadow.term !== term) {
      shadow.term = term;
      shadow.last = undefined;
      shadow.next = log.lastIndex + 1;
      while (log.termAt(shadow.next - 1) === term) shadow.next--;
    }
    for (; shadow.next <= log.lastIndex; shadow.next++) {
      const entry = log.entryAt(shadow.next);
      if (entry?.kind !== EntryKind.command) continue;
      this.#proposal(shadow, replica, entry.index, commandTimeMs(entry.data));
    }
  }

  #proposal(shadow: Shadow, { id, raft }: ReplicaView, index: number, timeMs: number): void {
    const atMs = this.#now();
    const wrong = (what: string): InvariantViolation => {
      const who = describeNode(raft.id, raft.term);
      return new InvariantViolation(`group ${id}, ${who}: ${describePosition(index, raft.term)} has the time ${what}`);
    };
    const history = this.#history(id);
    const { last } = shadow;
    if (last !== undefined) {
      const elapsedMs = atMs - last.atMs;
      const least = last.timeMs + elapsedMs * this.#slowest - ROUNDING_MS;
      const raisedMs = shadow.stateMs + (atMs - shadow.stateAtMs) * this.#fastest;
      const most = Math.max(last.timeMs + elapsedMs * this.#fastest, raisedMs) + ROUNDING_MS;
      const since = `${timeMs}, ${elapsedMs.toFixed(1)} ms after one of the same leader with ${last.timeMs}`;
      if (timeMs < least || timeMs > most) throw wrong(since);
    }
    const before = last ?? this.#before(raft, index, history);
    const stateMs = Math.max(timeMs, before?.stateMs ?? 0, shadow.stateMs);
    const own = stateMs - atMs * this.#fastest;
    const isBound =
      before !== undefined && (last !== undefined || shadow.hasLive || isLive(shadow, raft, before.index));
    if (isBound && this.#drift <= LEASE_DRIFT) {
      const earlyMs = timeMs - (before.bound + atMs * this.#fastest);
      if (earlyMs > ROUNDING_MS)
        throw wrong(`${timeMs}: what falls due by then does so ${earlyMs.toFixed(1)} ms early`);
      if (last === undefined) this.#reached('time-continued');
    }
    const bound = isBound ? Math.min(own, before.bound) : own;
    shadow.last = { index, timeMs, atMs, stateMs, bound };
    history.set(keyOf(index, raft.term), shadow.last);
  }

  /** The newest proposal of an earlier leader in this leader's log. */
  #before({ log }: ReplicaView['raft'], from: number, history: Map<number, Proposed>): Proposed | undefined {
    for (let index = from - 1; index >= log.firstIndex; index--) {
      const before = history.get(keyOf(index, log.termAt(index) ?? 0));
      if (before !== undefined) return before;
    }
    return undefined;
  }

  #history(group: GroupId): Map<number, Proposed> {
    let history = this.#proposed.get(group);
    if (history === undefined) this.#proposed.set(group, (history = new Map<number, Proposed>()));
    return history;
  }
}

/** Is the entry at `index` a command that the process did not recover from its disk? */
function isLive(shadow: Shadow, { log }: ReplicaView['raft'], index: number): boolean {
  const entry = log.entryAt(index);
  if (entry?.kind !== EntryKind.command) return false;
  return index > shadow.recoveredIndex || entry.term > shadow.recoveredTerm;
}

const freshShadow = ({ raft, applied, machine }: ReplicaView, now: number): Shadow => ({
  raft,
  recoveredIndex: raft.log.lastIndex,
  recoveredTerm: raft.log.lastTerm,
  hasLive: false,
  applied,
  stateMs: machine.replicatedTimeMs ?? 0,
  stateAtMs: now,
  term: 0,
  next: 0,
  last: undefined,
});
