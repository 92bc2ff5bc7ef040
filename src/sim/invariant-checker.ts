/**
 * Inspects a node's replicas after every event of the node, and throws `InvariantViolation` for what must never be
 * (`raft/invariants.ts` lists it; here the cost is proportional to what changed, because it runs after every event).
 *
 * - Election safety, votes given once per term and not before they are on disk, terms that never fall, also across
 *   restarts.
 * - Log matching, by induction: an index and term identify one entry, which follows one other entry, everywhere.
 * - Committed entries are the same everywhere, commit never falls, and a quorum of disks holds an entry durably when a
 *   node first regards it as committed; a leader commits by counting entries of its own term only.
 * - No log is compacted past the newest durable checkpoint.
 * - A leader removes nothing of its own log, has everything that was committed before it, and its match never falls.
 * - applied ≤ commit ≤ last; equal state hashes at equal applied index.
 *
 * Sees replicas from outside, and disks by their durable content.
 */
import {
  InvariantViolation,
  describeNode,
  describePosition,
  type Entry,
  type GroupId,
  type Message,
} from '../raft/index.js';
import type { NodeId, ReplicaView } from '../shard/index.js';

export interface DurableLog {
  /** Term of the durable entry; undefined if there is none, or none any more. */
  durableTerm(group: GroupId, index: number): number | undefined;
  durableSnapshotIndex(group: GroupId): number;
  hasVote(group: GroupId, term: number, vote: NodeId): boolean;
  /** The disk was rolled back to an earlier moment: leaders must discard what they knew of it. */
  readonly hasLostAcknowledged: boolean;
  /** The disk had the entry when it was rolled back. */
  hadBefore(group: GroupId, index: number, term: number): boolean;
}

/** The state of a replica at the previous inspection. */
interface Shadow {
  readonly raft: ReplicaView['raft'];
  term: number;
  vote: NodeId;
  isLeader: boolean;
  commit: number;
  applied: number;
  first: number;
  last: number;
  lastTerm: number;
  stable: number;
  /** Terms of `first..last`. */
  terms: number[];
  match: Map<NodeId, number>;
  /** Members that this leader has recognised as having lost data: earlier content of their disks no longer counts. */
  readonly noticed: Set<NodeId>;
}

interface GroupHistory {
  readonly leaders: Map<number, NodeId>;
  /** By `index * 2^21 + term`: the entry, and the term of the one before it. */
  readonly entries: Map<number, { readonly entry: Entry; readonly previousTerm: number }>;
  /** By index, from the lowest that a replica may still need. */
  readonly committed: Map<number, { readonly entry: Entry; readonly knownInTerm: number }>;
  readonly hashes: Map<number, { readonly hash: string; readonly node: NodeId }>;
  readonly votes: Map<string, NodeId>;
  highestCommit: number;
  /** Highest term in which any node led. */
  highestLed: number;
}

export class InvariantChecker {
  readonly #groups = new Map<GroupId, GroupHistory>();
  readonly #shadows = new Map<NodeId, Map<GroupId, Shadow>>();
  readonly #disks: ReadonlyMap<NodeId, DurableLog>;
  /** Called with events for the trace. */
  readonly #trace: (node: NodeId, group: GroupId, what: string) => void;

  constructor(disks: ReadonlyMap<NodeId, DurableLog>, trace: (node: NodeId, group: GroupId, what: string) => void) {
    this.#disks = disks;
    this.#trace = trace;
  }

  /** Highest index of a group that any node regarded as committed. */
  highestCommit(group: GroupId): number {
    return this.#history(group).highestCommit;
  }

  /** The state that every replica must have after the entry at `index`. */
  expect(group: GroupId, index: number, hash: string): void {
    this.#history(group).hashes.set(index, { hash, node: 0 });
  }

  inspect(node: NodeId, replicas: Iterable<ReplicaView>): void {
    let shadows = this.#shadows.get(node);
    if (shadows === undefined) {
      shadows = new Map<GroupId, Shadow>();
      this.#shadows.set(node, shadows);
    }
    for (const replica of replicas) {
      const shadow = shadows.get(replica.id);
      if (shadow?.raft === replica.raft) {
        if (!isAsBefore(shadow, replica)) this.#changed(shadow, replica);
        else if (shadow.isLeader) this.#matches(shadow, replica);
        continue;
      }
      const fresh = freshShadow(replica.raft);
      shadows.set(replica.id, fresh);
      this.#changed(fresh, replica);
    }
  }

