/**
 * Why a key's history is illegal: the first operation that cannot be placed, the longest legal order before it, and the
 * smallest window around it that is impossible by itself.
 *
 * The first one is found by truncating the history. Up to a moment, what had not yet returned is an operation with an
 * unknown outcome; what is illegal up to a moment stays illegal. So there is a first return up to which no order is
 * legal, and a legal order of all that returned before it.
 */
import { Budget } from './budget.js';
import { compileKey } from './compile.js';
import { truncatedAt, judge } from './truncate.js';
import { apply, relevance, type Value } from './model.js';
import type { Operation } from './operation.js';
import { reasonFor } from './reason.js';
import { EXPIRY, Search } from './search.js';
import { smallestWindow, type Window } from './window.js';

/** An operation in a legal order, with the key's value before and after it. */
export interface Placed {
  /** As recorded. One whose outcome is not known took effect in this order. */
  readonly operation: Operation;
  /** What the key held; null: it was absent. */
  readonly before: Value;
  /** What the key holds then; null: it is absent. */
  readonly after: Value;
}

/** Why the history of one key is ILLEGAL. */
export interface HistoryFailure {
  /** The key that has no legal order. There may be more such keys: the search ends at the first. */
  readonly key: string;
  /** The first operation, by its end, that has no place in any legal order. */
  readonly operation: Operation;
  /** False if the search for the first one was cut short: this one cannot be placed, an earlier one may be first. */
  readonly first: boolean;
  /** Why it cannot be placed, in a sentence. */
  readonly reason: string;
  /** A legal order of everything that ended before it; empty if none was found in time. */
  readonly order: readonly Placed[];
  /** The smallest part of the history that was found to be impossible, with the operation at its end. */
  readonly window: Window;
  /** All operations of the key, as recorded. */
  readonly history: readonly Operation[];
}

/** Steps and operations to spend on an explanation, however long the verdict took. */
const EFFORT = 4_000_000;

/** @param history all operations of one key, for which no legal order exists. */
export function explainFailure(key: string, history: readonly Operation[], init: Value): HistoryFailure {
  const budget = Budget.steps(EFFORT);
  const answered = history.filter((operation) => relevance(operation) === 'must').sort(byEnd);
  const { index, exact } = firstUnplaceable(history, answered, init, budget);
  const operation = answered[index];
  if (operation === undefined) throw new Error(`the history of ${key} has nothing that could be wrong`);
  const order = legalOrder(truncatedAt(history, answered.slice(0, index), operation.end), init, budget);
  const window = smallestWindow({ history, answered: answered.slice(0, index + 1), order }, budget);
  const reason = reasonFor(operation, { history, order, init });
  return { key, operation, first: exact, reason, order, window, history };
}

const byEnd = (a: Operation, b: Operation): number => (a.end < b.end ? -1 : a.end > b.end ? 1 : 0);

function firstUnplaceable(
  history: readonly Operation[],
  answered: readonly Operation[],
  init: Value,
  budget: Budget,
): { index: number; exact: boolean } {
  let low = 0;
  let high = answered.length - 1;
  let exact = true;
  while (low < high) {
    const middle = (low + high) >> 1;
    const cut = truncatedAt(history, answered.slice(0, middle + 1), answered[middle]?.end ?? 0);
    const state = judge([...cut.keys()], init, budget);
    if (state === 'illegal') high = middle;
    else low = middle + 1;
    if (state === 'running') exact = false;
  }
  return { index: high, exact };
}

/** @param cut operations to order, each with the one that was recorded. Empty where no order was found in time. */
export function legalOrder(cut: ReadonlyMap<Operation, Operation>, init: Value, budget: Budget): Placed[] {
  const compiled = compileKey([...cut.keys()], init);
  const search = new Search(compiled);
  if (budget.run(search) !== 'legal') return [];
  const placed: Placed[] = [];
  let value = init;
  for (const index of search.order) {
    // Nobody requested it: it shows in what the next operation finds.
    if (index === EXPIRY) value = null;
    const asCut = compiled.operations[index];
    const operation = asCut && cut.get(asCut);
    if (asCut === undefined || operation === undefined) continue;
    const after = apply(asCut, value);
    if (after === undefined)
      throw new Error('the search found an order that the model refuses; this is a bug in src/check');
    placed.push({ operation, before: value, after });
    value = after;
  }
  return placed;
}
