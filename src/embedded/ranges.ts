/** Keys in order: lists, counts and deletions of ranges, by the pages and steps of the router. */
import { countKeys, deleteRange, isEmptyRange, readPage, type ListFailure, type Page } from '../router/index.js';
import {
  decodeKey,
  FIRST_KEY,
  groupingBy,
  inNamespace,
  prefixEndOf,
  prefixKey,
  prefixTextOf,
  shardOfPrefix,
  userKeyOf,
  type Grouping,
  type KvOperation,
} from '../shard/index.js';
import { ONCE_OPTIONS, READ_OPTIONS, checkNames, delimiterOf, flag, identityOf, readOptionsOf } from './arguments.js';
import type {
  CommonPrefix,
  CountOptions,
  DeleteRangeOptions,
  DeleteRangeResult,
  Entry,
  GroupedListOptions,
  KeyRange,
  ListOptions,
  OnceOptions,
} from './entries.js';
import { withCause, withRetryKey, within, type Executor } from './executor.js';
import { whole } from './options.js';
import { entryOf, errorOf } from './results.js';

const RANGE_OPTIONS = ['prefix', 'start', 'end'];
const LIST_OPTIONS = [...RANGE_OPTIONS, ...READ_OPTIONS, 'reverse', 'limit', 'keysOnly', 'delimiter'];
/** Entries of the first page, and of any: a loop that breaks early has not read many for nothing. */
const FIRST_PAGE = 32;
const MOST_PER_PAGE = 512;

interface EncodedRange {
  readonly from: Uint8Array;
  readonly to: Uint8Array | undefined;
  /** All keys of the range begin with it; undefined: they have bounds. */
  readonly prefix: Uint8Array | undefined;
  readonly shards: readonly number[];
}

/** @throws TypeError, RangeError at the first step of the iteration */
export async function* listEntries<T>(
  given: Executor,
  options: ListOptions | GroupedListOptions,
): AsyncGenerator<Entry<T> | Pick<Entry, 'key'> | CommonPrefix, void, undefined> {
  checkNames(options, LIST_OPTIONS);
  const executor = within(given, options);
  const how = readOptionsOf(options);
  const { shards, prefix, ...bounds } = await rangeOf(executor, options);
  const reverse = flag('reverse', options.reverse);
  const content = flag('keysOnly', options.keysOnly) ? 'keys' : 'values';
  const grouping = groupingOf(options, prefix);
  let left = options.limit === undefined ? Infinity : whole('limit', options.limit, 1, Number.MAX_SAFE_INTEGER);
  let size = FIRST_PAGE;
  for (let range = bounds; left > 0 && !needsNoAsking(executor, range);) {
    const query = { ...range, shards, reverse, content, grouping, ...how, limit: Math.min(size, left) } as const;
    const page: Page = pageIn(await readPage(asking(executor), query));
    for (const { item } of page.items) {
      if (item.type === 'prefix') yield { prefix: prefixTextOf(item.key) };
      else {
        const key = decodeKey(userKeyOf(item.key));
        yield item.type === 'record' ? entryOf<T>(key, item.record) : { key };
      }
    }
    left -= page.items.length;
    size = Math.min(2 * size, MOST_PER_PAGE);
    if (page.rest === undefined) return;
    range = reverse ? { ...range, to: page.rest } : { ...range, from: page.rest };
  }
}

/** @throws TypeError for a prefix that is no text, and as `delimiterOf` */
function groupingOf(
  { prefix, delimiter }: ListOptions & { readonly delimiter?: unknown },
  within: Uint8Array | undefined,
): Grouping | undefined {
  if (delimiter === undefined) return undefined;
  if (prefix === undefined || typeof prefix === 'string') return groupingBy(delimiterOf(delimiter), within);
  throw new TypeError('a delimiter is for keys that are text: the prefix must be text, too');
}

export async function countEntries(given: Executor, options: CountOptions): Promise<number> {
  checkNames(options, [...RANGE_OPTIONS, ...READ_OPTIONS]);
  const executor = within(given, options);
  const how = readOptionsOf(options);
  return countRange(executor, await rangeOf(executor, options), how);
}

async function countRange(
  executor: Executor,
  { from, to, shards }: EncodedRange,
  how: ReturnType<typeof readOptionsOf>,
): Promise<number> {
  if (needsNoAsking(executor, { from, to })) return 0;
  const counted = await countKeys(asking(executor), { from, to, shards, ...how });
  if (counted.type === 'failed') throw failureOf(counted);
  return counted.count;
}

/** @throws TypeError for a range without any bound */
export async function deleteEntries(
  given: Executor,
  options: DeleteRangeOptions & OnceOptions,
): Promise<DeleteRangeResult> {
  checkNames(options, [...RANGE_OPTIONS, 'dryRun', ...ONCE_OPTIONS]);
  refuseUnbounded(options);
  const executor = within(given, options);
  const { idempotencyKey } = options;
  const { operationId } = identityOf(idempotencyKey);
  const isDry = flag('dryRun', options.dryRun);
  const range = await rangeOf(executor, options);
  if (isDry) return { deleted: await countRange(executor, range, { consistency: 'linearizable' }) };
  if (needsNoAsking(executor, range)) return { deleted: 0 };
  const { from, to, shards } = range;
  const isKeyed = idempotencyKey !== undefined;
  const id = isKeyed ? operationId : undefined;
  const deleted = await deleteRange(asking(executor), { from, to, shards, operationId: id });
  if (deleted.type === 'failed') throw isKeyed ? withRetryKey(failureOf(deleted), operationId) : failureOf(deleted);
  const { count, replayed } = deleted;
  return replayed && isKeyed ? { deleted: count, replayed } : { deleted: count };
}

/** @throws TypeError; an empty text is most often a variable that was not set */
function refuseUnbounded({ prefix, start, end }: KeyRange): void {
  const isBounded = prefix === undefined ? start !== undefined && start !== '' : !isEmpty(prefix);
  if (isBounded || end !== undefined) return;
  throw new TypeError('a range to delete needs a prefix or a start that is not empty, or an end');
}

const isEmpty = (prefix: { readonly length?: unknown }): boolean => prefix.length === 0;

/** An empty range has no keys; but whether a namespace exists, its shard has to say. */
const needsNoAsking = ({ namespace }: Executor, range: Pick<EncodedRange, 'from' | 'to'>): boolean =>
  namespace === undefined && isEmptyRange(range);

async function rangeOf(executor: Executor, { prefix, start, end }: KeyRange): Promise<EncodedRange> {
  const { namespace } = executor;
  if (prefix === undefined) {
    const from = start === undefined ? (namespace ?? FIRST_KEY) : executor.keyOf(start);
    const behind = namespace && prefixEndOf(namespace);
    const to = end === undefined ? behind : executor.keyOf(end);
    // All keys of a namespace begin with its own.
    return { from, to, prefix: namespace, shards: await shardsOf(executor, namespace) };
  }
  if (start !== undefined || end !== undefined) throw new TypeError('a prefix excludes start and end');
  const from = inNamespace(namespace, prefixKey(prefix));
  return { from, to: prefixEndOf(from), prefix: from, shards: await shardsOf(executor, from) };
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
  if (page.type === 'failed') throw failureOf(page);
  return page;
}

const failureOf = ({ refusal, reply }: ListFailure) => withCause(errorOf(refusal), reply);
