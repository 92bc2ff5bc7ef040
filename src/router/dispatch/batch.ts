/**
 * Batches: independent steps on keys that may lie anywhere. The steps of one shard are one entry of its log, or one read
 * if they only get; what fails in one shard concerns nobody else.
 */
import {
  decodeOutcome,
  encodeProgram,
  type Attempt,
  type Consistency,
  type KvOperation,
  type ProgramOutcome,
  type Refusal,
  type Step,
} from '../../shard/index.js';
import { AnswerBudget, askWithinBytes, mostAnswered, type FittedResult } from './answer-budget.js';
import type { DispatchReply } from './call.js';
import type { DispatchOptions } from './dispatcher.js';
import { derivedId } from './operation-ids.js';
import type { Execute } from './transactions.js';

export interface BatchRequest {
  readonly steps: readonly Step[];
  readonly valueLimit: number;
  /** Bytes of values in the answer; default `MAX_ANSWER_BYTES`. */
  readonly answerLimit?: number;
  /** Of the batch; that of each shard is derived from it, so that a retry of the batch meets the same ones. */
  readonly operationId: Uint8Array;
  readonly attempt: Attempt;
  /** Of groups that only get. */
  readonly consistency: Consistency;
}

/** What became of the steps of one shard. */
export interface BatchGroup {
  readonly shard: number;
  /** Of its steps in the batch. */
  readonly positions: readonly number[];
  readonly isRead: boolean;
  readonly reply: DispatchReply;
  readonly outcome: BatchOutcome;
}

type BatchOutcome = (Omit<ProgramOutcome, 'results'> & { readonly results: readonly FittedResult[] }) | Refusal;

type BatchOptions = DispatchOptions & {
  readonly execute: Execute;
  readonly shardOfKey: (key: Uint8Array) => number;
};

/**
 * The groups in the order of their first steps. The steps are encoded before the first group is asked, and not kept: those
 * of batches that wait for their answers are objects by the thousand, which every garbage collection would have to copy.
 */
export async function runBatch(request: BatchRequest, options: BatchOptions): Promise<BatchGroup[]> {
  return ask(partsOf(request, options), request.answerLimit);
}

/** A group before it is asked. */
interface BatchPart extends Pick<BatchGroup, 'shard' | 'positions' | 'isRead'> {
  /** Bytes of values that the answer may have. */
  readonly most: number;
  readonly ask: () => Promise<DispatchReply>;
}

function partsOf(request: BatchRequest, { execute, shardOfKey, ...dispatch }: BatchOptions): BatchPart[] {
  const groups = new Map<number, number[]>();
  request.steps.forEach(({ key }, position) => {
    const shard = shardOfKey(key);
    const positions = groups.get(shard);
    if (positions === undefined) groups.set(shard, [position]);
    else positions.push(position);
  });
  return [...groups].map(([shard, positions]) => {
    const steps: Step[] = [];
    for (const position of positions) {
      const step = request.steps[position];
      if (step !== undefined) steps.push(step);
    }
    const isRead = steps.every(({ type }) => type === 'get');
    const operation = groupOperation(request, { shard, steps, isRead });
    const most = mostAnswered(steps, request.valueLimit);
    return { shard, positions, isRead, most, ask: asking(operation, execute, dispatch) };
  });
}

/** A function of its own, so that it does not see the steps. */
const asking =
  (operation: KvOperation, execute: Execute, options: DispatchOptions): BatchPart['ask'] =>
  () =>
    execute(operation, options);

async function ask(parts: readonly BatchPart[], answerLimit: number | undefined): Promise<BatchGroup[]> {
  const budget = new AnswerBudget(answerLimit);
  const done: BatchGroup[] = [];
  await askWithinBytes(parts, (reply, at) => {
    const part = parts[at];
    if (part === undefined) return;
    const { shard, positions, isRead } = part;
    done.push({ shard, positions, isRead, reply: withoutOutcome(reply), outcome: outcomeOf(reply, budget) });
  });
  return done;
}

function groupOperation(
  { valueLimit, operationId, attempt, consistency }: BatchRequest,
  { shard, steps, isRead }: { readonly shard: number; readonly steps: readonly Step[]; readonly isRead: boolean },
): KvOperation {
  const body = encodeProgram({ comparisons: [], then: steps, otherwise: [], onError: 'continue', valueLimit });
  const key = steps[0]?.key ?? new Uint8Array();
  if (isRead) return { type: 'read', key, body, consistency };
  const part = Buffer.alloc(4);
  part.writeUInt32BE(shard);
  return { type: 'program', key, body, operationId: derivedId(operationId, part), attempt };
}

function outcomeOf({ answer }: DispatchReply, budget: AnswerBudget): BatchOutcome {
  if (answer.type === 'refused') return answer;
  if (answer.type !== 'program') throw new Error('the answer does not fit the operation');
  const outcome = decodeOutcome(answer.outcome);
  if ('code' in outcome) return outcome;
  return { ...outcome, results: budget.fitAll(outcome.results) };
}

/** Values that were left out must not be kept by the bytes that they were read from. */
const withoutOutcome = (reply: DispatchReply): DispatchReply =>
  reply.answer.type === 'program' ? { ...reply, answer: { ...reply.answer, outcome: NOTHING } } : reply;
const NOTHING = new Uint8Array(0);
