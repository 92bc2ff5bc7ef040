/**
 * A dumb checker to measure the clever one by: every order that respects real time is tried, on plain values.
 *
 * Written from the text of the format, sharing no code with src/check. Only for a handful of operations.
 */
import type { Operation } from '../../src/check/index.js';

type Value = string | null;

export function isLinearizable(history: readonly Operation[], init: Value): boolean {
  const keys = new Set(history.map(({ key }) => key));
  return [...keys].every((key) =>
    someOrder(
      history.filter((operation) => operation.key === key),
      init,
    ),
  );
}

function someOrder(left: readonly Operation[], value: Value): boolean {
  if (left.every(mayBeLeftOut)) return true;
  return left.some((next, index) => {
    const others = left.filter((_, i) => i !== index);
    if (others.some((other) => !mayBeLeftOut(other) && other.end < next.start)) return false;
    if (mayBeLeftOut(next) && next.ok === false) return false;
    const after = execute(next, value);
    return after !== undefined && someOrder(others, after.value);
  });
}

function mayBeLeftOut({ ok, op, error }: Operation): boolean {
  if (ok === true) return false;
  if (ok === null) return true;
  return op !== 'cas' || (error !== undefined && error.length > 0);
}

/** What the key holds after it; undefined if it could not have been answered like this. */
function execute(operation: Operation, value: Value): { value: Value } | undefined {
  const there = value !== null;
  const { ok, existed } = operation;
  if (operation.op === 'put') return { value: operation.value! };
  if (operation.op === 'append') return { value: there ? value + operation.value! : operation.value! };
  if (operation.op === 'get') return ok === null || operation.result === value ? { value } : undefined;
  if (operation.op === 'delete') {
    if (ok === true && existed === true && !there) return undefined;
    if (ok === true && existed === false && there) return undefined;
    return { value: null };
  }
  const equal = operation.expected === value;
  if (ok !== false) return equal ? { value: operation.value! } : undefined;
  if (equal) return undefined;
  if (existed === true && !there) return undefined;
  if (existed === false && there) return undefined;
  if (typeof operation.result === 'string' && operation.result !== value) return undefined;
  return { value };
}
