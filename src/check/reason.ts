/** Why an operation cannot be placed, as a readable sentence. */
import type { Placed } from './explain.js';
import type { Value } from './model.js';
import { numberOf } from './numbers.js';
import { formatValue, type Operation } from './operation.js';

interface Scene {
  readonly history: readonly Operation[];
  /** A legal order of what ended before it. */
  readonly order: readonly Placed[];
  readonly init: Value;
}

export function reasonFor(operation: Operation, scene: Scene): string {
  const needed = neededValue(operation);
  if (needed === undefined) return withHeld(otherNeed(operation), scene);
  const claim = `${observation(operation)} ${formatValue(needed)}`;
  if (needed !== scene.init && !scene.history.some((other) => mayMake(other, needed))) {
    return `${claim}, which no operation of this history can have made`;
  }
  const soon = scene.history.filter((other) => other.start <= operation.end);
  if (needed !== scene.init && !soon.some((other) => mayMake(other, needed))) {
    return `${claim}, which nothing that had begun by then can have made`;
  }
  return withHeld(claim, scene);
}

/** Of an increment, what it found, unless that may have been an absent key. */
const numberFound = ({ value, result }: Operation): Value | undefined => {
  const found = BigInt(result ?? 0) - BigInt(value ?? 0);
  return found === 0n ? undefined : String(found);
};

function withHeld(claim: string, { order, init }: Scene): string {
  const held = order.length === 0 ? init : (order.at(-1)?.after ?? null);
  return `${claim}; no legal order of the operations leaves the key like that (in the one shown it holds ${formatValue(held)})`;
}

/** The only value that its answer allows; undefined if there is more than one. */
function neededValue(operation: Operation): Value | undefined {
  const { op, ok, expected = null, result, existed } = operation;
  if (op === 'get') return result ?? null;
  if (op === 'delete') return existed === false ? null : undefined;
  if (op === 'touch') return ok === false ? null : undefined;
  if (op === 'increment') return numberFound(operation);
  if (op !== 'cas') return undefined;
  if (ok === true) return expected;
  return typeof result === 'string' ? result : existed === false ? null : undefined;
}

function observation({ op, ok }: Operation): string {
  if (op === 'get') return 'it read';
  if (op === 'delete' || op === 'touch') return 'it found the key';
  if (op === 'increment') return 'by its answer it found';
  return ok === true ? 'it succeeded, so the key was' : 'it failed, and the key was';
}

function otherNeed({ op, expected }: Operation): string {
  if (op === 'delete' || op === 'touch') return 'it found the key there';
  if (op === 'increment') return 'by its answer it found 0, or no key';
  return `it failed, so the key was not ${formatValue(expected)}`;
}

function mayMake({ op, ok, value = null, result, ttl }: Operation, needed: Value): boolean {
  if (ok === false || op === 'get') return false;
  if (needed === null && ttl !== undefined) return true;
  if (op === 'touch') return false;
  if (op === 'increment') return needed !== null && (ok === true ? result === needed : numberOf(needed) !== undefined);
  if (op === 'delete') return needed === null;
  if (op === 'append') return needed !== null && needed.endsWith(value ?? '');
  return value === needed;
}
