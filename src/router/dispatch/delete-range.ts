/**
 * Deletes a range of keys: entry by entry in each shard, the shards at the same time.
 *
 * A range of one shard is deleted by one entry if it has no more keys and bytes than one may delete: atomically. All
 * others go in smaller steps, for an entry holds its shard up. What was deleted stays deleted if a later step fails;
 * asked again, it goes on with what is left.
 */
import {
  decodeOutcome,
  encodeProgram,
  MAX_DELETED_KEYS,
  MAX_VALUE_BYTES,
  refuse,
  type Attempt,
  type Refusal,
  type RunProgram,
} from '../../shard/index.js';
import type { DispatchReply } from './call.js';
import type { ListFailure } from './list-page.js';
import { derivedId, newOperationId } from './operation-ids.js';

const STEP_KEYS = 1_000;
const STEP_BYTES = 4 * 1024 * 1024;
const ATOMIC_BYTES = 64 * 1024 * 1024;

export interface RangeDeletion {
  readonly from: Uint8Array;
  readonly to: Uint8Array | undefined;
  readonly shards: readonly number[];
  /** Of the request, if the client gave one: each step has an id derived from it. */
  readonly operationId: Uint8Array | undefined;
}

export interface Deleted {
  readonly type: 'deleted';
  readonly count: number;
  /** Every step was answered from the dedup table. */
  readonly replayed: boolean;
}

export async function deleteRange(
  write: (operation: RunProgram) => Promise<DispatchReply>,
  deletion: RangeDeletion,
): Promise<Deleted | ListFailure> {
  const deleters = deletion.shards.map((shard) => new ShardDeleter(write, deletion, shard));
  const failures = await Promise.all(deleters.map((deleter) => deleter.run()));
  const failure = failures.find((each) => each !== undefined);
  const count = deleters.reduce((sum, deleter) => sum + deleter.count, 0);
  if (failure === undefined) return { type: 'deleted', count, replayed: deleters.every(({ replayed }) => replayed) };
  // Not all of it was, but some: whoever asks must not take it for untouched.
  const outcome = deleters.some(({ steps }) => steps > 0) ? 'unknown' : failure.refusal.outcome;
  return { ...failure, refusal: { ...failure.refusal, outcome } };
}

class ShardDeleter {
  count = 0;
  replayed = true;
  /** That have been applied. */
  steps = 0;
  readonly #write: (operation: RunProgram) => Promise<DispatchReply>;
  readonly #deletion: RangeDeletion;
  readonly #shard: number;

  constructor(write: (operation: RunProgram) => Promise<DispatchReply>, deletion: RangeDeletion, shard: number) {
    this.#write = write;
    this.#deletion = deletion;
    this.#shard = shard;
  }

  /** @returns the failure; undefined: all was deleted */
  async run(): Promise<ListFailure | undefined> {
    for (let from: Uint8Array | undefined = this.#deletion.from; from !== undefined;) {
      const reply = await this.#write(this.#operation(from));
      const outcome = outcomeOf(reply);
      if ('code' in outcome) return { type: 'failed', reply, refusal: outcome };
      this.count += outcome.deleted;
      this.replayed &&= reply.answer.type === 'program' && reply.answer.replayed;
      this.steps += 1;
      from = outcome.rest;
    }
    return undefined;
  }

  #operation(from: Uint8Array): RunProgram {
    const { to, shards } = this.#deletion;
    const isAlone = shards.length === 1;
    const most = isAlone ? MAX_DELETED_KEYS : STEP_KEYS;
    const mostBytes = isAlone ? ATOMIC_BYTES : STEP_BYTES;
    const condition = { type: 'none' } as const;
    const step = { type: 'delete-range', key: from, condition, returning: 'nothing', to, most, mostBytes } as const;
    const program = {
      comparisons: [],
      then: [step],
      otherwise: [],
      onError: 'fail',
      valueLimit: MAX_VALUE_BYTES,
    } as const;
    return { type: 'program', key: from, body: encodeProgram(program), shard: this.#shard, ...this.#identity() };
  }

  #identity(): { readonly operationId: Uint8Array; readonly attempt: Attempt } {
    const { operationId } = this.#deletion;
    if (operationId === undefined) return { operationId: newOperationId(), attempt: 'initial' };
    // The same steps in the same order as the first time: a step that was applied is answered as it was then.
    const part = Buffer.from(`delete-range ${this.#shard} ${this.steps}`);
    return { operationId: derivedId(operationId, part), attempt: 'keyed' };
  }
}

function outcomeOf({ answer }: DispatchReply): { deleted: number; rest: Uint8Array | undefined } | Refusal {
  if (answer.type === 'refused') return answer;
  if (answer.type !== 'program') throw new Error('the answer does not fit the operation');
  const outcome = decodeOutcome(answer.outcome);
  if ('code' in outcome) return outcome;
  const [result] = outcome.results;
  return result?.type === 'delete-range' ? result : refuse('internal', 'the outcome of a deletion is of another kind');
}
