/**
 * The rows whose requests concern several keys: batches, transactions of two keys, pages.
 *
 * Transactions that are in flight at the same time have no key in common: a script is a list of disjoint pairs, sent
 * one after the other, and much longer than there are clients. `loadHash()` must have settled.
 */
import { Random } from '../../src/random.js';
import { MAX_BATCH_BYTES, shardOfKey, stringKey } from '../../src/shard/index.js';
import {
  type AnswerMark,
  BATCH_PUTS,
  type Data,
  type HttpRequest,
  isMany,
  keyName,
  type ManyOperation,
  MOST_BYTES,
  PAGE_KEYS,
  type Row,
  rowName,
  type Script,
  valueOf,
} from './workload.js';

export interface Put {
  readonly key: string;
  readonly value: string;
}

/** How a target's API expresses a request, and how its right answer is known. */
export interface Form<Content> {
  readonly request: (content: Content) => HttpRequest;
  readonly mark: AnswerMark;
}

/** What is absent, a target does not have, or is not compared in. */
export interface ManyKeysApi {
  readonly batch?: Form<readonly Put[]>;
  readonly transaction?: Form<readonly Put[]>;
  /** The first `PAGE_KEYS` keys with a prefix. */
  readonly page?: Form<string>;
}

const MOST_BATCHES = 512;
/** Around a value in a request: its key, and JSON. */
const AROUND_BYTES = 96;
/** A pair comes again after twice as many requests as there are clients, at least. */
const PAIRS_PER_CLIENT = 2;

/** Why this row cannot be measured so; undefined: it can. */
export function lacking({ operation, clients }: Row, api: ManyKeysApi, data: Data): string | undefined {
  if (!isMany(operation)) return undefined;
  const row = rowName({ operation, clients });
  if (formOf(api, operation) === undefined) return `${operation} is not measured of it`;
  const [keys, shards] = [`${row} needs more --keys than ${data.keys}`, `${row} needs two --shards`];
  if (operation === 'page') return data.keys < PAGE_KEYS ? keys : undefined;
  if (operation === 'batch') {
    if (BATCH_PUTS * (data.valueBytes + AROUND_BYTES) > MAX_BATCH_BYTES) {
      return `${row}: ${BATCH_PUTS} values of ${data.valueBytes} bytes are more than a batch may have, ${MAX_BATCH_BYTES} bytes`;
    }
    return data.keys < BATCH_PUTS ? keys : undefined;
  }
  if (operation === 'txn2' && data.shards < 2) return shards;
  return pairsOf(operation, data, 0).length < PAIRS_PER_CLIENT * clients ? keys : undefined;
}

/** @throws Error if the target lacks it */
export function manyScriptOf(api: ManyKeysApi, operation: ManyOperation, data: Data, seed: number): Script {
  const { batch, transaction, page } = api;
  if (operation === 'batch' && batch !== undefined) return scriptBy(batch, batchesOf(data, seed));
  if (operation === 'page' && page !== undefined) return scriptBy(page, pagePrefixes(data.keys));
  if ((operation === 'txn1' || operation === 'txn2') && transaction !== undefined) {
    return scriptBy(transaction, pairsOf(operation, data, seed));
  }
  throw new Error(`the target has no ${operation}`);
}

const formOf = ({ batch, transaction, page }: ManyKeysApi, operation: ManyOperation): unknown =>
  ({ batch, page, txn1: transaction, txn2: transaction })[operation];

const scriptBy = <Content>({ request, mark }: Form<Content>, contents: readonly Content[]): Script => ({
  requests: contents.map(request),
  order: [...contents.keys()],
  mark,
});

const putOf = (key: number, valueBytes: number, name = keyName(key)): Put => ({
  key: name,
  value: valueOf(key, valueBytes),
});

function batchesOf({ keys, valueBytes }: Data, seed: number): Put[][] {
  const random = new Random(seed);
  const count = Math.min(MOST_BATCHES, Math.floor(MOST_BYTES / (BATCH_PUTS * (valueBytes + AROUND_BYTES))));
  const batches: Put[][] = [];
  while (batches.length < count) {
    const order = shuffled(spread(count * BATCH_PUTS, keys), random);
    for (let from = 0; from + BATCH_PUTS <= order.length && batches.length < count; from += BATCH_PUTS) {
      batches.push(order.slice(from, from + BATCH_PUTS).map((key) => putOf(key, valueBytes)));
    }
  }
  return batches;
}

/** Disjoint pairs, both of one shard by their hash tag (`txn1`), or of two shards. */
export function pairsOf(operation: 'txn1' | 'txn2', { keys, valueBytes, shards }: Data, seed: number): Put[][] {
  const most = Math.floor(MOST_BYTES / (2 * (valueBytes + AROUND_BYTES)));
  const order = shuffled(spread(2 * most, keys), new Random(seed));
  const numbers = operation === 'txn1' ? neighbours(order) : apart(order, shards);
  return numbers.map(([a, b]) => {
    const names = operation === 'txn1' ? [`{pair${a}}a`, `{pair${a}}b`] : [];
    return [putOf(a, valueBytes, names[0]), putOf(b, valueBytes, names[1])];
  });
}

type Pair = readonly [number, number];

const neighbours = (order: readonly number[]): Pair[] =>
  Array.from({ length: order.length >> 1 }, (_, i) => [order[2 * i] ?? 0, order[2 * i + 1] ?? 0]);

function apart(order: readonly number[], shards: number): Pair[] {
  const pairs: Pair[] = [];
  // All of one shard: a key of another one would have been paired.
  const waiting: number[] = [];
  const shardOf = (key: number): number => shardOfKey(stringKey(keyName(key)), shards);
  for (const key of order) {
    const other = waiting.at(-1);
    if (other === undefined || shardOf(other) === shardOf(key)) waiting.push(key);
    else {
      waiting.pop();
      pairs.push([other, key]);
    }
  }
  return pairs;
}

/** All prefixes of one length that at least `PAGE_KEYS` of the keys have: as long as possible. */
export function pagePrefixes(keys: number): string[] {
  let [found, first] = [[keyName(0).slice(0, -1)], 1];
  for (;;) {
    const longer = Array.from({ length: 9 * first }, (_, i) => first + i).filter(
      (n) => startingWith(n, keys) >= PAGE_KEYS,
    );
    if (longer.length === 0) return found;
    found = longer.map(keyName);
    first *= 10;
  }
}

/** How many of the numbers below `keys` begin with the digits of `prefix`. */
function startingWith(prefix: number, keys: number): number {
  let count = 0;
  for (let scale = 1; prefix * scale < keys; scale *= 10)
    count += Math.min(keys, (prefix + 1) * scale) - prefix * scale;
  return count;
}

/** So many of the keys, or all if there are fewer, evenly from first to last. */
const spread = (count: number, keys: number): number[] => {
  const used = Math.min(count, keys);
  return Array.from({ length: used }, (_, i) => Math.floor((i * keys) / used));
};

/** `Random.shuffle` takes quadratic time. */
function shuffled(numbers: readonly number[], random: Random): number[] {
  const order = [...numbers];
  for (let i = order.length - 1; i > 0; i--) {
    const j = random.integer(0, i);
    [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
  }
  return order;
}
