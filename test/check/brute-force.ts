/**
 * A dumb checker to measure the clever one by: every order that respects real time is tried, on plain values.
 *
 * Written from the text of the format, sharing no code with src/check. Only for a handful of operations.
 */
import type { Operation } from '../../src/check/index.js';

type Value = string | null;

/** A key's value, and the earliest moment at which it may become absent by itself. */
interface State {
  readonly value: Value;
  readonly until: number | undefined;
}

/** @param tolerance share by which a time to live may be shorter. */
export function isLinearizable(history: readonly Operation[], init: Value, tolerance = 0): boolean {
  const keys = new Set(history.map(({ key }) => key));
  return [...keys].every((key) =>
    someOrder(
      history.filter((operation) => operation.key === key),
      { value: init, until: undefined },
      -Infinity,
      tolerance,
    ),
  );
}

/** @param now no later than any of these operations can be: what came before them has happened by then. */
function someOrder(left: readonly Operation[], state: State, now: number, tolerance: number): boolean {
  if (left.every(mayBeLeftOut)) return true;
  if (left.some((one) => !mayBeLeftOut(one) && one.end < now)) return false;
  const { value, until } = state;
  if (value !== null && until !== undefined) {
    const gone = { value: null, until: undefined };
    if (someOrder(left, gone, Math.max(now, until), tolerance)) return true;
  }
  return left.some((next, index) => {
    if (mayBeLeftOut(next) && next.ok === false) return false;
    const after = execute(next, value);
    if (after === undefined) return false;
    const others = left.filter((_, i) => i !== index);
    const lives = { value: after.value, until: limit(next, state, tolerance) };
    return someOrder(others, lives, Math.max(now, Number(next.start)), tolerance);
  });
}

function limit({ op, ok, ttl, start }: Operation, { value, until }: State, tolerance: number): number | undefined {
  if (ok === false || op === 'get') return until;
  if (op === 'append' || op === 'increment') return value === null ? undefined : until;
  return ttl === undefined ? undefined : Number(start) + Math.floor(Number(ttl) * (1 - tolerance));
}

function mayBeLeftOut({ ok, op, error }: Operation): boolean {
  if (ok === true) return false;
  if (ok === null) return true;
  return (op !== 'cas' && op !== 'touch') || (error !== undefined && error.length > 0);
}

/** What the key holds after it; undefined if it could not have been answered like this. */
function execute(operation: Operation, value: Value): { value: Value } | undefined {
  const there = value !== null;
  const { ok, existed } = operation;
  if (operation.op === 'put') return { value: operation.value! };
  if (operation.op === 'append') return { value: there ? value + operation.value! : operation.value! };
  if (operation.op === 'touch') return (ok === false) === there ? undefined : { value };
  if (operation.op === 'increment') {
    if (there && !/^(0|-?[1-9][0-9]*)$/.test(value)) return undefined;
    const sum = (there ? Number(value) : 0) + Number(operation.value);
    return ok === true && operation.result !== `${sum}` ? undefined : { value: `${sum}` };
  }
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
