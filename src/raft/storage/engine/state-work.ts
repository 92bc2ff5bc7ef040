/**
 * What is done to the state, in steps between which journal commits go on. Each piece can begin anew after it found no
 * room and was rolled back. Runs in the worker; knows no line of tasks and no replies.
 */
import { SLICE_ROWS, limitToDurable, writeCheckpoint, writeRows } from './checkpoint.js';
import type { JournalFile, StateFile } from '../files.js';
import type { RecoveringJournal } from './recovering-journal.js';
import type { Activation } from '../journal/recovery.js';
import type { Request } from './protocol.js';
import type { Steps } from './task-queue.js';

type Of<T extends Request['type']> = Extract<Request, { readonly type: T }>;

export interface StateWorkHost {
  readonly state: () => StateFile;
  readonly journal: () => RecoveringJournal;
  /** See `TRANSACTION_BYTES`. */
  readonly transactionBytes: number;
  /** The journal has been trimmed: there may be room in it. */
  readonly onTruncated: () => void;
}

export class StateWork {
  /** Slots to be emptied when there is nothing else to do. */
  readonly garbage: number[] = [];
  readonly #host: StateWorkHost;
  /** Pieces of snapshots that are not durable yet, by slot. */
  readonly #staging = new Map<number, number>();

  constructor(host: StateWorkHost) {
    this.#host = host;
  }

  *checkpoint(request: Of<'checkpoint'>, rows: readonly Of<'rows'>[]): Steps {
    const { last, truncatedTo }: JournalFile = this.#host.journal().file;
    const vouched = limitToDurable(request, last ?? truncatedTo);
    return yield* writeCheckpoint(this.#host.state(), vouched, rows, this.#host.transactionBytes);
  }

  /** Of the first slot that is garbage, some rows at a time. */
  *purge(): Steps {
    const slot = this.garbage[0];
    if (slot !== undefined && this.#host.state().purge(slot, SLICE_ROWS)) this.garbage.shift();
    yield;
    return undefined;
  }

  /** A piece for this slot has come; `stage` follows. */
  expect(slot: number): void {
    this.#staging.set(slot, (this.#staging.get(slot) ?? 0) + 1);
  }

  isStaging(slot: number): boolean {
    return this.#staging.has(slot);
  }

  *stage({ slot, data }: Of<'stage'>): Steps {
    const state = this.#host.state();
    state.begin();
    state.addGarbage(slot);
    yield* writeRows(state, slot, data);
    state.commit();
    yield;
    state.checkpointWal();
    const left = (this.#staging.get(slot) ?? 1) - 1;
    if (left === 0) this.#staging.delete(slot);
    else this.#staging.set(slot, left);
    return undefined;
  }

  *activate(activation: Activation): Steps {
    const state = this.#host.state();
    state.transaction(() => {
      state.activate(activation);
    });
    yield;
    return undefined;
  }

  *truncateJournal({ to, checkpoints }: Of<'truncate'>): Steps {
    yield;
    this.#host.journal().use((journal) => {
      journal.truncatePrefix(to, checkpoints);
    });
    this.#host.onTruncated();
    return undefined;
  }
}
