/**
 * Judges what clients of ranges were answered, by the histories of the shards (`shard-history.ts`): a page, a stream or a
 * count names the revision of each shard that it is as of, and must have exactly what those shards held then, merged in
 * the order of keys. Each judgement is a text that says what is wrong, or undefined.
 */
import type { Page } from '../router/index.js';
import {
  binaryString,
  decodeOutcome,
  decodeProgram,
  namespaceBytesOf,
  namespaceNameOf,
  userKeyOf,
  type Grouping,
  type KeyRecord,
  type KvWrite,
  type ListItem,
  type Namespace,
  type Program,
  type StepResult,
} from '../shard/index.js';
import type { Decided, ShardHistory } from './shard-history.js';

export interface ReadQuery {
  readonly from: Uint8Array;
  /** Exclusive; undefined: to the end. */
  readonly to: Uint8Array | undefined;
  readonly reverse: boolean;
  readonly content: 'values' | 'keys' | 'namespaces';
  readonly grouping: Grouping | undefined;
  readonly shards: readonly number[];
}

export type Histories = (shard: number) => ShardHistory;
export type Revisions = ReadonlyMap<number, number>;

/** A key without its namespace, as a client names it. */
const nameOf = (key: string): string => Buffer.from(userKeyOf(Buffer.from(key, 'latin1')).subarray(1)).toString();

export function recordText(name: string, record: Omit<KeyRecord, 'contentType'>): string {
  const { revision, createRevision, version, body, expiresAtMs } = record;
  const deadline = expiresAtMs === undefined ? '' : ` until ${expiresAtMs}`;
  return `${name}=${Buffer.from(body).toString()} @${revision} created ${createRevision} version ${version}${deadline}`;
}

function namespaceText(name: string, { keys, bytes, revision, createRevision, ...limits }: Namespace): string {
  const { maxKeys = 'any', maxBytes = 'any' } = limits;
  return `${name}: ${keys} of ${maxKeys} keys, ${bytes} of ${maxBytes} bytes @${revision} created ${createRevision}`;
}

export function itemText(item: ListItem): string {
  const name = nameOf(binaryString(item.key, 0, item.key.length));
  if (item.type === 'record') return recordText(name, item.record);
  if (item.type === 'namespace') return namespaceText(namespaceNameOf(item.key), item.namespace);
  return item.type === 'prefix' ? `${name}…` : name;
}

/** What the range had when its shards were as of these revisions. */
export function expectedItems(histories: Histories, query: ReadQuery, revisions: Revisions): string[] {
  const { from, to, content, reverse, grouping } = query;
  const found: (readonly [string, string])[] = [];
  for (const [shard, revision] of revisions) {
    const history = histories(shard);
    if (content === 'namespaces') {
      for (const [key, namespace] of history.namespacesBetween(from, to, revision))
        found.push([key, namespaceText(key.slice(1, -1), namespace)]);
      continue;
    }
    for (const [key, record] of history.recordsBetween(from, to, revision)) {
      const group = grouping && groupOf(key, grouping);
      if (group !== undefined) found.push([group, `${nameOf(group)}…`]);
      else found.push([key, content === 'keys' ? nameOf(key) : recordText(nameOf(key), record)]);
    }
  }
  found.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  if (reverse) found.reverse();
  return found.filter(([key], at) => at === 0 || key !== found[at - 1]?.[0]).map(([, text]) => text);
}

/** The common prefix that a key belongs to. */
function groupOf(key: string, { prefixBytes, delimiter }: Grouping): string | undefined {
  const mark = Buffer.from(delimiter).toString('latin1');
  const at = key.indexOf(mark, prefixBytes);
  return at < 0 ? undefined : key.slice(0, at + mark.length);
}

/** The part of the range that a page has which goes on at `rest`. */
export function partBefore<Q extends Pick<ReadQuery, 'from' | 'to' | 'reverse'>>(
  query: Q,
  rest: Uint8Array | undefined,
): Q {
  if (rest === undefined) return query;
  return query.reverse ? { ...query, from: rest } : { ...query, to: rest };
}

/** And what is left of it. */
export function partBehind<Q extends Pick<ReadQuery, 'from' | 'to' | 'reverse'>>(query: Q, rest: Uint8Array): Q {
  return query.reverse ? { ...query, to: rest } : { ...query, from: rest };
}

export function judgePage(
  histories: Histories,
  query: ReadQuery & { readonly limit: number },
  { items, rest, revisions }: Page,
): string | undefined {
  if (items.length > query.limit) return `${items.length} items, ${query.limit} were asked for`;
  const bound = query.reverse ? query.to : query.from;
  if (rest !== undefined && bound !== undefined && Buffer.compare(rest, bound) === 0) return 'the cursor leads nowhere';
  const missing = query.shards.find((shard) => !revisions.has(shard));
  if (missing !== undefined) return `shard ${missing} has no revision`;
  const foreign = items.find(({ shard, item }) => !isOf(histories(shard), item, revisions.get(shard) ?? 0));
  if (foreign !== undefined) return `${itemText(foreign.item)} is said to be of shard ${foreign.shard}`;
  const got = items.map(({ item }) => itemText(item));
  return difference(got, expectedItems(histories, partBefore(query, rest), revisions), revisions);
}

function isOf(history: ShardHistory, item: ListItem, revision: number): boolean {
  if (item.type === 'prefix') return true;
  const next = Buffer.concat([item.key, Uint8Array.of(0)]);
  if (item.type === 'namespace') return history.namespacesBetween(item.key, next, revision).length > 0;
  return history.recordsBetween(item.key, next, revision).length > 0;
}

