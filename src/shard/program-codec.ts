/**
 * The bytes of a program and of its outcome: the same in a request, in the log and in the dedup table, so a node passes
 * on what the router wrote, after it has read it once.
 *
 * Numbers are little-endian (`byte-buffer.ts`). Keys and bodies are read as views. Every bound of a program is checked
 * here, when it is written as well as when it is read: what this accepts, the state machine can apply.
 */
import { BYTES_CONTENT_TYPE, MAX_ENCODED_VALUE_BYTES, MAX_VALUE_BYTES } from './bounds.js';
import { borrowWriter, ByteReader, finish, readTimes, WireError, type ByteWriter } from './byte-buffer.js';
import { refuse } from './errors.js';
import { FORMATS, namesOf, numberWritten, reads, unknownNumber } from './formats.js';
import { readDetails, readErrorCode, writeDetails } from './error-codec.js';
import type { Condition, Refusal } from './operation.js';
import { readRecord, writeRecord } from './record-codec.js';
import { checkRangeStep, readDeleted, readDeleteRange, writeDeleted, writeDeleteRange } from './range-codec.js';
import type { Comparison, Program, ProgramOutcome, Returning, Step, StepResult } from './program.js';
import {
  HAS_TTL,
  checkStep,
  checkedTtl,
  nameOf,
  readExpiry,
  readIncrement,
  readKey,
  readLimits,
  writeExpiry,
  writeIncrement,
  writeKey,
  writeLimits,
} from './step-fields.js';

export { MAX_TTL_MS } from './step-fields.js';

/** Comparisons and steps of one program, together. */
export const MAX_PROGRAM_ITEMS = 4_000;
/** Bytes of an encoded program. */
export const MAX_PROGRAM_BYTES = MAX_ENCODED_VALUE_BYTES;
/** Bytes of a program's answer that are kept for replays. */
export const MAX_KEPT_ANSWER_BYTES = 4_096;

const LAYOUT = numberWritten(FORMATS.programLayout);
const COMPARISONS = FORMATS.comparison.numbers satisfies Record<Comparison['type'], number>;
const STEPS = FORMATS.step.numbers satisfies Record<Step['type'], number>;
const RESULTS = FORMATS.stepResult.numbers satisfies Record<StepResult['type'], number>;
const CONDITIONS = FORMATS.condition.numbers satisfies Record<Condition['type'], number>;
const RETURNING: readonly Returning[] = namesOf(FORMATS.returning);
const COMPARISON_NAMES = namesOf(FORMATS.comparison);
const STEP_NAMES = namesOf(FORMATS.step);
const RESULT_NAMES = namesOf(FORMATS.stepResult);
const CONDITION_NAMES = namesOf(FORMATS.condition);

const CONTINUES = 1;

/** @throws WireError if a field is out of its bounds */
export function encodeProgram(program: Program): Uint8Array {
  const out = borrowWriter();
  const { comparisons, then, otherwise, onError, valueLimit } = program;
  checkItems(program);
  checkRangeStep(program);
  out.u8(LAYOUT);
  out.u8(onError === 'continue' ? CONTINUES : 0);
  out.u32(checkedLimit(valueLimit));
  out.u16(comparisons.length);
  out.u16(then.length);
  out.u16(otherwise.length);
  for (const comparison of comparisons) writeComparison(out, comparison);
  for (const step of then) writeStep(out, step);
  for (const step of otherwise) writeStep(out, step);
  if (out.length > MAX_PROGRAM_BYTES) throw new WireError(`a program of ${out.length} bytes`);
  return finish(out);
}

/** @throws WireError for bytes that no build of this feature level writes */
export function decodeProgram(bytes: Uint8Array): Program {
  if (bytes.length > MAX_PROGRAM_BYTES) throw new WireError(`a program of ${bytes.length} bytes`);
  const input = new ByteReader(bytes);
  const layout = input.u8();
  if (!reads(FORMATS.programLayout, layout)) throw new WireError(unknownNumber(FORMATS.programLayout, layout));
  const onError = input.flags(CONTINUES) === CONTINUES ? 'continue' : 'fail';
  const valueLimit = checkedLimit(input.u32());
  const counts = [input.u16(), input.u16(), input.u16()] as const;
  checkCount(counts[0] + counts[1] + counts[2]);
  const comparisons = readTimes(counts[0], input, readComparison);
  const then = readTimes(counts[1], input, readStep);
  const otherwise = readTimes(counts[2], input, readStep);
  if (input.remaining > 0) throw new WireError(`${input.remaining} bytes after the end of a program`);
  const program: Program = { comparisons, then, otherwise, onError, valueLimit };
  checkItems(program);
  checkRangeStep(program);
  return program;
}

function checkItems({ comparisons, then, otherwise }: Program): void {
  const count = comparisons.length + then.length + otherwise.length;
  checkCount(count);
  const isOfNamespace = ({ type }: Step): boolean => type === 'namespace-put' || type === 'namespace-delete';
  if (count > 1 && (then.some(isOfNamespace) || otherwise.some(isOfNamespace))) {
    throw new WireError('a step on a namespace is alone in its program');
  }
}

