/**
 * The workload: an operation, by a number of clients, on keys in a given order; and the HTTP requests of it.
 *
 * Every load generator sends the same bytes: a target's `Protocol` turns a step into a request once, which is sent many
 * times.
 */
import { Random } from '../../src/random.js';

/** Each request concerns one key. */
export const SINGLE_OPERATIONS = ['put', 'get', 'lease', 'stale', 'mix95', 'mix50'] as const;
export type SingleOperation = (typeof SINGLE_OPERATIONS)[number];
/** Each request concerns several keys: `many-keys.ts`. */
export const MANY_OPERATIONS = ['batch', 'txn1', 'txn2', 'page'] as const;
export type ManyOperation = (typeof MANY_OPERATIONS)[number];

export const OPERATIONS = [...SINGLE_OPERATIONS, ...MANY_OPERATIONS] as const;
export type OperationName = (typeof OPERATIONS)[number];

export const isMany = (operation: OperationName): operation is ManyOperation =>
  MANY_OPERATIONS.some((name) => name === operation);

/** Puts of a `batch`, and keys of a `page`. */
export const BATCH_PUTS = 100;
export const PAGE_KEYS = 100;

export const OPERATION_LABELS: Readonly<Record<OperationName, string>> = {
  put: 'put',
  get: 'linearizable get',
  lease: 'lease get',
  stale: 'stale get',
  mix95: '95 % get, 5 % put',
  mix50: '50 % get, 50 % put',
  batch: `batch of ${BATCH_PUTS} puts`,
  txn1: 'transaction, 1 shard',
  txn2: 'transaction, 2 shards',
  page: `page of ${PAGE_KEYS} keys`,
};

/** One line of the result: `put@64` is puts by 64 clients, each with one request in flight at a time. */
export interface Row {
  readonly operation: OperationName;
  readonly clients: number;
}

export const rowName = ({ operation, clients }: Row): string => `${operation}@${clients}`;

export const MOST_CLIENTS = 1024;

/** @throws Error that describes the syntax */
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
  /** Of the cluster: transactions choose their keys by it. */
  readonly shards: number;
}

export type Kind = 'put' | 'get' | 'lease' | 'stale';

/** One request: its kind, and its key as a number from 0 up. */
export interface Step {
  readonly kind: Kind;
  readonly key: number;
}

/** Percentage of puts; the mixes choose keys by a zipfian distribution, the others uniformly. */
const PUTS_OF_100: Readonly<Partial<Record<OperationName, number>>> = { mix95: 5, mix50: 50 };

const PUTS_EACH: Readonly<Partial<Record<OperationName, number>>> = { put: 1, batch: BATCH_PUTS, txn1: 2, txn2: 2 };

/** Puts in a request, on average. */
export const putsPerRequest = (operation: OperationName): number =>
  PUTS_EACH[operation] ?? (PUTS_OF_100[operation] ?? 0) / 100;

/** As in YCSB: the most popular key of 10,000 gets about a tenth of the requests. */
const ZIPF_EXPONENT = 0.99;

/** The steps that a load repeats; the same for the same seed. */
export function generateSteps(operation: SingleOperation, keys: number, count: number, seed: number): Step[] {
  const random = new Random(seed);
  const puts = PUTS_OF_100[operation];
  if (puts === undefined) {
    const kind = operation as Kind;
    return Array.from({ length: count }, () => ({ kind, key: random.integer(0, keys - 1) }));
  }
  const rank = zipfian(keys, random);
  return Array.from({ length: count }, () => ({ kind: random.integer(1, 100) <= puts ? 'put' : 'get', key: rank() }));
}

/** Generates ranks from 0 up to `count`, not included: rank r with a probability in proportion to 1 / (r + 1)^0.99. */
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

/** The value of a key: unique to it, of the given length. */
export const valueOf = (key: number, bytes: number): string =>
  `${key}:`.padEnd(bytes, 'abcdefghijklmnopqrstuvwxyz').slice(0, bytes);

export interface HttpRequest {
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly path: string;
  readonly contentType?: string;
  readonly body?: string;
}

/** How a target's API expresses an operation. */
export type Protocol = (kind: Kind, key: string, value: string) => HttpRequest;

/**
 * What a right answer's body contains, and how often. Only where the status does not say it all: a batch is answered by
 * 200 whatever became of its operations.
 */
export interface AnswerMark {
  readonly text: string;
  readonly times: number;
}

export function hasMark(body: string | Buffer, mark: AnswerMark | undefined): boolean {
  if (mark === undefined) return true;
  let times = 0;
  for (let at = body.indexOf(mark.text); at !== -1; at = body.indexOf(mark.text, at + mark.text.length)) times++;
  return times === mark.times;
}

export interface Script {
  /** Each request once. */
  readonly requests: readonly HttpRequest[];
  /** Indices of `requests`, in the order of sending. */
  readonly order: readonly number[];
  /** Answers without it are failures. */
  readonly mark?: AnswerMark;
}

const STEPS = 32_768;
/** With many keys: more than a node's row cache holds, or only the cache would be measured. */
const MOST_STEPS = 131_072;
const LEAST_STEPS = 64;
/** Total size of all requests: a load generator that reads more than this from main memory is slow by itself. */
export const MOST_BYTES = 64 * 1024 * 1024;

export const keyName = (key: number): string => `key${key}`;

export function scriptOf(
  protocol: Protocol,
  operation: SingleOperation,
  { keys, valueBytes }: Omit<Data, 'shards'>,
  seed: number,
): Script {
  const wanted = Math.min(MOST_STEPS, Math.max(STEPS, keys));
  const count = Math.min(wanted, Math.max(LEAST_STEPS, Math.floor(MOST_BYTES / (valueBytes + 256))));
  const requests: HttpRequest[] = [];
  const known = new Map<string, number>();
  const indexOf = ({ kind, key }: Step): number => {
    const name = `${kind} ${key}`;
    const earlier = known.get(name);
    if (earlier !== undefined) return earlier;
    known.set(name, requests.length);
    return requests.push(protocol(kind, keyName(key), valueOf(key, valueBytes))) - 1;
  };
  const order = generateSteps(operation, keys, count, seed).map(indexOf);
  return { requests, order };
}

/** Puts of the keys from `first` up to, not including, `end`. */
export function putsOf(protocol: Protocol, first: number, end: number, valueBytes: number): HttpRequest[] {
  return Array.from({ length: end - first }, (_, i) =>
    protocol('put', keyName(first + i), valueOf(first + i, valueBytes)),
  );
}

/** @param host with its port */
export function wireFormat({ method, path, contentType, body }: HttpRequest, host: string): Buffer {
  const head = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n`;
  if (body === undefined) return Buffer.from(`${head}\r\n`);
  const type = contentType === undefined ? '' : `Content-Type: ${contentType}\r\n`;
  return Buffer.from(`${head}${type}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
}
