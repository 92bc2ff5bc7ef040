/** Whether two JSON numbers are the same number, exactly: no digit is rounded, however many there are. */

interface Decimal {
  readonly isNegative: boolean;
  /** Without zeros at either end; empty for zero. */
  readonly digits: string;
  readonly exponentIsNegative: boolean;
  /** As written, without sign and leading zeros. */
  readonly exponent: string;
  /** What to add to the exponent, so that it is that of the last of `digits`. */
  readonly offset: number;
}

/** Digits that a double adds exactly. */
const CHUNK = 15;
const CHUNK_VALUE = 10 ** CHUNK;

export function isSameNumber(a: string, b: string): boolean {
  if (a === b) return true;
  const [x, y] = [decimalOf(a), decimalOf(b)];
  if (x.digits !== y.digits) return false;
  if (x.digits === '') return true;
  return x.isNegative === y.isNegative && isSameExponent(x, y);
}

function decimalOf(text: string): Decimal {
  const isNegative = text.startsWith('-');
  const e = text.search(/[eE]/);
  const mantissa = text.slice(isNegative ? 1 : 0, e === -1 ? undefined : e);
  const dot = mantissa.indexOf('.');
  const digits = dot === -1 ? mantissa : mantissa.slice(0, dot) + mantissa.slice(dot + 1);
  const decimals = dot === -1 ? 0 : mantissa.length - dot - 1;
  const [first, last] = [firstNonZero(digits), lastNonZero(digits)];
  const written = e === -1 ? '0' : text.slice(e + 1);
  const unsigned = written.slice(/^[+-]/.test(written) ? 1 : 0);
  return {
    isNegative,
    digits: digits.slice(first, last + 1),
    exponentIsNegative: written.startsWith('-'),
    exponent: unsigned.slice(firstNonZero(unsigned)),
    offset: digits.length - 1 - last - decimals,
  };
}

function firstNonZero(digits: string): number {
  let at = 0;
  while (digits[at] === '0') at += 1;
  return at;
}

function lastNonZero(digits: string): number {
  let at = digits.length - 1;
  while (digits[at] === '0') at -= 1;
  return at;
}

/** An exponent may have a million digits too: `0.1e-999…`. */
function isSameExponent(a: Decimal, b: Decimal): boolean {
  const sign = a.exponentIsNegative ? -1 : 1;
  if (a.exponent.length <= CHUNK && b.exponent.length <= CHUNK) {
    const other = b.exponentIsNegative ? -1 : 1;
    return sign * Number(a.exponent) + a.offset === other * Number(b.exponent) + b.offset;
  }
  // One is beyond any offset. Then so is the other, on the same side of zero.
  if (a.exponentIsNegative !== b.exponentIsNegative) return false;
  return isSum(a.exponent, sign * (a.offset - b.offset), b.exponent);
}

/** Whether a + addend = b, for decimal digits. */
function isSum(a: string, addend: number, b: string): boolean {
  let carry = addend;
  for (let taken = 0; taken < Math.max(a.length, b.length); taken += CHUNK) {
    const sum = chunkOf(a, taken) + carry;
    carry = Math.floor(sum / CHUNK_VALUE);
    if (sum - carry * CHUNK_VALUE !== chunkOf(b, taken)) return false;
  }
  return carry === 0;
}

/** Up to fifteen digits, without the last `taken` ones. */
const chunkOf = (digits: string, taken: number): number => {
  const end = digits.length - taken;
  return end <= 0 ? 0 : Number(digits.slice(Math.max(0, end - CHUNK), end));
};
