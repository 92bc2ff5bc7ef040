/**
 * What a shard held after each of its entries, as the reference applied them (`reference.ts`): every version of its
 * records and namespaces, and the answer of each operation. So an answer that names a revision can be judged exactly.
 *
 * Throws `InvariantViolation` after an entry where the counters of a namespace differ from a recount of its keys, where a
 * limit is passed by what the entry added, or where keys are left of a namespace that is gone.
 */
import { InvariantViolation, type StateKey } from '../raft/index.js';
import {
  behindKey,
  binaryString,
  namespaceBytesOf,
  namespaceKey,
  prefixEndOf,
  type Answer,
  type EntryView,
  type KeyRecord,
  type KvMachine,
  type List,
  type Namespace,
} from '../shard/index.js';

/** First characters of row keys (`shard/machine/kv-machine.ts`). */
const RECORD_SPACE = '\0';
const NAMESPACE_SPACE = '\u0005';
const NAMESPACE_TAG = binaryString(namespaceKey('a'), 0, 1);

interface Version<T> {
  readonly revision: number;
  /** Undefined: absent. */
  readonly value: T | undefined;
}

/** All versions of some rows, by their encoded key as a binary string. */
class Versions<T> {
  readonly #versions = new Map<string, Version<T>[]>();
  #sorted: readonly string[] | undefined;

  add(key: string, revision: number, value: T | undefined): void {
    const known = this.#versions.get(key);
    if (known !== undefined) known.push({ revision, value });
    else {
      this.#versions.set(key, [{ revision, value }]);
      this.#sorted = undefined;
    }
  }

  at(key: string, revision: number): T | undefined {
    return this.#versions.get(key)?.findLast((version) => version.revision <= revision)?.value;
  }

  lastChange(key: string, revision: number): number {
    return this.#versions.get(key)?.findLast((version) => version.revision <= revision)?.revision ?? 0;
  }

  /** What there is from `from` up to, without, `to`, in the order of keys. */
  between(from: string, to: string | undefined, revision: number): (readonly [string, T])[] {
    this.#sorted ??= [...this.#versions.keys()].sort();
    const found: (readonly [string, T])[] = [];
    for (const key of this.#sorted) {
      if (key < from || (to !== undefined && key >= to)) continue;
      const value = this.at(key, revision);
      if (value !== undefined) found.push([key, value]);
    }
    return found;
  }
}

export type Decided = Exclude<Answer, { type: 'refused' }>;

export class ShardHistory {
  readonly #records = new Versions<KeyRecord>();
  readonly #namespaces = new Versions<Namespace>();
  /** By operation id: the answer of the entry that decided it. */
  readonly #answers = new Map<string, Decided>();
  /** Replicated time after an entry, by its index. */
  readonly #clocks = new Map<number, number>();
  readonly #touched = new Set<StateKey>();
  /** From this entry on deletions are known; infinite: no program was applied yet. */
  firstProgram = Infinity;
  applied = 0;

  /** The entry that is being applied has changed a row. */
  readonly onChange = (rowKey: StateKey): void => {
    if (rowKey.startsWith(RECORD_SPACE) || rowKey.startsWith(NAMESPACE_SPACE)) this.#touched.add(rowKey);
  };

  /** Must be called after each entry. @throws InvariantViolation */
  onApplied(index: number, view: EntryView, answer: Answer | undefined, machine: KvMachine): void {
    this.applied = index;
    if (view.isProgram) this.firstProgram = Math.min(this.firstProgram, index);
    const isReplay = answer !== undefined && 'replayed' in answer && answer.replayed === true;
    if (answer !== undefined && answer.type !== 'refused' && !isReplay) this.#answers.set(view.operationId, answer);
    this.#clocks.set(index, machine.replicatedTimeMs);
    if (this.#touched.size === 0) return;
    const namespaces = new Set<string>();
    for (const rowKey of this.#touched) {
      const isRecord = rowKey.startsWith(RECORD_SPACE);
      const key = isRecord ? rowKey.slice(1) : NAMESPACE_TAG + rowKey.slice(1);
      if (isRecord) this.#records.add(key, index, machine.get(bytesOf(key)));
      if (key.startsWith(NAMESPACE_TAG)) namespaces.add(key.slice(0, namespaceBytesOf(bytesOf(key))));
    }
    this.#touched.clear();
    for (const name of namespaces) this.#recount(index, name, machine);
  }

  answerOf(operationId: Uint8Array): Decided | undefined {
    return this.#answers.get(binaryString(operationId, 0, operationId.length));
  }

  recordsBetween(from: Uint8Array, to: Uint8Array | undefined, revision: number): (readonly [string, KeyRecord])[] {
    return this.#records.between(textOf(from), to && textOf(to), revision);
  }

  namespacesBetween(from: Uint8Array, to: Uint8Array | undefined, revision: number): (readonly [string, Namespace])[] {
    return this.#namespaces.between(textOf(from), to && textOf(to), revision);
  }

  namespaceAt(key: Uint8Array, revision: number): Namespace | undefined {
    return this.#namespaces.at(textOf(key), revision);
  }

  /** Whether nothing happened to the key after revision `since`, as the entry at `index` must find it. */
  isUnchanged(key: Uint8Array, since: number, index: number): boolean {
    const text = textOf(key);
    const before = this.#records.at(text, index - 1);
    // What is due goes in the entry that meets it.
    if (before !== undefined) return before.revision <= since && !this.isDue(before, index);
    return since >= this.firstProgram && this.#records.lastChange(text, index - 1) <= since;
  }

  isDue({ expiresAtMs }: KeyRecord, index: number): boolean {
    return expiresAtMs !== undefined && expiresAtMs <= (this.#clocks.get(index) ?? 0);
  }

  /** The counters are what a recount gives, and no entry has added beyond a limit. */
  #recount(index: number, name: string, machine: KvMachine): void {
    const key = bytesOf(name);
    const [item] = machine.list(listOf(key)).items;
    const now = item?.type === 'namespace' ? item.namespace : undefined;
    const before = this.#namespaces.at(name, index - 1);
    this.#namespaces.add(name, index, now);
    let [keys, bytes] = [0, 0];
    for (const [recordKey, { body }] of this.recordsBetween(key, prefixEndOf(key), index)) {
      keys += 1;
      // The tag of the user's key does not count.
      bytes += recordKey.length - name.length - 1 + body.length;
    }
    const where = `entry ${index}, namespace ${JSON.stringify(name.slice(1, -1))}`;
    const { keys: counted = 0, bytes: countedBytes = 0, maxKeys = Infinity, maxBytes = Infinity } = now ?? {};
    if (counted !== keys || countedBytes !== bytes) {
      const found = `${keys} keys of ${bytes} bytes`;
      throw new InvariantViolation(`${where}: counts ${counted} keys of ${countedBytes} bytes, and has ${found}`);
    }
    if (keys > maxKeys && keys > (before?.keys ?? 0)) {
      throw new InvariantViolation(`${where}: has ${keys} keys, its limit is ${maxKeys}`);
    }
    if (bytes > maxBytes && bytes > (before?.bytes ?? 0)) {
      throw new InvariantViolation(`${where}: has ${bytes} bytes, its limit is ${maxBytes}`);
    }
  }
}

const textOf = (key: Uint8Array): string => binaryString(key, 0, key.length);
const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'latin1');

/** The namespace alone. */
const listOf = (key: Uint8Array): List => ({
  ...{ type: 'list', shard: 0, from: key, to: behindKey(key), reverse: false, grouping: undefined },
  ...{ content: 'namespaces', rows: 1, bytes: 1_000, consistency: 'stale' },
});
