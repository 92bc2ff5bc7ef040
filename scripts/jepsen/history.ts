/**
 * Records what clients did, in the formats that the checkers read: one operation or transaction a line, one monotonic
 * clock.
 *
 * `start` is taken before anything is sent and `end` after the whole answer has arrived, so that the recorded span is
 * never shorter than the real one.
 */
import {
  formatOperation,
  formatTransaction,
  type Completion,
  type Invocation,
  type Operation,
  type TransactionRecord,
} from '../../src/check/index.js';
import type { ClientOutcome } from './outcome.js';

/**
 * A client of the history: one operation at a time. After an operation with an unknown outcome it continues under a new
 * number.
 */
export interface Lane {
  client: number;
  busy: boolean;
}

/** What the client observed; `actual` is the value that a failed cas found, where known. */
export interface ClientObservation {
  readonly outcome: ClientOutcome;
  readonly actual?: string | null | undefined;
}

/** What one request is in the history: operations, each on one key, or a transaction. */
export interface Recorded {
  /** What the report counts it as. */
  readonly op: string;
  readonly ok: boolean | null;
  readonly error?: string | undefined;
  readonly operations?: readonly (Invocation & Completion)[];
  readonly transaction?: TransactionRecord['ops'];
}

/** One request of a client, for the report. */
export interface Asked {
  readonly op: string;
  readonly ok: boolean | null;
  readonly error?: string | undefined;
  readonly start: number | bigint;
  readonly end: number | bigint;
}

export interface HistoryOptions {
  /** Nanoseconds on a monotonic clock. */
  readonly now: () => bigint;
  /** Called with each finished operation as a line, without its line end. */
  readonly onLine?: (line: string) => void;
}

export class History {
  readonly #now: () => bigint;
  readonly #onLine: (line: string) => void;
  readonly #startedAt: bigint;
  readonly #operations: Operation[] = [];
  readonly #transactions: TransactionRecord[] = [];
  readonly #asked: Asked[] = [];
  #clients = 0;

  constructor(options: HistoryOptions) {
    this.#now = options.now;
    this.#onLine = options.onLine ?? (() => undefined);
    this.#startedAt = options.now();
  }

  /** In the order in which they ended. */
  get operations(): readonly Operation[] {
    return this.#operations;
  }

  get transactions(): readonly TransactionRecord[] {
    return this.#transactions;
  }

  /** All requests, whatever they are in the history. */
  get asked(): readonly Asked[] {
    return this.#asked;
  }

  /** Nanoseconds since the history began. */
  now(): number {
    return Number(this.#now() - this.#startedAt);
  }

  lane(): Lane {
    return { client: this.#clients++, busy: false };
  }

  /** Starts an operation. @returns a function to call once, when the outcome is known */
  begin(lane: Lane, invocation: Invocation): (observation: ClientObservation) => void {
    const finish = this.open(lane);
    return (observation) => {
      const completion = completionOf(invocation, observation);
      const { ok, error } = completion;
      finish({ op: invocation.op, ok, error, operations: [{ ...invocation, ...completion }] });
    };
  }

  /** Starts a request. @returns a function to call once, when it is known what it was */
  open(lane: Lane): (recorded: Recorded) => void {
    if (lane.busy) throw new Error(`client ${lane.client} has an operation under way already`);
    lane.busy = true;
    const start = this.now();
    return (recorded) => {
      if (!lane.busy) throw new Error(`client ${lane.client} has no operation under way`);
      lane.busy = false;
      const span = { start, end: this.now() };
      this.#record(lane.client, recorded, span);
      if (recorded.ok === null) lane.client = this.#clients++;
    };
  }

  #record(client: number, { op, ok, error, operations = [], transaction }: Recorded, span: Span): void {
    this.#asked.push({ op, ok, error, ...span });
    for (const each of operations) {
      const operation = { client, ...each, ...span };
      this.#operations.push(operation);
      this.#onLine(formatOperation(operation));
    }
    if (transaction === undefined) return;
    const line = { client, ops: transaction, ok, ...span };
    this.#transactions.push(line);
    this.#onLine(formatTransaction(line));
  }
}

type Span = Pick<Asked, 'start' | 'end'>;

/** What is recorded of an outcome, by kind of operation. */
function completionOf(invocation: Invocation, { outcome, actual }: ClientObservation): Completion {
  if (outcome.ok === true) {
    if (invocation.op === 'get') return { ok: true, result: outcome.result ?? null };
    // A conditional delete that succeeded is a cas to absent, with no further result.
    const { existed, number } = outcome;
    if (invocation.op === 'increment' && number !== undefined) return { ok: true, result: number };
    return invocation.op === 'delete' && existed !== undefined ? { ok: true, existed } : { ok: true };
  }
  if (outcome.ok === null) return { ok: null, error: outcome.error };
  // A touch fails, without having been refused, where the key is absent.
  if (invocation.op === 'touch' && outcome.observed?.revision === 0) return { ok: false };
  // Otherwise only a cas can observe something by failing; for all others the error says that it did not take effect.
  if (invocation.op !== 'cas' || outcome.observed === undefined) return { ok: false, error: outcome.error };
  if (outcome.observed.revision === 0) return { ok: false, existed: false };
  return actual === undefined ? { ok: false } : { ok: false, result: actual };
}
