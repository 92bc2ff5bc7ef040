/**
 * A single `Raft` without network, state machine or checks: the test takes each `Ready` and completes each write itself.
 * For what a `Cluster` hides, since its nodes take all output at once.
 */
import {
  describeReady,
  Raft,
  type Entry,
  type Message,
  type RaftOptions,
  type Ready,
  type Write,
} from '../../../src/raft/index.js';
import { DEFAULT_TIMING } from './cluster.js';

/** Options of a new group, without randomness. */
export const options = (id: number, voters: readonly number[], more: Partial<RaftOptions> = {}): RaftOptions => ({
  ...DEFAULT_TIMING,
  id,
  configuration: { voters, votersOutgoing: [], learners: [] },
  hardState: { term: 0, vote: 0, commit: 0 },
  snapshot: { index: 0, term: 0, configuration: { voters: [], votersOutgoing: [], learners: [] } },
  entries: [],
  random: () => 0,
  ...more,
});

export class Single {
  readonly raft: Raft;
  readonly applied: Entry[] = [];
  readonly readies: Ready[] = [];
  readonly #writes: Write[] = [];

  constructor(id: number, voters: readonly number[], more: Partial<RaftOptions> = {}) {
    this.raft = new Raft(options(id, voters, more));
  }

  /** Takes one `Ready`; its write stays in progress. */
  take(): Ready {
    const ready = this.raft.ready();
    this.readies.push(ready);
    if (ready.write !== undefined) this.#writes.push(ready.write);
    for (const entry of ready.committed) {
      this.applied.push(entry);
      this.raft.applied(entry.index);
    }
    return ready;
  }

  /** Completes the oldest write; returns its messages. */
  sync(): readonly Message[] {
    const write = this.#writes.shift();
    if (write === undefined) return [];
    this.raft.persisted(write.receipt);
    return write.messages;
  }

  /** Takes output and completes writes until there is none; returns the messages. */
  run(): Message[] {
    const sent: Message[] = [];
    while (this.raft.hasReady() || this.#writes.length > 0) {
      if (this.raft.hasReady()) sent.push(...this.take().messages);
      sent.push(...this.sync());
    }
    return sent;
  }

  describe(): string[] {
    return this.readies.flatMap(describeReady);
  }
}
