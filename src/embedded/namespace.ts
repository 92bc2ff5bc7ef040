/** Namespaces: keyspaces beside the main one, each in one shard, with limits that no write passes. */
import { dropNamespace, newOperationId, readPage } from '../router/index.js';
import {
  FIRST_KEY,
  KvorumError,
  MAX_REVISION,
  behindKey,
  namespaceKey,
  namespaceNameOf,
  encodeProgram,
  type RunProgram,
} from '../shard/index.js';
import { checkNames, flag } from './arguments.js';
import { NamespaceExecutor, answerIn, programOperation, type Executor } from './executor.js';
import { Keyspace } from './keyspace.js';
import { whole } from './options.js';
import { asking, pageIn } from './ranges.js';
import { outcomeOf, resultOf, writeResult } from './results.js';
import { programOf } from './steps.js';

/** Limits of a namespace, 0 to 2^48−1; those left out are none. */
export interface NamespaceOptions {
  readonly maxKeys?: number;
  /** Of keys and values together, as users count them: text as its UTF-8, anything else as it is encoded. */
  readonly maxBytes?: number;
}

/** What `create` has done. */
export interface NamespaceResult {
  readonly revision: number;
  /** False: it was there, and has other limits now. */
  readonly created: boolean;
}

/** A namespace as of one revision of its shard. */
export interface NamespaceInfo extends NamespaceOptions {
  readonly name: string;
  /** The one shard that has all of its keys. */
  readonly shard: number;
  readonly keys: number;
  /** Of keys and values. */
  readonly bytes: number;
  /** Of the last change to the namespace, or to a key in it. */
  readonly revision: number;
  readonly createRevision: number;
}

/**
 * The operations on keys, within a namespace: its keys are none of those outside. All of them are in one shard, so that
 * any of its operations over several keys is one entry in the log; `atomic` and `transaction` take up to 2,000 checks and
 * writes. Every operation fails with `namespace-not-found` (`not_applied`) while the namespace does not exist, and with
 * `quota-exceeded` (`not_applied`) if it would pass a limit; deletions, and writes that add nothing, always work.
 */
export class NamespaceKeyspace extends Keyspace {
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
  async create(limits: NamespaceOptions = {}): Promise<NamespaceResult> {
    checkNames(limits, ['maxKeys', 'maxBytes']);
    const [maxKeys, maxBytes] = [limitOf('maxKeys', limits.maxKeys), limitOf('maxBytes', limits.maxBytes)];
    const base = { key: this.#key, condition: { type: 'none' }, returning: 'nothing' } as const;
    const program = programOf([{ type: 'namespace-put', ...base, maxKeys, maxBytes }]);
    const answer = await this.#executor.execute(programOperation(this.#key, encodeProgram(program)));
    const { created } = writeResult(resultOf(outcomeOf(answer)));
    return { revision: 'revision' in answer ? answer.revision : 0, created };
  }

  /** What it has, and its limits. Linearizable. @throws KvorumError `namespace-not-found`; otherwise as `get` */
  async info(): Promise<NamespaceInfo> {
    await this.#executor.opened();
    const shards = [this.#executor.shardOf(this.#key)];
    const range = { from: this.#key, to: behindKey(this.#key), reverse: false } as const;
    const [info] = (await readNamespaces(this.#executor, { ...range, shards, limit: 1 })).infos;
    if (info === undefined) throw new KvorumError('namespace-not-found', undefined, {}, 'not_applied');
    return info;
  }

  /**
   * Removes the namespace; with `force` its keys first, which is not one step: others may see a part of them gone.
   * @throws KvorumError `namespace-not-found`; `namespace-not-empty` without `force`, or if others keep writing keys into
   *   it; otherwise as `put`
   */
  async drop(options: { readonly force?: boolean } = {}): Promise<void> {
    checkNames(options, ['force']);
    const force = flag('force', options.force);
    await this.#executor.opened();
    const identity = { operationId: newOperationId(), attempt: 'initial' } as const;
    const drop = { key: this.#key, shard: this.#executor.shardOf(this.#key), force, identity };
    resultOf(outcomeOf(answerIn(await dropNamespace((write: RunProgram) => this.#executor.ask(write), drop))));
  }
}

const limitOf = (name: string, value: unknown): number | undefined =>
  value === undefined ? undefined : whole(name, value, 0, MAX_REVISION);

const PER_PAGE = 512;

/** All namespaces, in the order of their names. */
export async function* listNamespaces(executor: Executor): AsyncGenerator<NamespaceInfo, void, undefined> {
  const shards = [...Array(executor.shards).keys()];
  let from: Uint8Array | undefined = namespaceKey('a').subarray(0, 1);
  while (from !== undefined) {
    const { infos, rest } = await readNamespaces(executor, {
      ...{ from, to: FIRST_KEY, reverse: false, shards, limit: PER_PAGE },
    });
    yield* infos;
    from = rest;
  }
}

interface NamespaceRange {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
  readonly reverse: false;
  readonly shards: readonly number[];
  readonly limit: number;
}

async function readNamespaces(executor: Executor, range: NamespaceRange) {
  const query = { ...range, content: 'namespaces', grouping: undefined, consistency: 'linearizable' } as const;
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
