/**
 * A page of a range of keys over all shards that have some of them, in the order of keys.
 *
 * Every shard is asked for its share of the page, and the shares are merged. A shard whose share runs out is asked
 * again. What a page has of one shard is as of one revision: where a further answer of a shard is of another revision
 * than what the page has of it already, the page ends there, shorter than it might be.
 *
 * Memory: a page, and for each shard a share whose bytes are bounded so that all of them together are about as much. A
 * value that is longer than its share may be is asked for alone, when it is due.
 */
import {
  behindKey,
  MAX_LIST_BYTES,
  MAX_ENCODED_VALUE_BYTES,
  prefixEndOf,
  type Consistency,
  type Grouping,
  type List,
  type ListContent,
  type ListItem,
  type ReadBound,
  type Refusal,
} from '../../shard/index.js';
import type { DispatchReply } from './call.js';
import type { DispatchOptions } from './dispatcher.js';

/** Bytes of keys and values in one page; a single longer item is a page of its own. */
export const MAX_PAGE_BYTES = 8 * 1024 * 1024;
export const MAX_PAGE_ROWS = 10_000;
const SHARES_BYTES = 12 * 1024 * 1024;
const LEAST_SHARE_BYTES = 16 * 1024;

export interface KeyRange {
  /** Encoded key, inclusive. */
  readonly from: Uint8Array;
  /** Exclusive; undefined: to the end. */
  readonly to: Uint8Array | undefined;
  readonly reverse: boolean;
}

export interface PageQuery extends KeyRange {
  readonly shards: readonly number[];
  readonly content: Exclude<ListContent, 'count'>;
  readonly grouping: Grouping | undefined;
  readonly consistency: Consistency;
  /** Of a stale read, for each shard. */
  readonly bound?: ReadBound | undefined;
  readonly limit: number;
  /** Rows that each shard is asked for at first; default: what its share of the page is likely to be. */
  readonly shareRows?: number;
}

export interface PageItem {
  readonly item: Exclude<ListItem, { type: 'deferred' }>;
  readonly shard: number;
}

export interface Page {
  readonly type: 'page';
  readonly items: readonly PageItem[];
  /** Where to go on (`from`, or `to` in reverse); undefined: the page reaches the end of the range. */
  readonly rest: Uint8Array | undefined;
  /** Of each shard that was asked: as of which revision it was read. */
  readonly revisions: ReadonlyMap<number, number>;
}

/** A shard did not answer in time, or refused. */
export interface ListFailure {
  readonly type: 'failed';
  readonly reply: DispatchReply;
  readonly refusal: Refusal;
}

/** Asks one shard. */
export type AskShard = (list: List) => Promise<DispatchReply>;

export interface ListSource<Operation = List> {
  readonly execute: (operation: Operation, options: DispatchOptions) => Promise<DispatchReply>;
  /** Monotonic ms. */
  readonly now: () => number;
}

/** Asks shards within one deadline. */
export function askWithin<Operation = List>(
  source: ListSource<Operation>,
  { deadlineMs, forward }: DispatchOptions,
): (operation: Operation) => Promise<DispatchReply> {
  const endsAt = source.now() + deadlineMs;
  return (operation) => source.execute(operation, { deadlineMs: Math.max(0, endsAt - source.now()), forward });
}

/** What the page has of one shard. */
class Share {
  readonly shard: number;
  items: readonly ListItem[] = [];
  at = 0;
  /** Where the shard has to be asked next; undefined: it has nothing left. */
  rest: Uint8Array | undefined;
  /** Undefined: not asked yet. */
  revision: number | undefined;
  isUsed = false;
  rows: number;
  /** Its next item is a long value, which is asked for alone. */
  isLong = false;

  readonly #start: Uint8Array;

  constructor(shard: number, rows: number, start: Uint8Array) {
    this.shard = shard;
    this.rows = rows;
    this.#start = start;
    this.rest = start;
  }

  /** It has nothing in this page yet, neither has any other: what was read of it may be read again. */
  restart(): void {
    this.revision = undefined;
    this.rest = this.#start;
  }

  get head(): ListItem | undefined {
    return this.items[this.at];
  }

  /** Nothing of it is left. */
  get isAtEnd(): boolean {
    return this.head === undefined && this.rest === undefined;
  }

  /** It has to be asked before anything behind `rest` can be taken from another share. */
  get isExhausted(): boolean {
    return this.head === undefined && this.rest !== undefined;
  }
}

export async function readPage(ask: AskShard, query: PageQuery): Promise<Page | ListFailure> {
  return new PageMerge(ask, query).read();
}

