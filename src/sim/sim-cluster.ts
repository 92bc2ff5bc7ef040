/** All machines of one simulation: nodes with their disks and clocks, routers, and the network between them. */
import type { Message } from '../raft/index.js';
import {
  ROUTER_PEERS,
  loadHash,
  type ClusterConfig,
  type GroupId,
  type NodeId,
  type NodeTimers,
  type PeerId,
  type ReplicaView,
} from '../shard/index.js';
import type { ClientEndpoint } from './client.js';
import { MachineClock } from './clock.js';
import { ForeignCluster } from './foreign-cluster.js';
import type { Mark } from './marks.js';
import { losesMessages, type Scenario } from './scenario.js';
import type { Random } from '../random.js';
import type { Incarnation, Scheduler } from './scheduler.js';
import { VirtualDisk } from './virtual-disk.js';
import { VirtualNetwork } from './virtual-network.js';
import { VirtualNode, type NodeNetwork } from './virtual-node.js';
import { VirtualRouter } from './virtual-router.js';

export interface SimClusterOptions {
  readonly scenario: Scenario;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly onRaftMessage: (group: GroupId, message: Message) => void;
  readonly onArrival: (from: PeerId, to: PeerId, bytes: number) => void;
  readonly onTrouble: (what: string) => void;
  readonly reached: (mark: Mark) => void;
  /** An invariant was violated. */
  readonly onViolation: (what: string) => void;
}

export class SimCluster {
  readonly nodes: readonly VirtualNode[];
  readonly routers: readonly VirtualRouter[];
  readonly network: VirtualNetwork;
  /** The most that a clock may run fast or slow. */
  readonly mostDrift: number;
  /** Clients send nothing to this node. */
  shunned: NodeId | undefined;
  readonly #disks = new Map<NodeId, VirtualDisk>();
  /** Called once, at the node's next sync. */
  readonly #atSync = new Map<NodeId, () => void>();
  /** Called once, at the leader's next round for reads. */
  readonly #atReadRound = new Map<PeerId, () => void>();
  readonly #routerClock: MachineClock;
  readonly #foreign: ForeignCluster | undefined;
  #strays = 0;
  readonly #options: SimClusterOptions;

