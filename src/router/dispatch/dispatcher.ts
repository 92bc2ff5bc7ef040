/**
 * Sends one operation to the leader of its shard and returns the answer, within a deadline.
 *
 * - A node is asked at most once a round; rounds are spaced by a jittered backoff.
 * - Leader hints are followed only to replicas that the topology names.
 * - Only what is safe is retried: reads, and writes, whose operation id makes a repeat be answered and not applied.
 *   After an attempt of unknown outcome a write is sent as `retry`: a shard that has evicted ids of its age then
 *   refuses it instead of taking it for a new one.
 * - An attempt of unknown outcome makes the outcome of the write unknown, until some replica answers it definitely. If
 *   the shard has evicted the id, no replica ever will: the call ends at once, as a timeout.
 *
 * There is no timer per operation: one sweep handles deadlines, backoff and silent nodes.
 */
import {
  boundOf,
  featureLevelOf,
  isRead,
  refuse,
  shardOfOperation,
  type ErrorCode,
  type NodeId,
  type KvOperation,
  type Refusal,
  type Runtime,
  type ShardReply,
  type Timer,
  type Topology,
} from '../../shard/index.js';
import type { Backend } from './backend.js';
import { asRetry, budgetMs, patienceMs, type Call, type DispatchReply, type CallTrace } from './call.js';
import { Coordinator } from './coordinator.js';
import { LeaderCache } from './leader-cache.js';
import { newOperationId } from './operation-ids.js';
import { retryDecision } from './retry-policy.js';

export interface DispatchOptions {
  /** Milliseconds from now. */
  readonly deadlineMs: number;
  /** False: only the replica in this process may answer; otherwise `not-here` with a hint. */
  readonly forward: boolean;
}

export interface DispatcherOptions {
  readonly backend: Backend;
  readonly runtime: Runtime;
  /** 0..shardCount−1. */
  readonly shardOfKey: (key: Uint8Array, shardCount: number) => number;
  readonly sweepMs?: number;
  /**
   * Milliseconds after which another node is asked instead of a silent one, plus what the bytes need over a narrow
   * link; doubled with every attempt, for a resent body needs its time again. Default 2,000.
   */
  readonly attemptMs?: number;
  readonly backoffFirstMs?: number;
  readonly backoffMostMs?: number;
  /** Operations in flight; more are refused as `overloaded`. */
  readonly maxInFlight?: number;
  /** Makes ids of transactions; default: `newOperationId`. */
  readonly newId?: () => Uint8Array;
}

export class Dispatcher {
  /** Of transactions over several shards; finishes those that the node in this process reports as left. */
  readonly coordinator: Coordinator;
  readonly #backend: Backend;
  readonly #runtime: Runtime;
  readonly #shardOfKey: (key: Uint8Array, shardCount: number) => number;
  readonly #sweepMs: number;
  readonly #attemptMs: number;
  readonly #backoffFirstMs: number;
  readonly #backoffMostMs: number;
  readonly #maxInFlight: number;
  /** Unordered, each at its `place`. Not a Set, for the reason given in `pending-calls.ts`. */
  readonly #calls: Call[] = [];
  readonly #leaders: LeaderCache;
  #sweep: Timer | undefined;
  #stopping = false;
  #whenIdle: (() => void)[] = [];

  constructor(options: DispatcherOptions) {
    this.#backend = options.backend;
    this.#runtime = options.runtime;
    this.#shardOfKey = options.shardOfKey;
    this.#sweepMs = options.sweepMs ?? 10;
    this.#attemptMs = options.attemptMs ?? 2_000;
    this.#backoffFirstMs = options.backoffFirstMs ?? 10;
    this.#backoffMostMs = options.backoffMostMs ?? 200;
    this.#maxInFlight = options.maxInFlight ?? 20_000;
    this.#leaders = new LeaderCache(options.backend);
    const { runtime, backend, newId = newOperationId } = options;
    this.coordinator = new Coordinator({
      ...{ dispatcher: this, runtime, newId },
      featureLevel: () => featureLevelOf(backend.topology()),
    });
    backend.onOrphan?.(({ id, participants }) => {
      void this.coordinator.finish(id, participants);
    });
  }

