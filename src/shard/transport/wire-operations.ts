/**
 * Client operations and their answers on the wire, between routers and nodes. Keys and bodies are read as views into
 * the frame.
 */
import { OPERATION_ID_BYTES, encodeErrorOf, isTooLong } from '../bounds.js';
import { readDetails, readErrorCode, writeDetails } from '../error-codec.js';
import { FORMATS, namesOf, unknownNumber } from '../formats.js';
import {
  boundOf,
  isPlainWrite,
  type Answer,
  type Attempt,
  type Condition,
  type Consistency,
  type Get,
  type KeyRecord,
  type KvOperation,
  type Refusal,
  type ShardReply,
  type ShardRequest,
} from '../operation.js';
import { readBound, writeBound } from './wire-bound.js';
import { readList, readListAnswer, writeList, writeListAnswer } from './wire-lists.js';
import { WireError, type WireReader, type WireWriter } from './wire-buffer.js';

const OPERATIONS = FORMATS.operation.numbers satisfies Record<KvOperation['type'], number>;
const ANSWERS = FORMATS.answer.numbers satisfies Record<Answer['type'], number>;
const CONDITIONS = FORMATS.condition.numbers satisfies Record<Condition['type'], number>;
const ATTEMPTS: readonly Attempt[] = namesOf(FORMATS.attempt);
const CONSISTENCIES: readonly Consistency[] = namesOf(FORMATS.consistency);
/** Links of this version and later carry programs, deadlines and the attempts of ids that clients choose. */
const PROGRAM_VERSION = 3;
const FORMER_ATTEMPTS: Partial<Record<Attempt, Attempt>> = { keyed: 'client-keyed', 'keyed-retry': 'retry' };

const A = 1;
const B = 2;
const C = 4;

export function writeRequest(out: WireWriter, request: ShardRequest): void {
  out.u32(request.shard);
  out.f64(request.budgetMs);
  writeOperation(out, request.operation);
}

export function readRequest(input: WireReader): ShardRequest {
  const shard = input.u32();
  const budgetMs = input.f64();
  if (!Number.isFinite(budgetMs) || budgetMs < 0) throw new WireError(`a budget of ${budgetMs} ms`);
  return { shard, budgetMs, operation: readOperation(input, shard) };
}

function writeOperation(out: WireWriter, operation: KvOperation): void {
  const fault = encodeErrorOf(operation);
  if (fault !== undefined) throw new WireError(fault.message);
  if (operation.type !== 'get' && !isPlainWrite(operation) && out.version < PROGRAM_VERSION) {
    throw new WireError(`links of version ${out.version} carry no programs and lists`);
  }
  out.u8(OPERATIONS[operation.type]);
  if (operation.type === 'list') {
    writeList(out, operation);
    return;
  }
  out.shortBytes(operation.key);
  switch (operation.type) {
    case 'put':
      writeCondition(out, operation.condition);
      out.raw(operation.operationId);
      writeAttempt(out, operation.attempt);
      out.ascii(operation.contentType);
      out.longBytes(operation.body);
      return;
    case 'delete':
      writeCondition(out, operation.condition);
      out.raw(operation.operationId);
      writeAttempt(out, operation.attempt);
      return;
    case 'get':
      writeGet(out, operation);
      return;
    case 'program':
    case 'transaction':
      out.raw(operation.operationId);
      writeAttempt(out, operation.attempt);
      out.longBytes(operation.body);
      return;
    case 'read':
      out.u8(CONSISTENCIES.indexOf(operation.consistency));
      out.longBytes(operation.body);
      return;
  }
}

