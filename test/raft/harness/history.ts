/**
 * Invariants of a whole group over time, also across crashes. Observes every write, message, role, commit and read of a
 * test cluster and throws at the first step that breaks one:
 *  - one leader per term, ever; a node's terms never fall and it casts one vote per term, also across restarts;
 *  - votes, terms and acknowledgements are durable before they are sent;
 *  - log matching: (index, term) fixes an entry and the term before it, in every log;
 *  - a leader only appends; its log has whatever was committed in earlier terms;
 *  - commit extends only at a leader, by counting only through an entry of its own term, and only when a quorum holds it
 *    durably; what is committed never changes, and no disk drops it; commit never falls while a node runs;
 *  - entries are applied in order, once, as committed;
 *  - a leader's matchIndex never falls, and rises only by an acknowledgement of that term that was true when sent;
 *  - a confirmed read covers every index that was known committed when it was requested.
 * Only these need a whole group, its disks and its messages; what one replica or all logs must satisfy at any moment is
 * `src/raft/invariants.ts`, which runs with it when `thorough`. Uses only the core's output and its status.
 */
import {
  GroupHistory,
  type Entry,
  type Message,
  type NodeId,
  type PeerStatus,
  type RaftStatus,
  type Role,
  type Write,
} from '../../../src/raft/index.js';
import { demand } from './broken.js';
import { sameEntry } from './entries.js';
import type { Replica } from './replica.js';
import { SentMessages } from './sent-messages.js';

interface Committed {
  readonly entry: Entry;
  /** Term of the leader that committed it. */
  readonly inTerm: number;
}

/** Last observed state of a running node. */
interface Seen {
  term: number;
  vote: NodeId;
  role: Role;
  commit: number;
  checkedCommit: number;
  /** The last term in which it led when all its output had been taken. */
  ledTerm: number;
  match: Map<NodeId, number>;
}

interface OpenRead {
  readonly floor: number;
  readonly incarnation: number;
}

export class History {
  /** Everything ever committed; index − 1. */
  readonly ledger: Committed[] = [];
  /** The project's own invariants, of single replicas and of whole logs. */
  readonly #group = new GroupHistory();
  readonly #replicas = new Map<NodeId, Replica>();
  readonly #sent = new SentMessages(this.#replicas);
  readonly #entries = new Map<number, { entry: Entry; previousTerm: number | undefined }>();
  readonly #seen = new Map<NodeId, Seen>();
  readonly #reads = new Map<string, OpenRead>();
  confirmedReads = 0;
  readonly #voters: readonly NodeId[];
  readonly #thorough: boolean;

  /** `thorough`: also checks every log as a whole after every step. */
  constructor(voters: readonly NodeId[], thorough: boolean) {
    this.#voters = voters;
    this.#thorough = thorough;
  }

  /** Leader of each term. */
  get leaders(): ReadonlyMap<number, NodeId> {
    return this.#sent.leaders;
  }

  /** Highest index that any node knows to be committed. */
  get committed(): number {
    return this.ledger.length;
  }

  started(replica: Replica): void {
    this.#replicas.set(replica.id, replica);
    const { term, vote, commit, role } = replica.raft.status();
    const { hardState } = replica.disk;
    const name = `n${replica.id}`;
    demand(role === 'follower', () => `${name} starts as ${role}`);
    demand(
      term === hardState.term && vote === hardState.vote,
      () => `${name} starts at ${term}/${vote}, not as persisted`,
    );
    const before = this.#seen.get(replica.id);
    // What it had sent was checked to be durable (`sent`), so the durable term may be any ≥ that.
    const checkedCommit = Math.min(before?.checkedCommit ?? 0, commit);
    this.#seen.set(replica.id, { term, vote, role, commit, checkedCommit, ledTerm: 0, match: new Map() });
    this.#learn(replica, replica.disk.entries);
  }

  /** Its disk was rolled back: its acknowledgements no longer prove what it holds. */
  rolledBack(id: NodeId): void {
    this.#sent.rolledBack(id);
  }

  /** A write is handed out; the shadow log does not have it yet. */
  written(replica: Replica, write: Write): void {
    const first = write.entries[0];
    if (first === undefined) return;
    if (replica.raft.role === 'leader' && this.#seen.get(replica.id)?.ledTerm === replica.raft.term) {
      const last = replica.shadowStart.index + replica.shadow.length;
      demand(first.index > last, () => `leader n${replica.id} overwrites its own log at ${first.index}`);
    }
    for (let index = first.index; index <= this.ledger.length; index++) {
      const had = replica.shadowEntryAt(index);
      if (had === undefined) break;
      if (had.term !== this.ledger[index - 1]!.entry.term) continue;
      const instead = write.entries[index - first.index];
      demand(instead?.term === had.term, () => `n${replica.id} drops the committed entry ${index}@${had.term}`);
    }
    this.#learn(replica, write.entries, replica.shadowTermAt(first.index - 1));
  }

