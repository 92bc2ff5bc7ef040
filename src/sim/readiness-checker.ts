/**
 * Compares the readiness that nodes report with what the simulator sees of them.
 *
 * - No node is ready while, for longer than an election timeout and a second, a group that it leads makes no progress
 *   although something waits, or a write that it wants is not on its disk. Exception: only the disks of others lack
 *   what waits; it is on the node's own, and a quorum over whole links has received it.
 * - A node that has no fault of its own, and serves a shard that it leads, is not unready for long, whatever else goes
 *   wrong in the cluster.
 * - After healing every node is ready, also by the strict check.
 *
 * Sees replicas from outside and keeps its own time; does not use how a node computes its answer.
 */
import { InvariantViolation } from '../raft/index.js';
import type { HealthCheck } from '../router/index.js';
import type { GroupId, NodeId, ReplicaView } from '../shard/index.js';
import type { Mark } from './marks.js';
import { longestElectionMs } from './node-settings.js';

/** A node, as seen by this checker. */
export interface ObservedNode {
  readonly id: NodeId;
  /** The longest election timeout of all its starts, ms. */
  readonly longestElectionMs: number;
  /** Its data is damaged and it must refuse to start: it is not checked. */
  readonly damaged: boolean;
  readonly clock: { monotonic(): number };
  /** As `/readyz` answers; undefined while nothing would answer. */
  readiness(strict?: boolean): readonly HealthCheck[] | undefined;
  replicas(): Iterable<ReplicaView>;
}

export interface ReadinessCheckerOptions {
  readonly nodes: readonly ObservedNode[];
  /** Whether the node's disk, process or links have a fault at present for which it may report that it is not ready. */
  readonly isTroubled: (node: ObservedNode) => boolean;
  /** A majority of these is running and healthy. */
  readonly isQuorum: (voters: readonly NodeId[]) => boolean;
  /** For a node that leads the replica's group: what waits there waits only for the disks of others. */
  readonly isHeldUpByDisksOfOthers: (node: ObservedNode, replica: ReplicaView) => boolean;
  readonly reached: (mark: Mark) => void;
}

/** Since when, on the node's own clock, a number has not increased though it should. */
interface Wait {
  readonly raft: ReplicaView['raft'];
  readonly term: number;
  readonly at: number;
  readonly sinceMs: number;
}

/** What stands still, and for how long. */
interface Stall {
  readonly ms: number;
  readonly what: string;
}

/** What the checker keeps of a node between two looks. */
interface NodeState {
  readonly commits: Map<GroupId, Wait>;
  /** The same, while not held up by the disks of others. */
  readonly ownCommits: Map<GroupId, Wait>;
  readonly syncs: Map<GroupId, Wait>;
  /** Since when it serves, has no fault of its own, and is not ready. */
  unreadySinceMs: number | undefined;
  /** When it last had a fault of its own. */
  troubledAtMs: number;
  isStalled: boolean;
  /** Since when it is ready although something stands still. */
  readySinceMs: number | undefined;
  /** It is ready, with a note on what other nodes do not serve. */
  isReadyWithNote: boolean;
}

/** Longer than an election timeout. */
const GRACE_MS = 1_000;
/**
 * When a disk is back, what waited for it is written in two or three commits: for this long a node may be ready while
 * something is not yet on its disk, but not while something that it leads is not yet committed.
 */
const CATCH_UP_MS = 300;
/** For so many election timeouts after its last own fault a node may be unready: an election takes up to two. */
const RECOVERY_ELECTIONS = 2;
/** What was sent over a slow link arrives long after its healing, and everything sent since then behind it. */
const AFTERMATH_MS = 500;

export class ReadinessChecker {
  readonly #options: ReadinessCheckerOptions;
  readonly #states = new Map<NodeId, NodeState>();

  constructor(options: ReadinessCheckerOptions) {
    this.#options = options;
  }

  /** Must be called often. @throws InvariantViolation */
  inspect(): void {
    for (const node of this.#options.nodes) {
      const checks = node.readiness();
      if (checks === undefined) continue;
      let state = this.#states.get(node.id);
      if (state === undefined) {
        state = {
          commits: new Map(),
          ownCommits: new Map(),
          syncs: new Map(),
          unreadySinceMs: undefined,
          troubledAtMs: -Infinity,
          isStalled: false,
          readySinceMs: undefined,
          isReadyWithNote: false,
        };
        this.#states.set(node.id, state);
      }
      this.#judge(node, state, checks);
    }
  }

