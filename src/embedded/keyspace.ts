/** The operations on keys, whatever runs them: the store has them, and a part of its keys can have them as well. */
import { decodeValue, encodeProgram, type Answer, type KeyRecord, type Step } from '../shard/index.js';
import {
  CONDITIONS,
  ONCE_OPTIONS,
  READ_OPTIONS,
  checkNames,
  conditionOf,
  identityOf,
  readOptionsOf,
} from './arguments.js';
import { AtomicOperation } from './atomic.js';
import { runBatch } from './batch.js';
import type { KeyLocation } from './cluster.js';
import type {
  BatchOperation,
  BatchResults,
  CommonPrefix,
  CountOptions,
  DeleteOptions,
  DeleteRangeOptions,
  DeleteRangeResult,
  DeleteResult,
  DetailedDeleteOptions,
  Entry,
  GetOptions,
  GroupedListOptions,
  IncrementOptions,
  IncrementResult,
  JsonPatch,
  ListOptions,
  OnceOptions,
  PutOptions,
  Ttl,
  WriteOptions,
  WriteResult,
} from './entries.js';
import { programOperation, within, type Executor } from './executor.js';
import { countEntries, deleteEntries, listEntries } from './ranges.js';
import { deletedBy, entryOf, incrementResult, outcomeOf, resultOf, writtenBy } from './results.js';
import {
  INCREMENT_OPTIONS,
  PUT_OPTIONS,
  WRITE_OPTIONS,
  appendStep,
  checkedValue,
  deleteStep,
  incrementStep,
  patchStep,
  programOf,
  putStep,
  touchStep,
} from './steps.js';
import { runTransact, type TransactRequest, type TransactResult } from './transact.js';
import { runTransactionally, type Transaction, type TransactionOptions } from './transaction.js';

const GET_OPTIONS = ['minRevision', ...READ_OPTIONS];
const DELETE_OPTIONS = [...CONDITIONS, 'returning', ...ONCE_OPTIONS];

/**
 * Keys are any plain data, compared by content (`shard/keys/encoder.ts`), at most 4,096 bytes encoded. Values are
 * whatever `structuredClone` takes except `undefined`, at most 16 MiB encoded, and are copied in and out.
 */
export abstract class Keyspace {
  readonly #executor: Executor;

  /** @internal */
  constructor(executor: Executor) {
    this.#executor = executor;
  }

