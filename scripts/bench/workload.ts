/**
 * What is asked of a target: an operation, by so many clients; and which keys, in which order.
 *
 * Knows no protocol: a target turns a step into a request of its own.
 */
import { Random } from '../support/random.js';

export const OPERATIONS = ['put', 'get', 'lease', 'stale', 'mix95', 'mix50'] as const;
export type Operation = (typeof OPERATIONS)[number];

export const SAID: Readonly<Record<Operation, string>> = {
  put: 'put',
  get: 'linearizable get',
  lease: 'lease get',
  stale: 'stale get',
  mix95: '95 % get, 5 % put',
  mix50: '50 % get, 50 % put',
};

/** One line of the result: `put@64` is puts by 64 clients, each with one request under way at a time. */
export interface Row {
  readonly operation: Operation;
  readonly clients: number;
}

export const rowName = ({ operation, clients }: Row): string => `${operation}@${clients}`;

export const MOST_CLIENTS = 1024;

/** @throws Error that says what a row is */
export function parseRow(text: string): Row {
  const [operation, clients, ...rest] = text.split('@');
  const known = OPERATIONS.find((name) => name === operation);
  const count = /^\d{1,4}$/.test(clients ?? '') ? Number(clients) : 0;
  if (known === undefined || rest.length > 0 || count < 1 || count > MOST_CLIENTS) {
    throw new Error(
      `"${text}" is no row; one is OPERATION@CLIENTS, such as put@64: ${OPERATIONS.join(', ')}; 1 to ${MOST_CLIENTS} clients.`,
    );
  }
  return { operation: known, clients: count };
}

export interface Data {
  readonly keys: number;
  readonly valueBytes: number;
}

export type Kind = 'put' | 'get' | 'lease' | 'stale';

/** One request: what, and on which key, from 0 up. */
export interface Step {
  readonly kind: Kind;
  readonly key: number;
}

/** Share of puts, in a hundred; the mixes are drawn by a zipfian law, the others evenly. */
const PUTS_OF_100: Readonly<Partial<Record<Operation, number>>> = { mix95: 5, mix50: 50 };

/** Puts among the operations, from 0 to 1. */
export const putShare = (operation: Operation): number =>
  operation === 'put' ? 1 : (PUTS_OF_100[operation] ?? 0) / 100;

/** As YCSB draws: the most popular key of 10,000 gets about a tenth of the requests. */
const ZIPF_EXPONENT = 0.99;

/** The steps that a load goes through, over and over; the same for the same seed. */
export function drawSteps(operation: Operation, keys: number, count: number, seed: number): Step[] {
  const random = new Random(seed);
  const puts = PUTS_OF_100[operation];
  if (puts === undefined) {
    const kind = operation as Kind;
    return Array.from({ length: count }, () => ({ kind, key: random.between(0, keys - 1) }));
  }
  const rank = zipfian(keys, random);
  return Array.from({ length: count }, () => ({ kind: random.between(1, 100) <= puts ? 'put' : 'get', key: rank() }));
}

/** Draws ranks from 0 up to `count`: rank r with a probability in proportion to 1 / (r + 1)^0.99. */
export function zipfian(count: number, random: Random): () => number {
  const cumulative = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank++) {
    sum += (rank + 1) ** -ZIPF_EXPONENT;
    cumulative[rank] = sum;
  }
  return () => {
    const wanted = random.next() * sum;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((cumulative[middle] ?? sum) > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

/** The value of a key: its own, and as long as asked for. */
export const valueOf = (key: number, bytes: number): string =>
  `${key}:`.padEnd(bytes, 'abcdefghijklmnopqrstuvwxyz').slice(0, bytes);
