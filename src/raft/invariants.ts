/**
 * The invariants of consensus, as functions that throw `InvariantViolation`: for tests and the simulator.
 *
 * Of one replica at one moment (`checkReplica`), between two moments without a restart (`checkStep`), of all replicas of
 * a group at one moment (`checkLogMatching`, `checkDurableQuorum`), and of a group's whole history (`GroupHistory`).
 *
 * - Election safety: one leader per term; one vote per node and term, also across restarts.
 * - Terms never fall; a vote does not change within its term; commit and applied never fall.
 * - Log matching: logs that agree on an index and term agree on everything before.
 * - Committed entries are never removed or changed, and are the same everywhere.
 * - A leader never overwrites or removes its own entries; its match indexes never fall.
 * - Leader completeness: what was committed in earlier terms is in every later leader's log.
 * - Every quorum holds each committed prefix, durably.
 * - applied ≤ commit ≤ last, stable ≤ last.
 */
import { describeNode, describePosition } from './describe.js';
import type { Message } from './messages.js';
import { quorumIndex } from './quorum.js';
import type { Raft } from './raft.js';
import type { Role } from './status.js';
import type { Configuration, Entry, NodeId } from './types.js';

/** Thrown by every check of this file; the message names the replica, its term and what is wrong. */
export class InvariantViolation extends Error {
  override readonly name = 'InvariantViolation';
}

/** A snapshot of a replica's state; does not change when the replica goes on. */
export interface RaftView {
  readonly id: NodeId;
  readonly term: number;
  readonly vote: NodeId;
  readonly role: Role;
  readonly commit: number;
  readonly applied: number;
  readonly stableIndex: number;
  readonly snapshotIndex: number;
  readonly snapshotTerm: number;
  /** From `snapshotIndex` + 1. */
  readonly entries: readonly Entry[];
  /** A leader's match indexes of the other members; without those in quarantine, whose indexes may fall. */
  readonly match: ReadonlyMap<NodeId, number>;
}

/** The state of `raft` now. Copies the list of entries, not their data. */
export function viewOf(raft: Raft): RaftView {
  const { id, term, vote, role, log } = raft;
  const entries: Entry[] = [];
  for (let index = log.firstIndex; index <= log.lastIndex; index++) {
    const entry = log.entryAt(index);
    if (entry !== undefined) entries.push(entry);
  }
  const peers = role === 'leader' ? raft.status().peers : [];
  return {
    id,
    term,
    vote,
    role,
    commit: log.commit,
    applied: log.applied,
    stableIndex: log.stableIndex,
    snapshotIndex: log.snapshotIndex,
    snapshotTerm: log.snapshotTerm,
    entries,
    match: new Map(peers.filter(({ quarantined }) => quarantined !== true).map(({ id: of, match }) => [of, match])),
  };
}

const lastIndexOf = (view: RaftView): number => view.snapshotIndex + view.entries.length;

function entryOf(view: RaftView, index: number): Entry | undefined {
  return view.entries[index - view.snapshotIndex - 1];
}

function termOf(view: RaftView, index: number): number | undefined {
  return index === view.snapshotIndex ? view.snapshotTerm : entryOf(view, index)?.term;
}

function ensure(view: RaftView, condition: boolean, what: string): void {
  if (!condition) throw new InvariantViolation(`${describeNode(view.id, view.term)} ${view.role}: ${what}`);
}

function isSame(a: Entry, b: Entry): boolean {
  if (a === b) return true;
  if (a.index !== b.index || a.term !== b.term || a.kind !== b.kind || a.data.length !== b.data.length) return false;
  return a.data.every((byte, i) => byte === b.data[i]);
}

/** Checks one replica at one moment. @throws InvariantViolation */
export function checkReplica(view: RaftView): void {
  const last = lastIndexOf(view);
  ensure(view, view.applied <= view.commit, `applied ${view.applied} beyond commit ${view.commit}`);
  ensure(view, view.snapshotIndex <= view.applied, `compacted ${view.snapshotIndex} beyond applied ${view.applied}`);
  ensure(view, view.commit <= last, `commit ${view.commit} beyond the log's end ${last}`);
  ensure(view, view.stableIndex <= last, `stable ${view.stableIndex} beyond the log's end ${last}`);
  let { snapshotIndex: index, snapshotTerm: term } = view;
  for (const entry of view.entries) {
    const at = describePosition(entry.index, entry.term);
    ensure(view, entry.index === ++index, `${at} stands where ${index} belongs`);
    ensure(view, entry.term >= term, `${at} follows an entry of term ${term}`);
    term = entry.term;
  }
  ensure(view, term <= view.term, `the log reaches into term ${term}`);
  for (const [peer, match] of view.match)
    ensure(view, match <= last, `match ${match} of n${peer} beyond the log's end`);
}

/** Checks two moments of one replica, without a restart in between. @throws InvariantViolation */
export function checkStep(before: RaftView, after: RaftView): void {
  ensure(after, after.term >= before.term, `term fell from ${before.term}`);
  ensure(after, after.commit >= before.commit, `commit fell from ${before.commit} to ${after.commit}`);
  ensure(after, after.applied >= before.applied, `applied fell from ${before.applied} to ${after.applied}`);
  ensure(after, after.snapshotIndex >= before.snapshotIndex, `the log begins earlier than before`);
  checkKept(before, after, before.commit, 'committed');
  if (after.term !== before.term) return;
  ensure(
    after,
    before.vote === 0 || after.vote === before.vote,
    `its vote changed from n${before.vote} to n${after.vote}`,
  );
  if (before.role !== 'leader' || after.role !== 'leader') return;
  checkKept(before, after, lastIndexOf(before), "a leader's own");
  for (const [peer, match] of before.match) {
    const now = after.match.get(peer) ?? match;
    ensure(after, now >= match, `match of n${peer} fell from ${match} to ${now}`);
  }
}

