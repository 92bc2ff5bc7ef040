/** Namespaces: keyspaces beside the main one, each in one shard, with limits that no write passes. */
import { dropNamespace, readPage } from '../router/index.js';
import {
  FIRST_KEY,
  KvorumError,
  MAX_REVISION,
  behindKey,
  namespaceKey,
  namespaceNameOf,
  encodeProgram,
  type Answer,
  type Consistency,
  type ReadBound,
  type RunProgram,
} from '../shard/index.js';
import { ONCE_OPTIONS, READ_OPTIONS, checkNames, flag, identityOf, readOptionsOf } from './arguments.js';
import type { OnceOptions, ReadOptions } from './entries.js';
import { NamespaceExecutor, answerIn, programOperation, within, type Executor } from './executor.js';
import { Keyspace } from './keyspace.js';
import { whole } from './options.js';
import { asking, pageIn } from './ranges.js';
import { outcomeOf, resultOf, writeResult } from './results.js';
import { programOf } from './steps.js';

/** Limits of a namespace, 0 to 2^48−1; those left out are none. */
export interface NamespaceOptions {
  /** Number of keys. A write that would pass it is `quota-exceeded`. Absent: no limit. */
  readonly maxKeys?: number;
  /** Of keys and values together, as users count them: text as its UTF-8, anything else as it is encoded. Absent: no limit. */
  readonly maxBytes?: number;
}

/** What `create` has done. */
export interface NamespaceResult {
  /** Of the shard that has the namespace, after the call. Writes to its keys get higher ones. */
  readonly revision: number;
  /** False: it was there, and has other limits now. */
  readonly created: boolean;
  /** It was done by an earlier call under the same `idempotencyKey`. */
  readonly replayed?: true;
}

/** Of `drop`. Without `force` a namespace that has keys stays: `namespace-not-empty`. */
export interface DropOptions extends OnceOptions {
  /** Removes its keys first; default false. */
  readonly force?: boolean;
}

/** What `drop` has done: the namespace and its keys are gone. One that does not exist is `namespace-not-found`. */
export interface DropResult {
  /** Of the shard that had the namespace, after its removal. */
  readonly revision: number;
  /** It was done by an earlier call under the same `idempotencyKey`. */
  readonly replayed?: true;
}

/** Of `namespaces`. Without any: ascending by name, linearizable in each shard, not at one moment over all of them. */
export interface NamespacesOptions extends ReadOptions {
  /** From the last name to the first; default false. */
  readonly reverse?: boolean;
}

/** A namespace as of one revision of its shard. */
export interface NamespaceInfo extends NamespaceOptions {
  /** 1 to 63 of a–z, 0–9 and `-`. */
  readonly name: string;
  /** The one shard that has all of its keys, from 0. */
  readonly shard: number;
  /** Number of keys that it has, as `maxKeys` limits it. A key that has expired counts until it is removed, soon after. */
  readonly keys: number;
  /** Of keys and values together, as `maxBytes` limits it. */
  readonly bytes: number;
  /** Of the last change to the namespace, or to a key in it. */
  readonly revision: number;
  /** Revision of its shard with which it was created: tells it from an earlier namespace of the same name. */
  readonly createRevision: number;
}

/**
 * The operations on keys, within a namespace: its keys are none of those outside. All of them are in one shard, so that
 * any of its operations over several keys is one entry in the log; `atomic` and `transaction` take up to 2,000 checks and
 * writes. Every operation fails with `namespace-not-found` (`not_applied`) while the namespace does not exist, and with
 * `quota-exceeded` (`not_applied`) if it would pass a limit; deletions, and writes that add nothing, always work.
 */
export class NamespaceKeyspace extends Keyspace {
  /** As it was passed to `namespace`. */
  readonly name: string;
  readonly #executor: Executor;
  readonly #key: Uint8Array;

  /** @internal */
  constructor(main: Executor, name: string) {
    const key = namespaceKey(name);
    const executor = new NamespaceExecutor(main, key);
    super(executor);
    this.name = name;
    this.#executor = executor;
    this.#key = key;
  }