  /** Must be called with every consensus message that is sent. */
  sent(group: GroupId, message: Message): void {
    const { from, to, term } = message;
    if (message.type === 'vote' && !message.preVote) this.#voted(group, from, term, from);
    if (message.type === 'vote-answer' && !message.preVote && message.granted) this.#voted(group, from, term, to);
  }

  #voted(group: GroupId, voter: NodeId, term: number, candidate: NodeId): void {
    const { votes } = this.#history(group);
    const key = describeNode(voter, term);
    const earlier = votes.get(key) ?? candidate;
    if (earlier !== candidate) throw new InvariantViolation(`${key} voted for n${earlier} and for n${candidate}`);
    votes.set(key, candidate);
    if (this.#disks.get(voter)?.hasVote(group, term, candidate) !== false) return;
    throw new InvariantViolation(`group ${group}: ${key} speaks of its vote for n${candidate}, its disk does not`);
  }

  #changed(shadow: Shadow, replica: ReplicaView): void {
    const history = this.#history(replica.id);
    const { raft } = replica;
    const hold = (condition: boolean, what: () => string): void => {
      if (condition) return;
      throw new InvariantViolation(`group ${replica.id}, ${describeNode(raft.id, raft.term)} ${raft.role}: ${what()}`);
    };
    this.#terms(history, shadow, replica, hold);
    this.#log(history, shadow, replica, hold);
    this.#leadership(history, shadow, replica, hold);
    if (shadow.isLeader) this.#matches(shadow, replica);
    this.#commits(history, shadow, replica, hold);
    this.#applied(history, shadow, replica, hold);
    this.#stable(replica, hold);
    shadow.commit = raft.log.commit;
    shadow.stable = raft.log.stableIndex;
  }

  #terms(history: GroupHistory, shadow: Shadow, { raft, id }: ReplicaView, hold: Hold): void {
    // A crash may lose a term that was only in memory, but not one in which a vote or an answer was sent; those are
    // checked when they are sent.
    hold(raft.term >= shadow.term, () => `its term fell from ${shadow.term}`);
    if (raft.term === shadow.term) {
      const { vote } = shadow;
      hold(vote === 0 || raft.vote === vote, () => `its vote changed from n${vote} to n${raft.vote}`);
    } else this.#trace(raft.id, id, `is in term ${raft.term}`);
    shadow.term = raft.term;
    shadow.vote = raft.vote;
  }

  #log(history: GroupHistory, shadow: Shadow, { raft, id }: ReplicaView, hold: Hold): void {
    const { log } = raft;
    hold(log.commit <= log.lastIndex, () => `commit ${log.commit} beyond the log's end ${log.lastIndex}`);
    hold(log.applied <= log.commit, () => `applied ${log.applied} beyond commit ${log.commit}`);
    hold(log.snapshotIndex <= log.commit, () => `compacted ${log.snapshotIndex} beyond commit ${log.commit}`);
    hold(log.stableIndex <= log.lastIndex, () => `stable ${log.stableIndex} beyond the log's end ${log.lastIndex}`);
    // Above `same` the log has changed.
    let same = Math.min(shadow.last, log.lastIndex);
    while (same >= shadow.first && same >= log.firstIndex && log.termAt(same) !== shadow.terms[same - shadow.first])
      same--;
    const cut = same < shadow.last && log.firstIndex <= shadow.last;
    if (cut) {
      hold(same >= shadow.commit, () => `removed ${same + 1}..${shadow.last}, of which ${shadow.commit} was committed`);
      const stays = shadow.isLeader && raft.role === 'leader' && shadow.term === raft.term;
      hold(!stays, () => `a leader removed ${same + 1}..${shadow.last} of its own log`);
    }
    const from = Math.max(log.firstIndex, same + 1);
    for (let index = from; index <= log.lastIndex; index++) this.#entry(history, id, log, index, hold);
    shadow.terms = sliceTerms(shadow, log.firstIndex, from);
    for (let index = from; index <= log.lastIndex; index++) shadow.terms.push(log.termAt(index) ?? 0);
    shadow.first = log.firstIndex;
    shadow.last = log.lastIndex;
    shadow.lastTerm = log.lastTerm;
  }

  #entry(history: GroupHistory, group: GroupId, log: ReplicaView['raft']['log'], index: number, hold: Hold): void {
    const entry = log.entryAt(index);
    const previousTerm = log.termAt(index - 1);
    hold(entry !== undefined && previousTerm !== undefined, () => `has no entry ${index} in its log`);
    if (entry === undefined || previousTerm === undefined) return;
    hold(
      previousTerm <= entry.term,
      () => `${describePosition(index, entry.term)} follows an entry of term ${previousTerm}`,
    );
    const key = index * 2 ** 21 + entry.term;
    const known = history.entries.get(key);
    if (known === undefined) {
      history.entries.set(key, { entry, previousTerm });
      return;
    }
    const at = (): string => describePosition(index, entry.term);
    hold(
      known.previousTerm === previousTerm,
      () => `${at()} follows term ${previousTerm}, elsewhere ${known.previousTerm}`,
    );
    hold(isSame(known.entry, entry), () => `${at()} is another entry elsewhere`);
  }

  #leadership(history: GroupHistory, shadow: Shadow, { raft, id }: ReplicaView, hold: Hold): void {
    const isLeader = raft.role === 'leader';
    const isNew = isLeader && history.leaders.get(raft.term) === undefined;
    if (isLeader) {
      const earlier = history.leaders.get(raft.term) ?? raft.id;
      hold(earlier === raft.id, () => `term ${raft.term} was already led by n${earlier}`);
      history.leaders.set(raft.term, raft.id);
      history.highestLed = Math.max(history.highestLed, raft.term);
      if (isNew) this.#trace(raft.id, id, `leads term ${raft.term}`);
    }
    if (!isLeader || !shadow.isLeader || isNew) {
      shadow.match = new Map();
      shadow.noticed.clear();
    }
    shadow.isLeader = isLeader;
    if (!isNew) return;
    const { log } = raft;
    for (let index = log.firstIndex; index <= history.highestCommit; index++) {
      const known = history.committed.get(index);
      if (known === undefined || known.knownInTerm >= raft.term) continue;
      const own = log.entryAt(index);
      const at = (): string => describePosition(index, known.entry.term);
      hold(
        own !== undefined && isSame(own, known.entry),
        () => `leads without ${at()}, committed by term ${known.knownInTerm}`,
      );
    }
  }

  #commits(history: GroupHistory, shadow: Shadow, { raft, id }: ReplicaView, hold: Hold): void {
    const { log } = raft;
    hold(log.commit >= shadow.commit, () => `commit fell from ${shadow.commit} to ${log.commit}`);
    for (let index = Math.max(shadow.commit + 1, log.firstIndex); index <= log.commit; index++) {
      const entry = log.entryAt(index);
      if (entry === undefined) continue;
      const known = history.committed.get(index);
      if (known === undefined) {
        history.committed.set(index, { entry, knownInTerm: raft.term });
      } else {
        const at = (): string => describePosition(index, entry.term);
        hold(isSame(known.entry, entry), () => `commits ${at()} where ${index}@${known.entry.term} was committed`);
      }
    }
    if (log.commit <= history.highestCommit) return;
    history.highestCommit = log.commit;
    const isOwn = raft.role !== 'leader' || log.termAt(log.commit) === raft.term;
    hold(isOwn, () => `commits ${describePosition(log.commit, log.termAt(log.commit) ?? 0)} by counting`);
    this.#durable(id, shadow, raft, hold);
  }

  /** Checked when a replica first regards an index as committed: a quorum of disks has the entry. */
  #durable(group: GroupId, shadow: Shadow, raft: ReplicaView['raft'], hold: Hold): void {
    const { commit } = raft.log;
    const term = raft.log.termAt(commit);
    const { voters } = raft.configuration;
    const holders = voters.filter((voter) => this.#holds(voter, group, commit, term, shadow));
    const at = (): string => describePosition(commit, term ?? 0);
    hold(
      holders.length * 2 > voters.length,
      () => `calls ${at()} committed, which only [${holders.join(' ')}] hold durably`,
    );
  }

  /**
   * A voter's disk has the entry; or had it when it was rolled back, and the leader cannot know of that yet: an
   * acknowledgement that was under way then is as good as one that arrived before (`raft/quarantine.ts`).
   */
  #holds(voter: NodeId, group: GroupId, index: number, term: number | undefined, leader: Shadow): boolean {
    const disk = this.#disks.get(voter);
    if (disk === undefined) return false;
    if (disk.durableSnapshotIndex(group) >= index || disk.durableTerm(group, index) === term) return true;
    if (term === undefined || !leader.isLeader || leader.noticed.has(voter)) return false;
    return (leader.match.get(voter) ?? 0) >= index && disk.hadBefore(group, index, term);
  }

  /** What a replica believes to be on its disk must be there. */
  #stable({ id, raft, installing }: ReplicaView, hold: Hold): void {
    const { log } = raft;
    const disk = this.#disks.get(raft.id);
    const { stableIndex } = log;
    if (disk === undefined || installing) return;
    const covered = disk.durableSnapshotIndex(id);
    hold(log.snapshotIndex <= covered, () => `compacted ${log.snapshotIndex}, its newest checkpoint is at ${covered}`);
    if (stableIndex <= log.snapshotIndex || covered >= stableIndex) return;
    const at = (): string => describePosition(stableIndex, log.termAt(stableIndex) ?? 0);
    hold(
      disk.durableTerm(id, stableIndex) === log.termAt(stableIndex),
      () => `believes that it has ${at()} on its own disk`,
    );
  }

  #applied(history: GroupHistory, shadow: Shadow, replica: ReplicaView, hold: Hold): void {
    const { applied, installing, raft } = replica;
    hold(applied >= shadow.applied, () => `applied fell from ${shadow.applied} to ${applied}`);
    hold(applied <= raft.log.commit, () => `applied ${applied}, but commit is ${raft.log.commit}`);
    if (applied === shadow.applied || installing) return;
    shadow.applied = applied;
    const hash = replica.machine.stateHash();
    const known = history.hashes.get(applied);
    if (known === undefined) history.hashes.set(applied, { hash, node: raft.id });
    else
      hold(known.hash === hash, () => `its state at ${applied} is ${hash}, that of n${known.node} was ${known.hash}`);
  }

  #matches(shadow: Shadow, { raft, id }: ReplicaView): void {
    for (const { id: peer, match, quarantined } of raft.status().peers) {
      if (quarantined === true) shadow.noticed.add(peer);
      const before = shadow.match.get(peer) ?? 0;
      if (match === before) continue;
      const who = (): string => `group ${id}, ${describeNode(raft.id, raft.term)}`;
      const mayFall = this.#disks.get(peer)?.hasLostAcknowledged === true;
      if (match < before && !mayFall) {
        throw new InvariantViolation(`${who()}: match of n${peer} fell from ${before} to ${match}`);
      }
      shadow.match.set(peer, match);
      if (match < before) continue;
      // A later leader may have replaced the entry since the peer acknowledged it.
      if (this.#history(id).highestLed > raft.term || match <= raft.log.snapshotIndex) continue;
      if (!this.#disks.has(peer) || this.#holds(peer, id, match, raft.log.termAt(match), shadow)) continue;
      throw new InvariantViolation(
        `${who()}: believes that n${peer} has ${describePosition(match, raft.log.termAt(match) ?? 0)} on disk`,
      );
    }
  }

  #history(group: GroupId): GroupHistory {
    let history = this.#groups.get(group);
    if (history === undefined) {
      history = {
        leaders: new Map(),
        entries: new Map(),
        committed: new Map(),
        hashes: new Map(),
        votes: new Map(),
        highestCommit: 0,
        highestLed: 0,
      };
      this.#groups.set(group, history);
    }
    return history;
  }
}

