/**
 * Records what clients did, in the format that the checker reads: one operation a line, one monotonic clock.
 *
 * `start` is taken before anything is sent and `end` after the whole answer has arrived, so that the recorded span is
 * never shorter than the real one.
 */
import { formatOperation, type Completion, type Invocation, type Operation } from '../../src/check/index.js';
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

  /** Nanoseconds since the history began. */
  now(): number {
    return Number(this.#now() - this.#startedAt);
  }

  lane(): Lane {
    return { client: this.#clients++, busy: false };
  }

  /** Starts an operation. @returns a function to call once, when the outcome is known */
  begin(lane: Lane, invocation: Invocation): (observation: ClientObservation) => void {
    if (lane.busy) throw new Error(`client ${lane.client} has an operation under way already`);
    lane.busy = true;
    const start = this.now();
    return (observation) => {
      if (!lane.busy) throw new Error(`client ${lane.client} has no operation under way`);
      lane.busy = false;
      const operation = {
        client: lane.client,
        ...invocation,
        ...completionOf(invocation, observation),
        start,
        end: this.now(),
      };
      if (operation.ok === null) lane.client = this.#clients++;
      this.#operations.push(operation);
      this.#onLine(formatOperation(operation));
    };
  }
}

/** What is recorded of an outcome, by kind of operation. */
function completionOf(invocation: Invocation, { outcome, actual }: ClientObservation): Completion {
  if (outcome.ok === true) {
    if (invocation.op === 'get') return { ok: true, result: outcome.result ?? null };
    // A conditional delete that succeeded is a cas to absent, with no further result.
    const { existed } = outcome;
    return invocation.op === 'delete' && existed !== undefined ? { ok: true, existed } : { ok: true };
  }
  if (outcome.ok === null) return { ok: null, error: outcome.error };
  // Only a cas can observe something by failing; for all others the error says that it did not take effect.
  if (invocation.op !== 'cas' || outcome.observed === undefined) return { ok: false, error: outcome.error };
  if (outcome.observed.revision === 0) return { ok: false, existed: false };
  return actual === undefined ? { ok: false } : { ok: false, result: actual };
}
