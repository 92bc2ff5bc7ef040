/**
 * A group under everything that scenarios 65 to 74 speak of at once: messages lost, doubled, reordered; disks that
 * lag; crashes between any two steps; compaction, snapshots in chunks, transfers, reads, quiet. From one seed, in one
 * process, without a clock. Every step is checked by `GroupHistory`.
 */
import {
  checkDurableQuorum,
  GroupHistory,
  Raft,
  viewOf,
  type Configuration,
  type Entry,
  type HardState,
  type Message,
  type RaftOptions,
  type Ready,
  type SnapshotMeta,
  type Write,
} from '../../src/raft/index.js';
import { bytes } from './harness/entries.js';
import { options } from './harness/single.js';

/** mulberry32: a small generator whose whole state is its seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

interface Checkpoint {
  readonly meta: SnapshotMeta;
  /** Everything applied up to `meta.index`. */
  readonly state: readonly string[];
}

/** What survives a crash. */
class Disk {
  hardState: HardState = { term: 0, vote: 0, commit: 0 };
  checkpoint: Checkpoint;
  entries: Entry[] = [];
  staged: string[] = [];

  constructor(configuration: Configuration) {
    this.checkpoint = { meta: { index: 0, term: 0, configuration }, state: [] };
  }

  write(write: Write): void {
    if (write.hardState !== undefined) this.hardState = write.hardState;
    const first = write.entries[0];
    if (first !== undefined) {
      const keep = first.index - this.checkpoint.meta.index - 1;
      if (keep > this.entries.length || keep < 0) throw new Error('a write would leave a gap in the journal');
      this.entries = [...this.entries.slice(0, keep), ...write.entries];
    }
    const { chunk } = write;
    if (chunk === undefined) return;
    if (chunk.sequence === 0) this.staged = [];
    // A message that opens a transfer has no data.
    if (chunk.data.length > 0) this.staged.push(...(JSON.parse(new TextDecoder().decode(chunk.data)) as string[]));
    if (chunk.done) {
      this.checkpoint = { meta: chunk.meta, state: this.staged };
      this.entries = [];
    }
  }

  /** The state up to `index` is safe: the journal may forget. */
  checkpointTo(index: number, term: number, state: readonly string[], configuration: Configuration): void {
    this.entries = this.entries.slice(index - this.checkpoint.meta.index);
    this.checkpoint = { meta: { index, term, configuration }, state };
  }
}

export class Node {
  raft: Raft;
  state: string[] = [];
  writes: Write[] = [];
  chunksWanted: { to: number; sequence: number; opened: Checkpoint | undefined }[] = [];
  readonly open = new Map<number, Checkpoint>();
  readonly pendingReads = new Map<number, number>();

  constructor(
    readonly disk: Disk,
    readonly makeOptions: (disk: Disk) => RaftOptions,
  ) {
    this.raft = this.start();
  }

  start(): Raft {
    this.state = [...this.disk.checkpoint.state];
    this.writes = [];
    this.chunksWanted = [];
    this.open.clear();
    this.pendingReads.clear();
    this.raft = new Raft(this.makeOptions(this.disk));
    return this.raft;
  }
}

export interface ChaosOptions {
  readonly seed: number;
  readonly size: number;
  readonly steps: number;
  readonly learners?: number;
  readonly quiesceTicks?: number;
  readonly leaseReads?: boolean;
  /** What differs from node to node. */
  readonly settings?: (id: number) => Partial<RaftOptions>;
}

export class Chaos {
  readonly random: () => number;
  readonly history = new GroupHistory();
  readonly nodes = new Map<number, Node>();
  readonly configuration: Configuration;
  network: Message[] = [];
  faults = true;
  proposed = 0;
  readsConfirmed = 0;
  snapshotsInstalled = 0;
  crashes = 0;
  /** Pairs that cannot talk, as `from>to`. */
  readonly cut = new Set<string>();

  constructor(readonly chaos: ChaosOptions) {
    this.random = randomFrom(chaos.seed);
    const ids = Array.from({ length: chaos.size }, (_, i) => i + 1);
    const voters = ids.slice(0, chaos.size - (chaos.learners ?? 0));
    this.configuration = { voters, votersOutgoing: [], learners: ids.slice(voters.length) };
    for (const id of ids) {
      this.nodes.set(
        id,
        new Node(new Disk(this.configuration), (disk) =>
          options(id, voters, {
            configuration: this.configuration,
            hardState: disk.hardState,
            snapshot: disk.checkpoint.meta,
            entries: disk.entries,
            random: this.random,
            maxAppendBytes: 40,
            maxInflight: 3,
            quiesceTicks: chaos.quiesceTicks ?? 0,
            leaseReads: chaos.leaseReads ?? false,
            ...chaos.settings?.(id),
          }),
        ),
      );
    }
  }

  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  pick(): Node {
    const node = this.nodes.get(1 + this.below(this.nodes.size));
    if (node === undefined) throw new Error('no such node');
    return node;
  }

  run(): void {
    for (let i = 0; i < this.chaos.steps; i++) this.step();
  }

  /** One random event. */
  step(): void {
    const node = this.pick();
    const dice = this.random();
    if (dice < 0.45) this.deliver();
    else if (dice < 0.6) this.take(node);
    else if (dice < 0.75) this.sync(node);
    else if (dice < 0.86) this.passTime(node);
    else if (dice < 0.92) this.propose(node);
    else if (dice < 0.94) this.read(node);
    else if (dice < 0.95) this.compact(node);
    else if (dice < 0.97) this.offer(node);
    else if (this.faults) this.fault(node);
    this.history.observe(node.raft);
  }

