/**
 * A dumb checker to measure the clever one by: every order of the transactions that respects real time is tried, with
 * and without each of the unknown ones, on plain lists.
 *
 * Written from the text of the format, sharing no code with src/check. Only for a handful of transactions.
 */
import type { TransactionRecord } from '../../../src/check/index.js';

type Lists = ReadonlyMap<number | string, readonly (number | string)[]>;

export function isStrictlySerializable(history: readonly TransactionRecord[], lists: Lists = new Map()): boolean {
  if (history.every(({ ok }) => ok !== true)) return true;
  return history.some((next, index) => {
    if (next.ok === false) return false;
    const others = history.filter((_, i) => i !== index);
    if (others.some(({ ok, end }) => ok === true && end < next.start)) return false;
    const after = execute(next, lists);
    return after !== undefined && isStrictlySerializable(others, after);
  });
}

/** The lists after it; undefined if it could not have read what it did. */
function execute({ ops }: TransactionRecord, before: Lists): Lists | undefined {
  const lists = new Map(before);
  for (const [op, key, value] of ops) {
    const list = lists.get(key) ?? [];
    if (op === 'append') lists.set(key, [...list, value]);
    else if (value !== null && value !== undefined && JSON.stringify(value) !== JSON.stringify(list)) return undefined;
  }
  return lists;
}
