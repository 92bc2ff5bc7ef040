/**
 * A range as lines of JSON, at the pace of the reader. Each shard is read as of one moment: the node that leads it keeps
 * a view of it between the pages, for a bounded time. Values are fetched when they are due, and nothing is fetched while
 * the reader's socket is full, so a stream holds about one share of each shard.
 */
import {
  behindKey,
  MAX_ENCODED_VALUE_BYTES,
  prefixEndOf,
  type List,
  type ListItem,
  type Refusal,
} from '../../shard/index.js';
import type { DispatchReply, PageQuery } from '../dispatch/index.js';
import { joined } from './envelope.js';
import { itemPieces, revisionsBody } from './range-body.js';

const SHARES_BYTES = 8 * 1024 * 1024;
const MOST_SHARE_BYTES = 256 * 1024;
const LEAST_SHARE_BYTES = 8 * 1024;
const SHARE_ROWS = 256;
const BEHIND_ALL_KEYS = Uint8Array.of(0xff);

/** Where lines go: a response of `node:http`, or what behaves like one. */
export interface LineSink {
  readonly destroyed: boolean;
  /** @returns false: nothing more is to be written before `drain` */
  write(line: Uint8Array): boolean;
  end(line: string): unknown;
  on(event: 'drain' | 'close', listener: () => void): unknown;
  off(event: 'drain' | 'close', listener: () => void): unknown;
}

export interface StreamSource {
  /** Asks the leader of the shard, which opens a view. */
  readonly open: (list: List) => Promise<DispatchReply>;
  /** Asks the node that keeps the view. */
  readonly next: (node: number, list: List) => Promise<DispatchReply>;
  readonly cursorAt: (bound: Uint8Array) => string;
}

interface Share {
  readonly shard: number;
  items: readonly ListItem[];
  at: number;
  rest: Uint8Array | undefined;
  revision: number;
  view: number;
  node: number;
  isLong: boolean;
}

export class RangeStream {
  readonly #response: LineSink;
  readonly #query: PageQuery;
  readonly #source: StreamSource;
  readonly #bytes: number;
  #shares: Share[] = [];
  #count = 0;
  #done: Uint8Array;
  #lastPrefix: Uint8Array | undefined;

  constructor(response: LineSink, query: PageQuery, source: StreamSource) {
    this.#response = response;
    this.#query = query;
    this.#source = source;
    const each = Math.floor(SHARES_BYTES / Math.max(1, query.shards.length));
    this.#bytes = Math.max(LEAST_SHARE_BYTES, Math.min(MOST_SHARE_BYTES, each));
    this.#done = query.reverse ? (query.to ?? BEHIND_ALL_KEYS) : query.from;
  }

