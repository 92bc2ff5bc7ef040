/** Batches: operations grouped by shard, one entry each; of gets alone, one read. */
import { runBatch as runSteps, type BatchGroup, type FittedResult, type Identity } from '../router/index.js';
import {
  KvorumError,
  MAX_BATCH_BYTES,
  MAX_BATCH_OPERATIONS,
  MAX_VALUE_BYTES,
  isKeyed,
  refuse,
  type KvOperation,
  type ProgramOutcome,
  type Step,
} from '../shard/index.js';
import { ONCE_OPTIONS, checkNames, identityOf } from './arguments.js';
import type { EmbeddedReply } from './cluster.js';
import type { BatchOperation, BatchResult, OnceOptions } from './entries.js';
import { withCause, withRetryKey, within, type Executor } from './executor.js';
import { errorOf, resultOf, valueOf } from './results.js';
import { stepOf } from './steps.js';

/** @throws TypeError, RangeError or KvorumError, before anything is sent, if an operation is malformed */
export async function runBatch(
  given: Executor,
  operations: readonly BatchOperation[],
  options: OnceOptions = {},
): Promise<BatchResult<unknown>[]> {
  checkNames(options, ONCE_OPTIONS);
  const executor = within(given, options);
  const identity = identityOf(options.idempotencyKey);
  const keyOf = (key: unknown): Uint8Array => executor.keyOf(key);
  const steps = operations.map((operation) => stepOf(operation, keyOf));
  checkBounds(steps);
  if (steps.length === 0) return [];
  try {
    await executor.opened();
  } catch (reason) {
    // Without a cluster there are no shards: then all fail.
    if (!(reason instanceof KvorumError)) throw reason;
    return steps.map(() => ({ status: 'rejected', reason }));
  }
  const groups = await runSteps(
    { steps, valueLimit: MAX_VALUE_BYTES, ...identity, consistency: 'linearizable' },
    {
      // The executor knows its deadline.
      ...{ deadlineMs: 0, forward: true },
      execute: (operation) => replyTo(executor, operation),
      shardOfKey: (key) => executor.shardOf(key),
    },
  );
  const settled: BatchResult<unknown>[] = [];
  for (const group of groups) {
    const results = resultsOf(group, steps, identity);
    for (const [at, position] of group.positions.entries()) {
      const result = results[at];
      if (result !== undefined) settled[position] = result;
    }
  }
  return settled;
}

function checkBounds(steps: readonly Step[]): void {
  if (steps.length > MAX_BATCH_OPERATIONS) {
    const message = `a batch of ${steps.length} operations, ${MAX_BATCH_OPERATIONS} are allowed`;
    throw new KvorumError('invalid-request', message, { field: 'operations', limit: MAX_BATCH_OPERATIONS });
  }
  const bytes = steps.reduce((sum, step) => sum + step.key.length + ('body' in step ? step.body.length : 0), 0);
  if (bytes <= MAX_BATCH_BYTES) return;
  const message = `a batch of ${bytes} bytes, ${MAX_BATCH_BYTES} are allowed`;
  throw new KvorumError('value-too-large', message, { field: 'operations', limit: MAX_BATCH_BYTES });
}

/** An error ends the group that met it, not those of other shards. */
async function replyTo(executor: Executor, operation: KvOperation): Promise<EmbeddedReply> {
  try {
    return await executor.ask(operation);
  } catch (error) {
    if (!(error instanceof KvorumError)) throw error;
    const { code, message, details, outcome, cause } = error;
    return { answer: refuse(code, message, details, outcome), cause, term: 0, servedBy: 0, shard: -1 };
  }
}

/** A group that fails as a whole, as without a leader, fails each of its operations. */
function resultsOf(
  { outcome, positions, isRead, reply }: BatchGroup,
  steps: readonly Step[],
  { operationId, attempt }: Identity,
): BatchResult<unknown>[] {
  const { answer } = reply;
  const isReplay = isKeyed(attempt) && 'replayed' in answer && answer.replayed === true;
  if ('code' in outcome) {
    const error = withCause(errorOf(outcome, isReplay), reply);
    // A retry of the whole batch under this key has no second effect, in no shard.
    const reason = isRead ? error : withRetryKey(error, operationId);
    return positions.map(() => ({ status: 'rejected', reason, ...(isReplay && { replayed: true }) }));
  }
  return settledOf(
    outcome,
    positions.flatMap((position) => steps[position] ?? []),
    isReplay,
  );
}

type Fitted = Pick<ProgramOutcome, 'omitted'> & { readonly results: readonly FittedResult[] };

/** The results of these steps, each for itself. */
export const settledOf = (outcome: Fitted, steps: readonly Step[], isReplay: boolean): BatchResult<unknown>[] =>
  steps.map((step, at) => {
    const settled = settle(() => valueOf(resultOf(outcome, at), step));
    return isReplay ? { ...settled, replayed: true } : settled;
  });

function settle(result: () => unknown): PromiseSettledResult<unknown> {
  try {
    return { status: 'fulfilled', value: result() };
  } catch (reason) {
    if (!(reason instanceof KvorumError)) throw reason;
    return { status: 'rejected', reason };
  }
}