class PageMerge {
  readonly #ask: AskShard;
  readonly #query: PageQuery;
  readonly #shares: readonly Share[];
  /** Those that have something left, in the order of what they have next. */
  #waiting: Share[];
  readonly #shareBytes: number;
  readonly #items: PageItem[] = [];
  #bytes = 0;
  #lastPrefix: Uint8Array | undefined;
  /** Everything before this was taken. */
  #done: Uint8Array | undefined;

  constructor(ask: AskShard, query: PageQuery) {
    this.#ask = ask;
    this.#query = query;
    const { shards, limit, from, to, reverse } = query;
    const likely = Math.min(limit, Math.ceil((limit / shards.length) * 1.5) + 4);
    const { shareRows: rows = likely } = query;
    const start = reverse ? (to ?? BEHIND_ALL_KEYS) : from;
    this.#shares = shards.map((shard) => new Share(shard, rows, start));
    this.#waiting = [...this.#shares];
    this.#shareBytes = Math.min(MAX_LIST_BYTES, Math.max(LEAST_SHARE_BYTES, Math.floor(SHARES_BYTES / shards.length)));
  }

  async read(): Promise<Page | ListFailure> {
    for (;;) {
      const next = this.#next();
      if (next === undefined) return this.#page(undefined);
      if (next.head !== undefined) {
        if (!this.#take(next, next.head)) return this.#page(this.#done);
      } else {
        const failed = await this.#refill(next);
        if (failed === 'ends') return this.#page(this.#later(next.rest));
        if (failed !== undefined) return failed;
      }
      if (this.#items.length >= this.#query.limit) {
        return this.#page(this.#next() === undefined ? undefined : this.#done);
      }
    }
  }

  /** The share whose item, or unread rest, comes first. */
  #next(): Share | undefined {
    return this.#waiting[0];
  }