  get inFlight(): number {
    return this.#calls.length;
  }

  shardOf(key: Uint8Array, topology: Topology): number {
    return this.#shardOfKey(key, topology.shardCount);
  }

  /** The leader as far as is known; always a replica that the topology names. */
  leaderOf(shard: number): NodeId | undefined {
    return this.#leaders.of(shard);
  }

  /** Milliseconds until its deadline, below 0 after it. */
  leftMs({ deadline }: CallTrace): number {
    return deadline - this.#runtime.now();
  }

  execute(operation: KvOperation, options: DispatchOptions): Promise<DispatchReply> {
    return new Promise((resolve) => {
      this.dispatch(operation, options, resolve);
    });
  }

  /** As `execute`, without a promise. `done` is called exactly once, perhaps before this returns. */
  dispatch(operation: KvOperation, options: DispatchOptions, done: (reply: DispatchReply) => void): void {
    const refused = this.#admissionRefusal();
    if (refused !== undefined) {
      done({ answer: refused, term: 0, servedBy: this.#backend.self ?? 0, shard: -1 });
      return;
    }
    const call: Call = {
      operation,
      deadline: this.#runtime.now() + options.deadlineMs,
      forward: options.forward,
      done,
      place: this.#calls.length,
      shard: -1,
      ended: false,
      attempt: 0,
      request: undefined,
      asked: undefined,
      wakeAt: 0,
      tried: [],
      lastAsked: undefined,
      broken: 0,
      abandoned: 0,
      round: 0,
      hint: undefined,
      outcomeUnknown: false,
      lastRefusal: undefined,
    };
    this.#calls.push(call);
    this.#sweep ??= this.#runtime.every(this.#sweepMs, () => {
      this.#sweepCalls();
    });
    this.#advance(call);
  }