  /**
   * Creates the namespace, or gives the one that exists these limits. Limits below what it has delete nothing: it takes no
   * more then.
   * @throws RangeError for a limit that is none; KvorumError as `put`
   */
  async create(limits: NamespaceOptions = {}, options: OnceOptions = {}): Promise<NamespaceResult> {
    checkNames(limits, ['maxKeys', 'maxBytes']);
    checkNames(options, ONCE_OPTIONS);
    const identity = identityOf(options.idempotencyKey);
    const [maxKeys, maxBytes] = [limitOf('maxKeys', limits.maxKeys), limitOf('maxBytes', limits.maxBytes)];
    const base = { key: this.#key, condition: { type: 'none' }, returning: 'nothing' } as const;
    const program = programOf([{ type: 'namespace-put', ...base, maxKeys, maxBytes }]);
    const operation = programOperation(this.#key, encodeProgram(program), identity);
    const answer = await within(this.#executor, options).execute(operation);
    const { created } = writeResult(resultOf(outcomeOf(answer)));
    return { ...doneBy(answer), created };
  }

  /**
   * What it has, and its limits. Linearizable, unless `options` allow for a stale answer.
   * @throws KvorumError `namespace-not-found`; otherwise as `get`
   */
  async info(options: ReadOptions = {}): Promise<NamespaceInfo> {
    checkNames(options, READ_OPTIONS);
    const how = readOptionsOf(options);
    await this.#executor.opened();
    const shards = [this.#executor.shardOf(this.#key)];
    const range = { from: this.#key, to: behindKey(this.#key), reverse: false } as const;
    const [info] = (await readNamespaces(within(this.#executor, options), { ...range, shards, ...how, limit: 1 }))
      .infos;
    if (info === undefined) throw new KvorumError('namespace-not-found', undefined, {}, 'not_applied');
    return info;
  }

  /**
   * Removes the namespace; with `force` its keys first, which is not one step: others may see a part of them gone.
   * @throws KvorumError `namespace-not-found`; `namespace-not-empty` without `force`, or if others keep writing keys into
   *   it; otherwise as `put`
   */
  async drop(options: DropOptions = {}): Promise<DropResult> {
    checkNames(options, ['force', ...ONCE_OPTIONS]);
    const executor = within(this.#executor, options);
    const force = flag('force', options.force);
    const identity = identityOf(options.idempotencyKey);
    await this.#executor.opened();
    const drop = { key: this.#key, shard: this.#executor.shardOf(this.#key), force, identity };
    const reply = await dropNamespace((write: RunProgram) => executor.ask(write), drop);
    const answer = answerIn(reply, identity);
    resultOf(outcomeOf(answer));
    return doneBy(answer);
  }
}

function doneBy(answer: Answer): DropResult {
  if (answer.type !== 'program') throw new Error('the answer does not fit the operation');
  const { revision, replayed } = answer;
  return replayed ? { revision, replayed } : { revision };
}

const limitOf = (name: string, value: unknown): number | undefined =>
  value === undefined ? undefined : whole(name, value, 0, MAX_REVISION);

const PER_PAGE = 512;

/** All namespaces, in the order of their names. */
export async function* listNamespaces(
  given: Executor,
  options: NamespacesOptions,
): AsyncGenerator<NamespaceInfo, void, undefined> {
  checkNames(options, [...READ_OPTIONS, 'reverse']);
  const executor = within(given, options);
  const how = readOptionsOf(options);
  const reverse = flag('reverse', options.reverse);
  const shards = [...Array(executor.shards).keys()];
  let range = { from: namespaceKey('a').subarray(0, 1), to: FIRST_KEY };
  for (;;) {
    const { infos, rest } = await readNamespaces(executor, { ...range, reverse, shards, ...how, limit: PER_PAGE });
    yield* infos;
    if (rest === undefined) return;
    range = reverse ? { ...range, to: rest } : { ...range, from: rest };
  }
}

interface NamespaceRange {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly reverse: boolean;
  readonly shards: readonly number[];
  readonly consistency: Consistency;
  readonly bound?: ReadBound | undefined;
  readonly limit: number;
}

async function readNamespaces(executor: Executor, range: NamespaceRange) {
  const query = { ...range, content: 'namespaces', grouping: undefined } as const;
  const { items, rest } = pageIn(await readPage(asking(executor), query));
  const infos: NamespaceInfo[] = [];
  for (const { item, shard } of items) {
    if (item.type !== 'namespace') continue;
    const { keys, bytes, revision, createRevision, maxKeys, maxBytes } = item.namespace;
    const limits = { ...(maxKeys !== undefined && { maxKeys }), ...(maxBytes !== undefined && { maxBytes }) };
    infos.push({ name: namespaceNameOf(item.key), shard, keys, bytes, revision, createRevision, ...limits });
  }
  return { infos, rest };
}