  /** What the first share has next has changed: it goes to its place, by four comparisons if there are 16 shards. */
  #replaceFirst(share: Share): void {
    const waiting = this.#waiting;
    if (share.isAtEnd) {
      waiting.shift();
      return;
    }
    let low = 1;
    let high = waiting.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = waiting[middle];
      if (other !== undefined && this.#compare(other, share) < 0) low = middle + 1;
      else high = middle;
    }
    waiting.copyWithin(0, 1, low);
    waiting[low - 1] = share;
  }

  #compare(a: Share, b: Share): number {
    const order = Buffer.compare(placeOf(a), placeOf(b));
    if (!this.#query.reverse) return order;
    // In reverse an unread rest has only smaller keys than its bound.
    return order === 0 ? Number(a.head === undefined) - Number(b.head === undefined) : -order;
  }

  /** @returns false: the page is full without it */
  #take(share: Share, item: ListItem): boolean {
    if (item.type === 'deferred') throw new Error('a deferred item is not kept');
    const isKnownPrefix =
      item.type === 'prefix' && this.#lastPrefix !== undefined && Buffer.compare(item.key, this.#lastPrefix) === 0;
    if (!isKnownPrefix) {
      const bytes = item.key.length + (item.type === 'record' ? item.record.body.length : 0);
      if (this.#items.length > 0 && this.#bytes + bytes > MAX_PAGE_BYTES) return false;
      this.#bytes += bytes;
      this.#items.push({ item, shard: share.shard });
      this.#done = this.#behind(item);
      if (item.type === 'prefix') this.#lastPrefix = item.key;
    }
    share.at += 1;
    share.isUsed = true;
    this.#replaceFirst(share);
    return true;
  }

  #behind({ type, key }: ListItem): Uint8Array {
    if (this.#query.reverse) return key;
    return type === 'prefix' ? (prefixEndOf(key) ?? BEHIND_ALL_KEYS) : behindKey(key);
  }

  /** The one of the two bounds that is further on: behind a prefix that was taken nothing of it is left to do. */
  #later(bound: Uint8Array | undefined): Uint8Array | undefined {
    if (this.#done === undefined || bound === undefined) return bound ?? this.#done;
    const order = Buffer.compare(this.#done, bound);
    return (this.#query.reverse ? order < 0 : order > 0) ? this.#done : bound;
  }

  /** Asks all shares that have run out. @returns `ends`: the page ends here, since the shard has changed */
  async #refill(wanted: Share): Promise<ListFailure | 'ends' | undefined> {
    if (wanted.isLong && !this.#isFixed(wanted)) wanted.restart();
    const exhausted = this.#shares.filter((share) => share === wanted || (share.isExhausted && !share.isLong));
    const replies = await Promise.all(exhausted.map((share) => this.#ask(this.#listOf(share))));
    for (const reply of replies) {
      if (reply.answer.type === 'refused') return { type: 'failed', reply, refusal: reply.answer };
    }
    let ends = false;
    for (const [at, share] of exhausted.entries()) {
      const answer = replies[at]?.answer;
      if (answer?.type !== 'list') throw new Error('the answer does not fit the operation');
      if (!this.#isFixed(share) || share.revision === answer.revision) this.#adopt(share, answer);
      else ends ||= share === wanted;
    }
    this.#waiting = this.#shares.filter((share) => !share.isAtEnd).sort((a, b) => this.#compare(a, b));
    return ends ? 'ends' : undefined;
  }

  /** The page shows what the share has as of its revision; or, before a long value, that it has nothing. */
  #isFixed({ isUsed, isLong }: Share): boolean {
    return isUsed || (isLong && this.#items.length > 0);
  }

  #adopt(
    share: Share,
    { items, rest, revision }: { items: readonly ListItem[]; rest: Uint8Array | undefined; revision: number },
  ): void {
    const first = items[0];
    share.revision = revision;
    share.at = 0;
    share.isLong = first?.type === 'deferred';
    if (first?.type === 'deferred') {
      share.items = [];
      share.rest = this.#query.reverse ? behindKey(first.key) : first.key;
      return;
    }
    share.items = items;
    share.rest = rest;
    share.rows = Math.min(2 * share.rows, MAX_PAGE_ROWS);
  }

  #listOf({ shard, rest, rows, isLong }: Share): List {
    const { from, to, reverse, content, grouping, consistency, bound } = this.#query;
    return {
      type: 'list',
      shard,
      from: reverse ? from : (rest ?? from),
      to: reverse ? rest : to,
      reverse,
      content,
      grouping,
      rows: isLong ? 1 : rows,
      bytes: isLong ? MAX_ENCODED_VALUE_BYTES : this.#shareBytes,
      consistency,
      bound,
    };
  }

  #page(rest: Uint8Array | undefined): Page {
    const revisions = new Map<number, number>();
    for (const { shard, revision } of this.#shares) if (revision !== undefined) revisions.set(shard, revision);
    const { from, to, reverse } = this.#query;
    const isEnd = rest !== undefined && (reverse ? Buffer.compare(rest, from) <= 0 : isAtLeast(rest, to));
    return { type: 'page', items: this.#items, rest: isEnd ? undefined : rest, revisions };
  }
}

/** No key begins with this byte. */
const BEHIND_ALL_KEYS = Uint8Array.of(0xff);

const placeOf = ({ head, rest }: Share): Uint8Array => head?.key ?? rest ?? BEHIND_ALL_KEYS;

const isAtLeast = (key: Uint8Array, bound: Uint8Array | undefined): boolean =>
  bound !== undefined && Buffer.compare(key, bound) >= 0;

export const isEmptyRange = ({ from, to }: Pick<KeyRange, 'from' | 'to'>): boolean =>
  to !== undefined && Buffer.compare(from, to) >= 0;

/** Shards that count at the same time: each holds its node up for a while. */
const COUNTING = 4;

export interface Count {
  readonly type: 'count';
  readonly count: number;
  readonly revisions: ReadonlyMap<number, number>;
}

/** How many keys a range has. A shard with many is counted page by page, so not as of one revision: its last is given. */
export async function countKeys(
  ask: AskShard,
  query: Pick<PageQuery, 'shards' | 'from' | 'to' | 'consistency' | 'bound'>,
): Promise<Count | ListFailure> {
  const revisions = new Map<number, number>();
  const waiting = [...query.shards];
  let count = 0;
  let failure: ListFailure | undefined;
  const countNext = async (): Promise<void> => {
    for (let shard = waiting.shift(); shard !== undefined && failure === undefined; shard = waiting.shift()) {
      for (let from: Uint8Array | undefined = query.from; from !== undefined;) {
        const reply: DispatchReply = await ask(countOf(shard, from, query));
        const { answer } = reply;
        if (answer.type === 'refused') failure ??= { type: 'failed', reply, refusal: answer };
        if (answer.type !== 'list') return;
        count += answer.count;
        revisions.set(shard, answer.revision);
        from = answer.rest;
      }
    }
  };
  await Promise.all(Array.from({ length: COUNTING }, countNext));
  return failure ?? { type: 'count', count, revisions };
}

function countOf(
  shard: number,
  from: Uint8Array,
  { to, consistency, bound }: Pick<PageQuery, 'to' | 'consistency' | 'bound'>,
): List {
  const common = { reverse: false, content: 'count', grouping: undefined, rows: 1, bytes: 1 } as const;
  return { type: 'list', shard, from, to, consistency, bound, ...common };
}
