/** Batches: operations grouped by shard, one entry each; of gets alone, one read. */
import {
  KvorumError,
  MAX_BATCH_BYTES,
  MAX_BATCH_OPERATIONS,
  MAX_VALUE_BYTES,
  encodeProgram,
  type KvOperation,
  type ProgramOutcome,
  type Step,
} from '../shard/index.js';
import { AnswerBudget, askWithinBytes, mostAnswered } from '../router/index.js';
import type { BatchOperation } from './entries.js';
import { programOperation, type Executor } from './executor.js';
import { incrementResult, isDeleted, outcomeOf, resultOf, valueIn, writeResult } from './results.js';
import { programOf, stepOf } from './steps.js';

/** @throws TypeError, RangeError or KvorumError, before anything is sent, if an operation is malformed */
export async function runBatch(
  executor: Executor,
  operations: readonly BatchOperation[],
): Promise<PromiseSettledResult<unknown>[]> {
  const keyOf = (key: unknown): Uint8Array => executor.keyOf(key);
  const steps = operations.map((operation) => stepOf(operation, keyOf));
  checkBounds(steps);
  if (steps.length === 0) return [];
  const groups = await groupsOf(executor, steps);
  const settled: PromiseSettledResult<unknown>[] = [];
  const budget = new AnswerBudget();
  const askings = [...groups.values()].map((places) => {
    const group = places.flatMap((place) => steps[place] ?? []);
    return {
      most: mostAnswered(group, MAX_VALUE_BYTES),
      ask: async () => ({ places, group, answer: await askGroup(executor, group) }),
    };
  });
  await askWithinBytes(askings, ({ places, group, answer }) => {
    for (const [at, result] of resultsOf(group, answer, budget).entries()) settled[places[at] ?? 0] = result;
  });
  return settled;
}

/** Places of the operations, by shard. Without a cluster there are no shards: then all fail in one group. */
async function groupsOf(executor: Executor, steps: readonly Step[]): Promise<Map<number, number[]>> {
  const groups = new Map<number, number[]>();
  try {
    await executor.opened();
  } catch (error) {
    if (!(error instanceof KvorumError)) throw error;
    return new Map([[0, [...steps.keys()]]]);
  }
  for (const [place, { key }] of steps.entries()) {
    const shard = executor.shardOf(key);
    const places = groups.get(shard);
    if (places === undefined) groups.set(shard, [place]);
    else places.push(place);
  }
  return groups;
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

/** A group that fails as a whole, as without a leader, fails each of its operations. */
async function askGroup(executor: Executor, steps: readonly Step[]): Promise<ProgramOutcome | KvorumError> {
  try {
    return outcomeOf(await executor.execute(groupOperation(steps)));
  } catch (reason) {
    if (!(reason instanceof KvorumError)) throw reason;
    return reason;
  }
}

function resultsOf(
  steps: readonly Step[],
  answer: ProgramOutcome | KvorumError,
  budget: AnswerBudget,
): PromiseSettledResult<unknown>[] {
  if (answer instanceof KvorumError) return steps.map(() => ({ status: 'rejected', reason: answer }));
  const outcome = { ...answer, results: budget.fitAll(answer.results) };
  return steps.map((step, position) => settle(() => resultAt(outcome, step, position)));
}

function groupOperation(steps: readonly Step[]): KvOperation {
  const key = steps[0]?.key ?? new Uint8Array(0);
  const body = encodeProgram(programOf(steps, { onError: 'continue' }));
  const onlyGets = steps.every(({ type }) => type === 'get');
  return onlyGets ? { type: 'read', key, body, consistency: 'linearizable' } : programOperation(key, body);
}

function resultAt(outcome: ProgramOutcome, step: Step, position: number): unknown {
  const result = resultOf(outcome, position);
  switch (step.type) {
    case 'get':
      return valueIn(result);
    case 'delete':
      return isDeleted(result);
    case 'increment':
      return incrementResult(result);
    case 'put':
    case 'append':
    case 'merge-patch':
    case 'json-patch':
    case 'touch':
      return writeResult(result);
    case 'delete-range':
    case 'namespace-put':
    case 'namespace-delete':
      throw new Error('no operation of a batch is one of these');
  }
}

function settle(result: () => unknown): PromiseSettledResult<unknown> {
  try {
    return { status: 'fulfilled', value: result() };
  } catch (reason) {
    if (!(reason instanceof KvorumError)) throw reason;
    return { status: 'rejected', reason };
  }
}