function readOperation(input: WireReader, shard: number): KvOperation {
  const type = input.u8();
  if (type === OPERATIONS.list) return readList(input, shard);
  const key = input.shortBytes();
  const leastBytes = type === OPERATIONS.transaction ? 0 : 1;
  if (key.length < leastBytes || isTooLong(key)) {
    throw new WireError(`a key of ${key.length} bytes`);
  }
  switch (type) {
    case OPERATIONS.put: {
      const condition = readCondition(input);
      const operationId = input.raw(OPERATION_ID_BYTES);
      const attempt = readAttempt(input);
      const contentType = input.ascii();
      return { type: 'put', key, body: input.longBytes(), contentType, condition, operationId, attempt };
    }
    case OPERATIONS.delete: {
      const condition = readCondition(input);
      const operationId = input.raw(OPERATION_ID_BYTES);
      return { type: 'delete', key, condition, operationId, attempt: readAttempt(input) };
    }
    case OPERATIONS.get:
      return readGet(input, key);
    case OPERATIONS.program: {
      const operationId = input.raw(OPERATION_ID_BYTES);
      const attempt = readAttempt(input);
      return { type: 'program', key, body: input.longBytes(), operationId, attempt };
    }
    case OPERATIONS.transaction: {
      const operationId = input.raw(OPERATION_ID_BYTES);
      const attempt = readAttempt(input);
      return { type: 'transaction', key, shard, body: input.longBytes(), operationId, attempt };
    }
    case OPERATIONS.read: {
      const consistency = readConsistency(input);
      return { type: 'read', key, consistency, body: input.longBytes() };
    }
    default:
      throw new WireError(unknownNumber(FORMATS.operation, type));
  }
}

/** A former build does not know bounds. What its leader answers, after a round, meets any that can be met. */
function writeGet(out: WireWriter, get: Get): void {
  const bound = boundOf(get);
  if (out.version >= PROGRAM_VERSION) {
    out.u8(CONSISTENCIES.indexOf(get.consistency));
    writeBound(out, bound);
  } else out.u8(CONSISTENCIES.indexOf(bound === undefined ? get.consistency : 'linearizable'));
}

function readGet(input: WireReader, key: Uint8Array): Get {
  const get = { type: 'get', key, consistency: readConsistency(input) } as const;
  if (input.version < PROGRAM_VERSION) return get;
  const { bound } = readBound(input, get.consistency);
  return bound === undefined ? get : { ...get, bound };
}

function readConsistency(input: WireReader): Consistency {
  const number = input.u8();
  const consistency = CONSISTENCIES[number];
  if (consistency === undefined) throw new WireError(unknownNumber(FORMATS.consistency, number));
  return consistency;
}

/** Links before version 3 have no attempts of their own for ids that clients choose. */
function writeAttempt(out: WireWriter, attempt: Attempt): void {
  out.u8(ATTEMPTS.indexOf(out.version < PROGRAM_VERSION ? (FORMER_ATTEMPTS[attempt] ?? attempt) : attempt));
}

function readAttempt(input: WireReader): Attempt {
  const number = input.u8();
  const attempt = ATTEMPTS[number];
  if (attempt === undefined) throw new WireError(unknownNumber(FORMATS.attempt, number));
  return attempt;
}

function writeCondition(out: WireWriter, condition: Condition): void {
  out.u8(CONDITIONS[condition.type]);
  if (condition.type === 'revision') out.u48(condition.revision);
}

function readCondition(input: WireReader): Condition {
  const type = input.u8();
  switch (type) {
    case CONDITIONS.none:
      return { type: 'none' };
    case CONDITIONS.absent:
      return { type: 'absent' };
    case CONDITIONS.exists:
      return { type: 'exists' };
    case CONDITIONS.revision:
      return { type: 'revision', revision: input.u48() };
    default:
      throw new WireError(unknownNumber(FORMATS.condition, type));
  }
}

export function writeReply(out: WireWriter, reply: ShardReply): void {
  out.u48(reply.term);
  out.u16(reply.servedBy);
  writeAnswer(out, reply.answer);
}

export function readReply(input: WireReader): ShardReply {
  const term = input.u48();
  const servedBy = input.u16();
  return { answer: readAnswer(input), term, servedBy };
}

