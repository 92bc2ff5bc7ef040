/**
 * One node of an embedded cluster over all its incarnations: started, failed, started again, closed.
 *
 * Changes are applied in the order of the calls, because a start must not open files that an earlier incarnation still
 * has open. A start has no time limit: while the disk is full it waits for space, as `kvorum node` does. It does not
 * delay later changes, and ends when the node is failed or closed.
 */
import {
  KvorumError,
  type DiskStall,
  type ErrorCode,
  type Runtime,
  type ShardNode,
  type Timer,
} from '../shard/index.js';
import { messageOf } from '../thrown.js';

export interface EmbeddedNodeOptions {
  /** Numbered from 0. */
  readonly index: number;
  readonly runtime: Pick<Runtime, 'after'>;
  /**
   * Creates a node on the disk of the previous incarnation; calls `onDiskStall` when something begins to wait for
   * space.
   */
  readonly make: (onDiskStall: () => void) => ShardNode;
  /** Cuts all links of the node at once. */
  readonly kill: () => void;
}

interface Incarnation {
  readonly node: ShardNode;
  /** Settles with its start; rejects with a `KvorumError`. */
  readonly running: Promise<void>;
  /** It was failed, so an error of its start says nothing about its disk. */
  isEnded: boolean;
}

export class EmbeddedNode {
  readonly #options: EmbeddedNodeOptions;
  /** Undefined = failed. */
  #incarnation: Incarnation | undefined;
  /** Settles when the change that was requested last is done. */
  #changes: Promise<void> = Promise.resolve();
  /** Number of the change that was requested last. */
  #changeCount = 0;
  /**
   * Starts with lower numbers that have not begun are skipped: a failure requested after them has waited long enough.
   */
  #skipStartsBefore = 0;
  #failure: KvorumError | undefined;
  #closed = false;

  constructor(options: EmbeddedNodeOptions) {
    this.#options = options;
  }

  get node(): ShardNode | undefined {
    return this.#incarnation?.node;
  }

  /** It serves, or will serve without being recovered and without more disk space. */
  get isAlive(): boolean {
    const { node } = this;
    if (node === undefined || node.state() === 'failed') return false;
    return node.state() !== 'starting' || this.stall === undefined;
  }

  /** Set while commits, or its start, wait for space on its disk. */
  get stall(): DiskStall | undefined {
    const stall = this.node?.diskStall();
    return stall?.waits === 'commits' ? stall : undefined;
  }

  /** Why its last start failed; it counts as failed until it is recovered. */
  get failure(): KvorumError | undefined {
    return this.#failure;
  }

  /** It waits for space, or could not start. */
  get isImpaired(): boolean {
    return this.stall !== undefined || this.failure !== undefined;
  }

