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
import type { DispatchReply } from './call.js';
import type { DispatchOptions } from './dispatcher.js';
import { derivedId } from './operation-ids.js';
import type { Execute } from './transactions.js';

export interface BatchRequest {
  readonly steps: readonly Step[];
  readonly valueLimit: number;
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
  readonly outcome: ProgramOutcome | Refusal;
}

/** The groups in the order of their first steps. */
export function runBatch(
  request: BatchRequest,
  options: DispatchOptions & { readonly execute: Execute; readonly shardOfKey: (key: Uint8Array) => number },
): Promise<BatchGroup[]> {
  const { execute, shardOfKey, ...dispatch } = options;
  const groups = new Map<number, number[]>();
  for (const [position, { key }] of request.steps.entries()) {
    const shard = shardOfKey(key);
    const positions = groups.get(shard);
    if (positions === undefined) groups.set(shard, [position]);
    else positions.push(position);
  }
  return Promise.all(
    [...groups].map(async ([shard, positions]): Promise<BatchGroup> => {
      const steps = positions.flatMap((position) => request.steps[position] ?? []);
      const isRead = steps.every(({ type }) => type === 'get');
      const reply = await execute(groupOperation(request, { shard, steps, isRead }), dispatch);
      return { shard, positions, isRead, reply, outcome: outcomeOf(reply) };
    }),
  );
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

function outcomeOf({ answer }: DispatchReply): ProgramOutcome | Refusal {
  if (answer.type === 'program') return decodeOutcome(answer.outcome);
  if (answer.type === 'refused') return answer;
  throw new Error('the answer does not fit the operation');
}
