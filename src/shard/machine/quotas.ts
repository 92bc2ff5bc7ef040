/** What one program adds to namespaces, before it is written: limits count what is kept and what was added so far. */
import type { ErrorCode, ErrorDetails } from '../errors.js';
import { isInNamespace, namespaceBytesOf, namespaceNameOf } from '../namespace.js';
import type { KeyRecord } from '../operation.js';
import type { Namespaces } from './namespaces.js';

export interface QuotaRefusal {
  readonly code: Extract<ErrorCode, 'namespace-not-found' | 'quota-exceeded'>;
  readonly details: ErrorDetails;
}

interface Added {
  keys: number;
  bytes: number;
}

const NOT_FOUND: QuotaRefusal = { code: 'namespace-not-found', details: { field: 'namespace' } };

export class Quotas {
  readonly #namespaces: Namespaces;
  /** By the name of a namespace; undefined before the first, for most programs meet none. */
  #added: Map<string, Added> | undefined;

  constructor(namespaces: Namespaces) {
    this.#namespaces = namespaces;
  }

  /** Why the key cannot even be read; undefined: it can. */
  refusalOf(key: Uint8Array): QuotaRefusal | undefined {
    return isInNamespace(key) && this.#namespaces.of(key) === undefined ? NOT_FOUND : undefined;
  }

  /** Counts a change of a key; where it would pass a limit, nothing is counted. A change that adds nothing never does. */
  count(key: Uint8Array, before: KeyRecord | undefined, after: KeyRecord | undefined): QuotaRefusal | undefined {
    if (!isInNamespace(key)) return undefined;
    const namespace = this.#namespaces.of(key);
    if (namespace === undefined) return NOT_FOUND;
    const { maxKeys = Infinity, maxBytes = Infinity } = namespace;
    const added = this.#of(key);
    const keys = (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1);
    const bytes = bytesOf(key, after) - bytesOf(key, before);
    if (keys > 0 && namespace.keys + added.keys + keys > maxKeys) return exceeded('max_keys', maxKeys);
    if (bytes > 0 && namespace.bytes + added.bytes + bytes > maxBytes) return exceeded('max_bytes', maxBytes);
    added.keys += keys;
    added.bytes += bytes;
    return undefined;
  }

  /** Takes back what `count` counted. */
  undo(key: Uint8Array, before: KeyRecord | undefined, after: KeyRecord | undefined): void {
    if (!isInNamespace(key)) return;
    const added = this.#of(key);
    added.keys += (before === undefined ? 0 : 1) - (after === undefined ? 0 : 1);
    added.bytes += bytesOf(key, before) - bytesOf(key, after);
  }

  #of(key: Uint8Array): Added {
    const name = namespaceNameOf(key);
    this.#added ??= new Map();
    let added = this.#added.get(name);
    if (added === undefined) this.#added.set(name, (added = { keys: 0, bytes: 0 }));
    return added;
  }
}

/** As users count them: without the tag of the key. */
const bytesOf = (key: Uint8Array, record: KeyRecord | undefined): number =>
  record === undefined ? 0 : key.length - namespaceBytesOf(key) - 1 + record.body.length;

const exceeded = (field: string, limit: number): QuotaRefusal => ({
  code: 'quota-exceeded',
  details: { field, limit },
});
