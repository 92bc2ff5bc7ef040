/** Transactions as one value: comparisons, operations that run if all of them hold, and others that run if not. */
import { AnswerBudget, missingNamespace, withPlace, type Identity } from '../router/index.js';
import { KvorumError, type Comparison, type Program } from '../shard/index.js';
import { ONCE_OPTIONS, checkNames, identityOf } from './arguments.js';
import { comparisonOf, type Check } from './atomic.js';
import { settledOf } from './batch.js';
import type { BatchOperation, BatchResult, BatchResults, OnceOptions } from './entries.js';
import { within, type Executor } from './executor.js';
import { errorOf, outcomeOf } from './results.js';
import { programOf, stepOf } from './steps.js';

/**
 * What `transact` is to compare and do: at least one comparison or operation, at most 256 together (2,000 in a namespace), and
 * 4 MiB of keys and values.
 */
export interface TransactRequest<
  Then extends readonly BatchOperation[] = readonly BatchOperation[],
  Else extends readonly BatchOperation[] = readonly BatchOperation[],
> {
  /** What must hold before anything is done; default: nothing. */
  readonly if?: readonly ({ readonly key: unknown } & Check)[];
  /** Run in order if all of `if` holds; each sees what those before it did. Default: none. */
  readonly then?: Then;
  /** Run in order otherwise. Default: none. */
  readonly else?: Else;
  /**
   * `fail`, the default: an operation that fails fails all, and nothing is written. `continue`: it does nothing, says why in
   * its result, and those after it run.
   */
  readonly onError?: 'fail' | 'continue';
}

interface Ran {
  /** Of what was written, if all keys are in one shard; otherwise the highest. Without writes: as of which was read. */
  readonly revision: number;
  /** The revision in each shard, by its number (`where(key).shard`). */
  readonly revisions: ReadonlyMap<number, number>;
  /** It was done by an earlier call under the same `idempotencyKey`. */
  readonly replayed?: true;
  /** Of a replay whose results were longer than 4 KiB together, which are not kept: each is an error in its place. */
  readonly resultsOmitted?: true;
}

/**
 * What `transact` has done. `results` has one for each operation of the branch that ran, in its place; with `onError: 'fail'` an
 * operation that fails is an error of the call instead, and nothing is written.
 */
export type TransactResult<Then extends readonly BatchOperation[], Else extends readonly BatchOperation[]> =
  | (Ran & {
      /** True: all of `if` held. */
      readonly succeeded: true;
      /** Those of `then`. */
      readonly results: BatchResults<Then>;
    })
  | (Ran & {
      /** False: something of `if` did not hold. What `else` did was written all the same. */
      readonly succeeded: false;
      /** Those of `else`. */
      readonly results: BatchResults<Else>;
    });

type Untyped = Ran & { readonly succeeded: boolean; readonly results: readonly BatchResult<unknown>[] };

/** @throws TypeError, RangeError or KvorumError, before anything is sent, if a part of it is malformed */
export async function runTransact(given: Executor, request: TransactRequest, options: OnceOptions): Promise<Untyped> {
  checkNames(request, ['if', 'then', 'else', 'onError']);
  checkNames(options, ONCE_OPTIONS);
  const executor = within(given, options);
  const identity = identityOf(options.idempotencyKey);
  const { if: ifs = [], then: thens = [], else: elses = [] } = request;
  if (ifs.length + thens.length + elses.length === 0) {
    throw new KvorumError('invalid-request', 'a transaction compares or does something', { field: 'then' });
  }
  const onError: unknown = request.onError ?? 'fail';
  if (onError !== 'fail' && onError !== 'continue') {
    throw new TypeError(`onError must be fail or continue, got ${String(onError)}`);
  }
  const keyOf = (key: unknown): Uint8Array => executor.keyOf(key);
  const comparisons = ifs.map(({ key, ...check }): Comparison => comparisonOf(keyOf(key), check));
  const then = thens.map((operation) => stepOf(operation, keyOf));
  const otherwise = elses.map((operation) => stepOf(operation, keyOf));
  const program = programOf(then, { comparisons, otherwise, onError });
  const { answer, outcome, revisions } = await transacted(executor, program, identity);
  if (answer.type !== 'program') throw new Error('the answer does not fit the operation');
  const { succeeded, omitted } = outcome;
  const { revision, replayed } = answer;
  const fitted = { omitted, results: new AnswerBudget().fitAll(outcome.results) };
  const results = settledOf(fitted, succeeded ? then : otherwise, replayed);
  return {
    ...{ succeeded, results, revision, revisions },
    ...(replayed && { replayed }),
    ...(omitted && { resultsOmitted: true }),
  };
}

/** @throws KvorumError that names the operation which failed as `then[0]` or `else[0]` */
async function transacted(executor: Executor, program: Program, identity: Identity) {
  try {
    const { answer, revisions } = await executor.transact(program, identity);
    const outcome = outcomeOf(answer);
    const missing = missingNamespace(outcome.results);
    if (missing !== undefined) throw errorOf(missing);
    return { answer, revisions, outcome };
  } catch (error) {
    if (!(error instanceof KvorumError)) throw error;
    throw Object.assign(error, { details: withPlace(error.details, program) });
  }
}