  /** A write is durable. `kept` are the entries that the disk had before, from `start + 1`. */
  synced(replica: Replica, write: Write, kept: readonly Entry[], start: number, lastBefore: number): void {
    const { disk } = replica;
    const firstGone =
      write.entries[0]?.index ?? (write.chunk?.done === true ? disk.checkpoint.meta.index + 1 : lastBefore + 1);
    for (let index = Math.max(firstGone, start + 1); index <= Math.min(lastBefore, this.ledger.length); index++) {
      const had = kept[index - start - 1];
      if (had?.term !== this.ledger[index - 1]!.entry.term) continue;
      demand(
        disk.holds(index, had.term),
        () => `the disk of n${replica.id} lost the committed entry ${index}@${had.term}`,
      );
    }
  }

  sent(replica: Replica, message: Message): void {
    if (this.#thorough) this.#group.sent(message);
    this.#sent.sent(replica, message);
  }

  applied(replica: Replica, entry: Entry): void {
    const committed = this.ledger[entry.index - 1];
    // The leader applies before its step is checked: its own commit may be newer than the ledger.
    if (committed === undefined) this.#extend(replica, entry.index);
    const expected = this.ledger[entry.index - 1]!.entry;
    demand(sameEntry(entry, expected), () => `n${replica.id} applies another ${entry.index} than was committed`);
    demand(replica.disk.holds(entry.index, entry.term), () => `n${replica.id} applies ${entry.index} before its sync`);
  }

  installed(replica: Replica): void {
    const { meta } = replica.disk.checkpoint;
    const committed = this.ledger[meta.index - 1];
    demand(
      committed?.entry.term === meta.term,
      () => `n${replica.id} installs a snapshot of uncommitted ${meta.index}@${meta.term}`,
    );
  }

  readRequested(replica: Replica, context: number): void {
    const key = `${replica.id}.${replica.incarnation}.${context}`;
    demand(!this.#reads.has(key), () => `n${replica.id} gives read context ${context} twice`);
    this.#reads.set(key, { floor: this.ledger.length, incarnation: replica.incarnation });
  }

  readConfirmed(replica: Replica, context: number, index: number): void {
    const asked = this.#settleRead(replica, context);
    demand(
      index >= asked.floor,
      () => `stale read on n${replica.id}: index ${index}, but ${asked.floor} was committed`,
    );
    this.confirmedReads++;
  }

  readLost(replica: Replica, context: number): void {
    this.#settleRead(replica, context);
  }

  /** Checks that hold after any step, even if not all output has been taken. */
  checkStatus(replica: Replica): RaftStatus {
    if (this.#thorough) this.#group.observe(replica.raft);
    const status = replica.raft.status();
    const seen = this.#seen.get(replica.id)!;
    const name = `n${replica.id}@${status.term}`;
    demand(status.term >= seen.term, () => `${name}: term fell from ${seen.term}`);
    if (status.term === seen.term && seen.vote !== 0)
      demand(status.vote === seen.vote, () => `${name}: vote changed from n${seen.vote} to n${status.vote}`);
    demand(status.commit >= seen.commit, () => `${name}: commit fell from ${seen.commit} to ${status.commit}`);
    demand(status.commit <= status.lastIndex, () => `${name}: commit ${status.commit} beyond ${status.lastIndex}`);
    demand(status.applied <= status.commit, () => `${name}: applied ${status.applied} beyond commit ${status.commit}`);
    demand(status.stableIndex <= status.lastIndex, () => `${name}: stable beyond the log`);
    if (status.role === 'leader') {
      demand(this.#voters.includes(replica.id), () => `${name} leads and is no voter`);
      this.#sent.lead(replica.id, status.term);
      // It may have stepped down by the next step.
      if (status.commit > this.ledger.length) this.#extend(replica, status.commit);
    }
    this.#checkMatches(replica, seen, status.term, status.role, status.peers);
    seen.term = status.term;
    seen.vote = status.vote;
    seen.role = status.role;
    seen.commit = status.commit;
    return status;
  }

  /** Checks after a step once all output has been taken: the log then equals what was handed out. */
  check(replica: Replica): void {
    const { term, role, commit, lastIndex, stableIndex } = this.checkStatus(replica);
    const seen = this.#seen.get(replica.id)!;
    this.#checkLog(replica, lastIndex, stableIndex);
    if (role === 'leader' && seen.ledTerm !== term) {
      this.#checkCompleteness(replica, term);
      seen.ledTerm = term;
    }
    this.#checkCommit(replica, seen, commit);
  }

  #settleRead(replica: Replica, context: number): OpenRead {
    const key = `${replica.id}.${replica.incarnation}.${context}`;
    const asked = this.#reads.get(key);
    demand(asked !== undefined, () => `n${replica.id} answers read ${context}, which is not open`);
    this.#reads.delete(key);
    return asked;
  }

  /** Log matching, by induction: every entry seen in any log fixes itself and the term of its predecessor. */
  #learn(replica: Replica, entries: readonly Entry[], termBefore?: number): void {
    let previousTerm = termBefore ?? replica.shadowTermAt((entries[0]?.index ?? 1) - 1);
    for (const entry of entries) {
      const key = entry.index * 100_000 + entry.term;
      const known = this.#entries.get(key);
      if (known === undefined) {
        this.#entries.set(key, { entry, previousTerm });
      } else {
        const agrees =
          known.entry === entry ||
          (sameEntry(known.entry, entry) &&
            (previousTerm === undefined || known.previousTerm === undefined || known.previousTerm === previousTerm));
        demand(agrees, () => `n${replica.id}: ${entry.index}@${entry.term} differs between two logs`);
      }
      demand(
        previousTerm === undefined || previousTerm <= entry.term,
        () => `n${replica.id}: terms fall at ${entry.index}`,
      );
      previousTerm = entry.term;
    }
  }

  #checkLog(replica: Replica, lastIndex: number, stableIndex: number): void {
    const shadowLast = replica.shadowStart.index + replica.shadow.length;
    demand(lastIndex === shadowLast, () => `n${replica.id}: last index ${lastIndex}, but ${shadowLast} was handed out`);
    demand(
      replica.raft.termAt(lastIndex) === replica.shadowTermAt(lastIndex),
      () => `n${replica.id}: wrong term at ${lastIndex}`,
    );
    const term = replica.shadowTermAt(stableIndex);
    // After a snapshot's last chunk the core's log starts anew before the disk's does.
    if (term !== undefined && !replica.disk.installing())
      demand(
        replica.disk.holds(stableIndex, term),
        () => `n${replica.id}: ${stableIndex}@${term} called stable, is not on disk`,
      );
  }

  #checkCompleteness(replica: Replica, term: number): void {
    for (let at = this.ledger.length - 1; at >= 0; at--) {
      const { entry, inTerm } = this.ledger[at]!;
      if (inTerm > term) continue;
      // The last one implies those before it, by log matching.
      const held = entry.index <= replica.shadowStart.index || replica.shadowTermAt(entry.index) === entry.term;
      demand(held, () => `leader n${replica.id}@${term} lacks the committed ${entry.index}@${entry.term}`);
      return;
    }
  }

