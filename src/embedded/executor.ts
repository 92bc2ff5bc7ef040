/** Runs operations and transactions for a keyspace: refusals become errors here. */
import { newOperationId } from '../router/index.js';
import { KvorumError, encodeKey, inNamespace, type Answer, type KvOperation, type Program } from '../shard/index.js';
import type { EmbeddedCluster, EmbeddedReply, KeyLocation } from './cluster.js';

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
  /** @throws KvorumError if it was refused */
  execute(operation: KvOperation): Promise<Answer>;
  /**
   * Runs a program whose keys may be of any shards, all or nothing.
   * @throws KvorumError if it was refused
   */
  transact(program: Program): Promise<Transacted>;
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
}

export class ClusterExecutor implements Executor {
  readonly namespace = undefined;
  readonly #cluster: EmbeddedCluster;
  readonly #timeoutMs: number;
  #closed = false;

  constructor(cluster: EmbeddedCluster, timeoutMs: number) {
    this.#cluster = cluster;
    this.#timeoutMs = timeoutMs;
  }

  close(): void {
    this.#closed = true;
  }

  async execute(operation: KvOperation): Promise<Answer> {
    return answerIn(await this.ask(operation));
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

  async transact(program: Program): Promise<Transacted> {
    this.#checkOpen();
    const request = {
      program,
      operationId: newOperationId(),
      attempt: 'initial',
      consistency: 'linearizable',
    } as const;
    const reply = await this.#cluster.transact(request, this.#timeoutMs);
    return { answer: answerIn(reply), revisions: reply.revisions };
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
    if (this.#closed) throw new KvorumError('shutting-down', 'the store is closed');
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

  transact(program: Program): Promise<Transacted> {
    return this.#main.transact(program);
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
}

/** @throws KvorumError if it was refused */
export function answerIn({ answer, cause }: EmbeddedReply): Answer {
  if (answer.type !== 'refused') return answer;
  const error = new KvorumError(answer.code, answer.message, answer.details, answer.outcome);
  if (cause !== undefined) error.cause = cause;
  throw error;
}

/** A write program of one shard, as an operation. */
export const programOperation = (key: Uint8Array, body: Uint8Array): KvOperation => ({
  type: 'program',
  key,
  body,
  operationId: newOperationId(),
  attempt: 'initial',
});