function writeAnswer(out: WireWriter, answer: Answer): void {
  out.u8(ANSWERS[answer.type]);
  switch (answer.type) {
    case 'put':
      out.u48(answer.revision);
      out.u48(answer.version);
      out.u8((answer.created ? A : 0) | (answer.replayed ? B : 0));
      return;
    case 'delete':
      out.u48(answer.revision);
      out.u8((answer.deleted ? A : 0) | (answer.replayed ? B : 0));
      return;
    case 'get':
      out.u48(answer.revision);
      out.u8(answer.record === undefined ? 0 : A | deadlineFlag(out, answer.record));
      if (answer.record !== undefined) writeRecord(out, answer.record);
      return;
    case 'program':
      out.u48(answer.revision);
      out.u8(answer.replayed ? B : 0);
      out.longBytes(answer.outcome);
      return;
    case 'list':
      writeListAnswer(out, answer);
      return;
    case 'refused':
      writeRefusal(out, answer);
      return;
  }
}

function readAnswer(input: WireReader): Answer {
  const type = input.u8();
  switch (type) {
    case ANSWERS.put: {
      const revision = input.u48();
      const version = input.u48();
      const flags = input.flags(A | B);
      return { type: 'put', revision, version, created: (flags & A) !== 0, replayed: (flags & B) !== 0 };
    }
    case ANSWERS.delete: {
      const revision = input.u48();
      const flags = input.flags(A | B);
      return { type: 'delete', deleted: (flags & A) !== 0, revision, replayed: (flags & B) !== 0 };
    }
    case ANSWERS.get: {
      const revision = input.u48();
      const flags = input.flags(input.version < PROGRAM_VERSION ? A : A | C);
      const record = (flags & A) === 0 ? undefined : readRecord(input, (flags & C) !== 0);
      return { type: 'get', record, revision };
    }
    case ANSWERS.program: {
      const revision = input.u48();
      const replayed = input.flags(B) !== 0;
      return { type: 'program', revision, outcome: input.longBytes(), replayed };
    }
    case ANSWERS.list:
      return readListAnswer(input);
    case ANSWERS.refused:
      return readRefusal(input);
    default:
      throw new WireError(unknownNumber(FORMATS.answer, type));
  }
}

const deadlineFlag = (out: WireWriter, { expiresAtMs }: KeyRecord): number =>
  expiresAtMs === undefined || out.version < PROGRAM_VERSION ? 0 : C;

function writeRecord(out: WireWriter, record: KeyRecord): void {
  out.u48(record.revision);
  out.u48(record.createRevision);
  out.u48(record.version);
  if (deadlineFlag(out, record) !== 0) out.u48(record.expiresAtMs ?? 0);
  out.ascii(record.contentType);
  out.longBytes(record.body);
}

function readRecord(input: WireReader, hasDeadline: boolean): KeyRecord {
  const revision = input.u48();
  const createRevision = input.u48();
  const version = input.u48();
  const expiresAtMs = hasDeadline ? input.u48() : undefined;
  const contentType = input.ascii();
  return { revision, createRevision, version, contentType, body: input.longBytes(), expiresAtMs };
}

function writeRefusal(out: WireWriter, refusal: Refusal): void {
  out.ascii(refusal.code);
  // `replayed` may be absent, which is distinct from false.
  out.u8(
    (refusal.outcome === 'unknown' ? A : 0) |
      (refusal.replayed === true ? B : 0) |
      (refusal.replayed === undefined ? C : 0),
  );
  out.text(refusal.message);
  writeDetails(out, refusal.details);
}

function readRefusal(input: WireReader): Refusal {
  const code = readErrorCode(input);
  const flags = input.flags(A | B | C);
  const refusal: Refusal = {
    type: 'refused',
    code,
    outcome: (flags & A) !== 0 ? 'unknown' : 'not_applied',
    message: input.text(),
    details: readDetails(input),
  };
  return (flags & C) !== 0 ? refusal : { ...refusal, replayed: (flags & B) !== 0 };
}