  #checkCommit(replica: Replica, seen: Seen, commit: number): void {
    if (commit > this.ledger.length) this.#extend(replica, commit);
    for (let index = seen.checkedCommit + 1; index <= commit; index++) {
      const entry = replica.shadowEntryAt(index);
      if (entry === undefined) continue;
      const expected = this.ledger[index - 1]!.entry;
      demand(
        entry.term === expected.term,
        () => `n${replica.id} commits ${index}@${entry.term}, committed is ${expected.term}`,
      );
    }
    seen.checkedCommit = Math.max(seen.checkedCommit, commit);
  }

  #extend(replica: Replica, asFarAs: number): void {
    const { role, term, commit } = replica.raft.status();
    const name = `n${replica.id}@${term}`;
    demand(role === 'leader', () => `${name} (${role}) commits ${commit}, which no leader has committed`);
    const last = replica.shadowEntryAt(commit);
    demand(last !== undefined && commit >= asFarAs, () => `${name} commits ${commit} without the entry`);
    demand(last.term === term, () => `${name} commits ${commit}@${last.term} by counting, not of its own term`);
    const holders = this.#voters.filter(
      (id) =>
        // Until it learns of the quarantine, a leader counts acknowledgements of a disk that was rolled back since.
        this.#sent.lostBy(id, term) >= commit || this.#replicas.get(id)?.disk.holds(commit, last.term) === true,
    );
    demand(
      holders.length * 2 > this.#voters.length,
      () => `${name} commits ${commit}, durable only on ${holders.join(',') || 'none'}`,
    );
    for (let index = this.ledger.length + 1; index <= commit; index++) {
      const entry = replica.shadowEntryAt(index);
      demand(entry !== undefined, () => `${name} commits ${index} without having it`);
      this.ledger.push({ entry, inTerm: term });
    }
  }

  #checkMatches(replica: Replica, seen: Seen, term: number, role: Role, peers: readonly PeerStatus[]): void {
    if (role !== 'leader' || seen.role !== 'leader' || seen.term !== term) seen.match.clear();
    if (role !== 'leader') return;
    for (const { id, match, next, quarantined } of peers) {
      if (quarantined === true) seen.match.delete(id);

      const before = seen.match.get(id) ?? 0;
      demand(match >= before, () => `n${replica.id}@${term}: match of n${id} fell from ${before} to ${match}`);
      demand(next > match, () => `n${replica.id}@${term}: next of n${id} is ${next}, match ${match}`);
      if (match > before) {
        const proof = this.#sent.acknowledgedBy(id, term);
        demand(match <= proof, () => `n${replica.id}@${term}: match of n${id} is ${match}, it acknowledged ${proof}`);
        seen.match.set(id, match);
      }
    }
  }
}