function checkCount(count: number): void {
  if (count < 1 || count > MAX_PROGRAM_ITEMS) throw new WireError(`a program of ${count} comparisons and steps`);
}

function writeComparison(out: ByteWriter, comparison: Comparison): void {
  out.u8(COMPARISONS[comparison.type]);
  writeKey(out, comparison.key);
  switch (comparison.type) {
    case 'absent':
    case 'exists':
      return;
    case 'revision':
    case 'unchanged-since':
      out.u48(comparison.revision);
      return;
    case 'version':
      out.u48(comparison.version);
      return;
    case 'value':
      out.u8(comparison.json ? 1 : 0);
      out.longBytes(comparison.value);
      return;
  }
}

function readComparison(input: ByteReader): Comparison {
  const type = nameOf(FORMATS.comparison, COMPARISON_NAMES, input.u8());
  const key = readKey(input);
  switch (type) {
    case 'absent':
    case 'exists':
      return { type, key };
    case 'revision':
    case 'unchanged-since':
      return { type, key, revision: input.u48() };
    case 'version':
      return { type, key, version: input.u48() };
    case 'value': {
      const json = input.flags(1) === 1;
      return { type, key, json, value: input.longBytes() };
    }
  }
}

function writeStep(out: ByteWriter, step: Step): void {
  checkStep(step);
  out.u8(STEPS[step.type]);
  writeKey(out, step.key);
  out.u8(CONDITIONS[step.condition.type]);
  if (step.condition.type === 'revision') out.u48(step.condition.revision);
  out.u8(RETURNING.indexOf(step.returning));
  switch (step.type) {
    case 'get':
    case 'delete':
    case 'namespace-delete':
      return;
    case 'put':
      writeExpiry(out, step.expiry);
      out.ascii(step.contentType);
      out.longBytes(checkedBody(step.body));
      return;
    case 'increment':
      writeIncrement(out, step);
      return;
    case 'append':
      out.ascii(step.contentType ?? BYTES_CONTENT_TYPE);
      out.longBytes(checkedBody(step.body));
      return;
    case 'merge-patch':
    case 'json-patch':
      out.longBytes(checkedBody(step.body));
      return;
    case 'touch':
      out.u8(step.ttlMs === undefined ? 0 : HAS_TTL);
      if (step.ttlMs !== undefined) out.u48(checkedTtl(step.ttlMs));
      return;
    case 'delete-range':
      writeDeleteRange(out, step);
      return;
    case 'namespace-put':
      writeLimits(out, step);
      return;
  }
}

function readStep(input: ByteReader): Step {
  const step = readAnyStep(input);
  checkStep(step);
  return step;
}

function readAnyStep(input: ByteReader): Step {
  const type = nameOf(FORMATS.step, STEP_NAMES, input.u8());
  const key = readKey(input);
  const conditionType = nameOf(FORMATS.condition, CONDITION_NAMES, input.u8());
  const condition: Condition =
    conditionType === 'revision' ? { type: 'revision', revision: input.u48() } : { type: conditionType };
  const returning = nameOf(FORMATS.returning, RETURNING, input.u8());
  const base = { key, condition, returning };
  switch (type) {
    case 'get':
    case 'delete':
    case 'namespace-delete':
      return { type, key, condition, returning };
    case 'namespace-put':
      return { type, ...base, ...readLimits(input) };
    case 'put': {
      const expiry = readExpiry(input);
      const contentType = input.ascii();
      return { type, key, condition, returning, expiry, contentType, body: checkedBody(input.longBytes()) };
    }
    case 'increment':
      return readIncrement(input, base);
    case 'append': {
      const contentType = input.ascii();
      return { type, key, condition, returning, contentType, body: checkedBody(input.longBytes()) };
    }
    case 'merge-patch':
    case 'json-patch':
      return { type, ...base, body: checkedBody(input.longBytes()) };
    case 'touch': {
      const hasTtl = input.flags(HAS_TTL) !== 0;
      return { type, ...base, ttlMs: hasTtl ? checkedTtl(input.u48()) : undefined };
    }
    case 'delete-range':
      return { type, ...base, ...readDeleteRange(input) };
  }
}

function checkedLimit(bytes: number): number {
  if (bytes > MAX_VALUE_BYTES) throw new WireError(`a limit of ${bytes} bytes for values`);
  return bytes;
}

function checkedBody(body: Uint8Array): Uint8Array {
  if (body.length > MAX_VALUE_BYTES) throw new WireError(`a value of ${body.length} bytes`);
  return body;
}

const SUCCEEDED = 1;
const REFUSED = 2;
const OMITTED = 4;
const HAS_RECORD = 1;
const HAS_NUMBER = 2;
const IS_TRUE = 4;
const HAS_DEADLINE = 8;