  /** Accepts no more operations; resolves when those in flight have ended. */
  stop(): Promise<void> {
    this.#stopping = true;
    if (this.#calls.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  /** Ends every operation in flight at once; of a write that may have been applied the outcome is unknown. */
  close(): void {
    this.#stopping = true;
    for (const call of [...this.#calls]) this.#giveUp(call, 'shutting-down');
    this.#sweep?.cancel();
    this.#sweep = undefined;
  }

  #admissionRefusal(): Refusal | undefined {
    if (this.#stopping) return refuse('shutting-down');
    if (this.#calls.length >= this.#maxInFlight) return refuse('overloaded', 'too many operations are under way');
    return undefined;
  }

  /** Asks the next node, or waits for the next round. */
  #advance(call: Call): void {
    const topology = this.#backend.topology();
    if (topology === undefined) {
      this.#wait(call);
      return;
    }
    if (call.shard < 0) call.shard = this.#shardOf(call.operation, topology.shardCount);
    if (!call.forward) {
      this.#askOnlyHere(call, topology);
      return;
    }
    const stale = isStale(call.operation);
    const node = this.#leaders.next(call.shard, { hint: call.hint, tried: call.tried, anyReplica: stale });
    if (node !== undefined) this.#ask(call, node);
    // No replica has a working disk: waiting cannot change that.
    else if (call.broken > 0 && call.broken === topology.shards[call.shard]?.length) this.#giveUp(call, 'no-leader');
    else this.#wait(call);
  }

  #shardOf(operation: KvOperation, shardCount: number): number {
    return shardOfOperation(operation, (key) => this.#shardOfKey(key, shardCount));
  }

  #ask(call: Call, node: NodeId): void {
    const now = this.#runtime.now();
    const leftMs = call.deadline - now;
    if (leftMs <= 0) {
      this.#giveUp(call, 'no-leader');
      return;
    }
    call.attempt += 1;
    call.asked = node;
    call.hint = undefined;
    call.tried.push(node);
    call.lastAsked = node;
    call.wakeAt = this.#wakeAt(call, node, now);
    const attempt = call.attempt;
    const operation = call.outcomeUnknown ? asRetry(call.operation) : call.operation;
    const replicas = this.#backend.topology()?.shards[call.shard]?.length ?? 1;
    const budget = budgetMs(call, leftMs, { replicas, attemptMs: this.#attemptMs });
    const request = { shard: call.shard, budgetMs: budget, operation };
    call.request = request;
    try {
      this.#backend.submit(node, request, (reply) => {
        if (!call.ended) this.#onReply(call, attempt, node, reply);
      });
    } catch (error) {
      // A defect that concerns this call only: rethrown, it would end the sweep and with it the process.
      if (!call.ended) this.#end(call, { answer: refuse('internal', String(error)), term: 0, servedBy: node });
    }
  }

  /**
   * When to give up on the node that is asked now. The node in this process always answers: when it loses leadership,
   * or at the deadline. Without forwarding there is no other node to ask.
   */
  #wakeAt(call: Call, node: NodeId, now: number): number {
    if (!call.forward || node === this.#backend.self) return call.deadline;
    return Math.min(call.deadline, now + patienceMs(call, this.#attemptMs));
  }

  #askOnlyHere(call: Call, topology: Topology): void {
    const { self } = this.#backend;
    const stale = isStale(call.operation);
    const leader = this.#leaders.of(call.shard);
    const holds = self !== undefined && topology.shards[call.shard]?.includes(self) === true;
    if (holds && call.attempt === 0 && (stale || leader === undefined || leader === self)) {
      this.#ask(call, self);
      return;
    }
    const details = { shard: call.shard, ...(leader === undefined || leader === self ? {} : { leader }) };
    this.#end(call, { answer: refuse('not-here', undefined, details), term: 0, servedBy: self ?? 0 });
  }

  #onReply(call: Call, attempt: number, node: NodeId, reply: ShardReply): void {
    const { answer } = reply;
    if (answer.type !== 'refused') {
      if (!isStale(call.operation)) this.#leaders.recordLeader(call.shard, node);
      this.#end(call, reply);
      return;
    }
    const decision = retryDecision(answer, call.outcomeUnknown);
    if (decision !== 'retry') {
      this.#end(call, decision === 'final' ? reply : { ...reply, answer: outcomeLost(call.shard) });
      return;
    }
    if (answer.outcome === 'unknown' && !isRead(call.operation)) call.outcomeUnknown = true;
    const hint = answer.details.leader;
    if (hint === undefined) this.#leaders.invalidate(call.shard, node);
    else this.#leaders.recordLeader(call.shard, hint);
    // Why the leader refuses is worth more than that another replica does not lead.
    if (answer.code !== 'not-here' || !isOfDisk(call.lastRefusal)) {
      call.lastRefusal = { ...answer, term: reply.term, servedBy: node };
    }
    if (isOfDisk(answer)) call.broken += 1;
    if (attempt !== call.attempt || call.asked === undefined) return;
    call.asked = undefined;
    call.hint = hint;
    if (!call.forward) this.#endNotForwarded(call, reply);
    else if (this.#runtime.now() >= call.deadline) this.#giveUp(call, 'no-leader');
    else this.#advance(call);
  }

  /** Without forwarding there is one attempt, and its refusal is the answer. */
  #endNotForwarded(call: Call, reply: ShardReply): void {
    const hint = call.hint;
    const replicas = this.#backend.topology()?.shards[call.shard] ?? [];
    if (reply.answer.type !== 'refused' || hint === undefined || replicas.includes(hint)) {
      this.#end(call, reply);
      return;
    }
    const { code, message, outcome } = reply.answer;
    this.#end(call, { ...reply, answer: refuse(code, message, { shard: call.shard }, outcome) });
  }

  #wait(call: Call): void {
    if (this.#backend.state() === 'stopping') {
      this.#giveUp(call, 'shutting-down');
      return;
    }
    const most = Math.min(this.#backoffMostMs, this.#backoffFirstMs * 2 ** Math.min(call.round, 16));
    call.asked = undefined;
    call.request = undefined;
    call.tried = [];
    call.broken = 0;
    call.round += 1;
    call.wakeAt = this.#runtime.now() + most * (0.5 + this.#runtime.random() / 2);
  }

  #sweepCalls(): void {
    const now = this.#runtime.now();
    for (const call of [...this.#calls]) {
      if (call.ended) continue;
      if (now >= call.deadline) {
        this.#giveUp(call, call.asked === undefined ? 'no-leader' : 'no-quorum');
      } else if (now >= call.wakeAt) {
        if (call.asked !== undefined) this.#abandonAttempt(call, call.asked);
        this.#advance(call);
      }
    }
    if (this.#calls.length > 0) return;
    this.#sweep?.cancel();
    this.#sweep = undefined;
  }

  /** The node is silent. Its answer still counts if it arrives, but another node is asked. */
  #abandonAttempt(call: Call, node: NodeId): void {
    if (!isRead(call.operation)) call.outcomeUnknown = true;
    call.abandoned += 1;
    this.#leaders.invalidate(call.shard, node);
    call.asked = undefined;
  }

  /** Time is up, or the process stops: ends the call with the most specific refusal that is known to hold. */
  #giveUp(call: Call, code: ErrorCode): void {
    const last = call.lastRefusal;
    const isWrite = !isRead(call.operation);
    const servedBy = last?.servedBy ?? this.#backend.self ?? 0;
    const details = call.shard < 0 ? {} : { shard: call.shard };
    const term = last?.term ?? 0;
    if (isWrite && (call.outcomeUnknown || call.asked !== undefined)) {
      this.#end(call, { answer: refuse('timeout', undefined, details), term, servedBy });
      return;
    }
    if (code !== 'shutting-down' && this.leftMs(call) <= 0 && boundOf(call.operation) !== undefined) {
      this.#end(call, { answer: refuse('timeout', UNMET, details, 'not_applied'), term, servedBy });
      return;
    }
    const topology = this.#backend.topology();
    const replicas = topology?.shards[call.shard] ?? [];
    const few = replicas.filter((node) => this.#backend.alive(node)).length * 2 <= replicas.length;
    let reported = code === 'shutting-down' ? code : reportedCode(last, code);
    let message = topology === undefined ? 'the topology is not known yet' : undefined;
    // Without a live majority no leader can be elected.
    if (reported === 'no-leader' && replicas.length > 0 && few) {
      reported = 'no-quorum';
      message = 'too few replicas of the shard are alive';
    }
    this.#end(call, { answer: refuse(reported, message, details, 'not_applied'), term, servedBy });
  }

  /** The last call takes its place. */
  #remove(call: Call): void {
    const last = this.#calls.pop();
    if (last === undefined || last === call) return;
    this.#calls[call.place] = last;
    last.place = call.place;
  }

  #end(call: Call, reply: ShardReply): void {
    call.ended = true;
    this.#remove(call);
    const { answer, term, servedBy } = reply;
    call.done({ answer, term, servedBy, shard: call.shard, way: call });
    if (this.#calls.length > 0 || !this.#stopping) return;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }
}

const isStale = (operation: KvOperation): boolean => isRead(operation) && operation.consistency === 'stale';

const UNMET = 'no replica met the bound of the read within the deadline';

const isOfDisk = (refusal: Refusal | undefined): boolean =>
  refusal?.code === 'disk-full' || refusal?.code === 'storage-failed';

const outcomeLost = (shard: number): Refusal =>
  refuse('timeout', 'an attempt had no answer in time, and the dedup table of the shard no longer has its outcome', {
    shard,
  });

/** The code of the last refusal, if it was definite: it is more specific than "no leader". */
function reportedCode(last: Refusal | undefined, otherwise: ErrorCode): ErrorCode {
  if (last === undefined || last.code === 'not-here') return otherwise;
  // The leader answered, but the group did not agree in time.
  if (last.code === 'timeout') return 'no-quorum';
  return last.outcome === 'not_applied' ? last.code : otherwise;
}
