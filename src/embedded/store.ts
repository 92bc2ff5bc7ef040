/** The public class: nodes to start, fail and stop; `keyspace.ts` has the operations on keys, `cluster.ts` the nodes. */
import { EmbeddedCluster, type ClusterStatus } from './cluster.js';
import { ClusterExecutor } from './executor.js';
import { Keyspace } from './keyspace.js';
import { NamespaceKeyspace, listNamespaces, type NamespaceInfo, type NamespacesOptions } from './namespace.js';
import { checkOptions, whole, type CheckedOptions, type StoreOptions } from './options.js';

/**
 * A whole cluster in one process, behind the operations on keys (`Keyspace`): the raft, shard and router code that runs between
 * machines, over an in-memory network, so that a program or a test can fail nodes and cut links.
 *
 * Keys are any plain data, compared by content (`shard/keys/encoder.ts`), at most 4,096 bytes encoded. Values are
 * whatever `structuredClone` takes except `undefined`, at most 16 MiB encoded, and are copied in and out. Its timers
 * keep the process alive until `close()`.
 *
 * @example
 * const kvs = new DistributedKeyValueStore({ nodes: 5, replicas: 3 });
 * await kvs.put('product1', { name: 'Laptop', price: 999.99 });
 * const product = await kvs.get<{ name: string; price: number }>('product1');
 */
export class DistributedKeyValueStore extends Keyspace {
  readonly #options: CheckedOptions;
  readonly #cluster: EmbeddedCluster;
  readonly #executor: ClusterExecutor;

  /**
   * Starts a cluster of `nodes` nodes that keeps every key on `replicas` of them. Operations may be called at once:
   * they wait for the nodes to start as long as some node makes progress within the timeout, and then for the cluster.
   * Nodes whose disk is full start when there is space. A node that cannot start, as on a damaged folder or on one that
   * another store has open, counts as failed until it is recovered; the others serve.
   * @param nodes 1 to 100, default 5
   * @param replicas 1 to `nodes`, default 3, or `nodes` if fewer
   * @throws RangeError when a number is out of its bounds; TypeError for an unknown option or one of the wrong type;
   *   KvorumError when `dataDir` cannot be used, with `details.field` = `dataDir`: `disk-full` if there is no space for
   *   a new store, `storage-failed` if it is not a folder, or cannot be read or written. Nothing was written then.
   */
  constructor(nodes: number, replicas?: number);
  constructor(options?: StoreOptions);
  constructor(first: number | StoreOptions = {}, replicas?: number) {
    const given = typeof first === 'number' ? { nodes: first } : first;
    const options = checkOptions(replicas === undefined ? given : { ...given, replicas });
    const cluster = new EmbeddedCluster(options);
    const executor = new ClusterExecutor(cluster, options.timeoutMs);
    super(executor);
    this.#options = options;
    this.#cluster = cluster;
    this.#executor = executor;
  }

  /**
   * Resolves when every shard has a leader. Not needed before an operation.
   * @throws KvorumError `storage-failed`, at once, when a node could not start and was not recovered since: the message
   *   names node and reason, `cause` is the underlying error; `no-leader` when no further shard got a leader for
   *   `timeoutMs`: the message says how many have none, and which nodes are down; `disk-full` when that is because
   *   nodes wait for space on their disks.
   */
  ready(): Promise<void> {
    return this.#cluster.ready();
  }

  /**
   * Stops a node at once, as kill −9 would, also while it waits for space on its disk. Its durable data stays for
   * `recoverNode`. No effect on a node that is down already. Settles within 3 s when its disk hangs, or within
   * `timeoutMs` and 3 s while nodes still start.
   * @param node 0..nodes−1
   * @throws RangeError if there is no such node
   */
  simulateNodeFailure(node: number): Promise<void> {
    return this.#cluster.fail(this.#node(node));
  }

  /**
   * Starts a failed node from the data on its disk, also one that could not start before, or whose disk failed while it
   * ran. It catches up by itself.
   * @param node 0..nodes−1
   * @throws RangeError if there is no such node; KvorumError `disk-full` when its disk had no space for `timeoutMs`, or
   *   `storage-failed` when its disk did not respond for that time: the node keeps waiting and starts by itself, unless
   *   it is failed again; `storage-failed`, at once, when it cannot start, with the reason as `cause`: it stays failed;
   *   `shutting-down` when it was failed, or the store closed, meanwhile.
   */
  recoverNode(node: number): Promise<void> {
    return this.#cluster.recover(this.#node(node));
  }

  /**
   * Cuts all links between nodes of different groups, until `heal()` or the next call. Nodes in no group form one more.
   * Operations still reach every node, as clients on both sides would; only a side with a majority of a key's replicas
   * serves it.
   * @param groups node numbers, 0..nodes−1
   * @throws RangeError if there is no such node, or one is named twice
   */
  partition(groups: readonly (readonly number[])[]): void {
    const seen = new Set<number>();
    for (const node of groups.flat()) {
      if (seen.has(this.#node(node))) throw new RangeError(`node ${node} is named twice in the partition`);
      seen.add(node);
    }
    this.#cluster.partition(groups);
  }

  /** Ends every partition. Failed nodes stay failed. */
  heal(): void {
    this.#cluster.heal();
  }

  /**
   * A keyspace of its own within the store, which need not exist yet. Sends no message to any node.
   * @param name 1 to 63 of a–z, 0–9 and `-`, not `-` first
   * @throws KvorumError `invalid-request` for what is no such name
   * @example
   * const orders = kvs.namespace('orders');
   * await orders.create({ maxKeys: 10_000 });
   * await orders.put(17, { product: 'product1' });
   */
  namespace(name: string): NamespaceKeyspace {
    return new NamespaceKeyspace(this.#executor, name);
  }

  /**
   * The namespaces that exist, by their names, read page by page as the loop goes on.
   * @throws in the loop: TypeError or RangeError for options that are none; KvorumError as `get`
   */
  namespaces(options: NamespacesOptions = {}): AsyncGenerator<NamespaceInfo, void, undefined> {
    return listNamespaces(this.#executor, options);
  }

  /** Liveness and leadership as of now; sends no message to any node. */
  status(): ClusterStatus {
    return this.#cluster.status();
  }

  /**
   * Stops all nodes, also those that wait for space on their disks. Operations in progress end in an error. Settles
   * within 10 s, whatever the disks do; usually within milliseconds. Further calls return the same result.
   * @throws KvorumError `storage-failed` when a disk hung (its files could not be closed for 3 s) or failed: as after a
   *   crash, acknowledged writes are on the disks of a majority. Files that could not be closed stay locked until the
   *   disk responds. They do not keep the process alive; but Node cannot exit while a call has not returned, so the
   *   process is ended by SIGKILL 2 s after it has reached its end.
   */
  async close(): Promise<void> {
    this.#executor.close();
    await this.#cluster.close();
  }

  /** `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  // The names of this interface in other languages.

  /** `simulateNodeFailure` */
  simulate_node_failure(node: number): Promise<void> {
    return this.simulateNodeFailure(node);
  }

  /** `recoverNode` */
  recover_node(node: number): Promise<void> {
    return this.recoverNode(node);
  }

  #node(node: number): number {
    return whole('node', node, 0, this.#options.nodes - 1);
  }
}
