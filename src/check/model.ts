/**
 * The sequential key-value model: what one operation does to one key when nothing else happens.
 *
 * This is the definition that everything else is measured against, on plain values and as short as possible. The search
 * works on numbers instead (`states.ts`, `compile.ts`), for speed; its orders are replayed here before they are shown.
 */
import { numberOf } from './numbers.js';
import type { Operation } from './operation.js';

/** A key's value; null = absent. */
export type Value = string | null;

/**
 * The relevance of an operation to a history: `drop` = none, as it had no effect and observed nothing (a refusal, a
 * failed write, an unanswered read); `must` = it happened between its start and its end; `may` = it happens after its
 * start, or never.
 */
export function relevance({ op, ok, error }: Operation): 'drop' | 'must' | 'may' {
  if (ok === null) return op === 'get' ? 'drop' : 'may';
  if (ok) return 'must';
  // A failed compare observed something, and a failed touch that the key was absent, unless the store refused to perform it.
  return (op === 'cas' || op === 'touch') && (error === undefined || error === '') ? 'must' : 'drop';
}

/**
 * The value after `operation` on `value`; undefined if its answer is not the one that `value` gives. That a key becomes
 * absent at its deadline happens between operations: `search.ts`.
 */
export function apply(operation: Operation, value: Value): Value | undefined {
  const { op, ok, existed } = operation;
  switch (op) {
    case 'get':
      return (operation.result ?? null) === value ? value : undefined;
    case 'put':
      return operation.value ?? null;
    case 'delete':
      return ok === true && existed !== undefined && existed !== (value !== null) ? undefined : null;
    case 'append':
      // Appending to an absent key equals appending to the empty value.
      return (value ?? '') + (operation.value ?? '');
    case 'increment':
      return incremented(operation, value);
    case 'touch':
      return (ok === false) === (value === null) ? value : undefined;
    case 'cas':
      if (ok === false) return failedAsSeen(operation, value) ? value : undefined;
      // If the outcome is unknown, it takes effect only where the compare holds.
      return (operation.expected ?? null) === value ? (operation.value ?? null) : undefined;
  }
}

/** An absent key counts as 0. If the outcome is unknown, it takes effect only on a number. */
function incremented({ ok, value: amount, result }: Operation, value: Value): Value | undefined {
  const before = value === null ? 0n : numberOf(value);
  if (before === undefined) return undefined;
  const after = String(before + BigInt(amount ?? 0));
  return ok === true && after !== result ? undefined : after;
}

function failedAsSeen({ expected, result, existed }: Operation, value: Value): boolean {
  if ((expected ?? null) === value) return false;
  if (existed !== undefined && existed !== (value !== null)) return false;
  return typeof result !== 'string' || result === value;
}
