/** Runs operations and transactions for a keyspace: refusals become errors here. */
import { stringify } from 'uuid';
import { identityUnder, type DispatchReply, type Identity } from '../router/index.js';
import {
  KvorumError,
  encodeKey,
  inNamespace,
  isKeyed,
  isRead,
  type Answer,
  type Attempt,
  type KvOperation,
  type Program,
} from '../shard/index.js';
import type { EmbeddedCluster, EmbeddedReply, KeyLocation } from './cluster.js';
import type { CallOptions } from './entries.js';
import { timeoutOf } from './options.js';
import { errorOf } from './results.js';

export interface Transacted {
  readonly answer: Answer;
  /** By shard: the revision of what was written there. */
  readonly revisions: ReadonlyMap<number, number>;
}

export interface Executor {
  /** Key of the namespace whose keys these are; undefined: the main keyspace. */
  readonly namespace: Uint8Array | undefined;
  /** The bytes that stand for a key of this keyspace. @throws as `encodeKey` */
  keyOf(key: unknown): Uint8Array;
  /** The answer is `replayed` only under an id of the caller's. @throws KvorumError if it was refused */
  execute(operation: KvOperation): Promise<Answer>;
  /**
   * Runs a program whose keys may be of any shards, all or nothing. The answer is `replayed` only under an id of the caller's.
   * @throws KvorumError if it was refused
   */
  transact(program: Program, identity?: Identity): Promise<Transacted>;
  /** Resolves when `shardOf` may be called. */
  opened(): Promise<void>;
  /** As `execute`; a refusal is the answer. */
  ask(operation: KvOperation): Promise<EmbeddedReply>;
  shardOf(key: Uint8Array): number;
  /** Number of shards. */
  readonly shards: number;
  locationOf(key: Uint8Array): KeyLocation;
  /** Resolves after half to all of `ms`. */
  backoff(ms: number): Promise<void>;
  /** The same with another timeout. */
  within(timeoutMs: number): Executor;
}

/** @throws RangeError for a timeout that is none */
export const within = (executor: Executor, { timeoutMs }: CallOptions): Executor =>
  timeoutMs === undefined ? executor : executor.within(timeoutOf(timeoutMs));

export class ClusterExecutor implements Executor {
  readonly namespace = undefined;
  readonly #cluster: EmbeddedCluster;
  readonly #timeoutMs: number;
  readonly #closing: { isClosed: boolean };

  constructor(cluster: EmbeddedCluster, timeoutMs: number, closing = { isClosed: false }) {
    this.#cluster = cluster;
    this.#timeoutMs = timeoutMs;
    this.#closing = closing;
  }

  close(): void {
    this.#closing.isClosed = true;
  }

  within(timeoutMs: number): ClusterExecutor {
    return new ClusterExecutor(this.#cluster, timeoutMs, this.#closing);
  }

  async execute(operation: KvOperation): Promise<Answer> {
    const reply = await this.ask(operation);
    if (reply.answer.type !== 'refused')
      return isRead(operation) ? reply.answer : shown(reply.answer, operation.attempt);
    const error = refusalIn(reply, isRead(operation) ? 'initial' : operation.attempt);
    throw isRead(operation) ? error : withRetryKey(error, operation.operationId);
  }

  async ask(operation: KvOperation): Promise<EmbeddedReply> {
    this.#checkOpen();
    return await this.#cluster.execute(operation, this.#timeoutMs);
  }

  get shards(): number {
    return this.#cluster.shards;
  }

  keyOf(key: unknown): Uint8Array {
    return encodeKey(key);
  }

  locationOf(key: Uint8Array): KeyLocation {
    return this.#cluster.where(key);
  }

  async transact(program: Program, identity: Identity = identityUnder(undefined)): Promise<Transacted> {
    this.#checkOpen();
    const { operationId, attempt } = identity;
    const request = { program, operationId, attempt, consistency: 'linearizable' } as const;
    const reply = await this.#cluster.transact(request, this.#timeoutMs);
    const { answer, revisions } = reply;
    if (answer.type !== 'refused') return { answer: shown(answer, attempt), revisions };
    const error = refusalIn(reply, attempt);
    // Over several shards, only an id that the caller chose settles what became of it.
    throw isKeyed(attempt) || this.#isOfOneShard(program) ? withRetryKey(error, operationId) : error;
  }

  #isOfOneShard({ comparisons, then, otherwise }: Program): boolean {
    return new Set([...comparisons, ...then, ...otherwise].map(({ key }) => this.shardOf(key))).size === 1;
  }

