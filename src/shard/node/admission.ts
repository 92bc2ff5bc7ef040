/**
 * Admits client operations at the node that holds the shard: limits, encoding, and the answer. Operations that this
 * node cannot answer are refused, with the leader as a hint; forwarding is left to the router.
 */
import { WireError } from '../byte-buffer.js';
import { encodeCommand, encodeProgramCommand } from '../machine/index.js';
import type { DiskStalls } from './disk-stalls.js';
import type { Replica } from './replica.js';
import type { ReplicaSet } from './replica-set.js';
import { shardOfKey } from '../keys/index.js';
import { isInNamespace, namespaceNameOf } from '../namespace.js';
import type { Done } from './inbox.js';
import { refuseLeaving, type Closed } from './leaving.js';
import type { NodeLimits } from './options.js';
import {
  isKeyed,
  isPlainWrite,
  isRead,
  shardOfOperation,
  type Answer,
  type Attempt,
  type KvOperation,
  type KvRead,
  type KvWrite,
  type ShardReply,
  type ShardRequest,
} from '../operation.js';
import { decodeProgram } from '../program-codec.js';
import type { Program } from '../program.js';
import { decodeTransaction } from '../transaction-codec.js';
import { isOverRange } from '../range-codec.js';
import { isReplicaFault, logCallbackFault, refusalFor } from './operation-faults.js';
import { refuse } from '../errors.js';
import type { Logger } from '../runtime.js';
import type { Waiter } from './pending.js';

export type AdmissionLimits = Pick<NodeLimits, 'inflight' | 'inflightBytes'>;

export interface AdmissionOptions {
  readonly shardCount: number;
  readonly limits: AdmissionLimits;
  readonly logger: Logger;
  readonly disk: Pick<DiskStalls, 'refusal'>;
  /** Of the cluster: what may be replicated. */
  readonly featureLevel: () => number;
}

/** From this feature level on, every node knows programs and the attempts `keyed` and `keyed-retry`. */
export const PROGRAM_LEVEL = 3;

class PendingOperation implements Waiter {
  readonly deadline: number;
  readonly read: KvRead | undefined;
  isAnswered = false;
  readonly #bytes: number;
  readonly #admission: Admission;
  readonly #replica: Replica;
  readonly #done: Done;

  constructor(admission: Admission, replica: Replica, request: ShardRequest, deadline: number, done: Done) {
    this.#admission = admission;
    this.#replica = replica;
    this.deadline = deadline;
    this.read = isRead(request.operation) ? request.operation : undefined;
    this.#bytes = bytesOf(request);
    admission.inflight++;
    admission.inflightBytes += this.#bytes;
    this.#done = done;
  }

  done(answer: Answer): void {
    this.isAnswered = true;
    this.#admission.inflight--;
    this.#admission.inflightBytes -= this.#bytes;
    this.#admission.reply(this.#done, { answer, term: this.#replica.raft.term, servedBy: this.#replica.raft.id });
  }
}

export class Admission {
  inflight = 0;
  inflightBytes = 0;
  closed: Closed | undefined;
  readonly #self: number;
  readonly #replicas: ReplicaSet;
  readonly #shardCount: number;
  readonly #limits: AdmissionLimits;
  readonly #logger: Logger;
  readonly #disk: Pick<DiskStalls, 'refusal'>;
  readonly #featureLevel: () => number;

  constructor(self: number, replicas: ReplicaSet, options: AdmissionOptions) {
    const { shardCount, limits, logger, disk, featureLevel } = options;
    this.#disk = disk;
    this.#featureLevel = featureLevel;
    this.#self = self;
    this.#replicas = replicas;
    this.#shardCount = shardCount;
    this.#limits = limits;
    this.#logger = logger;
  }

