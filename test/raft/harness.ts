/**
 * A few replicas in one process with a network and disks that the test drives: for unit tests of the core.
 */
import {
  describeReady,
  type Append,
  type Heartbeat,
  Raft,
  type Entry,
  type Message,
  type RaftOptions,
  type Ready,
  type Receipt,
} from '../../src/raft/index.js';

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (data: Uint8Array): string => new TextDecoder().decode(data);

export const entry = (index: number, term: number, data = ''): Entry => ({ index, term, kind: 1, data: bytes(data) });

/** Entries 1.. with the given terms. */
export const entries = (...terms: number[]): Entry[] => terms.map((term, i) => entry(i + 1, term));

export const options = (id: number, voters: readonly number[], more: Partial<RaftOptions> = {}): RaftOptions => ({
  id,
  configuration: { voters, votersOutgoing: [], learners: [] },
  hardState: { term: 0, vote: 0, commit: 0 },
  snapshot: { index: 0, term: 0, configuration: { voters: [], votersOutgoing: [], learners: [] } },
  entries: [],
  electionTicks: 10,
  heartbeatTicks: 2,
  random: () => 0,
  maxAppendBytes: 1 << 16,
  maxInflight: 16,
  maxUncommittedBytes: 1 << 20,
  quiesceTicks: 0,
  ...more,
});

/** One replica with a disk that completes when told, and a state machine that only remembers. */
export class Replica {
  readonly raft: Raft;
  readonly applied: Entry[] = [];
  readonly reads: { context: number; index: number; promiseMs?: number }[] = [];
  readonly readsLost: number[] = [];
  readonly readies: Ready[] = [];
  readonly disk: { receipt: Receipt; messages: readonly Message[] }[] = [];
  readonly chunksWanted: { to: number; sequence: number }[] = [];

  constructor(options: RaftOptions) {
    this.raft = new Raft(options);
  }

  /** Takes one Ready; writes are left on the way to the disk. */
  take(): Ready {
    const ready = this.raft.ready();
    this.readies.push(ready);
    if (ready.write !== undefined) this.disk.push({ receipt: ready.write.receipt, messages: ready.write.messages });
    for (const entry of ready.committed) {
      this.applied.push(entry);
      this.raft.applied(entry.index);
    }
    this.reads.push(...ready.reads);
    this.readsLost.push(...ready.readsLost);
    this.chunksWanted.push(...ready.chunksWanted);
    return ready;
  }

  /** The oldest write reaches the disk. */
  sync(): readonly Message[] {
    const write = this.disk.shift();
    if (write === undefined) return [];
    this.raft.persisted(write.receipt);
    return write.messages;
  }

  /** Everything that the replica does until it is at rest, disk included; what it sends. */
  run(): Message[] {
    const sent: Message[] = [];
    while (this.raft.hasReady() || this.disk.length > 0) {
      if (this.raft.hasReady()) sent.push(...this.take().messages);
      sent.push(...this.sync());
    }
    return sent;
  }

  describe(): string[] {
    return this.readies.flatMap(describeReady);
  }
}

export class Cluster {
  readonly replicas = new Map<number, Replica>();
  /** Said false: the message is lost. */
  passes: (message: Message) => boolean = () => true;

  constructor(size: number, more: (id: number) => Partial<RaftOptions> = () => ({})) {
    const ids = Array.from({ length: size }, (_, i) => i + 1);
    for (const id of ids) this.replicas.set(id, new Replica(options(id, ids, more(id))));
  }

  get(id: number): Replica {
    const replica = this.replicas.get(id);
    if (replica === undefined) throw new Error(`no replica ${id}`);
    return replica;
  }

  raft(id: number): Raft {
    return this.get(id).raft;
  }

  /** Until nothing moves any more; the messages that were sent, lost ones included. */
  settle(): Message[] {
    const all: Message[] = [];
    for (let round = 0; round < 1000; round++) {
      const sent = [...this.replicas.values()].flatMap((replica) => replica.run());
      if (sent.length === 0) return all;
      all.push(...sent);
      for (const message of sent) if (this.passes(message)) this.replicas.get(message.to)?.raft.step(message);
    }
    throw new Error('the cluster does not settle');
  }

  elect(id: number): void {
    this.raft(id).campaign();
    this.settle();
  }

  /** Ticks of everybody (or of those given), settling after each. */
  tick(count: number, ids: readonly number[] = [...this.replicas.keys()]): void {
    for (let i = 0; i < count; i++) {
      for (const id of ids) this.raft(id).tick();
      this.settle();
    }
  }

  isolate(...ids: number[]): void {
    this.passes = (message) => !ids.includes(message.from) && !ids.includes(message.to);
  }

  heal(): void {
    this.passes = () => true;
  }
}

/** Those of one type. */
export const of = <T extends Message['type']>(messages: readonly Message[], type: T): Extract<Message, { type: T }>[] =>
  messages.filter((message): message is Extract<Message, { type: T }> => message.type === type);

export const append = (more: Partial<Append>): Append => ({
  type: 'append',
  from: 1,
  to: 2,
  term: 1,
  prevIndex: 0,
  prevTerm: 0,
  entries: [],
  commit: 0,
  ...more,
});

export const heartbeat = (more: Partial<Heartbeat>): Heartbeat => ({
  type: 'heartbeat',
  from: 1,
  to: 2,
  term: 1,
  commit: 0,
  readContext: 0,
  quiesce: false,
  ...more,
});
