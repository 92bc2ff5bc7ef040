/**
 * One node of a test cluster: a `Raft`, its disk and a small state machine, driven as `ready.ts` requires of an owner,
 * except that the test decides when a sync completes and (with `slowApply`) when an entry is applied.
 */
import { EntryKind, Raft, type Entry, type Message, type RaftOptions, type Ready } from '../../../src/raft/index.js';
import { encodeState, type Checkpoint, type Disk } from './disk.js';
import { text } from './entries.js';
import type { ClusterEvent } from './events.js';
import type { History } from './history.js';

export type Timing = Omit<RaftOptions, 'id' | 'configuration' | 'hardState' | 'snapshot' | 'entries'>;

export interface World {
  readonly history: History | undefined;
  send(message: Message): void;
  observe(event: ClusterEvent): void;
}

/** The state machine: the commands applied, as text. */
class Machine {
  constructor(
    public appliedIndex: number,
    public state: string[],
  ) {}

  apply(entry: Entry): void {
    if (entry.index !== this.appliedIndex + 1)
      throw new Error(`${entry.index} applied after ${this.appliedIndex}: out of order or twice`);
    this.appliedIndex = entry.index;
    if (entry.kind === EntryKind.command) this.state.push(text(entry.data));
  }
}

/** A snapshot that is being sent. */
interface Outgoing {
  readonly checkpoint: Checkpoint;
  readonly data: Uint8Array;
}

interface WantedChunk {
  readonly to: number;
  readonly sequence: number;
  readonly source: Outgoing | undefined;
}

export class Replica {
  raft: Raft;
  machine: Machine;
  up = true;
  /** Counts starts: contexts of reads are unique within one. */
  incarnation = 0;
  /** Committed entries are applied by `applyWaiting` instead of at once. */
  slowApply = false;
  chunkBytes = 1_000_000;
  /** While false, no snapshot chunk is available. */
  snapshotsReady = true;
  /** Wanted chunks are supplied by `offerLate` instead of at once, each from the state when its snapshot was opened. */
  offersLate = false;
  /** If set, wanted chunks are only recorded here, and the test offers them. */
  chunksWanted: { to: number; sequence: number }[] | undefined;
  waiting: Entry[] = [];
  /** The log in memory, rebuilt from the writes that the core hands out: index − 1 − offset. */
  shadow: Entry[] = [];
  shadowStart = { index: 0, term: 0 };
  #unanswered: { context: number; index: number }[] = [];
  readonly #outgoing = new Map<number, Outgoing>();
  #late: WantedChunk[] = [];
  #lastRole = '';
  #lastQuiesced = false;
  readonly #timing: () => Timing;
  readonly #world: World;

  constructor(
    readonly id: number,
    readonly disk: Disk,
    timing: () => Timing,
    world: World,
  ) {
    this.#timing = timing;
    this.#world = world;
    this.raft = this.#build();
    this.machine = this.#load();
    this.#begin();
  }

  /** Boot number of the quarantine that it starts in, as its owner stores it. */
  quarantine: number | undefined;
  /** Boot number of the last quarantine that it left, as its owner stores it. */
  released: number | undefined;