  passTime(node: Node): void {
    node.raft.tick();
  }

  fault(node: Node): void {
    const dice = this.random();
    if (dice < 0.15) this.crash(node);
    else if (dice < 0.3) node.raft.campaign();
    else if (dice < 0.45) node.raft.transferLeadership(1 + this.below(this.nodes.size));
    else if (dice < 0.6) node.raft.forgetLeader();
    else if (dice < 0.7) node.raft.reportUnreachable(1 + this.below(this.nodes.size));
    else if (dice < 0.9) this.cut.add(`${1 + this.below(this.nodes.size)}>${1 + this.below(this.nodes.size)}`);
    else this.cut.clear();
  }

  crash(node: Node): void {
    this.crashes++;
    node.start();
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) {
      this.history.sent(message);
      if (this.cut.has(`${message.from}>${message.to}`)) continue;
      if (this.faults && this.random() < 0.05) continue;
      this.network.push(message);
      if (this.faults && this.random() < 0.05) this.network.push(message);
    }
    // A full network loses what is oldest.
    if (this.network.length > 400) this.network.splice(0, this.network.length - 400);
  }

  deliver(): void {
    if (this.network.length === 0) return;
    // Mostly in order, sometimes from anywhere.
    const at = this.faults && this.random() < 0.2 ? this.below(this.network.length) : 0;
    const [message] = this.network.splice(at, 1);
    if (message === undefined) return;
    const receiver = this.nodes.get(message.to);
    receiver?.raft.step(message);
    if (receiver !== undefined) this.history.observe(receiver.raft);
  }

  take(node: Node): Ready | undefined {
    if (!node.raft.hasReady()) return undefined;
    const ready = node.raft.ready();
    this.send(ready.messages);
    if (ready.write !== undefined) node.writes.push(ready.write);
    for (const entry of ready.committed) {
      if (entry.kind === 1) node.state.push(`${entry.index}:${new TextDecoder().decode(entry.data)}`);
      node.raft.applied(entry.index);
    }
    for (const { context, index } of ready.reads) {
      const floor = node.pendingReads.get(context);
      if (floor === undefined) throw new Error(`read ${context} confirmed that was not asked for, or twice`);
      if (index < floor) throw new Error(`read ${context} confirmed at ${index}, but ${floor} was committed before it`);
      node.pendingReads.delete(context);
      this.readsConfirmed++;
    }
    for (const context of ready.readsLost) node.pendingReads.delete(context);
    for (const { to, sequence } of ready.chunksWanted) {
      if (sequence === 0) node.open.set(to, node.disk.checkpoint);
      node.chunksWanted.push({ to, sequence, opened: node.open.get(to) });
    }
    return ready;
  }

  sync(node: Node): void {
    const write = node.writes.shift();
    if (write === undefined) return;
    node.disk.write(write);
    if (write.chunk?.done === true) {
      node.state = [...node.disk.checkpoint.state];
      this.snapshotsInstalled++;
    }
    node.raft.persisted(write.receipt);
    this.send(write.messages);
  }

  propose(node: Node): void {
    const items = Array.from({ length: 1 + this.below(4) }, () => bytes(`value ${++this.proposed}`));
    node.raft.propose(items);
  }

  read(node: Node): void {
    const result = node.raft.readIndex();
    if (result.type === 'accepted') node.pendingReads.set(result.context, this.history.highestCommit);
  }

  /** Not while an installed snapshot is on its way to the disk: the owner's state is then not yet the log's. */
  compact(node: Node): void {
    if (node.writes.some((write) => write.chunk?.done === true)) return;
    const { applied, stableIndex } = node.raft.log;
    const term = node.raft.termAt(applied);
    if (term === undefined || applied <= node.disk.checkpoint.meta.index || stableIndex < applied) return;
    node.disk.checkpointTo(applied, term, [...node.state], this.configuration);
    node.raft.compact(Math.max(node.raft.log.snapshotIndex, applied - this.below(3)));
  }

  offer(node: Node): void {
    const wanted = node.chunksWanted.shift();
    if (wanted === undefined) return;
    const { to, sequence, opened } = wanted;
    if (opened === undefined || (this.faults && this.random() < 0.2)) {
      node.raft.chunkUnavailable(to);
      return;
    }
    const size = 4;
    const part = opened.state.slice(sequence * size, (sequence + 1) * size);
    const done = (sequence + 1) * size >= opened.state.length;
    node.raft.offerChunk(to, opened.meta, sequence, bytes(JSON.stringify(part)), done);
  }

  /** No more faults: everything runs until nothing moves, tick by tick. */
  calm(ticks: number): void {
    this.faults = false;
    this.cut.clear();
    for (let i = 0; i < ticks; i++) {
      for (const node of this.nodes.values()) node.raft.tick();
      this.settle();
    }
  }

  settle(): void {
    for (let round = 0; round < 10_000; round++) {
      let moved = false;
      for (const node of this.nodes.values()) {
        while (node.raft.hasReady() || node.writes.length > 0 || node.chunksWanted.length > 0) {
          this.take(node);
          this.sync(node);
          this.offer(node);
          moved = true;
        }
        this.history.observe(node.raft);
      }
      while (this.network.length > 0) {
        this.deliver();
        moved = true;
      }
      if (!moved) return;
    }
    throw new Error('the group does not settle');
  }

  /** Every replica's disk as it is, for `checkDurableQuorum`. */
  checkDurable(): void {
    const views = [...this.nodes.values()].map(({ raft }) => viewOf(raft));
    checkDurableQuorum(
      views.filter(({ id }) => this.configuration.voters.includes(id)),
      this.configuration,
    );
  }
}
