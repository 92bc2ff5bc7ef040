/**
 * `DistributedKeyValueStore`: a whole cluster in one process, behind put, get and delete.
 *
 * The same raft, shard and router code as between machines, over an in-memory network, so that a program or a test can
 * fail nodes and cut links. Knows no Raft and no HTTP; `cluster.ts` keeps the nodes.
 */
import { newOperationId } from '../router/index.js';
import { KvorumError, decodeValue, encodeKey, encodeValue, type Answer, type KvOperation } from '../shard/index.js';
import { EmbeddedCluster, type ClusterStatus, type KeyLocation } from './cluster.js';
import { checkOptions, whole, type CheckedOptions, type StoreOptions } from './options.js';

export class DistributedKeyValueStore {
  readonly #options: CheckedOptions;
  readonly #cluster: EmbeddedCluster;
  #closed = false;

  /**
   * Starts a cluster of `nodes` nodes that keeps every key on `replicas` of them. Operations may be called at once;
   * they wait for the nodes to start, unless for their timeout none gets on, and then for the cluster. Nodes whose disk is
   * full start when there is room; one that cannot start, as on a damaged folder or one that another store holds, counts as
   * failed until it is recovered, and the others serve.
   * @throws RangeError when a number is out of its bounds (1..100 nodes, 1 ≤ replicas ≤ nodes); KvorumError when there can
   *   be no store in `dataDir`, with that as `details.field`: `disk-full` if a new one finds no room, `storage-failed` if
   *   it is no folder, or one that cannot be read or written. Nothing was written then.
   */
  constructor(nodes: number, replicas?: number);
  constructor(options?: StoreOptions);
  constructor(first: number | StoreOptions = {}, replicas?: number) {
    const given = typeof first === 'number' ? { nodes: first } : first;
    this.#options = checkOptions(replicas === undefined ? given : { ...given, replicas });
    this.#cluster = new EmbeddedCluster(this.#options);
  }

  /**
   * Resolves when every shard has a leader. Not needed before an operation.
   * @throws KvorumError `storage-failed`, at once, when a node could not start and was not recovered since, with which and
   *   why, and the error behind it as `cause`; `no-leader` when for `timeoutMs` no further one got one, with how many have
   *   none, and which nodes are down; `disk-full` when that is because nodes wait for room on their disks, with which.
   */
  ready(): Promise<void> {
    return this.#cluster.ready();
  }

  /**
   * Stores a copy of `value`; when this resolves, a majority of the key's replicas has it.
   * @throws TypeError if key or value cannot be serialized; KvorumError otherwise, with `outcome` saying whether it happened:
   *   `storage-failed` if too few of the key's replicas could start, at once if no node could, with one's error as `cause`.
   */
  async put(key: unknown, value: unknown): Promise<void> {
    const { body, contentType } = encodeValue(value);
    await this.#execute({
      type: 'put',
      key: encodeKey(key),
      body,
      contentType,
      condition: { type: 'none' },
      operationId: newOperationId(),
      attempt: 'initial',
    });
  }

  /** A copy of the latest value (linearizable), or undefined when the key is absent. @throws TypeError, KvorumError */
  async get(key: unknown): Promise<unknown> {
    const answer = await this.#execute({ type: 'get', key: encodeKey(key), consistency: 'linearizable' });
    return answer.type === 'get' && answer.record !== undefined ? decodeValue(answer.record) : undefined;
  }

  /** True if the key was there. @throws TypeError, KvorumError */
  async delete(key: unknown): Promise<boolean> {
    const answer = await this.#execute({
      type: 'delete',
      key: encodeKey(key),
      condition: { type: 'none' },
      operationId: newOperationId(),
      attempt: 'initial',
    });
    return answer.type === 'delete' && answer.deleted;
  }

  /**
   * Node `node` (0..nodes−1) stops at once, as by kill −9, also while it waits for room on its disk. What was durable on
   * it stays for `recoverNode`. One that could not start is down already. Settles within 3 s when its disk hangs, and that
   * or less after `timeoutMs` while nodes still start.
   */
  simulateNodeFailure(node: number): Promise<void> {
    return this.#cluster.fail(this.#node(node));
  }

  /**
   * Starts a failed node again from what it had on its disk, also one that could not start before, or whose disk failed
   * while it ran; it catches up by itself.
   * @throws KvorumError `disk-full` when its disk had no room for `timeoutMs`, `storage-failed` when it has not answered
   *   for so long: the node goes on waiting, and starts by itself, unless it is failed again; `storage-failed`, at once, when
   *   it cannot start, with why as `cause`: it stays failed; `shutting-down` when it was failed, or the store closed, meanwhile.
   */
  recoverNode(node: number): Promise<void> {
    return this.#cluster.recover(this.#node(node));
  }

  /** Cuts all links between nodes of different groups; nodes not named form a group of their own. */
  partition(groups: readonly (readonly number[])[]): void {
    const seen = new Set<number>();
    for (const node of groups.flat()) {
      if (seen.has(this.#node(node))) throw new RangeError(`node ${node} is named twice in the partition`);
      seen.add(node);
    }
    this.#cluster.partition(groups);
  }

  /** Mends all links. Failed nodes stay failed. */
  heal(): void {
    this.#cluster.heal();
  }

  where(key: unknown): KeyLocation {
    return this.#cluster.where(encodeKey(key));
  }

  status(): ClusterStatus {
    return this.#cluster.status();
  }

  /**
   * Stops all nodes, also those that wait for room on their disks. Operations under way end in an error. Settles within
   * 10 s, whatever the disks do; mostly it takes some ms.
   * @throws KvorumError `storage-failed` when a disk hung (for 3 s its files could not be closed) or failed: as after a
   *   crash, what was acknowledged is on the disks of a majority. Files that could not be closed stay held until the
   *   disk goes on. They do not keep the process alive, but Node cannot end with an exit code past a call that does not
   *   return: if it still does not 2 s after the process has come to its end, that is by SIGKILL.
   */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#cluster.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // The names that other languages' versions of this interface use.

  simulate_node_failure(node: number): Promise<void> {
    return this.simulateNodeFailure(node);
  }

  recover_node(node: number): Promise<void> {
    return this.recoverNode(node);
  }

  #node(node: number): number {
    return whole('node', node, 0, this.#options.nodes - 1);
  }

  async #execute(operation: KvOperation): Promise<Answer> {
    if (this.#closed) throw new KvorumError('shutting-down', 'the store is closed');
    const { answer, cause } = await this.#cluster.execute(operation, this.#options.timeoutMs);
    if (answer.type !== 'refused') return answer;
    const error = new KvorumError(answer.code, answer.message, answer.details, answer.outcome);
    if (cause !== undefined) error.cause = cause;
    throw error;
  }
}
