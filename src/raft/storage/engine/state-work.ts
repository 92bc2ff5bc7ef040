/**
 * Tasks that write the state, in steps between which journal commits run. A task that found no space is rolled back and
 * can be restarted. Runs in the worker.
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
  /** Called when the journal has been truncated and may have space. */
  readonly onTruncated: () => void;
}

export class StateWork {
  /** Garbage slots, purged when there is nothing else to do. */
  readonly garbage: number[] = [];
  readonly #host: StateWorkHost;
  /** Number of snapshot chunks that are not durable yet, by slot. */
  readonly #staging = new Map<number, number>();

  constructor(host: StateWorkHost) {
    this.#host = host;
  }

  *checkpoint(request: Of<'checkpoint'>, rows: readonly Of<'rows'>[]): Steps {
    const { last, truncatedTo }: JournalFile = this.#host.journal().file;
    const limited = limitToDurable(request, last ?? truncatedTo);
    return yield* writeCheckpoint(this.#host.state(), limited, rows, this.#host.transactionBytes);
  }

  /** Deletes some rows of the first garbage slot. */
  *purge(): Steps {
    const slot = this.garbage[0];
    if (slot !== undefined && this.#host.state().purge(slot, SLICE_ROWS)) this.garbage.shift();
    yield;
    return undefined;
  }

  /** A chunk for this slot has arrived; `stage` follows. */
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