  private constructor(options: SimClusterOptions) {
    this.#options = options;
    const { scenario, scheduler, random, onTrouble, reached } = options;
    this.mostDrift = scenario.clocks.drift;
    this.#routerClock = new MachineClock(scheduler, 1, 0);
    this.network = this.#network();
    const clusterConfig = clusterConfigOf(scenario);
    this.nodes = clusterConfig.nodes.map(({ id }) => this.#node(id, clusterConfig));
    this.routers = Array.from({ length: scenario.routers }, (_, number) => {
      const clock = this.#routerClock;
      return new VirtualRouter({
        number,
        scenario,
        scheduler,
        network: this.network,
        clock,
        random: random.stream(`router ${number}`),
        isFormer: number < (scenario.former?.routers ?? 0),
        reached,
      });
    });
    if (!scenario.faults.some(({ kind }) => kind === 'foreign-node')) return;
    this.#foreign = new ForeignCluster({
      scenario,
      clusterConfig,
      scheduler,
      random: random.stream('another cluster'),
      onTrouble,
    });
  }

  static async make(options: SimClusterOptions): Promise<SimCluster> {
    await loadHash();
    return new SimCluster(options);
  }

  #network(): VirtualNetwork {
    const { scenario, scheduler, random, onRaftMessage, onArrival, onViolation, reached } = this.#options;
    return new VirtualNetwork({
      scheduler,
      random: random.stream('network'),
      parameters: scenario.network,
      onSend: (from, _to, message) => {
        if (message.type !== 'raft') return;
        onRaftMessage(message.group, message.message);
        if (message.message.type === 'heartbeat' && message.message.readContext > 0) this.#atReadRound.get(from)?.();
      },
      onArrival,
      onLinked: (dialler, _acceptor, version) => {
        if (dialler < ROUTER_PEERS && version === 1) reached('linked-in-former-protocol');
      },
      onRefused: (_by, _whom, { reason }) => {
        if (reason === 'wrong-cluster') reached('foreign-node-refused');
      },
      onStrayLinked: (dialler, acceptor) => {
        // A router may link to whatever answers at a node's address, and receives only the other cluster's data there.
        if (dialler < ROUTER_PEERS) onViolation(`a foreign or copied node is linked: n${dialler} to n${acceptor}`);
      },
      onPassed: () => {
        reached('urgent-passes-bulk');
      },
      onRepeated: (from, to, what) => {
        // The leader restarts a member whose disk lost data, each time it notices: what was in flight then is void.
        if (this.#disks.get(to)?.hasLostAcknowledged === true) return;
        onViolation(`n${from} sends n${to} again what is still on its way: ${what}`);
      },
    });
  }

  #node(id: NodeId, clusterConfig: ClusterConfig): VirtualNode {
    const { scenario, scheduler, random, onTrouble, reached } = this.#options;
    const own = random.stream(`node ${id}`);
    const disk = new VirtualDisk({
      scheduler,
      random: own.stream('disk'),
      parameters: scenario.disk,
      onSync: () => {
        this.#atSync.get(id)?.();
      },
    });
    this.#disks.set(id, disk);
    const { drift, skewMs } = scenario.clocks;
    const clock = new MachineClock(scheduler, 1 + own.between(-drift, drift), Math.round(own.between(-skewMs, skewMs)));
    return new VirtualNode({
      id,
      clusterConfig,
      scenario,
      scheduler,
      network: this.network,
      disk,
      clock,
      random: own,
      onTrouble,
      reached,
    });
  }

  start(): void {
    for (const node of this.nodes) node.start();
    for (const router of this.routers) router.start();
    this.#foreign?.start();
  }

  /**
   * A node that was upgraded while the others gave the cluster its uid, and did not hear of it, is refused by nodes that
   * have not seen its new process before: a known limit of the first upgrade (ARCHITECTURE, Caveats).
   */
  get missesUid(): boolean {
    const uids = this.nodes.map(({ clusterUid }) => clusterUid);
    return uids.includes(undefined) && uids.some((uid) => uid !== undefined);
  }

  /** As in the scenario; nodes may be started with others. */
  get timers(): NodeTimers {
    return this.#options.scenario.timers;
  }

  get disks(): ReadonlyMap<NodeId, VirtualDisk> {
    return this.#disks;
  }

  disk(id: NodeId): VirtualDisk {
    const disk = this.#disks.get(id);
    if (disk === undefined) throw new RangeError(`there is no node ${id}`);
    return disk;
  }

  /** Calls `crash` while the node's next sync is under way, or right when it begins. Returns what disarms it. */
  atSync(id: NodeId, random: Random, crash: () => void): () => void {
    const { scheduler, scenario } = this.#options;
    const disarm = (): void => {
      if (this.#atSync.get(id) === trap) this.#atSync.delete(id);
    };
    const trap = (): void => {
      disarm();
      scheduler.after(
        random.chance(0.3) ? 0 : random.between(0, scenario.disk.syncMs + scenario.disk.jitterMs),
        undefined,
        crash,
      );
    };
    this.#atSync.set(id, trap);
    return disarm;
  }

  /** Calls `stop` when the node next requests confirmation of reads. Returns what disarms it. */
  atReadRound(id: NodeId, stop: () => void): () => void {
    const disarm = (): void => {
      if (this.#atReadRound.get(id) === trap) this.#atReadRound.delete(id);
    };
    const trap = (): void => {
      disarm();
      stop();
    };
    this.#atReadRound.set(id, trap);
    return disarm;
  }

  /** The node's disk, process or links have, or may have, a fault at present. */
  isTroubled(id: NodeId): boolean {
    const { network, disk } = this.#options.scenario;
    if (network.narrow !== undefined || disk.stallProbability > 0) return true;
    const others = this.nodes.map((node) => node.id).filter((other) => other !== id);
    return !this.#isWell(id) || this.network.isTroubled(id, others);
  }

  /** A majority of these is running and healthy. */
  isQuorum(voters: readonly NodeId[]): boolean {
    return voters.filter((id) => this.#isWell(id)).length * 2 > voters.length;
  }

  /**
   * What waits at this leading replica is on its own disk, and a quorum has received but not yet written it. Where messages
   * get lost, an acknowledgement that the leader has not got counts as not written: it cannot tell the two apart.
   */
  isHeldUpByDisksOfOthers(id: NodeId, { id: group, raft, applied }: ReplicaView): boolean {
    const index = applied + 1;
    const term = raft.log.termAt(index);
    if (raft.commit > applied || raft.log.stableIndex < index || term === undefined) return false;
    const { voters } = raft.configuration;
    const matches = new Map(raft.status().peers.map((peer) => [peer.id, peer.match]));
    const isKnown = ({ id: voter }: { readonly id: NodeId }): boolean =>
      !losesMessages(this.#options.scenario) || voter === id || (matches.get(voter) ?? 0) >= index;
    const holders = voters.flatMap((voter): ReplicaView['raft'][] => {
      if (voter === id) return [raft];
      const node = this.nodes[voter - 1];
      if (node?.serving !== true || !this.network.isWhole(id, voter)) return [];
      const other = [...node.replicas()].find((replica) => replica.id === group);
      // Entries of a member in quarantine do not count, durable or not.
      return other?.raft.log.termAt(index) === term && other.raft.quarantinedBoot === undefined ? [other.raft] : [];
    });
    const durable = holders.filter(({ log }) => log.stableIndex >= index).filter(isKnown);
    return holders.length * 2 > voters.length && durable.length * 2 <= voters.length;
  }

  #isWell(id: NodeId): boolean {
    const node = this.nodes[id - 1];
    if (node === undefined || !node.serving || node.failing) return false;
    const disk = this.disk(id);
    return !disk.isTroubled && !disk.hasLostAcknowledged;
  }

  /** The foreign cluster's node with this id, to be started here; undefined if there is none, or none yet. */
  stray(id: NodeId, at: 'elsewhere' | 'its-address'): VirtualNode | undefined {
    return this.#foreign?.stray(id, this.#strayNetwork(at), ++this.#strays);
  }

  /** A node on a copy of this one's disk in its present state, at an address that the other nodes do not know. */
  copy(id: NodeId): VirtualNode {
    const { scenario, scheduler, random, onTrouble, reached } = this.#options;
    const own = random.stream(`copy ${++this.#strays} of ${id}`);
    const disk = new VirtualDisk({ scheduler, random: own.stream('disk'), parameters: scenario.disk });
    disk.restore(this.disk(id).image());
    const copy: VirtualNode = new VirtualNode({
      id,
      clusterConfig: clusterConfigOf(scenario),
      scenario,
      scheduler,
      network: this.#strayNetwork('elsewhere'),
      disk,
      clock: new MachineClock(scheduler, 1, 0),
      random: own,
      reached,
      onTrouble: (what) => {
        onTrouble(`on a copy: ${what}`);
      },
      onDuplicate: () => {
        reached('copied-node-refused');
        scheduler.after(0, copy.incarnation, () => {
          copy.kill('process');
        });
      },
    });
    return copy;
  }

  #strayNetwork(at: 'elsewhere' | 'its-address'): NodeNetwork {
    const { network } = this;
    return {
      transport: (self, incarnation) => network.strayTransport(self, incarnation, at),
      died: (transport, afterMs) => {
        network.died(transport, afterMs);
      },
    };
  }

  /** The node whose present process this is. */
  nodeOf(incarnation: Incarnation): VirtualNode | undefined {
    const node = incarnation.node === 0 ? undefined : this.nodes[incarnation.node - 1];
    return node?.incarnation === incarnation ? node : undefined;
  }

  /** Every process that accepts operations: stand-alone routers, and those inside the nodes. */
  endpoints(): ClientEndpoint[] {
    const endpoints: ClientEndpoint[] = [];
    for (const router of this.routers) {
      const endpoint = router.endpoint;
      if (endpoint !== undefined) endpoints.push({ name: router.name, clock: this.#routerClock, ...endpoint });
    }
    for (const node of this.nodes) {
      const endpoint = node.id === this.shunned ? undefined : node.endpoint;
      if (endpoint !== undefined) endpoints.push({ name: `n${node.id}`, clock: node.clock, ...endpoint });
    }
    return endpoints;
  }
}

function clusterConfigOf(scenario: Scenario): ClusterConfig {
  return {
    clusterId: 'simulated',
    nodes: Array.from({ length: scenario.nodes }, (_, i) => ({
      id: i + 1,
      name: `n${i + 1}`,
      peerAddress: `10.0.0.${i + 1}:7001`,
      httpAddress: `10.0.0.${i + 1}:8001`,
    })),
    shardCount: scenario.shards,
    replicas: scenario.replicas,
    leaseReads: scenario.leaseReads,
  };
}