  /** The nodes that are not ready although all is well, and why. */
  unready(): string[] {
    return this.#options.nodes.flatMap((node) => {
      if (node.damaged) return [];
      const checks = node.readiness(true);
      return checks === undefined
        ? [`n${node.id} does not answer`]
        : complaints(checks).map((why) => `n${node.id}: ${why}`);
    });
  }

  #judge(node: ObservedNode, state: NodeState, checks: readonly HealthCheck[]): void {
    // Timers belong to the cluster: those of any node may be in force, also at a node started with shorter ones.
    const electionMs = longestElectionMs(this.#options.nodes);
    const now = node.clock.monotonic();
    const wrong = complaints(checks);
    let led: Stall = { ms: 0, what: '' };
    let uncommittedMs = 0;
    let disk: Stall = { ms: 0, what: '' };
    let serves = false;
    for (const replica of node.replicas()) {
      const { id, raft, applied, installing } = replica;
      const leads = raft.role === 'leader';
      const { lastIndex, stableIndex } = raft.log;
      const waits = { raft, at: applied, due: leads && applied < lastIndex };
      uncommittedMs = Math.max(uncommittedMs, note(state.commits, id, waits, now));
      const isOwn = waits.due && !this.#options.isHeldUpByDisksOfOthers(node, replica);
      const uncommitted = note(state.ownCommits, id, { ...waits, due: isOwn }, now);
      const unwritten = note(
        state.syncs,
        id,
        { raft, at: stableIndex, due: !installing && stableIndex < lastIndex },
        now,
      );
      if (uncommitted > led.ms) led = { ms: uncommitted, what: `leads group ${id} and has committed nothing` };
      if (unwritten > disk.ms) disk = { ms: unwritten, what: `has got nothing of group ${id} on its disk` };
      if (leads && id > 0 && applied > 0) serves ||= this.#options.isQuorum(raft.configuration.voters);
    }
    const isReady = wrong.length === 0;
    const limitMs = electionMs + GRACE_MS;
    if (isReady && led.ms > limitMs) throw readyButStalled(node, led);
    const longest = led.ms > disk.ms ? led : disk;
    const isStalled = longest.ms > limitMs;
    if (isStalled && !state.isStalled && !isReady) this.#options.reached('unready-by-own-fault');
    state.isStalled = isStalled;
    if (!isStalled || !isReady) state.readySinceMs = undefined;
    else state.readySinceMs ??= now;
    if (now - (state.readySinceMs ?? now) > CATCH_UP_MS) throw readyButStalled(node, longest);
    const isWell = serves && Math.max(longest.ms, uncommittedMs) <= electionMs;
    const isReadyWithNote = isWell && isReady && checks.some((check) => check.note !== undefined);
    if (isReadyWithNote && !state.isReadyWithNote) this.#options.reached('ready-beside-unserved');
    state.isReadyWithNote = isReadyWithNote;
    this.#checkUnready(node, state, { wrong, now, electionMs, isWell });
  }

  #checkUnready(
    node: ObservedNode,
    state: NodeState,
    { wrong, now, electionMs, isWell }: { wrong: readonly string[]; now: number; electionMs: number; isWell: boolean },
  ): void {
    if (this.#options.isTroubled(node)) state.troubledAtMs = now;
    if (wrong.length === 0 || !isWell || now - state.troubledAtMs < AFTERMATH_MS) {
      state.unreadySinceMs = undefined;
      return;
    }
    state.unreadySinceMs ??= now;
    const ms = now - state.unreadySinceMs;
    if (ms <= RECOVERY_ELECTIONS * electionMs) return;
    throw new InvariantViolation(
      `n${node.id} serves what it leads and has no fault of its own, and is not ready for ${Math.round(ms)} ms: ${wrong.join('; ')}`,
    );
  }
}

/** For how long the number has not increased, ms. */
function note(
  waits: Map<GroupId, Wait>,
  group: GroupId,
  { raft, at, due }: { readonly raft: ReplicaView['raft']; readonly at: number; readonly due: boolean },
  now: number,
): number {
  if (!due) {
    waits.delete(group);
    return 0;
  }
  const { term } = raft;
  const wait = waits.get(group);
  if (wait?.raft === raft && wait.term === term && wait.at === at) return now - wait.sinceMs;
  waits.set(group, { raft, term, at, sinceMs: now });
  return 0;
}

const readyButStalled = ({ id }: ObservedNode, { ms, what }: Stall): InvariantViolation =>
  new InvariantViolation(`n${id} is ready, and ${what} for ${Math.round(ms)} ms`);

const complaints = (checks: readonly HealthCheck[]): string[] =>
  checks.flatMap(({ name, wrong }) => (wrong === undefined ? [] : [`${name}: ${wrong}`]));
