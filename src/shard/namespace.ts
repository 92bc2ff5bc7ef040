/**
 * Namespaces, as plain data: keyspaces of their own, whose keys are all in one shard, with counters
 * that are exact after every entry, and limits that no entry passes.
 *
 * Bytes are those of keys and values as users count them: a string key counts as its UTF-8, any other as its encoding
 * without the tag.
 *
 * A key in a namespace is the tag `namespace`, the name in ASCII, 00, and the user's key as it is encoded elsewhere. What
 * is before the user's key decides the shard (`keys/hash.ts`), so a namespace is in one shard, in one piece. The tag is
 * below that of every other key: lists of the main keyspace begin behind it (`FIRST_KEY`). The part before the user's key is
 * itself the key by which the namespace is created, listed and deleted; it has no record.
 */
import { MAX_NAMESPACE_NAME_BYTES } from './bounds.js';
import { KvorumError } from './errors.js';
import { FORMATS } from './formats.js';

const TAG = FORMATS.keyTag.numbers.namespace;

/** Undefined: no limit. */
export interface NamespaceLimits {
  readonly maxKeys: number | undefined;
  readonly maxBytes: number | undefined;
}

export interface Namespace extends NamespaceLimits {
  readonly createRevision: number;
  /** Of the last change of the namespace or of a key in it. */
  readonly revision: number;
  readonly keys: number;
  readonly bytes: number;
}

const NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;

export const isNamespaceName = (name: string): boolean => NAME.test(name);

/** @throws KvorumError `invalid-request` for what is no name */
export function namespaceKey(name: string): Uint8Array {
  if (!isNamespaceName(name)) {
    const wanted = `1 to ${MAX_NAMESPACE_NAME_BYTES} of a–z, 0–9 and -, and does not begin with -`;
    throw new KvorumError('invalid-request', `the name of a namespace has ${wanted}`, { field: 'namespace' });
  }
  return Buffer.concat([Uint8Array.of(TAG), Buffer.from(name, 'latin1'), Uint8Array.of(0)]);
}

/** The key of a namespace, or one in it. */
export const isInNamespace = (key: Uint8Array): boolean => key[0] === TAG;

/** Bytes of an encoded key before the user's. */
export const namespaceBytesOf = (key: Uint8Array): number => (isInNamespace(key) ? key.indexOf(0, 1) + 1 : 0);

/** The encoded key as it is outside of the namespace. */
export const userKeyOf = (key: Uint8Array): Uint8Array => key.subarray(namespaceBytesOf(key));

/** The name in a key that is in a namespace. */
export const namespaceNameOf = (key: Uint8Array): string =>
  Buffer.from(key.subarray(1, namespaceBytesOf(key) - 1)).toString('latin1');

/** @param namespace its key; undefined: the main keyspace */
export const inNamespace = (namespace: Uint8Array | undefined, key: Uint8Array): Uint8Array =>
  namespace === undefined ? key : Buffer.concat([namespace, key]);