  async opened(): Promise<void> {
    this.#checkOpen();
    await this.#cluster.opened();
  }

  shardOf(key: Uint8Array): number {
    return this.#cluster.shardOf(key);
  }

  async backoff(ms: number): Promise<void> {
    await this.#cluster.backoff(ms);
    this.#checkOpen();
  }

  #checkOpen(): void {
    if (this.#closing.isClosed) throw new KvorumError('shutting-down', 'the store is closed');
  }
}

/** Does for a namespace what another executor does for the main keyspace. */
export class NamespaceExecutor implements Executor {
  readonly namespace: Uint8Array;
  readonly #main: Executor;

  constructor(main: Executor, namespace: Uint8Array) {
    this.#main = main;
    this.namespace = namespace;
  }

  get shards(): number {
    return this.#main.shards;
  }

  keyOf(key: unknown): Uint8Array {
    return inNamespace(this.namespace, encodeKey(key));
  }

  execute(operation: KvOperation): Promise<Answer> {
    return this.#main.execute(operation);
  }

  transact(program: Program, identity?: Identity): Promise<Transacted> {
    return this.#main.transact(program, identity);
  }

  opened(): Promise<void> {
    return this.#main.opened();
  }

  ask(operation: KvOperation): Promise<EmbeddedReply> {
    return this.#main.ask(operation);
  }

  shardOf(key: Uint8Array): number {
    return this.#main.shardOf(key);
  }

  locationOf(key: Uint8Array): KeyLocation {
    return this.#main.locationOf(key);
  }

  backoff(ms: number): Promise<void> {
    return this.#main.backoff(ms);
  }

  within(timeoutMs: number): NamespaceExecutor {
    return new NamespaceExecutor(this.#main.within(timeoutMs), this.namespace);
  }
}

/** That the router itself asked again is no concern of the caller's. */
const shown = (answer: Answer, attempt: Attempt): Answer =>
  'replayed' in answer && answer.replayed === true && !isKeyed(attempt) ? { ...answer, replayed: false } : answer;

function refusalIn(reply: EmbeddedReply, attempt: Attempt): KvorumError {
  const { answer } = reply;
  if (answer.type !== 'refused') throw new Error('the answer is no refusal');
  return withCause(errorOf(answer, answer.replayed === true && isKeyed(attempt)), reply);
}

/** @throws KvorumError if it was refused */
export function answerIn(reply: EmbeddedReply, { operationId, attempt }: Identity): Answer {
  if (reply.answer.type !== 'refused') return shown(reply.answer, attempt);
  throw withRetryKey(refusalIn(reply, attempt), operationId);
}

/** Adds the reason that this process knows, if any. */
export function withCause(error: KvorumError, reply: DispatchReply): KvorumError {
  if ('cause' in reply && reply.cause !== undefined) error.cause = reply.cause;
  return error;
}

/** Adds the key under which a write of unknown outcome can be made again without a second effect. */
export const withRetryKey = (error: KvorumError, operationId: Uint8Array): KvorumError =>
  error.outcome === 'unknown' ? Object.assign(error, { idempotencyKey: stringify(operationId) }) : error;

/** A write program of one shard, as an operation. @param identity default: a new one */
export const programOperation = (
  key: Uint8Array,
  body: Uint8Array,
  { operationId, attempt }: Identity = identityUnder(undefined),
): KvOperation => ({ type: 'program', key, body, operationId, attempt });
