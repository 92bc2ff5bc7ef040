/**
 * The sequential key-value model: what one operation does to one key when nothing else happens.
 *
 * This is the definition that everything else is measured against, on plain values and as short as it can be. The search
 * works on numbers instead (`states.ts`, `compile.ts`), for speed; its orders are replayed here before they are shown.
 */
import type { Operation } from './operation.js';

/** A key's value; null = absent. */
export type Value = string | null;

/**
 * What an operation can do to a history: `drop` = nothing, and it says nothing (a refusal, a failed write, a read that
 * was not answered); `must` = it happened between its start and its end; `may` = it happens after its start, or never.
 */
export function relevance({ op, ok, error }: Operation): 'drop' | 'must' | 'may' {
  if (ok === null) return op === 'get' ? 'drop' : 'may';
  if (ok) return 'must';
  // A compare that failed saw something, unless the store refused to look.
  return op === 'cas' && (error === undefined || error === '') ? 'must' : 'drop';
}

/** The value after `operation` on `value`; undefined where its answer is not what `value` would have given. */
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
      // To an absent key as to the empty value.
      return (value ?? '') + (operation.value ?? '');
    case 'cas':
      if (ok === false) return failedAsSeen(operation, value) ? value : undefined;
      // One with an unknown outcome takes effect only where the compare holds.
      return (operation.expected ?? null) === value ? (operation.value ?? null) : undefined;
  }
}

function failedAsSeen({ expected, result, existed }: Operation, value: Value): boolean {
  if ((expected ?? null) === value) return false;
  if (existed !== undefined && existed !== (value !== null)) return false;
  return typeof result !== 'string' || result === value;
}
