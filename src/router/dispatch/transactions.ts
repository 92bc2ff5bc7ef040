/**
 * Transactions: programs whose keys may lie anywhere, all or nothing.
 *
 * Keys of one shard: one entry of its log, or one read if nothing is written. Keys of several shards: the coordinator
 * (`coordinator.ts`); or, if nothing is written, reads of all shards, again until two rounds in a row saw the same.
 */
import {
  encodeOutcome,
  encodeProgram,
  hash64,
  isInNamespace,
  isKeyed,
  MAX_NAMESPACE_TRANSACTION_ITEMS,
  MAX_TRANSACTION_BYTES,
  MAX_TRANSACTION_ITEMS,
  namespaceBytesOf,
  PENDING_REVISION,
  refuse,
  WireError,
  type Attempt,
  type Comparison,
  type Consistency,
  type ErrorDetails,
  type KvOperation,
  type Program,
  type Refusal,
  type Step,
  type StepResult,
  type TransactionPart,
} from '../../shard/index.js';
import { withAnswerLimits } from './answer-budget.js';
import type { DispatchReply } from './call.js';
import type { Coordinator } from './coordinator.js';
import type { DispatchOptions } from './dispatcher.js';
import { readOverShards } from './read-over-shards.js';
import { keptParts, participantsOf } from './transaction-results.js';

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

export interface RunOptions extends DispatchOptions {
  readonly execute: Execute;
  readonly shardOfKey: (key: Uint8Array) => number;
  readonly coordinator: Pick<Coordinator, 'run' | 'now'>;
}

/**
 * @returns an answer of type `program`, or a refusal: `invalid-request` for a program without any key or beyond
 *   `MAX_TRANSACTION_ITEMS` or `MAX_TRANSACTION_BYTES`, or with keys of several namespaces
 */
export async function runTransaction(request: TransactionRequest, options: RunOptions): Promise<TransactionReply> {
  const { execute, shardOfKey, deadlineMs, forward } = options;
  const keys = keysOf(request.program);
  const first = keys[0];
  if (first === undefined) return refused(refuse('invalid-request', 'a transaction needs a key'));
  if (!areOfOneKeyspace(keys)) {
    const message = 'the keys of one transaction are of one namespace, or of none';
    return refused(refuse('invalid-request', message, { field: 'key' }));
  }
  const shard = shardOfKey(first);
  if (keys.some((key) => shardOfKey(key) !== shard)) {
    return runOverShards(request, options);
  }
  const operation = operationOf(request, first);
  if (operation.type === 'refused') return refused(operation);
  const reply = await execute(operation, { deadlineMs, forward });
  const { answer, term, servedBy, shard: servedShard, way } = reply;
  const revisions = new Map(answer.type === 'program' ? [[servedShard, answer.revision]] : []);
  return { answer, term, servedBy, shard: servedShard, way, revisions };
}

/** A shard knows the place of an operation in the list that ran; by the program it may be known which list that was. */
export function withPlace(details: ErrorDetails, { comparisons, then, otherwise }: Program): ErrorDetails {
  const place = /^ops\[(\d+)\]$/.exec(details.field ?? '')?.[1];
  if (place === undefined) return details;
  const isOfThen = comparisons.length === 0 || Number(place) >= otherwise.length;
  if (isOfThen) return { ...details, field: `then[${place}]` };
  return Number(place) >= then.length ? { ...details, field: `else[${place}]` } : details;
}

/** Why the request as a whole is refused: its namespace does not exist. All of its keys are in one, so the first result says it. */
export function missingNamespace([first]: readonly StepResult[]): Refusal | undefined {
  if (first?.type !== 'failed' || first.code !== 'namespace-not-found') return undefined;
  return refuse(first.code, first.message, first.details);
}

function areOfOneKeyspace(keys: readonly Uint8Array[]): boolean {
  const namespaced = keys.find(isInNamespace);
  if (namespaced === undefined) return true;
  const prefix = namespaced.subarray(0, namespaceBytesOf(namespaced));
  return keys.every((key) => Buffer.compare(key.subarray(0, prefix.length), prefix) === 0);
}

/** One program as an operation on the shard of `key`: a read if it writes nothing. */
function operationOf(request: TransactionRequest, key: Uint8Array): KvOperation | Refusal {
  const { program, operationId, attempt, consistency } = request;
  const body = encodedOf(program);
  if ('code' in body) return body;
  if (writesNothing(program)) return { type: 'read', key, body, consistency };
  return { type: 'program', key, body, operationId, attempt };
}