type Hold = (condition: boolean, what: () => string) => void;

function freshShadow(raft: ReplicaView['raft']): Shadow {
  return {
    raft,
    term: 0,
    vote: 0,
    isLeader: false,
    commit: 0,
    applied: 0,
    first: 1,
    last: 0,
    lastTerm: 0,
    stable: 0,
    terms: [],
    match: new Map(),
    noticed: new Set(),
  };
}

function isAsBefore(shadow: Shadow, { raft, applied }: ReplicaView): boolean {
  const { log } = raft;
  return (
    raft.term === shadow.term &&
    raft.vote === shadow.vote &&
    (raft.role === 'leader') === shadow.isLeader &&
    log.commit === shadow.commit &&
    applied === shadow.applied &&
    log.lastIndex === shadow.last &&
    log.lastTerm === shadow.lastTerm &&
    log.stableIndex === shadow.stable &&
    log.firstIndex === shadow.first
  );
}

/** The terms of `first` up to, and not including, `end`. */
function sliceTerms(shadow: Shadow, first: number, end: number): number[] {
  if (first === shadow.first && end === shadow.last + 1) return shadow.terms;
  return shadow.terms.slice(Math.max(0, first - shadow.first), Math.max(0, end - shadow.first));
}

function isSame(a: Entry, b: Entry): boolean {
  if (a === b) return true;
  if (a.index !== b.index || a.term !== b.term || a.kind !== b.kind || a.data.length !== b.data.length) return false;
  return Buffer.compare(a.data, b.data) === 0;
}
