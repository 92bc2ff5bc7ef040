/** What `Accept` says of the types that an answer may have (RFC 9110 §12.5.1). */
import { parse } from 'content-type';

/** A weight; what is malformed is none, and counts as 1. */
const WEIGHT = /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/;

interface MediaRange {
  /** `type/subtype`, `type/*` or the one for all, in lower case. */
  readonly type: string;
  readonly weight: number;
}

/** The ranges in the order in which the client wrote them. */
function* rangesIn(accept: string): Generator<MediaRange, void, undefined> {
  for (let start = 0; start < accept.length;) {
    const { type, parameters, index } = parse(accept, { comma: true, start });
    const weight = parameters['q'] ?? '1';
    yield { type, weight: WEIGHT.test(weight) ? Number(weight) : 1 };
    start = index + 1;
  }
}

/** True if the type is named, and not with the weight 0, which means: not this one. */
export function isNamed(accept: string, type: string): boolean {
  for (const range of rangesIn(accept)) if (range.type === type && range.weight > 0) return true;
  return false;
}

interface Liking {
  readonly weight: number;
  /** 2: named; 1: by its first half; 0: by the range of all; −1: not at all. */
  readonly precision: number;
  /** Of the range in the header. */
  readonly place: number;
}

/** The most precise range that has the type decides, whatever others say. */
function likingOf(ranges: readonly MediaRange[], type: string): Liking {
  let liking: Liking = { weight: 0, precision: -1, place: ranges.length };
  const wildcards = ['*/*', `${type.slice(0, type.indexOf('/'))}/*`, type];
  for (const [place, range] of ranges.entries()) {
    const precision = wildcards.indexOf(range.type);
    if (precision > liking.precision) liking = { weight: range.weight, precision, place };
  }
  // Refused is less than not thought of, however it is said.
  return liking.precision >= 0 && liking.weight === 0 ? REFUSED : liking;
}
const REFUSED: Liking = { weight: -1, precision: 0, place: 0 };

/**
 * The type that the client likes most; of two that it likes as much, the one that it names, and of two named ones the
 * first. If it accepts none, one that it does not refuse: an answer of a type that was not asked for says more than no answer.
 * @param others types besides the default
 */
export function preferredType(accept: string | undefined, byDefault: string, others: readonly string[]): string {
  if (accept === undefined || accept === '*/*') return byDefault;
  const ranges = [...rangesIn(accept)];
  let best = byDefault;
  let liking = likingOf(ranges, byDefault);
  for (const type of others) {
    const other = likingOf(ranges, type);
    if (isMore(other, liking)) [best, liking] = [type, other];
  }
  return best;
}

function isMore(a: Liking, b: Liking): boolean {
  if (a.weight !== b.weight) return a.weight > b.weight;
  return a.precision === b.precision ? a.place < b.place : a.precision > b.precision;
}
