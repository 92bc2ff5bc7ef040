/**
 * Transactions: programs whose keys may lie anywhere, all or nothing.
 *
 * Keys of one shard: one entry of its log, or one read if nothing is written. Keys of several shards are refused so far.
 */
import {
  encodeProgram,
  MAX_TRANSACTION_BYTES,
  MAX_TRANSACTION_ITEMS,
  refuse,
  WireError,
  type Attempt,
  type Consistency,
  type KvOperation,
  type Program,
  type Refusal,
} from '../../shard/index.js';
import type { DispatchReply } from './call.js';
import type { DispatchOptions } from './dispatcher.js';

export interface TransactionRequest {
  /** Its keys may be of any shards. */
  readonly program: Program;
  readonly operationId: Uint8Array;
  readonly attempt: Attempt;
  /** Of a program that only compares and gets. */
  readonly consistency: Consistency;
}

/** Runs one operation in the shard of its key. */
export type Execute = (operation: KvOperation, options: DispatchOptions) => Promise<DispatchReply>;

export interface TransactionReply extends DispatchReply {
  /** By shard: of what was written, the index of its entry; of a read, the shard's applied index. */
  readonly revisions: ReadonlyMap<number, number>;
}

/**
 * @returns an answer of type `program`, or a refusal: `invalid-request` for a program without any key or beyond
 *   `MAX_TRANSACTION_ITEMS` or `MAX_TRANSACTION_BYTES`
 */
export async function runTransaction(
  request: TransactionRequest,
  options: DispatchOptions & {
    readonly execute: Execute;
    readonly shardOfKey: (key: Uint8Array) => number;
  },
): Promise<TransactionReply> {
  const { execute, shardOfKey, ...dispatch } = options;
  const keys = keysOf(request.program);
  const first = keys[0];
  if (first === undefined) return refused(refuse('invalid-request', 'a transaction needs a key'));
  const shard = shardOfKey(first);
  if (keys.some((key) => shardOfKey(key) !== shard)) {
    return refused(refuse('invalid-request', 'keys of several shards are not supported yet', { field: 'key' }));
  }
  const operation = operationOf(request, first);
  if (operation.type === 'refused') return refused(operation);
  const reply = await execute(operation, dispatch);
  const { answer } = reply;
  return { ...reply, revisions: new Map(answer.type === 'program' ? [[reply.shard, answer.revision]] : []) };
}

/** One program as an operation on the shard of `key`: a read if it writes nothing. */
function operationOf(request: TransactionRequest, key: Uint8Array): KvOperation | Refusal {
  const { program, operationId, attempt, consistency } = request;
  const { comparisons, then, otherwise } = program;
  if (comparisons.length + then.length + otherwise.length > MAX_TRANSACTION_ITEMS) {
    const message = `at most ${MAX_TRANSACTION_ITEMS} comparisons and operations`;
    return refuse('invalid-request', message, { limit: MAX_TRANSACTION_ITEMS });
  }
  let body: Uint8Array;
  try {
    body = encodeProgram(program);
  } catch (error) {
    if (error instanceof WireError) return refuse('invalid-request', error.message);
    throw error;
  }
  if (body.length > MAX_TRANSACTION_BYTES) {
    const message = `a transaction of ${body.length} bytes, ${MAX_TRANSACTION_BYTES} are allowed`;
    return refuse('value-too-large', message, { limit: MAX_TRANSACTION_BYTES });
  }
  const onlyReads = [...then, ...otherwise].every(({ type }) => type === 'get');
  return onlyReads ? { type: 'read', key, body, consistency } : { type: 'program', key, body, operationId, attempt };
}

function keysOf({ comparisons, then, otherwise }: Program): Uint8Array[] {
  return [...comparisons, ...then, ...otherwise].map(({ key }) => key);
}

const refused = (answer: Refusal): TransactionReply => ({
  answer,
  term: 0,
  servedBy: 0,
  shard: -1,
  revisions: new Map(),
});
