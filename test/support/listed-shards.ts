/** Shards with records in maps that answer lists, for tests of what merges their answers. */
import { loadHash, shardOfKey } from '../../src/shard/index.js';
import type { List } from '../../src/shard/list.js';
import { readKeyPage } from '../../src/shard/machine/key-page.js';
import { encodeContent } from '../../src/shard/machine/record-row.js';
import type { DispatchReply } from '../../src/router/dispatch/call.js';
import { MapStateStore } from './map-state-store.js';

export class ListedShards {
  readonly asked: List[] = [];
  /** Called before each answer. */
  before: ((list: List) => void) | undefined;
  readonly #stores: MapStateStore[];
  readonly #revisions: number[];

  private constructor(shards: number) {
    this.#stores = Array.from({ length: shards }, () => new MapStateStore());
    this.#revisions = this.#stores.map(() => 1);
  }

  static async of(shards: number): Promise<ListedShards> {
    await loadHash();
    return new ListedShards(shards);
  }

  get numbers(): number[] {
    return [...this.#stores.keys()];
  }

  revisionOf(shard: number): number {
    return this.#revisions[shard] ?? 0;
  }

  put(key: Uint8Array, bodyBytes = 1): void {
    const shard = shardOfKey(key, this.#stores.length);
    const revision = (this.#revisions[shard] ?? 0) + 1;
    this.#revisions[shard] = revision;
    const metadata = { revision, createRevision: revision, version: 1, expiresAtMs: undefined };
    const content = { ...metadata, contentType: 'a/b', body: Buffer.alloc(bodyBytes, 7) };
    this.#stores[shard]?.set(rowKeyOf(key), encodeContent(key, content));
  }

  delete(key: Uint8Array): void {
    const shard = shardOfKey(key, this.#stores.length);
    this.#revisions[shard] = (this.#revisions[shard] ?? 0) + 1;
    this.#stores[shard]?.delete(rowKeyOf(key));
  }

  readonly ask = (list: List): Promise<DispatchReply> => {
    this.asked.push(list);
    this.before?.(list);
    const store = this.#stores[list.shard];
    if (store === undefined) throw new Error(`there is no shard ${list.shard}`);
    const answer = { type: 'list', revision: this.revisionOf(list.shard), ...readKeyPage(store, list) } as const;
    return Promise.resolve({ answer, term: 1, servedBy: 1, shard: list.shard });
  };
}

const rowKeyOf = (key: Uint8Array): string => `\0${Buffer.from(key).toString('latin1')}`;
