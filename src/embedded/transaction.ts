/**
 * Optimistic transactions: reads note revisions, writes are kept aside, and one program commits all, if every key that was
 * read is as it was.
 *
 * The comparisons are judged at one point, with the writes. So of a key that was absent it is enough that it is absent then:
 * that it came and went in between is no difference to a transaction that happens at that point.
 */
import { KvorumError, binaryString, decodeValue, type Comparison, type KeyRecord, type Step } from '../shard/index.js';
import { checkNames } from './arguments.js';
import { commitOf } from './atomic.js';
import type { CallOptions, Ttl } from './entries.js';
import { within, type Executor } from './executor.js';
import { whole } from './options.js';
import { deleteStep, programOf, putStep } from './steps.js';

/**
 * Of `transaction`. `timeoutMs` is that of each read and of each commit, not of the whole. There is no `idempotencyKey`: what the
 * function does may differ from call to call.
 */
export interface TransactionOptions extends CallOptions {
  /** How often the function may be called again after a conflict, 0 to 1,000; default 30. After the last: `conflict`. */
  readonly retries?: number;
}

export const DEFAULT_RETRIES = 30;
const FIRST_BACKOFF_MS = 4;
const MOST_BACKOFF_MS = 250;

interface Read {
  readonly key: Uint8Array;
  readonly record: Promise<KeyRecord | undefined>;
}

type PutOrDelete = Extract<Step, { type: 'put' | 'delete' }>;

/**
 * What the function of `transaction` works with, until it ends: afterwards its methods throw a TypeError.
 *
 * It takes no `idempotencyKey`, and no call can ask what became of it. If the commit ends in an error with the outcome
 * `unknown`, another call of `transaction` is another transaction, whose reads see what the first may have written, and which
 * writes again: money would be moved twice. A retry is safe if the function can tell, as by a key of its own that it sets with
 * the rest and reads first. Where checks and writes are known beforehand, `transact` and `atomic` take an `idempotencyKey`.
 */
export class Transaction {
  readonly #executor: Executor;
  readonly #reads = new Map<string, Read>();
  readonly #writes = new Map<string, PutOrDelete>();
  #ended = false;

  /** @internal */
  constructor(executor: Executor) {
    this.#executor = executor;
  }

  /**
   * A copy of the value: what this transaction has set, or else what the key held when it was first read here. Undefined
   * if it is absent. Values of several keys may be of different moments; then the commit finds out, and the function is
   * called again.
   * @throws as `get` of the store
   */
  async get<T = unknown>(key: unknown): Promise<T | undefined> {
    this.#checkOpen();
    const encoded = this.#executor.keyOf(key);
    const name = nameOf(encoded);
    const write = this.#writes.get(name);
    if (write !== undefined) return write.type === 'put' ? (decodeValue(write) as T) : undefined;
    let read = this.#reads.get(name);
    if (read === undefined) {
      read = { key: encoded, record: this.#read(encoded) };
      this.#reads.set(name, read);
    }
    const record = await read.record;
    return record === undefined ? undefined : (decodeValue(record) as T);
  }

  /** Stores a copy of `value` at the commit; the key loses its deadline, or gets one by `ttl`. @throws as `put` */
  set(key: unknown, value: unknown, options: { readonly ttl?: Ttl } = {}): void {
    this.#checkOpen();
    checkNames(options, ['ttl']);
    this.#write(putStep(this.#executor.keyOf(key), value, options) as PutOrDelete);
  }

  /** Removes the key at the commit; an absent key is no failure. */
  delete(key: unknown): void {
    this.#checkOpen();
    this.#write(deleteStep(this.#executor.keyOf(key)) as PutOrDelete);
  }

  /**
   * Ends the transaction: writes what was set, if what was read still holds; only verifies that if `discard`, or if nothing
   * was set.
   * @internal
   */
  async commit(discard: boolean): Promise<boolean> {
    this.#ended = true;
    const comparisons = await Promise.all([...this.#reads.values()].map(comparisonOf));
    const steps = discard ? [] : [...this.#writes.values()];
    if (comparisons.length + steps.length === 0) return true;
    return commitOf(await this.#executor.transact(programOf(steps, { comparisons }))).committed;
  }

  async #read(key: Uint8Array): Promise<KeyRecord | undefined> {
    const answer = await this.#executor.execute({ type: 'get', key, consistency: 'linearizable' });
    return answer.type === 'get' ? answer.record : undefined;
  }

  /** The last write of a key counts. */
  #write(write: PutOrDelete): void {
    const name = nameOf(write.key);
    this.#writes.delete(name);
    this.#writes.set(name, write);
  }

  #checkOpen(): void {
    if (this.#ended)
      throw new TypeError('the transaction has ended: its function must wait for everything that it does');
  }
}

const nameOf = (key: Uint8Array): string => binaryString(key, 0, key.length);

async function comparisonOf({ key, record }: Read): Promise<Comparison> {
  const found = await record;
  return found === undefined ? { type: 'absent', key } : { type: 'revision', key, revision: found.revision };
}

/** Calls `work` until its transaction commits. */
export async function runTransactionally<R>(
  given: Executor,
  work: (tx: Transaction) => Promise<R> | R,
  options: TransactionOptions,
): Promise<R> {
  checkNames(options, ['retries', 'timeoutMs']);
  const executor = within(given, options);
  const retries = whole('retries', options.retries ?? DEFAULT_RETRIES, 0, 1_000);
  for (let attempt = 0; ; attempt += 1) {
    const tx = new Transaction(executor);
    const end = await endOf(work, tx);
    if (end.committed) return end.result;
    if (attempt === retries) {
      const message = `other writes changed what the transaction reads, ${retries + 1} times in a row`;
      throw new KvorumError('conflict', message, {}, 'not_applied');
    }
    await executor.backoff(Math.min(MOST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** Math.min(attempt, 16)));
  }
}

type End<R> = { readonly committed: true; readonly result: R } | { readonly committed: false };

/** A function that throws over values of different moments is called again, too. */
async function endOf<R>(work: (tx: Transaction) => Promise<R> | R, tx: Transaction): Promise<End<R>> {
  let result: R;
  try {
    result = await work(tx);
  } catch (error) {
    if (await isConsistent(tx)) throw error;
    return { committed: false };
  }
  return (await tx.commit(false)) ? { committed: true, result } : { committed: false };
}

/** True where it cannot be found out: then the error of the function is what counts. */
async function isConsistent(tx: Transaction): Promise<boolean> {
  try {
    return await tx.commit(true);
  } catch {
    return true;
  }
}