  /**
   * Stores a copy of `value`, whatever the key held before, unless `options` have a condition. When this resolves, a
   * majority of the key's replicas has it on its disk.
   * @typeParam T type of the key's values, of `value` as of what `returning` gives, which is not checked
   * @throws TypeError if key or value cannot be serialized, or for an unknown option; RangeError for a `ttl` or revision
   *   that is none; KvorumError otherwise, whose `outcome` says whether the write happened: `precondition-failed` with
   *   `details.currentRevision` (0: absent); `idempotency-key-reused`; `key-too-long`, `value-too-large`; `no-quorum`, `no-leader` or `timeout` when
   *   too few replicas answered within `timeoutMs`; `disk-full`; `storage-failed` if too few of the key's replicas could
   *   start (at once if no node could), with the error of one as `cause`; `shutting-down` after `close()`. With the outcome
   *   `unknown`, `idempotencyKey` of the error is one under which the same call can be made again, and is done once.
   * @example A key of one's own lets another process go on:
   * const idempotencyKey = crypto.randomUUID(); // kept where the order is
   * const { replayed } = await kvs.put('order17', order, { ifAbsent: true, idempotencyKey });
   */
  async put<T = unknown>(key: unknown, value: NoInfer<T>, options: PutOptions = {}): Promise<WriteResult<T>> {
    checkNames(options, PUT_OPTIONS);
    const encoded = this.#executor.keyOf(key);
    if (options.ttl !== undefined || options.returning !== undefined || this.#isNamespace) {
      return this.#write<T>(putStep(encoded, value, options), options);
    }
    const { operationId, attempt } = identityOf(options.idempotencyKey);
    const answer = await within(this.#executor, options).execute({
      type: 'put',
      key: encoded,
      ...checkedValue(value),
      condition: conditionOf(options),
      operationId,
      attempt,
    });
    if (answer.type !== 'put') throw new TypeError(`an answer of type ${answer.type}`);
    const { revision, version, created, replayed } = answer;
    return replayed ? { revision, version, created, replayed } : { revision, version, created };
  }

  /**
   * A copy of the latest value, or undefined if the key is absent. Linearizable, unless `options` allow for a stale value:
   * it reflects every write that resolved before this call. A counter is a number, or a bigint where it is not a safe integer.
   * @typeParam T type of the value that the caller stored under the key; not checked
   * @throws TypeError if the key cannot be serialized, or for an unknown option; RangeError for a bound that is none;
   *   KvorumError as `put`, `timeout` if no replica met the bound of a stale read in time, and `invalid-request` if bytes
   *   that were stored over HTTP are not of their content type.
   * @example What was just written, from any replica:
   * const { revision } = await kvs.put('product1', laptop);
   * await kvs.get('product1', { consistency: 'stale', minRevision: revision });
   */
  async get<T = unknown>(key: unknown, options: GetOptions = {}): Promise<T | undefined> {
    const record = await this.#get(key, options);
    return record === undefined ? undefined : (decodeValue(record) as T);
  }

  /** As `get`, with what else is known of the key. */
  async getEntry<T = unknown>(key: unknown, options: GetOptions = {}): Promise<Entry<T> | undefined> {
    const record = await this.#get(key, options);
    return record === undefined ? undefined : entryOf<T>(key, record);
  }

  /**
   * Removes the key; true if it was there. Asked for more by `returning: 'previous'` or an `idempotencyKey`, it resolves to
   * `{ deleted, revision, previous, replayed }`.
   * @typeParam T type of the value that the key held; not checked
   * @throws as `put`
   */
  delete<T = unknown>(key: unknown, options: DetailedDeleteOptions): Promise<DeleteResult<T>>;
  delete(key: unknown, options?: DeleteOptions): Promise<boolean>;
  async delete(key: unknown, options: DeleteOptions | DetailedDeleteOptions = {}): Promise<boolean | DeleteResult> {
    checkNames(options, DELETE_OPTIONS);
    const { returning, idempotencyKey }: Partial<DetailedDeleteOptions> = options;
    const step = deleteStep(this.#executor.keyOf(key), options);
    const result = await this.#delete(step, returning !== undefined || this.#isNamespace, options);
    return returning === undefined && idempotencyKey === undefined ? result.deleted : result;
  }

  /**
   * Adds to an integer, exactly, and once per call; an absent key counts as `initial`. A number that was put can be
   * incremented as well, and so can text that is an integer; a bigint that was put cannot.
   * @typeParam T type of the values that `returning` gives, such as `number`, for a counter that stays within safe integers
   * @param by default 1
   * @throws RangeError for what is no integer from −2^63 to 2^63−1; KvorumError as `put`, `wrong-type` if the value is no
   *   such integer, `patch-failed` if the sum would not be
   * @example A limit of 100 requests a minute, in one round:
   * const { applied } = await kvs.increment(['requests', user], 1, { max: 100, ttl: '1m' });
   * if (applied === 0n) refuse();
   */
  async increment<T = unknown>(
    key: unknown,
    by: bigint | number = 1n,
    options: IncrementOptions = {},
  ): Promise<IncrementResult<T>> {
    checkNames(options, INCREMENT_OPTIONS);
    const step = incrementStep(this.#executor.keyOf(key), by, options);
    const answer = await this.#run(step, options);
    const replayed = answer.type === 'program' && answer.replayed;
    return incrementResult<T>(resultOf(outcomeOf(answer)), { step, replayed });
  }

  /**
   * Adds text or bytes to the end of text or bytes; an absent key becomes what was appended.
   * @typeParam T type of the values that `returning` gives, which is not checked; so it is of the next two
   * @throws TypeError for anything but text and a Uint8Array; KvorumError as `put`, `wrong-type` if the value is neither
   *   text nor bytes
   */
  async append<T = unknown>(
    key: unknown,
    value: string | Uint8Array,
    options: WriteOptions = {},
  ): Promise<WriteResult<T>> {
    checkNames(options, WRITE_OPTIONS);
    return this.#write<T>(appendStep(this.#executor.keyOf(key), value, options), options);
  }

  /**
   * Changes a value where it is kept: by a JSON Merge Patch, or by a JSON Patch if `patch` is `{ jsonPatch: [...] }`. The
   * value must be one that JSON holds exactly: null, booleans, finite numbers, text within arrays and plain objects. An
   * absent key counts as an empty object for a merge patch.
   * @throws TypeError for a patch that is no plain JSON; KvorumError as `put`, `wrong-type` if the value is not JSON (a
   *   date or a bigint somewhere in it, or text), `patch-failed` with `details.position` if the patch does not fit it
   */
  async patch<T = unknown>(
    key: unknown,
    patch: JsonPatch | object,
    options: WriteOptions = {},
  ): Promise<WriteResult<T>> {
    checkNames(options, WRITE_OPTIONS);
    return this.#write<T>(patchStep(this.#executor.keyOf(key), patch, options), options);
  }

  /**
   * Gives the key a new deadline, or none (null). Its revision rises.
   * @throws RangeError for a `ttl` that is none; KvorumError as `put`, `precondition-failed` if the key is absent
   */
  async touch<T = unknown>(key: unknown, ttl: Ttl | null, options: WriteOptions = {}): Promise<WriteResult<T>> {
    checkNames(options, WRITE_OPTIONS);
    return this.#write<T>(touchStep(this.#executor.keyOf(key), ttl, options), options);
  }

  /**
   * Runs up to 1,000 operations, at most 8 MiB of keys and values, as one entry for each shard. They are independent: each
   * has its own result, in the order of the operations. Those on one key run in that order. An `idempotencyKey` is that of
   * the batch as a whole: called again under it, each shard does its operations once. In a namespace that does not exist
   * nothing is done, and each result, also of a get or a delete, is rejected with `namespace-not-found` (`not_applied`).
   * The type of a value that is got is named by `BatchGet<T>`.
   * @throws before anything is sent: TypeError or RangeError for a malformed operation; KvorumError `invalid-request` for
   *   too many, `value-too-large` for too much. The errors of shards are in the results.
   * @example
   * const [laptop, stock] = await kvs.batch([
   *   { op: 'get', key: 'product1' },
   *   { op: 'increment', key: 'stock1', by: -1, min: 0 },
   * ]);
   * if (stock.status === 'fulfilled') console.log(stock.value.applied);
   */
  async batch<const Ops extends readonly BatchOperation[]>(
    operations: Ops,
    options: OnceOptions = {},
  ): Promise<BatchResults<Ops>> {
    return (await runBatch(this.#executor, operations, options)) as BatchResults<Ops>;
  }

  /**
   * The entries of a range in the order of their keys. They are read page by page as the loop goes on, which may end it at
   * any time. A key that exists throughout is in it exactly once; what is read at once of one shard is linearizable, or as
   * stale as `consistency` and `maxStaleness` allow.
   * @throws in the loop: TypeError or RangeError for options that are none; KvorumError as `get`
   * @example
   * for await (const { key, value } of kvs.list({ prefix: 'user:' })) console.log(key, value);
   * @example What a folder has, folders in it as one row each:
   * for await (const row of kvs.list({ prefix: 'docs/', delimiter: '/' })) console.log('prefix' in row ? row.prefix : row.key);
   */
  list(
    options: GroupedListOptions & { readonly keysOnly: true },
  ): AsyncIterableIterator<Pick<Entry, 'key'> | CommonPrefix>;
  list<T = unknown>(options: GroupedListOptions): AsyncIterableIterator<Entry<T> | CommonPrefix>;
  list(options: ListOptions & { readonly keysOnly: true }): AsyncIterableIterator<Pick<Entry, 'key'>>;
  list<T = unknown>(options?: ListOptions): AsyncIterableIterator<Entry<T>>;
  list<T = unknown>(
    options: ListOptions | GroupedListOptions = {},
  ): AsyncIterableIterator<Entry<T> | Pick<Entry, 'key'> | CommonPrefix> {
    return listEntries<T>(this.#executor, options);
  }

  /** Number of keys in a range. Shards with many keys are counted in several steps. @throws as `list` */
  count(range: CountOptions = {}): Promise<number> {
    return countEntries(this.#executor, range);
  }

  /**
   * Deletes the keys of a range, and says how many there were. A range behind a whole `{tag}` goes at once, up to 10,000
   * keys and 64 MiB; others go in steps, and after an error some may be gone. `dryRun: true` only counts. Under an
   * `idempotencyKey` it resolves to `{ deleted, replayed }`.
   * @throws TypeError for a range without a bound, or with an empty prefix, or an empty text as its start alone; otherwise
   *   as `put`
   */
  deleteRange(range: DeleteRangeOptions & { readonly idempotencyKey: string }): Promise<DeleteRangeResult>;
  deleteRange(range: DeleteRangeOptions): Promise<number>;
  async deleteRange(range: DeleteRangeOptions & OnceOptions): Promise<number | DeleteRangeResult> {
    const result = await deleteEntries(this.#executor, range);
    return range.idempotencyKey === undefined ? result.deleted : result;
  }

  /**
   * Checks and writes that happen together or not at all.
   * @example
   * const seen = await kvs.getEntry('config');
   * const { committed } = await kvs.atomic().check('config', { revision: seen.revision }).set('config', next).commit();
   */
  atomic(): AtomicOperation {
    return new AtomicOperation(this.#executor);
  }

  /**
   * A transaction in one call: `then` if all of `if` holds, or else `else`, over keys of any shards, all or nothing and
   * strictly serializable; it may get, put, delete, increment, append, patch and touch. Up to 256 comparisons and operations
   * together (2,000 in a namespace), 4 MiB; the values that it gets have 8 MiB together.
   * @throws TypeError or RangeError for what is malformed; KvorumError as `put`; `conflict` if other transactions held keys
   *   in several shards until the deadline; `precondition-failed`, `wrong-type` or `patch-failed` if an operation fails,
   *   with its place as `details.field`, unless `onError` is `continue`
   * @example
   * const { succeeded, results } = await kvs.transact({
   *   if: [{ key: 'seat12', absent: true }],
   *   then: [{ op: 'put', key: 'seat12', value: 'alice' }, { op: 'increment', key: 'sold' }],
   *   else: [{ op: 'get', key: 'seat12' }],
   * });
   */
  async transact<const Then extends readonly BatchOperation[] = [], const Else extends readonly BatchOperation[] = []>(
    request: TransactRequest<Then, Else>,
    options: OnceOptions = {},
  ): Promise<TransactResult<Then, Else>> {
    return (await runTransact(this.#executor, request, options)) as TransactResult<Then, Else>;
  }

  /**
   * Calls `work` with a transaction, and commits what it has set if nothing that it has read was changed meanwhile;
   * otherwise calls it again, after a pause that grows to a quarter of a second. Strictly serializable, also without writes.
   * So `work` may run several times, and may see values of different moments before it does.
   *
   * It takes no `idempotencyKey`, and the one that an error of unknown outcome may name is of no use here: another call
   * reads anew and writes anew, on top of what the first may have written. Repeat it only if `work` can tell that it was done,
   * as by a key that it reads first and sets with the rest; or use `transact` or `atomic`, which take an `idempotencyKey`.
   * @returns what `work` has returned
   * @throws what `work` has thrown, nothing being written then; KvorumError as `put`, and `conflict` when `retries` did
   *   not suffice. With the outcome `unknown` the writes of the last commit may have happened.
   * @example
   * await kvs.transaction(async (tx) => {
   *   const [from, to] = await Promise.all([tx.get<number>('alice'), tx.get<number>('bob')]);
   *   tx.set('alice', (from ?? 0) - 10);
   *   tx.set('bob', (to ?? 0) + 10);
   * });
   */
  transaction<R>(work: (tx: Transaction) => Promise<R> | R, options: TransactionOptions = {}): Promise<R> {
    return runTransactionally(this.#executor, work, options);
  }

  /**
   * Where a key is kept, and which node leads its shard, whether or not it holds a value. Sends no message to any node.
   * @throws TypeError or KvorumError (`key-too-long`, `invalid-request`) for a value that cannot be a key
   */
  where(key: unknown): KeyLocation {
    return this.#executor.locationOf(this.#executor.keyOf(key));
  }

  /** Its keys are written by programs alone, which its limits need. */
  get #isNamespace(): boolean {
    return this.#executor.namespace !== undefined;
  }

  async #get(key: unknown, options: GetOptions): Promise<KeyRecord | undefined> {
    checkNames(options, GET_OPTIONS);
    const how = readOptionsOf(options);
    const answer = await within(this.#executor, options).execute({
      type: 'get',
      key: this.#executor.keyOf(key),
      ...how,
    });
    return answer.type === 'get' ? answer.record : undefined;
  }

  async #write<T>(step: Step, options: OnceOptions): Promise<WriteResult<T>> {
    return writtenBy<T>(await this.#run(step, options), step);
  }

  /** @param asProgram it is one, which is longer than a plain deletion */
  async #delete(step: Step, asProgram: boolean, options: OnceOptions): Promise<DeleteResult> {
    if (asProgram) return deletedBy(await this.#run(step, options), step);
    const { key, condition } = step;
    const { operationId, attempt } = identityOf(options.idempotencyKey);
    const answer = await within(this.#executor, options).execute({
      type: 'delete',
      key,
      condition,
      operationId,
      attempt,
    });
    if (answer.type !== 'delete') throw new TypeError(`an answer of type ${answer.type}`);
    const { deleted, revision, replayed } = answer;
    return replayed ? { deleted, revision, replayed } : { deleted, revision };
  }

  #run(step: Step, options: OnceOptions): Promise<Answer> {
    const body = encodeProgram(programOf([step]));
    const operation = programOperation(step.key, body, identityOf(options.idempotencyKey));
    return within(this.#executor, options).execute(operation);
  }
}
