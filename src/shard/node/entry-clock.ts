/** Connects the clock of a replica (`replicated-clock.ts`) with its log, its state machine and the clocks of the node. */
import { type Entry, EntryKind, type Raft, type RaftOptions } from '../../raft/index.js';
import { commandAgain, commandTimeMs, type Machine } from '../machine/index.js';
import type { Runtime } from '../runtime.js';
import { ReplicatedClock } from './replicated-clock.js';

export class EntryClock {
  readonly #raft: Raft;
  readonly #machine: Machine;
  readonly #clocks: Pick<Runtime, 'now' | 'wallTime'>;
  readonly #clock = new ReplicatedClock();
  /** The end of the log that was recovered from the disk. */
  readonly #recovered: { readonly index: number; readonly term: number };

  constructor(
    raft: Raft,
    machine: Machine,
    { entries, snapshot }: Pick<RaftOptions, 'entries' | 'snapshot'>,
    clocks: Pick<Runtime, 'now' | 'wallTime'>,
  ) {
    this.#raft = raft;
    this.#machine = machine;
    this.#clocks = clocks;
    this.#recovered = entries.at(-1) ?? snapshot;
  }

  /** The time for an entry that this replica, which leads, proposes now. `nowMs`: monotonic. */
  read(nowMs: number): number {
    const { term } = this.#raft;
    if (!this.#clock.isReadIn(term)) this.#noteUnapplied(nowMs);
    return this.#clock.read(term, this.#stateMs(), nowMs, this.#clocks.wallTime());
  }

  /** The command, to be proposed once more: now. */
  again(data: Uint8Array): Uint8Array {
    return commandAgain(data, this.read(this.#clocks.now()));
  }

  /** To be called after the state machine has applied these entries. `nowMs`: not before they were received. */
  applied(entries: readonly Entry[], nowMs: number): void {
    const last = entries.at(-1);
    const newest = last !== undefined && isCommand(last) ? last : entries.findLast(isCommand);
    if (newest !== undefined) this.#note(newest, this.#stateMs(), nowMs);
  }

  /** A snapshot of this term has replaced the state. */
  restored(term: number): void {
    this.#clock.noted(this.#stateMs(), term, false, this.#clocks.now());
  }

  /** A leader may have proposed by a clock that began lower than the leaders did whose entries are applied here. */
  #noteUnapplied(nowMs: number): void {
    const { log } = this.#raft;
    for (let index = log.lastIndex; index > log.applied; index--) {
      const entry = log.entryAt(index);
      if (entry === undefined) return;
      if (!isCommand(entry)) continue;
      this.#note(entry, Math.max(this.#stateMs(), commandTimeMs(entry.data)), nowMs);
      return;
    }
  }

  #note(entry: Entry, timeMs: number, nowMs: number): void {
    const { index, term } = this.#recovered;
    this.#clock.noted(timeMs, entry.term, entry.index > index || entry.term > term, nowMs);
  }

  // No getter: reading a private one calls into V8's runtime.
  #stateMs(): number {
    return this.#machine.replicatedTimeMs ?? 0;
  }
}

const isCommand = ({ kind }: Entry): boolean => kind === EntryKind.command;
