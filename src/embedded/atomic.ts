/** Atomic operations: checks, and writes that happen together if all of them hold. */
import { JSON_CONTENT_TYPE, KvorumError, type Comparison, type Step } from '../shard/index.js';
import { ONCE_OPTIONS, checkNames, identityOf, revisionOf } from './arguments.js';
import type { IncrementOptions, JsonPatch, OnceOptions, Ttl, WriteOptions } from './entries.js';
import { within, type Executor, type Transacted } from './executor.js';
import { outcomeOf } from './results.js';
import {
  COUNTER_OPTIONS,
  appendStep,
  checkedValue,
  deleteStep,
  incrementStep,
  patchStep,
  programOf,
  putStep,
  touchStep,
} from './steps.js';

/** What must hold of a key: exactly one of these. None, several or another is a TypeError. */
export type Check =
  | {
      /** The key does not exist. */
      readonly absent: true;
    }
  | {
      /** The key exists, whatever it holds. */
      readonly exists: true;
    }
  | {
      /** The key exists with this revision, as of `getEntry` or a write. 0 to 2^48−1. */
      readonly revision: number;
    }
  | {
      /** Number of writes since the creation, 0 to 2^48−1; 0: the key is absent. */
      readonly version: number;
    }
  | {
      /**
       * Values that JSON holds exactly are compared as JSON, so that 1 equals a counter at 1 and the order of members does not
       * count; text and bytes byte for byte. Others (dates, maps, bigints) byte for byte as they are stored, where equal
       * values may differ, as by the order in which members were added.
       */
      readonly value: unknown;
    }
  | {
      /**
       * Nothing happened to the key after this revision of its shard, deletions included. Does not hold where that cannot be
       * told: a shard knows its last 16,384 deletions.
       */
      readonly unchangedSince: number;
    };

const CHECKS = ['absent', 'exists', 'revision', 'version', 'value', 'unchangedSince'];

/** Those of an increment without those of every write: checks are beside it. */
type CounterOptions = Omit<IncrementOptions, keyof WriteOptions>;

/**
 * What `commit()` has done. Only a check that does not hold makes it `{ committed: false }`; a commit that failed, or may have
 * happened, is a `KvorumError`.
 */
export type CommitResult =
  | {
      /** True: all checks held, and everything was written. */
      readonly committed: true;
      /** Of what was written, if all keys are in one shard; otherwise the highest. Without writes: as of which was checked. */
      readonly revision: number;
      /** The revision in each shard, by its number (`where(key).shard`). */
      readonly revisions: ReadonlyMap<number, number>;
      /** It was done by an earlier call under the same `idempotencyKey`. */
      readonly replayed?: true;
    }
  | {
      /** False: a check did not hold, and nothing was written. Which one, it does not say. */
      readonly committed: false;
      /** It was found by an earlier call under the same `idempotencyKey`: a call under another checks anew. */
      readonly replayed?: true;
    };

/**
 * Collects checks and writes for `commit()`. All checks look at the state before; the writes run in the order of the calls,
 * and each sees what those before it did. All or nothing: nothing is written if a check does not hold, or if a write
 * fails, whichever it is.
 */
export class AtomicOperation {
  readonly #executor: Executor;
  readonly #comparisons: Comparison[] = [];
  readonly #steps: Step[] = [];

  /** @internal */
  constructor(executor: Executor) {
    this.#executor = executor;
  }

  /** Nothing is written unless this holds. @throws TypeError for a check that is none, RangeError for a wrong number */
  check(key: unknown, check: Check): this {
    this.#comparisons.push(comparisonOf(this.#executor.keyOf(key), check));
    return this;
  }

  /** As `put` without conditions. @throws as `put`, except for the errors of shards */
  set(key: unknown, value: unknown, options: { readonly ttl?: Ttl } = {}): this {
    checkNames(options, ['ttl']);
    this.#steps.push(putStep(this.#executor.keyOf(key), value, options));
    return this;
  }

  /** As `delete` without conditions; an absent key is no failure. @throws as `delete`, except for the errors of shards */
  delete(key: unknown): this {
    this.#steps.push(deleteStep(this.#executor.keyOf(key)));
    return this;
  }

  /** As `increment`. At a bound nothing is added, and everything else happens. */
  increment(key: unknown, by: bigint | number = 1n, options: CounterOptions = {}): this {
    checkNames(options, COUNTER_OPTIONS);
    this.#steps.push(incrementStep(this.#executor.keyOf(key), by, options));
    return this;
  }

  /** As `append`. @throws as `append`, except for the errors of shards; so do the next two */
  append(key: unknown, value: string | Uint8Array): this {
    this.#steps.push(appendStep(this.#executor.keyOf(key), value));
    return this;
  }

  /** As `patch`. */
  patch(key: unknown, patch: JsonPatch | object): this {
    this.#steps.push(patchStep(this.#executor.keyOf(key), patch));
    return this;
  }

  /** As `touch`. */
  touch(key: unknown, ttl: Ttl | null): this {
    this.#steps.push(touchStep(this.#executor.keyOf(key), ttl));
    return this;
  }

  /**
   * `{ committed: false }` if a check does not hold. Another call does everything anew, except under the same
   * `idempotencyKey`.
   * @throws KvorumError as `put`; `conflict` if other transactions held keys in several shards until the deadline;
   *   `wrong-type` or `patch-failed` if a write does not fit what the key holds, with the place among the writes
   *   as `details.field`; `invalid-request` if there is nothing to do, or with more than 256 checks and writes (2,000 in a
   *   namespace);
   *   `value-too-large` with more than 4 MiB
   */
  async commit(options: OnceOptions = {}): Promise<CommitResult> {
    checkNames(options, ONCE_OPTIONS);
    const identity = identityOf(options.idempotencyKey);
    if (this.#comparisons.length + this.#steps.length === 0) {
      throw new KvorumError('invalid-request', 'an atomic operation needs a check or a write');
    }
    const program = programOf([...this.#steps], { comparisons: [...this.#comparisons] });
    return commitOf(await within(this.#executor, options).transact(program, identity));
  }
}

/** @throws KvorumError if the program was refused */
export function commitOf({ answer, revisions }: Transacted): CommitResult {
  const { succeeded } = outcomeOf(answer);
  if (answer.type !== 'program') throw new Error('the answer does not fit the operation');
  const replay = answer.replayed ? ({ replayed: true } as const) : {};
  if (!succeeded) return { committed: false, ...replay };
  return { committed: true, revision: answer.revision, revisions, ...replay };
}

/** @throws TypeError for a check that is none, RangeError for a wrong number */
export function comparisonOf(key: Uint8Array, check: Check): Comparison {
  checkNames(check, CHECKS);
  const [name, ...others] = Object.keys(check);
  const given: Readonly<Record<string, unknown>> = { ...check };
  if (name === undefined || others.length > 0) {
    throw new TypeError(`a check has one of ${CHECKS.join(', ')}`);
  }
  switch (name) {
    case 'absent':
    case 'exists':
      if (given[name] !== true) throw new TypeError(`${name} must be true, got ${String(given[name])}`);
      return { key, type: name };
    case 'revision':
      return { key, type: name, revision: revisionOf(name, given[name]) };
    case 'version':
      return { key, type: name, version: revisionOf(name, given[name]) };
    case 'unchangedSince':
      return { key, type: 'unchanged-since', revision: revisionOf(name, given[name]) };
    default: {
      const { contentType, body } = checkedValue(given['value']);
      return { key, type: 'value', json: contentType === JSON_CONTENT_TYPE, value: body };
    }
  }
}
