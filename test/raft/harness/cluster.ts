/**
 * A deterministic group of `Raft`s: virtual network, virtual disks, no clock. Nothing happens except by calls of the test.
 * Every step is checked by `History` (unless `unchecked`, for tests that write the messages of some nodes themselves).
 */
import {
  NONE,
  type Configuration,
  type Entry,
  type HardState,
  type Message,
  type NodeId,
  type ProposeResult,
  type ReadResult,
  type TransferResult,
} from '../../../src/raft/index.js';
import { seededRandom } from '../../../src/random.js';
import { Disk, type DiskCopy } from './disk.js';
import { bytes } from './entries.js';
import type { ClusterEvent } from './events.js';
import { History } from './history.js';
import { Network, type Filter } from './network.js';
import { Replica, type Timing } from './replica.js';

interface GivenDisk {
  readonly hardState?: HardState;
  /** Where its log begins: the state machine's commands up to there are not known. Default: at 0. */
  readonly start?: { readonly index: number; readonly term: number };
  readonly entries?: readonly Entry[];
}

export interface ClusterOptions {
  readonly voters?: readonly NodeId[];
  readonly learners?: readonly NodeId[];
  /** Which of them are real; the test writes the messages of the others. Default: all. */
  readonly running?: readonly NodeId[];
  readonly unchecked?: boolean;
  /** False skips the checks of whole logs after every step. Default true. */
  readonly thorough?: boolean;
  /** Without a seed the timeout of node i of n is T + T·(i−1)/n: n1 comes first, and nothing is random. */
  readonly seed?: number;
  /** Of all nodes, or of each, called at each of its starts. */
  readonly timing?: Partial<Timing> | ((id: NodeId) => Partial<Timing>);
  /** Initial contents of the disks. */
  readonly disks?: Readonly<Record<NodeId, GivenDisk>>;
  readonly observe?: (event: ClusterEvent) => void;
}

export const DEFAULT_TIMING: Omit<Timing, 'random'> = {
  electionTicks: 10,
  heartbeatTicks: 2,
  maxAppendBytes: 1_000_000,
  maxInflight: 8,
  maxUncommittedBytes: 1_000_000,
  quiesceTicks: 0,
};

export class Cluster {
  readonly network = new Network();
  readonly replicas = new Map<NodeId, Replica>();
  readonly history: History | undefined;
  readonly configuration: Configuration;
  /** All events since the last `clearEvents`. Kept only when no observer is given. */
  events: ClusterEvent[] = [];
  readonly #hanging = new Set<NodeId>();
  readonly #observer: (event: ClusterEvent) => void;

  constructor(options: ClusterOptions = {}) {
    const voters = options.voters ?? [1, 2, 3];
    const learners = options.learners ?? [];
    this.configuration = { voters, votersOutgoing: [], learners };
    this.history = options.unchecked === true ? undefined : new History(voters, options.thorough !== false);
    this.#observer = options.observe ?? ((event) => void this.events.push(event));
    const everyone = [...voters, ...learners];
    const world = {
      history: this.history,
      send: (message: Message) => {
        this.#send(message);
      },
      observe: this.#observer,
    };
    for (const id of options.running ?? everyone) {
      const given = options.disks?.[id];
      const disk = new Disk({ index: 0, term: 0, ...given?.start, configuration: this.configuration });
      disk.hardState = given?.hardState ?? disk.hardState;
      disk.entries = [...(given?.entries ?? [])];
      const fraction = everyone.indexOf(id) / everyone.length;
      const random = options.seed === undefined ? () => fraction : seededRandom(options.seed * 1_000 + id);
      const timing = (): Timing => {
        const own = typeof options.timing === 'function' ? options.timing(id) : options.timing;
        return { ...DEFAULT_TIMING, random, ...own };
      };
      this.replicas.set(id, new Replica(id, disk, timing, world));
    }
  }

  // -- state ----------------------------------------------------------------------------------------------------

  node(id: NodeId): Replica {
    const replica = this.replicas.get(id);
    if (replica === undefined) throw new Error(`there is no n${id} here`);
    return replica;
  }

  status(id: NodeId): ReturnType<Replica['raft']['status']> {
    return this.node(id).raft.status();
  }

  /** The running node that leads in the highest term. */
  leader(): NodeId {
    let best: Replica | undefined;
    for (const replica of this.running())
      if (replica.raft.role === 'leader' && replica.raft.term > (best?.raft.term ?? 0)) best = replica;
    return best?.id ?? NONE;
  }

