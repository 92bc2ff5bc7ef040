/**
 * Another cluster, made with the same settings: same nodes, same addresses, an id of its own. It starts on a network of
 * its own and is shut down once it has committed that id; then each of its nodes can be started as a stray among those
 * of the simulated cluster. It has no clients.
 */
import type { ClusterConfig, NodeId } from '../shard/index.js';
import { MachineClock } from './clock.js';
import type { Scenario } from './scenario.js';
import type { Random } from '../random.js';
import type { Scheduler } from './scheduler.js';
import { VirtualDisk } from './virtual-disk.js';
import { VirtualNetwork } from './virtual-network.js';
import { VirtualNode, type NodeNetwork } from './virtual-node.js';

export interface ForeignClusterOptions {
  readonly scenario: Scenario;
  readonly clusterConfig: ClusterConfig;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly onTrouble: (what: string) => void;
}

const POLL_INTERVAL_MS = 100;

export class ForeignCluster {
  readonly #options: ForeignClusterOptions;
  readonly #disks = new Map<NodeId, VirtualDisk>();
  readonly #network: VirtualNetwork;
  readonly #nodes: readonly VirtualNode[];
  readonly #strays = new Map<NodeId, VirtualNode>();
  #isMade = false;

  constructor(options: ForeignClusterOptions) {
    this.#options = options;
    const { scenario, clusterConfig, scheduler, random } = options;
    const nothing = (): void => undefined;
    this.#network = new VirtualNetwork({
      scheduler,
      random: random.stream('network'),
      parameters: {
        ...scenario.network,
        lossProbability: 0,
        duplicateProbability: 0,
        reorderProbability: 0,
        narrow: undefined,
      },
      onSend: nothing,
      onArrival: nothing,
      onLinked: nothing,
      onRefused: nothing,
      onStrayLinked: nothing,
      onPassed: nothing,
      onRepeated: nothing,
    });
    for (const { id } of clusterConfig.nodes) {
      this.#disks.set(
        id,
        new VirtualDisk({ scheduler, random: random.stream(`disk ${id}`), parameters: scenario.disk }),
      );
    }
    this.#nodes = clusterConfig.nodes.map(({ id }) => this.#node(id, this.#network, 'at home'));
  }

  /** Starts the cluster; it commits its id and shuts down. */
  start(): void {
    for (const node of this.#nodes) node.start();
    this.#awaitUid();
  }

  /** The cluster's node as a stray, not started; undefined before it has its own id, or if that stray exists. */
  stray(id: NodeId, network: NodeNetwork, start: number): VirtualNode | undefined {
    if (!this.#isMade || this.#strays.get(id)?.running === true) return undefined;
    const stray = this.#node(id, network, `stray ${start}`);
    this.#strays.set(id, stray);
    return stray;
  }

  #awaitUid(): void {
    this.#options.scheduler.after(POLL_INTERVAL_MS, undefined, () => {
      if (!this.#nodes.every(({ clusterUid }) => clusterUid !== undefined)) {
        this.#awaitUid();
        return;
      }
      // A stopped node has the id on its disk when it ends; a killed one might not, and would have no cluster.
      for (const node of this.#nodes) node.stop(0);
      this.#awaitEnd();
    });
  }

  #awaitEnd(): void {
    this.#options.scheduler.after(POLL_INTERVAL_MS, undefined, () => {
      this.#isMade = this.#nodes.every(({ running }) => !running);
      if (!this.#isMade) this.#awaitEnd();
    });
  }

  #node(id: NodeId, network: NodeNetwork, stream: string): VirtualNode {
    const { scenario, clusterConfig, scheduler, random, onTrouble } = this.#options;
    const disk = this.#disks.get(id);
    if (disk === undefined) throw new RangeError(`there is no node ${id}`);
    return new VirtualNode({
      id,
      clusterConfig,
      scenario,
      scheduler,
      network,
      disk,
      clock: new MachineClock(scheduler, 1, 0),
      random: random.stream(`node ${id}`).stream(stream),
      reached: () => undefined,
      onTrouble: (what) => {
        onTrouble(`of another cluster: ${what}`);
      },
    });
  }
}
