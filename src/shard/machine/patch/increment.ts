/**
 * Adds to a number: a value that is the decimal bytes of an integer in −2^63 to 2^63−1, exactly as this function would
 * write it (no plus sign, leading zero, blank or `-0`). Any other value is of the wrong type.
 *
 * An upper bound limits what is added, a lower bound what is subtracted. So a number that a former request left beyond
 * the bound of this one does not move further away, and may come back.
 */
import { faulty, type Faulty, type Patched } from './fault.js';

export interface IncrementSpec {
  readonly by: bigint;
  /** What an absent key counts as. */
  readonly initial: bigint;
  readonly min?: bigint;
  readonly max?: bigint;
  /** Go as far as the bound, instead of changing nothing. */
  readonly clamp: boolean;
}

export interface Incremented extends Patched {
  readonly number: bigint;
  /** What was added to the current number, or to `initial`. */
  readonly applied: bigint;
  /** False if a bound kept the number as it was: then there is nothing to write, and an absent key stays absent. */
  readonly changed: boolean;
}

const MIN_INTEGER = -(2n ** 63n);
const MAX_INTEGER = 2n ** 63n - 1n;

export const isInRange = (number: bigint): boolean => number >= MIN_INTEGER && number <= MAX_INTEGER;

/** `-9223372036854775808` */
const MAX_TEXT = 20;
const CANONICAL = /^(?:0|-?[1-9][0-9]*)$/;

function numberIn(bytes: Uint8Array): bigint | undefined {
  if (bytes.length > MAX_TEXT) return undefined;
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  if (!CANONICAL.test(text)) return undefined;
  const number = BigInt(text);
  return isInRange(number) ? number : undefined;
}

export function applyIncrement(current: Uint8Array | undefined, spec: IncrementSpec): Incremented | Faulty {
  for (const field of ['by', 'initial', 'min', 'max'] as const) {
    if (!isInRange(spec[field] ?? 0n)) return faulty('invalid-request', 'an integer in −2^63 to 2^63−1', { field });
  }
  const start = current === undefined ? spec.initial : numberIn(current);
  if (start === undefined) return faulty('wrong-type', 'the value is not an integer in −2^63 to 2^63−1');
  const wanted = start + spec.by;
  const bound = spec.by > 0n ? spec.max : spec.min;
  if (bound === undefined || (spec.by > 0n ? wanted <= bound : wanted >= bound) || spec.by === 0n) {
    if (isInRange(wanted)) return incremented(start, wanted, true);
    return faulty('patch-failed', 'the sum is not in −2^63 to 2^63−1');
  }
  const isAtBound = spec.by > 0n ? start >= bound : start <= bound;
  return spec.clamp && !isAtBound ? incremented(start, bound, true) : incremented(start, start, false);
}

const incremented = (start: bigint, number: bigint, changed: boolean): Incremented => ({
  value: Buffer.from(number.toString(), 'latin1'),
  number,
  applied: number - start,
  changed,
});
