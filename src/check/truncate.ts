/** A truncated history: what had returned by a moment, and what was still open and may yet happen. */
import type { Budget } from './budget.js';
import { compileKey } from './compile.js';
import type { Value } from './model.js';
import type { Operation } from './operation.js';
import { Search, type SearchState } from './search.js';

/**
 * The history as of `end`, when `returned` had returned and all other operations called by then were still open.
 *
 * @returns its operations, each with the recorded one.
 */
export function truncatedAt(
  history: readonly Operation[],
  returned: readonly Operation[],
  end: number | bigint,
): Map<Operation, Operation> {
  const done = new Set(returned);
  const cut = new Map<Operation, Operation>();
  for (const operation of history) {
    if (done.has(operation)) cut.set(operation, operation);
    else if (operation.start <= end && mayHappen(operation)) cut.set({ ...operation, ok: null }, operation);
  }
  return cut;
}

/** Whether it can have an effect, apart from its answer. */
export const mayHappen = ({ ok, op }: Operation): boolean => ok !== false && op !== 'get';

/** A verdict on operations of one key; its cost, including preparation, is charged to `budget`. */
export function judge(operations: readonly Operation[], init: Value, budget: Budget, initExpires = false): SearchState {
  budget.steps += operations.length;
  return budget.run(new Search(compileKey(operations, init, initExpires)));
}