export function difference(
  got: readonly string[],
  expected: readonly string[],
  revisions: Revisions,
): string | undefined {
  const at = expected.findIndex((text, i) => got[i] !== text);
  if (at < 0 && got.length === expected.length) return undefined;
  const where = [...revisions].map(([shard, revision]) => `${shard}@${revision}`).join(' ');
  const place = at < 0 ? expected.length : at;
  return `item ${place} is ${quoted(got[place])}, and at ${where} it was ${quoted(expected[place])}`;
}

const quoted = (text: string | undefined): string => (text === undefined ? 'missing' : `'${text}'`);

export function judgeCount(
  histories: Histories,
  query: ReadQuery,
  { count, revisions }: { readonly count: number; readonly revisions: Revisions },
): string | undefined {
  const expected = expectedItems(histories, { ...query, content: 'keys', grouping: undefined }, revisions).length;
  return count === expected ? undefined : `${count} keys counted of ${expected}`;
}

/** A read that began when a shard had come to `least` has to be as of that or a later revision. */
export function judgeFreshness(revisions: Revisions, least: Revisions): string | undefined {
  for (const [shard, revision] of revisions) {
    const begun = least.get(shard) ?? 0;
    if (revision < begun) return `shard ${shard} is as of ${revision}, and was at ${begun} before the read began`;
  }
  return undefined;
}

/**
 * A scan is over: a key that was there in every revision that its shard was read at has been in one page. No key was in
 * two.
 */
export function judgeScan(
  histories: Histories,
  query: ReadQuery,
  { seen, revisions }: { readonly seen: readonly string[]; readonly revisions: readonly Revisions[] },
): string | undefined {
  const counts = new Map<string, number>();
  for (const key of seen) counts.set(key, (counts.get(key) ?? 0) + 1);
  for (const [key, count] of counts) if (count > 1) return `${nameOf(key)} was in ${count} pages`;
  for (const shard of query.shards) {
    const at = revisions.map((page) => page.get(shard)).filter((revision) => revision !== undefined);
    if (at.length === 0) continue;
    const last = Math.max(...at);
    const before = new Map(histories(shard).recordsBetween(query.from, query.to, Math.min(...at)));
    for (const [key, { createRevision }] of histories(shard).recordsBetween(query.from, query.to, last)) {
      if (before.get(key)?.createRevision === createRevision && !counts.has(key))
        return `${nameOf(key)} was in no page, though it was there all the time`;
    }
  }
  return undefined;
}

/** The answer to a write is what its entry gave, and what the state before the entry asked for. */
export function judgeWrite(history: ShardHistory, operation: KvWrite, answer: Decided): string | undefined {
  const decided = history.answerOf(operation.operationId);
  if (decided === undefined) return 'a write was answered that was never applied';
  if (answer.revision !== decided.revision) return `revision ${answer.revision} instead of ${decided.revision}`;
  if (answer.type !== decided.type) return `a ${answer.type} was answered to a ${decided.type}`;
  if (answer.type !== 'program' || decided.type !== 'program') return undefined;
  const outcome = decodeOutcome(answer.outcome);
  // A replay may have lost its results.
  if (!('code' in outcome) && outcome.omitted) return undefined;
  if (Buffer.compare(answer.outcome, decided.outcome) !== 0) return 'another outcome than its entry had';
  if ('code' in outcome || operation.type !== 'program') return undefined;
  const program = decodeProgram(operation.body);
  const [result] = outcome.results;
  if (result?.type === 'delete-range') return judgeDeletion(history, program, answer.revision, result);
  return judgeComparisons(history, program, answer.revision, outcome.succeeded);
}

function judgeDeletion(
  history: ShardHistory,
  { then: [step] }: Program,
  index: number,
  { deleted, rest }: Extract<StepResult, { type: 'delete-range' }>,
): string | undefined {
  if (step?.type !== 'delete-range') return 'no range was to be deleted';
  const end = rest ?? step.to;
  const before = history.recordsBetween(step.key, end, index - 1);
  const expected = before.filter(([, record]) => !history.isDue(record, index)).length;
  if (deleted !== expected) return `${deleted} keys deleted of ${expected}`;
  const [left] = history.recordsBetween(step.key, end, index);
  return left === undefined ? undefined : `${nameOf(left[0])} is there after its range was deleted`;
}

function judgeComparisons(
  history: ShardHistory,
  { comparisons }: Program,
  index: number,
  succeeded: boolean,
): string | undefined {
  const since = comparisons.filter((comparison) => comparison.type === 'unchanged-since');
  if (since.length === 0 || since.length < comparisons.length) return undefined;
  const isUnchanged = since.every(({ key, revision }) => history.isUnchanged(key, revision, index));
  if (succeeded === isUnchanged) return undefined;
  const [said, was] = succeeded ? ['unchanged', 'changed'] : ['changed', 'unchanged'];
  const names = since.map(({ key, revision }) => `${nameOf(binaryString(key, 0, key.length))} since ${revision}`);
  return `${names.join(', ')} is said to be ${said} at ${index}, and was ${was}`;
}

/** A namespace was said not to exist, by a read that lasted as long as its shard went from one revision to another. */
export function judgeMissing(
  history: ShardHistory,
  key: Uint8Array,
  { from, to }: { readonly from: number; readonly to: number },
): string | undefined {
  const name = key.subarray(0, namespaceBytesOf(key));
  const [before, after] = [history.namespaceAt(name, from), history.namespaceAt(name, to)];
  if (before === undefined || before.createRevision !== after?.createRevision) return undefined;
  return `namespace ${namespaceNameOf(key)} was said not to exist, and did from ${from} to ${to}`;
}