  running(): Replica[] {
    return [...this.replicas.values()].filter((replica) => replica.up);
  }

  /** Terms of a node's log in memory, from its first index. */
  terms(id: NodeId): number[] {
    const { firstIndex, lastIndex } = this.status(id);
    const terms: number[] = [];
    for (let index = firstIndex; index <= lastIndex; index++) terms.push(this.node(id).raft.termAt(index) ?? -1);
    return terms;
  }

  state(id: NodeId): readonly string[] {
    return this.node(id).machine.state;
  }

  eventsOf<T extends ClusterEvent['type']>(type: T, node?: NodeId): Extract<ClusterEvent, { type: T }>[] {
    return this.events.filter(
      (event): event is Extract<ClusterEvent, { type: T }> =>
        event.type === type && (node === undefined || !('node' in event) || event.node === node),
    );
  }

  /** Messages of one type that were sent since `clearEvents`, lost ones included. */
  sent<T extends Message['type']>(type: T, filter: Filter = {}): Extract<Message, { type: T }>[] {
    return this.eventsOf('sent')
      .map(({ message }) => message)
      .filter(
        (message): message is Extract<Message, { type: T }> =>
          message.type === type &&
          (filter.from === undefined || filter.from === message.from) &&
          (filter.to === undefined || filter.to === message.to),
      );
  }

  clearEvents(): void {
    this.events = [];
  }

  // -- inputs ---------------------------------------------------------------------------------------------------