/** The program's bytes, if it is within the bounds of a transaction. */
function encodedOf(program: Program): Uint8Array | Refusal {
  const { comparisons, then, otherwise } = program;
  const isNamespaced = keysOf(program).some(isInNamespace);
  const most = isNamespaced ? MAX_NAMESPACE_TRANSACTION_ITEMS : MAX_TRANSACTION_ITEMS;
  if (comparisons.length + then.length + otherwise.length > most) {
    const message = `at most ${most} comparisons and operations`;
    return refuse('invalid-request', message, { limit: most });
  }
  let body: Uint8Array;
  try {
    body = encodeProgram(program);
  } catch (error) {
    if (error instanceof WireError) return refuse('invalid-request', error.message);
    throw error;
  }
  if (body.length <= MAX_TRANSACTION_BYTES) return body;
  const message = `a transaction of ${body.length} bytes, ${MAX_TRANSACTION_BYTES} are allowed`;
  return refuse('value-too-large', message, { limit: MAX_TRANSACTION_BYTES });
}

const onlyGets = (program: Program): boolean => program.comparisons.length === 0 && writesNothing(program);

const writesNothing = ({ then, otherwise }: Program): boolean =>
  [...then, ...otherwise].every(({ type }) => type === 'get');

async function runOverShards(request: TransactionRequest, options: RunOptions): Promise<TransactionReply> {
  const { program, operationId, attempt } = request;
  const { coordinator, deadlineMs } = options;
  const body = encodedOf(program);
  if ('code' in body) return refused(body);
  if (hasPendingRevision(program)) {
    return refused(refuse('invalid-request', 'no key has this revision', { field: 'revision' }));
  }
  const parts = partsOf(program, options.shardOfKey);
  if (onlyGets(program)) {
    const read = await readOverShards(parts, request, options);
    if (read !== undefined) return read;
  }
  const client = isKeyed(attempt) ? { id: operationId, fingerprint: fingerprintOf(body) } : undefined;
  const ended = await coordinator.run(withAnswerLimits(parts), client, deadlineMs);
  const { outcome, replayed, origin } = ended;
  if (replayed === undefined && 'code' in outcome) return { ...origin, answer: outcome, revisions: ended.revisions };
  const answered = replayed === undefined ? ended : keptParts(replayed, participantsOf(parts), program);
  const { revisions } = answered;
  const revision = Math.max(0, ...revisions.values());
  const encoded = encodeOutcome(answered.outcome);
  const answer = { type: 'program', revision, outcome: encoded, replayed: replayed !== undefined } as const;
  const { term, servedBy, shard } = origin;
  return { answer, term, servedBy, shard, revisions };
}

function fingerprintOf(body: Uint8Array): Uint8Array {
  const { high, low } = hash64(body);
  const fingerprint = Buffer.alloc(8);
  fingerprint.writeUInt32BE(high, 0);
  fingerprint.writeUInt32BE(low, 4);
  return fingerprint;
}

/** Some condition is on the revision that stands for one which is not known before the decision. */
const hasPendingRevision = ({ then, otherwise }: Program): boolean =>
  [...then, ...otherwise].some(
    ({ condition }) => condition.type === 'revision' && condition.revision === PENDING_REVISION,
  );

/** The part of each shard, with the places of its steps in the whole. */
function partsOf(program: Program, shardOfKey: RunOptions['shardOfKey']): Map<number, TransactionPart> {
  const { comparisons, then, otherwise, onError, valueLimit } = program;
  const [hasComparisons, hasOtherwise] = [comparisons.length > 0, otherwise.length > 0];
  const newPart = () => ({
    program: { comparisons: [] as Comparison[], then: [] as Step[], otherwise: [] as Step[], onError, valueLimit },
    thenAt: [] as number[],
    otherwiseAt: [] as number[],
    hasComparisons,
    hasOtherwise,
  });
  const parts = new Map<number, ReturnType<typeof newPart>>();
  const partOf = (key: Uint8Array): ReturnType<typeof newPart> => {
    const shard = shardOfKey(key);
    let part = parts.get(shard);
    if (part === undefined) parts.set(shard, (part = newPart()));
    return part;
  };
  for (const comparison of comparisons) partOf(comparison.key).program.comparisons.push(comparison);
  for (const [at, step] of then.entries()) {
    const part = partOf(step.key);
    part.program.then.push(step);
    part.thenAt.push(at);
  }
  for (const [at, step] of otherwise.entries()) {
    const part = partOf(step.key);
    part.program.otherwise.push(step);
    part.otherwiseAt.push(at);
  }
  return parts;
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
