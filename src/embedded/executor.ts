/** Runs operations and transactions for a keyspace: refusals become errors here. */
import { newOperationId } from '../router/index.js';
import { KvorumError, type Answer, type KvOperation, type Program } from '../shard/index.js';
import type { EmbeddedCluster, EmbeddedReply } from './cluster.js';

export interface Transacted {
  readonly answer: Answer;
  /** By shard: the revision of what was written there. */
  readonly revisions: ReadonlyMap<number, number>;
}

export interface Executor {
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
  /** Resolves after half to all of `ms`. */
  backoff(ms: number): Promise<void>;
}

export class ClusterExecutor implements Executor {
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

function answerIn({ answer, cause }: EmbeddedReply): Answer {
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