  #with<T>(id: NodeId, input: (replica: Replica) => T): T {
    const replica = this.node(id);
    if (!replica.up) throw new Error(`n${id} is down`);
    const result = input(replica);
    replica.pump();
    return result;
  }

  tick(id: NodeId, count = 1): void {
    for (let tick = 0; tick < count; tick++)
      this.#with(id, ({ raft }) => {
        raft.tick();
      });
  }

  tickAll(count = 1): void {
    for (let tick = 0; tick < count; tick++) for (const { id } of this.running()) this.tick(id);
  }

  campaign(id: NodeId): void {
    this.#with(id, ({ raft }) => {
      raft.campaign();
    });
  }

  propose(id: NodeId, ...data: string[]): ProposeResult {
    return this.#with(id, ({ raft }) => raft.propose(data.map(bytes)));
  }

  read(id: NodeId): ReadResult {
    return this.#with(id, (replica) => {
      const result = replica.raft.readIndex();
      if (result.type === 'accepted') this.history?.readRequested(replica, result.context);
      return result;
    });
  }

  transfer(from: NodeId, to: NodeId): TransferResult {
    return this.#with(from, ({ raft }) => raft.transferLeadership(to));
  }

  forgetLeader(id: NodeId): void {
    this.#with(id, ({ raft }) => {
      raft.forgetLeader();
    });
  }

  unreachable(id: NodeId, peer: NodeId): void {
    this.#with(id, ({ raft }) => {
      raft.reportUnreachable(peer);
    });
  }

  /** Delivers a message at once, bypassing the network. */
  inject(message: Message): void {
    this.#with(message.to, ({ raft }) => {
      raft.step(message);
    });
  }

  compact(id: NodeId, index?: number): void {
    this.#with(id, (replica) => {
      replica.compact(index);
    });
  }

  applySlowly(id: NodeId, slowly: boolean): void {
    const replica = this.node(id);
    replica.slowApply = slowly;
    if (!slowly) this.applyWaiting(id);
  }

  /** False: pending chunks are offered, and later ones at once. */
  offerLate(id: NodeId, late: boolean): void {
    this.node(id).offersLate = late;
    if (late) return;
    this.#with(id, (replica) => {
      while (replica.offerLate()) continue;
    });
  }

  applyWaiting(id: NodeId, count?: number): void {
    this.#with(id, (replica) => {
      replica.applyWaiting(count);
    });
  }

  // -- disks ----------------------------------------------------------------------------------------------------

  /** Makes the oldest `count` writes of a node durable, and sends their messages. */
  sync(id: NodeId, count = Infinity): number {
    const replica = this.node(id);
    let done = 0;
    while (done < count && replica.up && replica.sync()) done++;
    return done;
  }

  /** Of all nodes whose disk does not hang. */
  syncAll(): number {
    const able = this.running().filter(({ id }) => !this.#hanging.has(id));
    return able.reduce((sum, { id }) => sum + this.sync(id), 0);
  }

  /** Its disk takes writes and completes none of them, until called with false. */
  hangDisk(id: NodeId, hangs = true): void {
    if (hangs) this.#hanging.add(id);
    else this.#hanging.delete(id);
  }

  /** Power cut: what was not synced is lost. */
  crash(id: NodeId): void {
    const replica = this.node(id);
    if (!replica.up) throw new Error(`n${id} is down already`);
    replica.crash();
  }

  /** The oldest write becomes durable, and the node crashes before it sends that write's messages. */
  crashBetweenPersistAndSend(id: NodeId): void {
    if (!this.node(id).sync(true)) throw new Error(`n${id} has nothing to sync`);
    this.crash(id);
  }

  restart(id: NodeId): void {
    const replica = this.node(id);
    if (replica.up) throw new Error(`n${id} is up`);
    replica.restart();
  }

  /**
   * The disk of a node becomes an earlier copy of it, and the node starts in quarantine. No message of its former process
   * is in flight any more: a link ends with the process.
   */
  rollBack(id: NodeId, copy: DiskCopy | undefined, boot: number): void {
    const replica = this.node(id);
    if (replica.up) this.crash(id);
    this.network.dropAll(id);
    replica.disk.rollBack(copy);
    this.history?.rolledBack(id);
    replica.quarantine = boot;
    replica.restart();
  }

  /** Reports to a running node that its disk was rolled back. */
  quarantine(id: NodeId, boot: number): void {
    this.#with(id, ({ raft }) => {
      raft.quarantine(boot);
    });
  }

  // -- network --------------------------------------------------------------------------------------------------

  /** Delivers what is in flight now and matches; messages sent in response stay in flight. */
  deliver(filter: Filter = {}): number {
    const messages = this.network.take(filter);
    for (const message of messages) this.#receive(message);
    return messages.length;
  }

  /** Delivers one message; without `pump`, the node's `Ready` is not taken before its next step. */
  deliverAt(position: number, pump = true): void {
    const message = this.network.takeAt(position);
    if (message !== undefined) this.#receive(message, pump);
  }

  drop(filter: Filter = {}): void {
    for (const message of this.network.take(filter)) this.#observer({ type: 'lost', message, why: 'dropped' });
  }

  /** Nodes outside every group are isolated each. */
  partition(...groups: NodeId[][]): void {
    const named = new Set(groups.flat());
    const alone = [...this.replicas.keys()].filter((id) => !named.has(id)).map((id) => [id]);
    this.network.partition([...groups, ...alone]);
  }

  isolate(id: NodeId): void {
    const others = [...this.replicas.keys()].filter((other) => other !== id);
    this.network.partition([[id], others]);
  }

  heal(): void {
    this.network.heal();
  }

  // -- convenience ----------------------------------------------------------------------------------------------

  /** Takes what is ready, syncs and delivers until nothing is left, or only messages that match `except`. No tick passes. */
  settle(except?: Filter): void {
    for (const replica of this.running()) if (replica.raft.hasReady()) replica.pump();
    for (let round = 0; ; round++) {
      if (round > 2_000) throw new Error('the group never settles');
      const aside = except === undefined ? [] : this.network.take(except);
      const moved = this.syncAll() + this.deliver();
      this.network.inFlight.unshift(...aside);
      if (moved === 0) return;
    }
  }

  /** `ticks` times: all nodes (or those given) tick, then everything settles. */
  run(ticks: number, ids?: readonly NodeId[]): void {
    for (let tick = 0; tick < ticks; tick++) {
      for (const id of ids ?? this.running().map((replica) => replica.id)) this.tick(id);
      this.settle();
    }
  }

  /** Makes `id` the leader of a group that has none. */
  elect(id: NodeId): void {
    this.campaign(id);
    this.settle();
    if (this.node(id).raft.role !== 'leader') throw new Error(`n${id} did not become leader`);
  }

  #send(message: Message): void {
    this.#observer({ type: 'sent', message });
    if (!this.network.send(message)) this.#observer({ type: 'lost', message, why: 'cut' });
  }

  #receive(message: Message, pump = true): void {
    const replica = this.replicas.get(message.to);
    if (replica?.up !== true) {
      this.#observer({ type: 'lost', message, why: 'down' });
      return;
    }
    replica.raft.step(message);
    if (pump) replica.pump();
    else replica.checkAfterStep();
  }
}
