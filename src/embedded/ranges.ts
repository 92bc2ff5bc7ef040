/** Keys in order: lists, counts and deletions of ranges, by the pages and steps of the router. */
import { countKeys, deleteRange, isEmptyRange, readPage, type ListFailure, type Page } from '../router/index.js';
import {
  decodeKey,
  FIRST_KEY,
  inNamespace,
  KvorumError,
  prefixEndOf,
  prefixKey,
  shardOfPrefix,
  userKeyOf,
  type KvOperation,
} from '../shard/index.js';
import { checkNames, flag } from './arguments.js';
import type { Entry, KeyRange, ListOptions } from './entries.js';
import type { Executor } from './executor.js';
import { whole } from './options.js';
import { entryOf } from './results.js';

const RANGE_OPTIONS = ['prefix', 'start', 'end'];
const LIST_OPTIONS = [...RANGE_OPTIONS, 'reverse', 'limit', 'keysOnly'];
/** Entries of the first page, and of any: a loop that breaks early has not read many for nothing. */
const FIRST_PAGE = 32;
const MOST_PER_PAGE = 512;

interface EncodedRange {
  readonly from: Uint8Array;
  readonly to: Uint8Array | undefined;
  readonly shards: readonly number[];
}

/** @throws TypeError, RangeError at the first step of the iteration */
export async function* listEntries<T>(
  executor: Executor,
  options: ListOptions,
): AsyncGenerator<Entry<T>, void, undefined> {
  checkNames(options, LIST_OPTIONS);
  const { shards, ...bounds } = await rangeOf(executor, options);
  const reverse = flag('reverse', options.reverse);
  const content = flag('keysOnly', options.keysOnly) ? 'keys' : 'values';
  let left = options.limit === undefined ? Infinity : whole('limit', options.limit, 1, Number.MAX_SAFE_INTEGER);
  let size = FIRST_PAGE;
  for (let range = bounds; left > 0 && !needsNoAsking(executor, range);) {
    const query = { ...range, shards, reverse, content, grouping: undefined, consistency: 'linearizable' } as const;
    const page: Page = pageIn(await readPage(asking(executor), { ...query, limit: Math.min(size, left) }));
    for (const { item } of page.items) {
      const key = decodeKey(userKeyOf(item.key));
      yield item.type === 'record' ? entryOf<T>(key, item.record) : ({ key } as Entry<T>);
    }
    left -= page.items.length;
    size = Math.min(2 * size, MOST_PER_PAGE);
    if (page.rest === undefined) return;
    range = reverse ? { ...range, to: page.rest } : { ...range, from: page.rest };
  }
}

export async function countEntries(executor: Executor, options: KeyRange): Promise<number> {
  checkNames(options, RANGE_OPTIONS);
  const range = await rangeOf(executor, options);
  if (needsNoAsking(executor, range)) return 0;
  const counted = await countKeys(asking(executor), { ...range, consistency: 'linearizable' });
  if (counted.type === 'failed') throw errorOf(counted);
  return counted.count;
}

/** @throws TypeError for a range without any bound */
export async function deleteEntries(executor: Executor, options: KeyRange): Promise<number> {
  checkNames(options, RANGE_OPTIONS);
  const { prefix, start, end } = options;
  const isEmptyPrefix = prefix !== undefined && (prefix as { readonly length?: unknown }).length === 0;
  if (isEmptyPrefix || (prefix === undefined && start === undefined && end === undefined)) {
    throw new TypeError('a range to delete needs a prefix that is not empty, or a start or an end');
  }
  const range = await rangeOf(executor, options);
  if (needsNoAsking(executor, range)) return 0;
  const deleted = await deleteRange(asking(executor), { ...range, operationId: undefined });
  if (deleted.type === 'failed') throw errorOf(deleted);
  return deleted.count;
}

/** An empty range has no keys; but whether a namespace exists, its shard has to say. */
const needsNoAsking = ({ namespace }: Executor, range: Pick<EncodedRange, 'from' | 'to'>): boolean =>
  namespace === undefined && isEmptyRange(range);

async function rangeOf(executor: Executor, { prefix, start, end }: KeyRange): Promise<EncodedRange> {
  const { namespace } = executor;
  if (prefix === undefined) {
    const from = start === undefined ? (namespace ?? FIRST_KEY) : executor.keyOf(start);
    const behind = namespace && prefixEndOf(namespace);
    return { from, to: end === undefined ? behind : executor.keyOf(end), shards: await shardsOf(executor, namespace) };
  }
  if (start !== undefined || end !== undefined) throw new TypeError('a prefix excludes start and end');
  const from = inNamespace(namespace, prefixKey(prefix));
  return { from, to: prefixEndOf(from), shards: await shardsOf(executor, from) };
}

/** The shards that have keys with this prefix; without one, all. */
async function shardsOf(executor: Executor, prefix: Uint8Array | undefined): Promise<readonly number[]> {
  const all = [...Array(executor.shards).keys()];
  if (prefix === undefined) return all;
  await executor.opened();
  const only = shardOfPrefix(prefix, executor.shards);
  return only === undefined ? all : [only];
}

/** Refusals are reported as data to what reads pages, which knows what they mean for the whole. */
export const asking = (executor: Executor) => (operation: KvOperation) => executor.ask(operation);

/** @throws KvorumError if it failed */
export function pageIn(page: Page | ListFailure): Page {
  if (page.type === 'failed') throw errorOf(page);
  return page;
}

function errorOf({ refusal, reply }: ListFailure): KvorumError {
  const error = new KvorumError(refusal.code, refusal.message, refusal.details, refusal.outcome);
  if ('cause' in reply && reply.cause !== undefined) error.cause = reply.cause;
  return error;
}