/** Entries up to `to` are unchanged, or compacted. */
function checkKept(before: RaftView, after: RaftView, to: number, whose: string): void {
  for (let index = after.snapshotIndex + 1; index <= to; index++) {
    const was = entryOf(before, index);
    const is = entryOf(after, index);
    if (was === undefined) continue;
    ensure(after, is !== undefined, `${whose} entry ${describePosition(index, was.term)} is gone`);
    ensure(after, is !== undefined && isSame(was, is), `${whose} entry ${describePosition(index, was.term)} changed`);
  }
}

/** Two logs that agree on an index and term agree on everything before it (§5.3). @throws InvariantViolation */
export function checkLogMatching(a: RaftView, b: RaftView): void {
  let index = Math.min(lastIndexOf(a), lastIndexOf(b));
  const from = Math.max(a.snapshotIndex, b.snapshotIndex);
  while (index > from && termOf(a, index) !== termOf(b, index)) index--;
  for (let below = index; below > from; below--) {
    const [left, right] = [entryOf(a, below), entryOf(b, below)];
    const same = left !== undefined && right !== undefined && isSame(left, right);
    ensure(a, same, `agrees with n${b.id} on ${index}@${termOf(a, index) ?? '?'}, but not on ${below}`);
  }
}

/**
 * A quorum's disks hold everything that any replica has committed. `views`: of every voter, crashed ones as on disk.
 * @throws InvariantViolation
 */
export function checkDurableQuorum(views: readonly RaftView[], configuration: Configuration): void {
  for (const committer of views) {
    const term = termOf(committer, committer.commit);
    const holders = quorumIndex(configuration, (id) => {
      const view = views.find((candidate) => candidate.id === id);
      if (view === undefined) return 0;
      const covered = view.snapshotIndex >= committer.commit;
      return covered || (view.stableIndex >= committer.commit && termOf(view, committer.commit) === term) ? 1 : 0;
    });
    ensure(committer, holders > 0, `calls ${committer.commit}@${term ?? '?'} committed, which no quorum holds durably`);
  }
}

/** Checks a group's history: one leader per term, one vote per node and term, no committed entry lost or changed. */
export class GroupHistory {
  readonly #leaders = new Map<number, NodeId>();
  readonly #votes = new Map<string, NodeId>();
  readonly #committed = new Map<number, { readonly entry: Entry; readonly knownInTerm: number }>();
  readonly #latest = new Map<NodeId, { readonly raft: Raft; readonly view: RaftView }>();

  /** Highest commit index of any replica. */
  highestCommit = 0;

  /**
   * To be called after every input of a replica (or after several: then what lay between is not checked).
   * @throws InvariantViolation
   */
  observe(raft: Raft): void {
    const view = viewOf(raft);
    checkReplica(view);
    const latest = this.#latest.get(view.id);
    // Another object is a restart: what was not durable may be gone.
    if (latest?.raft === raft) checkStep(latest.view, view);
    this.#latest.set(view.id, { raft, view });
    this.#observeCommits(view);
    if (view.role === 'leader') this.#observeLeader(view);
    for (const other of this.#latest.values()) {
      if (other.view.id !== view.id) checkLogMatching(view, other.view);
    }
  }

  /** To be called with every message when it is sent. @throws InvariantViolation on a second vote in a term. */
  sent(message: Message): void {
    if (message.type === 'vote' && !message.preVote) this.#voted(message.from, message.term, message.from);
    if (message.type === 'vote-answer' && !message.preVote && message.granted) {
      this.#voted(message.from, message.term, message.to);
    }
  }

  /** The replica's disk is gone: its latest view is no longer compared with others. */
  dropReplica(id: NodeId): void {
    this.#latest.delete(id);
  }

  #voted(voter: NodeId, term: number, candidate: NodeId): void {
    const key = describeNode(voter, term);
    const earlier = this.#votes.get(key) ?? candidate;
    if (earlier !== candidate) throw new InvariantViolation(`${key} voted for n${earlier} and for n${candidate}`);
    this.#votes.set(key, candidate);
  }

  #observeLeader(view: RaftView): void {
    const earlier = this.#leaders.get(view.term) ?? view.id;
    ensure(view, earlier === view.id, `term ${view.term} was already led by n${earlier}`);
    const isNew = !this.#leaders.has(view.term);
    this.#leaders.set(view.term, view.id);
    if (!isNew) return;
    for (const [index, { entry, knownInTerm }] of this.#committed) {
      if (knownInTerm >= view.term || index <= view.snapshotIndex) continue;
      const own = entryOf(view, index);
      const has = own !== undefined && isSame(own, entry);
      ensure(view, has, `leads without ${describePosition(index, entry.term)}, committed by term ${knownInTerm}`);
    }
  }

  #observeCommits(view: RaftView): void {
    for (const entry of view.entries) {
      if (entry.index > view.commit) break;
      const known = this.#committed.get(entry.index);
      if (known === undefined) {
        this.#committed.set(entry.index, { entry, knownInTerm: view.term });
        continue;
      }
      const at = describePosition(entry.index, entry.term);
      ensure(view, isSame(known.entry, entry), `commits ${at} where ${known.entry.index}@${known.entry.term} was`);
    }
    this.highestCommit = Math.max(this.highestCommit, view.commit);
  }
}
