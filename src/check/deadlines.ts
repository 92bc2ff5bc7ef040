/**
 * Deadlines of one key, for the search: which operation gave the key its present one, and from when on it may expire.
 *
 * Expiry is a change that no client requests and none sees: from its moment on, the key may become absent at any time, or
 * stay. A deadline is named by the operation that set it, because its moment is counted from that operation's start (it
 * took effect no earlier). Expiry may come next in an order if no operation that ended before the moment is still to be
 * ordered: then it has a place between the operations before and those after it.
 */
import type { Operation } from './operation.js';

/** A deadline: 0 = none; otherwise 1 + the index of the operation that set it, or `operations.length` + 1: the first. */
export type Deadline = number;
export const NO_DEADLINE: Deadline = 0;
/** The operation leaves the deadline as it is. */
const KEPT = -1;

export interface Deadlines {
  /** The deadline of the initial value. */
  readonly initial: Deadline;
  /** Per operation: the deadline after it, or KEPT. */
  readonly after: Int32Array;
  /** Per deadline less 1: the first event (its index) that is not before the earliest moment of expiry. */
  readonly dueAt: Int32Array;
}

export function deadlinesOf(operations: readonly Operation[], events: Int32Array, initExpires: boolean): Deadlines {
  const after = Int32Array.from(operations, ({ op, ok, ttl, value }, index) => {
    if (op === 'get' || op === 'append' || op === 'increment' || ok === false) return KEPT;
    // An absent key has no deadline.
    return ttl === undefined || (op === 'cas' && value === null) ? NO_DEADLINE : index + 1;
  });
  // The last one is that of the initial value, which may expire at once.
  const dueAt = new Int32Array(operations.length + 1);
  for (const [index, { start, ttl, expiresFrom }] of operations.entries()) {
    if (ttl !== undefined) dueAt[index] = firstFrom(expiresFrom ?? sum(start, ttl), operations, events);
  }
  return { initial: initExpires ? operations.length + 1 : NO_DEADLINE, after, dueAt };
}

export const deadlineAfter = ({ after }: Deadlines, operation: number, before: Deadline): Deadline => {
  const next = after[operation] ?? KEPT;
  return next === KEPT ? before : next;
};

/** The same history with a tolerance: a time to live may be shorter by this share of it. */
export function withTolerance(history: readonly Operation[], share: number): readonly Operation[] {
  if (share === 0) return history;
  return history.map((operation) => {
    const { start, ttl } = operation;
    if (ttl === undefined) return operation;
    const millionths = BigInt(Math.floor((1 - share) * 1_000_000));
    const least = (BigInt(ttl) * millionths) / 1_000_000n;
    return { ...operation, expiresFrom: BigInt(start) + least };
  });
}

function sum(start: number | bigint, ttl: number | bigint): number | bigint {
  if (typeof start === 'number' && typeof ttl === 'number' && Number.isSafeInteger(start + ttl)) return start + ttl;
  return BigInt(start) + BigInt(ttl);
}

/** Index of the first event that is not before `moment`. */
function firstFrom(moment: number | bigint, operations: readonly Operation[], events: Int32Array): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const event = events[middle] ?? 0;
    const at = event >= 0 ? operations[event]?.start : operations[-1 - event]?.end;
    if ((at ?? 0) < moment) low = middle + 1;
    else high = middle;
  }
  return low;
}