  #build(): Raft {
    const { meta } = this.disk.checkpoint;
    return new Raft({
      ...this.#timing(),
      id: this.id,
      configuration: meta.configuration,
      hardState: this.disk.hardState,
      snapshot: meta,
      entries: [...this.disk.entries],
      quarantine: this.quarantine,
      released: this.released,
    });
  }

  #load(): Machine {
    return new Machine(this.disk.checkpoint.meta.index, [...this.disk.checkpoint.state]);
  }

  #begin(): void {
    this.shadowStart = this.disk.checkpoint.meta;
    this.shadow = [...this.disk.entries];
    this.#lastRole = `${this.raft.role}@${this.raft.term}`;
    this.#lastQuiesced = false;
    this.#world.history?.started(this);
    this.pump();
  }

  restart(): void {
    this.incarnation++;
    this.up = true;
    this.waiting = [];
    this.#unanswered = [];
    this.#outgoing.clear();
    this.#late = [];
    this.raft = this.#build();
    this.machine = this.#load();
    this.#begin();
  }

  crash(): void {
    this.disk.crash();
    this.up = false;
  }

  shadowTermAt(index: number): number | undefined {
    if (index === this.shadowStart.index) return this.shadowStart.term;
    return this.shadow[index - this.shadowStart.index - 1]?.term;
  }

  shadowEntryAt(index: number): Entry | undefined {
    return this.shadow[index - this.shadowStart.index - 1];
  }

  /** Takes all output of the core, and checks the invariants. */
  pump(): void {
    for (let round = 0; this.raft.hasReady(); round++) {
      if (round > 50) throw new Error(`n${this.id} always has something ready`);
      this.take();
    }
    this.checkAfterStep();
  }

  /** Checks after a step, whether all output was taken or not. */
  checkAfterStep(): void {
    this.#observeRole();
    if (this.raft.hasReady()) this.#world.history?.checkStatus(this);
    else this.#world.history?.check(this);
    if (this.quarantine === undefined || !this.raft.quarantineIsOver) return;
    this.released = this.quarantine;
    this.quarantine = undefined;
  }

  /** Takes and handles a single `Ready`, for a test that inspects it. */
  take(): Ready {
    const ready = this.raft.ready();
    this.#handle(ready);
    return ready;
  }

  /**
   * Makes the oldest write durable. With `silent` the core does not learn of it, as if the node crashed right after;
   * without `pump`, the node's `Ready` is not taken before its next step.
   */
  sync(silent = false, pump = true): boolean {
    const before = this.disk.lastIndex;
    const heldBefore = this.disk.entries;
    const write = this.disk.queue[0];
    if (write === undefined) return false;
    const kept = heldBefore.slice();
    const start = this.disk.checkpoint.meta.index;
    this.disk.sync();
    this.#world.history?.synced(this, write, kept, start, before);
    this.#world.observe({ type: 'synced', node: this.id, write });
    if (silent) return true;
    if (write.chunk?.done === true) this.#reload(write.chunk.meta);
    this.raft.persisted(write.receipt);
    if (this.raft.maySend(write.receipt)) for (const message of write.messages) this.#emit(message);
    if (pump) this.pump();
    else this.checkAfterStep();
    return true;
  }

  /** Number of chunks that wait for `offerLate`. */
  get lateChunks(): number {
    return this.#late.length;
  }

  /** Supplies a wanted chunk, or reports it as unavailable. False: there is none at this position. */
  offerLate(position = 0, canBeHad = true): boolean {
    const [chunk] = this.#late.splice(position, 1);
    if (chunk === undefined) return false;
    if (canBeHad) this.#offer(chunk);
    else this.raft.chunkUnavailable(chunk.to);
    return true;
  }

  /** Applies up to `count` of the waiting entries. */
  applyWaiting(count = Infinity): void {
    let done = 0;
    for (; done < count; done++) {
      const entry = this.waiting.shift();
      if (entry === undefined) break;
      this.machine.apply(entry);
      this.#world.history?.applied(this, entry);
      this.#world.observe({ type: 'applied', node: this.id, entry });
    }
    if (done === 0) return;
    this.raft.applied(this.machine.appliedIndex);
    this.#answerReads();
  }

  /** Saves the state machine durably; the log may then be compacted up to it. False if there is nothing new to save. */
  saveCheckpoint(): boolean {
    const index = this.machine.appliedIndex;
    const { meta } = this.disk.checkpoint;
    if (index <= meta.index || this.disk.installing()) return false;
    const term = this.shadowTermAt(index);
    if (term === undefined) throw new Error(`n${this.id} applied ${index} but its log has no term for it`);
    this.disk.saveCheckpoint({
      meta: { index, term, configuration: meta.configuration },
      state: [...this.machine.state],
    });
    return true;
  }

  /** Saves a checkpoint, then compacts the log up to `index` (default: up to the checkpoint). */
  compact(index?: number): void {
    this.saveCheckpoint();
    const covered = Math.min(index ?? Infinity, this.disk.checkpoint.meta.index, this.machine.appliedIndex);
    this.raft.compact(covered);
    this.pump();
  }

  #handle(ready: Ready): void {
    this.#observeRole();
    for (const message of ready.messages) this.#emit(message);
    if (ready.write !== undefined) {
      this.#world.history?.written(this, ready.write);
      this.#updateShadow(ready.write);
      this.disk.queue.push(ready.write);
      this.#world.observe({ type: 'written', node: this.id, write: ready.write });
    }
    this.waiting.push(...ready.committed);
    if (!this.slowApply) this.applyWaiting();
    for (const { context, index, promiseMs } of ready.reads) {
      this.#world.history?.readConfirmed(this, context, index);
      this.#world.observe({ type: 'read-confirmed', node: this.id, context, index, promiseMs });
      this.#unanswered.push({ context, index });
    }
    for (const context of ready.readsLost) {
      this.#world.history?.readLost(this, context);
      this.#world.observe({ type: 'read-lost', node: this.id, context });
    }
    this.#answerReads();
    for (const { to, sequence } of ready.chunksWanted) this.#offerChunk(to, sequence);
  }

  #emit(message: Message): void {
    this.#observeRole();
    this.#world.history?.sent(this, message);
    this.#world.send(message);
  }

  #updateShadow(write: NonNullable<Ready['write']>): void {
    if (write.chunk?.done === true) {
      this.shadowStart = write.chunk.meta;
      this.shadow = [];
    }
    const first = write.entries[0];
    if (first === undefined) return;
    const kept = first.index - this.shadowStart.index - 1;
    if (kept < 0 || kept > this.shadow.length)
      throw new Error(`n${this.id} writes ${first.index} on a log of ${this.shadowStart.index}+${this.shadow.length}`);
    this.shadow.length = kept;
    for (const entry of write.entries) this.shadow.push(entry);
  }

  #reload(meta: Checkpoint['meta']): void {
    this.machine = this.#load();
    this.waiting = this.waiting.filter((entry) => entry.index > meta.index);
    this.#world.history?.installed(this);
    this.#world.observe({ type: 'installed', node: this.id, meta });
  }

  #offerChunk(to: number, sequence: number): void {
    if (this.chunksWanted !== undefined) {
      this.chunksWanted.push({ to, sequence });
      return;
    }
    if (sequence === 0) {
      const { checkpoint } = this.disk;
      this.#outgoing.set(to, { checkpoint, data: encodeState(checkpoint.state) });
    }
    const source = this.#outgoing.get(to);
    if (this.offersLate) this.#late.push({ to, sequence, source });
    else this.#offer({ to, sequence, source });
  }

  #offer({ to, sequence, source }: WantedChunk): void {
    if (!this.snapshotsReady || source === undefined) {
      this.raft.chunkUnavailable(to);
      return;
    }
    const end = (sequence + 1) * this.chunkBytes;
    const data = source.data.slice(sequence * this.chunkBytes, end);
    this.raft.offerChunk(to, source.checkpoint.meta, sequence, data, end >= source.data.length);
  }

  #answerReads(): void {
    const ripe = this.#unanswered.filter(({ index }) => index <= this.machine.appliedIndex);
    if (ripe.length === 0) return;
    this.#unanswered = this.#unanswered.filter(({ index }) => index > this.machine.appliedIndex);
    for (const { context, index } of ripe) {
      this.#world.observe({ type: 'read-answered', node: this.id, context, index });
    }
  }

  #observeRole(): void {
    const role = `${this.raft.role}@${this.raft.term}`;
    if (role !== this.#lastRole) {
      this.#lastRole = role;
      this.#world.observe({ type: 'role', node: this.id, role: this.raft.role, term: this.raft.term });
    }
    if (this.raft.quiesced !== this.#lastQuiesced) {
      this.#lastQuiesced = this.raft.quiesced;
      this.#world.observe({ type: 'quiet', node: this.id, quiesced: this.raft.quiesced });
    }
  }
}
