/** The body of a page of keys: items as the envelope of a single key, JSON values as they were stored. */
import { namespaceNameOf, prefixTextOf, type Namespace } from '../../shard/index.js';
import type { PageItem } from '../dispatch/index.js';
import { joined, recordMembers, type JsonPieces } from './envelope.js';
import { encodedKeyMembers } from './key.js';

/** One item: an envelope, `{"key":…}` without a value, or `{"prefix":…}`. */
export function itemPieces({ item, shard }: PageItem): JsonPieces {
  switch (item.type) {
    case 'record':
      return [`{${encodedKeyMembers(item.key)},`, ...recordMembers(item.record, shard), '}'];
    case 'key':
      return [`{${encodedKeyMembers(item.key)},"shard":${shard}}`];
    case 'prefix':
      return [`{"prefix":${JSON.stringify(prefixTextOf(item.key))}}`];
    case 'namespace':
      return [`{${namespaceMembers(item.key, item.namespace, shard)}}`];
  }
}

/** Of a JSON object; `null` is no limit. */
export function namespaceMembers(key: Uint8Array, namespace: Namespace, shard: number): string {
  const { keys, bytes, revision, createRevision, maxKeys = null, maxBytes = null } = namespace;
  return (
    `"namespace":"${namespaceNameOf(key)}","shard":${shard},"keys":${keys},"bytes":${bytes},"revision":${revision},` +
    `"create_revision":${createRevision},"max_keys":${maxKeys},"max_bytes":${maxBytes}`
  );
}

/** `{"0":17,…}` */
export function revisionsBody(revisions: ReadonlyMap<number, number>): string {
  const members = [...revisions].sort(([a], [b]) => a - b).map(([shard, revision]) => `"${shard}":${revision}`);
  return `{${members.join(',')}}`;
}

export function pageBody(
  items: readonly PageItem[],
  cursor: string | undefined,
  revisions: ReadonlyMap<number, number>,
): Buffer {
  const pieces: JsonPieces = ['{"items":['];
  for (const [at, item] of items.entries()) {
    if (at > 0) pieces.push(',');
    pieces.push(...itemPieces(item));
  }
  const next = cursor === undefined ? 'null' : `"${cursor}"`;
  pieces.push(`],"cursor":${next},"revisions":${revisionsBody(revisions)}}`);
  return joined(pieces);
}