  /** Calls back. An exception in the callback is a defect of the caller: it is logged, and does not fail this node. */
  reply(done: Done, reply: ShardReply): void {
    try {
      done(reply);
    } catch (error) {
      logCallbackFault(error, this.#logger);
    }
  }

  /**
   * Begins an operation; `done` is called exactly once. An exception that concerns only this operation becomes its
   * answer.
   * @param nowMs when the turn began, monotonic: the request had arrived by then
   * @throws only errors that show that this replica can no longer be trusted
   */
  start(request: ShardRequest, done: Done, nowMs: number): void {
    const replica = this.#replicas.ofShard(request.shard);
    const refusal = this.#refusal(replica, request);
    if (refusal !== undefined || replica === undefined) {
      const answer = refusal ?? refuse('not-here', 'this node holds no replica of the shard', { shard: request.shard });
      this.reply(done, { answer, term: replica?.raft.term ?? 0, servedBy: this.#self });
      return;
    }
    const waiter = new PendingOperation(this, replica, request, nowMs + request.budgetMs, done);
    try {
      this.#begin(replica, request.operation, waiter, nowMs);
    } catch (error) {
      // A stale read that failed on the disk has been answered already. Any other operation did not reach the replica.
      if (!waiter.isAnswered) waiter.done(refusalFor(error, this.#logger));
      if (isReplicaFault(error)) throw error;
    }
    this.#replicas.markDirty(replica);
  }

  #begin(replica: Replica, operation: KvOperation, waiter: Waiter, now: number): void {
    if (isRead(operation)) replica.read(operation.consistency, waiter);
    else if (this.#disk.refusal !== undefined) replica.refuseWrite(waiter, this.#disk.refusal);
    // Only a leader's proposal is encoded: its clock goes into the entry.
    else if (replica.isLeader) replica.write(this.#encode(operation, replica.entryClock.read(now)), waiter);
    else replica.refuseWrite(waiter);
  }

  #encode(write: KvWrite, timeMs: number): Uint8Array {
    const attempt = this.#attemptOf(write);
    const known = attempt === write.attempt ? write : { ...write, attempt };
    return isPlainWrite(known) ? encodeCommand(known, timeMs) : encodeProgramCommand(known, timeMs);
  }

  /** What is replicated as long as some node may be of a former build. */
  #attemptOf({ attempt }: KvWrite): Attempt {
    if (!isKeyed(attempt) || this.#featureLevel() >= PROGRAM_LEVEL) return attempt;
    return attempt === 'keyed' ? 'client-keyed' : 'retry';
  }

  #refusal(replica: Replica | undefined, request: ShardRequest): Answer | undefined {
    if (this.closed !== undefined) return refuseLeaving(this.closed, request.shard);
    if (replica === undefined) return undefined;
    // A router with another hash would place the key in a second shard.
    const { operation } = request;
    if (shardOf(operation, this.#shardCount) !== request.shard && !isRangeProgram(operation)) {
      return refuse('invalid-request', `the key does not belong to shard ${request.shard}`, { field: 'shard' });
    }
    if (!isRead(operation) && !isPlainWrite(operation) && this.#featureLevel() < PROGRAM_LEVEL) {
      return refuse('feature-unavailable');
    }
    if (isPlainWrite(operation) && isInNamespace(operation.key)) {
      return refuse('invalid-request', 'a key of a namespace is written by a program', { field: 'key' });
    }
    const fault = programFault(operation, request.shard, this.#shardCount);
    if (fault !== undefined) return refuse('invalid-request', fault, { field: 'program' });
    const { inflight, inflightBytes } = this.#limits;
    if (this.inflight >= inflight) return refuse('overloaded', `${inflight} operations wait at this node`);
    // One operation always fits, however large: the router limits the size of a single operation.
    if (this.inflight > 0 && this.inflightBytes + bytesOf(request) > inflightBytes) {
      return refuse('overloaded', `operations of ${inflightBytes} bytes wait at this node`);
    }
    return undefined;
  }
}

/** The shard that the operation belongs to. */
function shardOf(operation: KvOperation, shardCount: number): number {
  return shardOfOperation(operation, (key) => shardOfKey(key, shardCount));
}

/** A program over a range acts on keys of the shard that it is sent to, whichever that is. */
function isRangeProgram(operation: KvOperation): boolean {
  if (operation.type !== 'program') return false;
  try {
    return isOverRange(decodeProgram(operation.body));
  } catch {
    return false;
  }
}

function bytesOf({ operation }: ShardRequest): number {
  if (operation.type === 'list') return operation.from.length;
  return operation.key.length + ('body' in operation ? operation.body.length : 0);
}

/** Why a program cannot be run in this shard; undefined: it can. What passes here, the state machine applies. */
function programFault(operation: KvOperation, shard: number, shardCount: number): string | undefined {
  if (operation.type === 'get' || operation.type === 'list' || isPlainWrite(operation)) return undefined;
  let programs: readonly Program[];
  try {
    programs = operation.type === 'transaction' ? partsIn(operation.body) : [decodeProgram(operation.body)];
  } catch (error) {
    if (error instanceof WireError) return error.message;
    throw error;
  }
  for (const program of programs) {
    const fault = faultOf(program, operation.type, shard, shardCount);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function faultOf(
  program: Program,
  type: 'program' | 'read' | 'transaction',
  shard: number,
  shardCount: number,
): string | undefined {
  const { comparisons, then, otherwise } = program;
  const steps = [...then, ...otherwise];
  if (type === 'read' && steps.some(({ type }) => type !== 'get')) return 'a read cannot write';
  if (isOverRange(program)) return undefined;
  const isForeign = ({ key }: { readonly key: Uint8Array }): boolean => shardOfKey(key, shardCount) !== shard;
  if (comparisons.some(isForeign) || steps.some(isForeign)) return 'a key belongs to another shard';
  return namespaceFault([...comparisons, ...steps], type === 'transaction');
}

/** A program stays in one namespace. So it is never part of a transaction over shards, and limits hold where it is applied. */
function namespaceFault(parts: readonly { readonly key: Uint8Array }[], overShards: boolean): string | undefined {
  if (parts.length > 0 && !parts.some(({ key }) => isInNamespace(key))) return undefined;
  const names = new Set(parts.map(({ key }) => (isInNamespace(key) ? namespaceNameOf(key) : undefined)));
  if (names.size > 1) return 'keys are of different namespaces';
  return overShards && !names.has(undefined) ? 'a namespace is in one shard' : undefined;
}

/** The parts of prepares. */
function partsIn(body: Uint8Array): readonly Program[] {
  const message = decodeTransaction(body);
  const messages = message.phase === 'several' ? message.enclosed.map((each) => each.message) : [message];
  return messages.flatMap((each) => (each.phase === 'prepare' ? [each.part.program] : []));
}