/** The answer of a program, or why it was refused as a whole. */
export function encodeOutcome(outcome: ProgramOutcome | Refusal): Uint8Array {
  const out = borrowWriter();
  out.u8(LAYOUT);
  if ('code' in outcome) {
    out.u8(REFUSED);
    writeFailure(out, outcome);
    return finish(out);
  }
  const { succeeded, results, lastDeletion, omitted } = outcome;
  out.u8((succeeded ? SUCCEEDED : 0) | (omitted ? OMITTED : 0));
  out.u48(lastDeletion);
  out.u16(results.length);
  for (const result of results) writeResult(out, result);
  return finish(out);
}

/** @throws WireError */
export function decodeOutcome(bytes: Uint8Array): ProgramOutcome | Refusal {
  const input = new ByteReader(bytes);
  const layout = input.u8();
  if (!reads(FORMATS.programLayout, layout)) throw new WireError(unknownNumber(FORMATS.programLayout, layout));
  const flags = input.flags(SUCCEEDED | REFUSED | OMITTED);
  const outcome = (flags & REFUSED) === 0 ? readResults(input, flags) : readRefusal(input);
  if (input.remaining > 0) throw new WireError(`${input.remaining} bytes after the end of an outcome`);
  return outcome;
}

function readResults(input: ByteReader, flags: number): ProgramOutcome {
  const lastDeletion = input.u48();
  const results = readTimes(input.u16(), input, readResult);
  return { succeeded: (flags & SUCCEEDED) !== 0, results, lastDeletion, omitted: (flags & OMITTED) !== 0 };
}

function readRefusal(input: ByteReader): Refusal {
  const { code, message, details } = readFailure(input);
  return refuse(code, message, details, 'not_applied');
}

export function writeResult(out: ByteWriter, result: StepResult): void {
  out.u8(RESULTS[result.type]);
  switch (result.type) {
    case 'get':
      out.u8(result.record === undefined ? 0 : HAS_RECORD);
      if (result.record !== undefined) writeRecord(out, result.record);
      return;
    case 'write':
      out.u8(
        (result.record === undefined ? 0 : HAS_RECORD) |
          (result.number === undefined ? 0 : HAS_NUMBER) |
          (result.created ? IS_TRUE : 0) |
          (result.expiresAtMs === undefined ? 0 : HAS_DEADLINE),
      );
      out.u48(result.revision);
      out.u48(result.version);
      if (result.expiresAtMs !== undefined) out.u48(result.expiresAtMs);
      if (result.number !== undefined) {
        out.i64(result.number);
        out.i64(result.applied ?? 0n);
      }
      if (result.record !== undefined) writeRecord(out, result.record);
      return;
    case 'delete':
      out.u8((result.record === undefined ? 0 : HAS_RECORD) | (result.deleted ? IS_TRUE : 0));
      if (result.record !== undefined) writeRecord(out, result.record);
      return;
    case 'delete-range':
      writeDeleted(out, result);
      return;
    case 'failed':
      writeFailure(out, result);
      return;
  }
}

export function readResult(input: ByteReader): StepResult {
  const type = nameOf(FORMATS.stepResult, RESULT_NAMES, input.u8());
  switch (type) {
    case 'get':
      return { type, record: input.flags(HAS_RECORD) === 0 ? undefined : readRecord(input) };
    case 'write': {
      const flags = input.flags(HAS_RECORD | HAS_NUMBER | IS_TRUE | HAS_DEADLINE);
      const revision = input.u48();
      const version = input.u48();
      const deadline = (flags & HAS_DEADLINE) === 0 ? {} : { expiresAtMs: input.u48() };
      const created = (flags & IS_TRUE) !== 0;
      // Most have no more; spreads of nothing would take longer than all the rest.
      if ((flags & ~IS_TRUE) === 0) return { type, revision, version, created };
      const numbers = (flags & HAS_NUMBER) === 0 ? {} : { number: input.i64(), applied: input.i64() };
      const record = (flags & HAS_RECORD) === 0 ? {} : { record: readRecord(input) };
      return { type, revision, version, created, ...deadline, ...numbers, ...record };
    }
    case 'delete': {
      const flags = input.flags(HAS_RECORD | IS_TRUE);
      const record = (flags & HAS_RECORD) === 0 ? {} : { record: readRecord(input) };
      return { type, deleted: (flags & IS_TRUE) !== 0, ...record };
    }
    case 'delete-range':
      return readDeleted(input);
    case 'failed':
      return { type, ...readFailure(input) };
  }
}

type FailureFields = Pick<Refusal, 'code' | 'message' | 'details'>;

export function writeFailure(out: ByteWriter, { code, message, details }: FailureFields): void {
  out.ascii(code);
  out.text(message);
  writeDetails(out, details);
}

export function readFailure(input: ByteReader): FailureFields {
  return { code: readErrorCode(input), message: input.text(), details: readDetails(input) };
}