  /** Opens the views. @returns the reply of a shard that refused; nothing was written then, and no view is left */
  async open(): Promise<{ readonly reply: DispatchReply; readonly refusal: Refusal } | undefined> {
    const { shards } = this.#query;
    this.#shares = shards.map((shard) => {
      return { shard, items: [], at: 0, rest: this.#done, revision: 0, view: 0, node: 0, isLong: false };
    });
    const replies = await Promise.all(this.#shares.map((share) => this.#source.open(this.#listOf(share))));
    const refused = replies.map((reply, at) => this.#adopt(this.#shares[at], reply)).find((each) => each !== undefined);
    if (refused === undefined) return undefined;
    this.#closeViews();
    return refused;
  }

  /** Writes all lines. @returns the code of what ended it early; undefined: it is complete, or the reader left */
  async run(): Promise<Refusal['code'] | undefined> {
    try {
      for (let share = this.#next(); share !== undefined && !this.#response.destroyed; share = this.#next()) {
        const item = share.items[share.at];
        if (item === undefined) {
          const failed = await this.#refill(share);
          if (failed === undefined) continue;
          this.#end(`{"end":false,"code":"${failed.code}","cursor":"${this.#source.cursorAt(this.#done)}"}\n`);
          return failed.code;
        }
        share.at += 1;
        await this.#write(item, share.shard);
        if (this.#count >= this.#query.limit) break;
      }
      const cursor = this.#next() === undefined ? '' : `,"cursor":"${this.#source.cursorAt(this.#done)}"`;
      const revisions = revisionsBody(new Map(this.#shares.map(({ shard, revision }) => [shard, revision])));
      this.#end(`{"end":true,"count":${this.#count},"revisions":${revisions}${cursor}}\n`);
      return undefined;
    } finally {
      this.#closeViews();
    }
  }

  #end(line: string): void {
    if (!this.#response.destroyed) this.#response.end(line);
  }

  async #write(item: ListItem, shard: number): Promise<void> {
    if (item.type === 'deferred') throw new Error('a deferred item is not kept');
    if (item.type === 'prefix') {
      if (this.#lastPrefix !== undefined && Buffer.compare(this.#lastPrefix, item.key) === 0) return;
      this.#lastPrefix = item.key;
    }
    this.#count += 1;
    this.#done = this.#behind(item);
    const line = joined([...itemPieces({ item, shard }), '\n']);
    // JSON values may have line breaks between their parts; within texts they are escaped.
    for (let at = 0; at < line.length - 1; at += 1) if (line[at] === 0x0a || line[at] === 0x0d) line[at] = 0x20;
    if (!this.#response.write(line)) await this.#drained();
  }

  /** Resolves when the reader has caught up, or is gone. */
  #drained(): Promise<void> {
    const response = this.#response;
    if (response.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        response.off('drain', end);
        response.off('close', end);
        resolve();
      };
      response.on('drain', end);
      response.on('close', end);
    });
  }

  #behind({ type, key }: ListItem): Uint8Array {
    if (this.#query.reverse) return key;
    return type === 'prefix' ? (prefixEndOf(key) ?? BEHIND_ALL_KEYS) : behindKey(key);
  }

  /** The share whose item, or unread rest, comes first. */
  #next(): Share | undefined {
    let next: Share | undefined;
    for (const share of this.#shares) {
      if (share.at >= share.items.length && share.rest === undefined) continue;
      if (next === undefined || this.#comesBefore(share, next)) next = share;
    }
    return next;
  }

  #comesBefore(a: Share, b: Share): boolean {
    const order = Buffer.compare(placeOf(a), placeOf(b));
    if (order !== 0) return this.#query.reverse ? order > 0 : order < 0;
    // In reverse an unread rest has only smaller keys than its bound.
    return this.#query.reverse && a.at < a.items.length && b.at >= b.items.length;
  }

  async #refill(share: Share): Promise<Refusal | undefined> {
    return this.#adopt(share, await this.#source.next(share.node, this.#listOf(share)))?.refusal;
  }

  #adopt(share: Share | undefined, reply: DispatchReply): { reply: DispatchReply; refusal: Refusal } | undefined {
    const { answer } = reply;
    if (answer.type === 'refused') return { reply, refusal: answer };
    if (share === undefined || answer.type !== 'list') throw new Error('the answer does not fit the operation');
    const [first] = answer.items;
    share.revision = answer.revision;
    share.view = answer.view ?? 0;
    share.node = reply.servedBy;
    share.at = 0;
    share.isLong = first?.type === 'deferred';
    share.items = first?.type === 'deferred' ? [] : answer.items;
    share.rest = answer.rest;
    if (first?.type === 'deferred') share.rest = this.#query.reverse ? behindKey(first.key) : first.key;
    return undefined;
  }

  #listOf({ shard, rest, view, isLong }: Share, isLast = false): List {
    const { from, to, reverse, content, grouping, consistency } = this.#query;
    const bounds = { from: reverse ? from : (rest ?? from), to: reverse ? (rest ?? to) : to };
    const size = isLong
      ? { rows: 1, bytes: MAX_ENCODED_VALUE_BYTES }
      : { rows: this.#query.shareRows ?? SHARE_ROWS, bytes: this.#bytes };
    // The view is of a confirmed state: what is read of it needs no further round.
    const how = view === 0 ? consistency : 'stale';
    return {
      ...{ type: 'list', shard, reverse, content, grouping, consistency: how, ...bounds, ...size },
      view: { id: view, isLast },
    };
  }

  /** Those that were not read to their end. */
  #closeViews(): void {
    for (const share of this.#shares) {
      if (share.view === 0 || share.rest === undefined) continue;
      this.#source.next(share.node, this.#listOf(share, true)).catch(() => undefined);
    }
  }
}

const placeOf = ({ items, at, rest }: Share): Uint8Array => items[at]?.key ?? rest ?? BEHIND_ALL_KEYS;