  /** Resolves when the node runs, or waits for space. @throws KvorumError with the reason why it cannot start */
  start(): Promise<void> {
    const number = ++this.#changeCount;
    return this.#enqueue(async () => {
      // Its disk failed while it ran: it has left its groups, and only a new incarnation can join them again.
      if (this.node?.state() === 'failed') await this.#crash();
      if (this.#closed) throw closed();
      if (number < this.#skipStartsBefore) throw this.#failedBefore('it started');
      if (this.#incarnation === undefined) await this.#startIncarnation();
    });
  }

  /**
   * Like `start`, but waits at most `patienceMs` for space, and as long for a disk that does not respond.
   * @throws KvorumError, also when the node is failed or closed meanwhile
   */
  async recover(patienceMs: number): Promise<void> {
    await this.#startWithin(patienceMs);
    const incarnation = this.#incarnation;
    if (incarnation === undefined) return;
    try {
      while (!(await settlesWithin(incarnation.running, patienceMs, this.#options.runtime))) {
        const { stall } = this;
        if (stall === undefined) continue;
        const { code, message } = stallOutage([this.#options.index], stall);
        throw new KvorumError(code, `${message}; it starts by itself when there is some`);
      }
    } catch (error) {
      if (this.#closed) throw closed();
      if (!incarnation.isEnded) throw error;
      throw this.#failedBefore('its disk had room');
    }
  }

  #failedBefore(what: string): KvorumError {
    return new KvorumError('shutting-down', `node ${this.#options.index} was failed before ${what}`);
  }

  async #startWithin(patienceMs: number): Promise<void> {
    let begins = false;
    try {
      begins = await settlesWithin(this.start(), patienceMs, this.#options.runtime);
    } catch (error) {
      if (this.#closed) throw closed();
      throw error;
    }
    if (begins) return;
    const { index } = this.#options;
    const what = `node ${index} has not started within ${patienceMs} ms, for its disk does not answer`;
    throw new KvorumError('storage-failed', `${what}; it starts by itself when it does`);
  }

  /** Fails the node; earlier starts that take longer than `patienceMs`, as on a disk that hangs, are ended. */
  async fail(patienceMs: number): Promise<void> {
    const number = ++this.#changeCount;
    const failed = this.#enqueue(async () => {
      await this.#crash();
    });
    if (await settlesWithin(failed, patienceMs, this.#options.runtime)) return;
    this.#skipStartsBefore = Math.max(this.#skipStartsBefore, number);
    await this.#crash();
    await failed;
  }

  async #crash(): Promise<void> {
    const incarnation = this.#incarnation;
    if (incarnation === undefined) return;
    incarnation.isEnded = true;
    this.#incarnation = undefined;
    this.#options.kill();
    // If its disk has failed or hangs, its files cannot be closed; as after kill −9, the next start will detect it.
    await incarnation.node.crash().catch(() => undefined);
  }

  /** Ends whatever is in progress. @throws KvorumError `storage-failed` when its files could not be closed */
  async close(): Promise<void> {
    this.#closed = true;
    try {
      await this.#incarnation?.node.stop(0);
    } catch (error) {
      const why = messageOf(error);
      throw new KvorumError('storage-failed', `node ${this.#options.index}: ${why}`);
    } finally {
      await this.#changes;
    }
  }

  async #startIncarnation(): Promise<void> {
    this.#failure = undefined;
    let onDiskStall = (): void => undefined;
    const stalled = new Promise<void>((resolve) => (onDiskStall = resolve));
    const node = this.#makeNode(onDiskStall);
    const running = node.start().catch((error: unknown) => {
      const failure = this.#startFailure(error);
      // Like a node that was failed, it can be recovered.
      if (this.#incarnation?.node === node) {
        this.#incarnation = undefined;
        this.#failure = failure;
      }
      throw failure;
    });
    this.#incarnation = { node, running, isEnded: false };
    await Promise.race([running, stalled]);
  }

  #makeNode(onDiskStall: () => void): ShardNode {
    try {
      return this.#options.make(onDiskStall);
    } catch (error) {
      throw (this.#failure = this.#startFailure(error));
    }
  }

  #startFailure(cause: unknown): KvorumError {
    const why = messageOf(cause);
    const failure = new KvorumError('storage-failed', `node ${this.#options.index}: ${why}`);
    failure.cause = cause;
    return failure;
  }

  #enqueue(change: () => Promise<void>): Promise<void> {
    const result = this.#changes.then(change);
    this.#changes = result.catch(() => undefined);
    return result;
  }
}

export const closed = (): KvorumError => new KvorumError('shutting-down', 'the store is closed');

/** Why nodes do not serve, in the terms of the public API. */
export interface Outage {
  readonly code: ErrorCode;
  readonly message: string;
  /** The underlying error, if there is one. */
  readonly cause?: unknown;
}

/** The outage of nodes whose disks have no space, or that have no file descriptors left. */
export function stallOutage(nodes: readonly number[], { reason, message }: DiskStall): Outage {
  const who = nodes.length === 1 ? `node ${nodes[0] ?? 0} waits` : `nodes ${nodes.join(', ')} wait`;
  return reason === 'no-descriptors'
    ? { code: 'overloaded', message: `${who} for file descriptors: ${message}` }
    : { code: 'disk-full', message: `${who} for room on the disk: ${message}` };
}

/** The outage of nodes that could not start; the error is that of the first. */
export function startOutage([, ...others]: readonly number[], { code, message, cause }: KvorumError): Outage {
  const who = others.length === 1 ? `node ${others[0] ?? 0}` : `nodes ${others.join(', ')}`;
  return { code, message: others.length === 0 ? message : `${message}; ${who} could not start either`, cause };
}

/** False if it has not settled in time. @throws the error that it rejects with */
export function settlesWithin(
  promise: Promise<unknown>,
  ms: number,
  runtime: Pick<Runtime, 'after'>,
): Promise<boolean> {
  let limit: Timer | undefined;
  const late = new Promise<boolean>((resolve) => {
    limit = runtime.after(ms, () => {
      resolve(false);
    });
  });
  return Promise.race([promise.then(() => true), late]).finally(() => limit?.cancel());
}
