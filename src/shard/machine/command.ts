/**
 * Encodes a write as the data of a log entry, with everything that `apply` may depend on: the leader's clock, the kind
 * of attempt, and a fingerprint of the request, equal in all attempts, which reveals an operation id that is reused for
 * another request.
 *
 * | at | bytes | field |
 * |----|---|---------------------------------------------------------------------------------------------|
 * |  0 | 1 | layout, 2                                                                                   |
 * |  1 | 6 | replicated time by the leader's clock, ms since 1970                                        |
 * |  7 | 16 | operation id                                                                               |
 * | 23 | 1 | attempt: 0 initial, 1 client-keyed, 2 retry                                                 |
 * | 24 | 8 | fingerprint: xxHash64 of all that follows                                                   |
 * | 32 | 1 | 1 put, 2 delete                                                                             |
 * | 33 | 1 | condition: 0 none, 1 absent, 2 exists, 3 revision                                           |
 * | 34 | 6 | the required revision, else 0                                                               |
 * | 40 | 2 | length of the key                                                                           |
 * | 42 | 1 | length of the content type; 0 in a delete                                                   |
 * | 43 | 1 | 0: with the key after it, the key of the record's row, sliced in one piece                  |
 * | 44 |   | key, content type, body (to the end)                                                        |
 *
 * Integers are big-endian. `loadHash()` must have settled before encoding.
 *
 * Layout 3, for programs, is the same up to the fingerprint; then:
 *
 * | at | bytes | field |
 * |----|---|---------------------------------------------------------------------------------------------|
 * | 32 | 1 | 3 program, 4 expire, 5 transaction                                                          |
 * | 33 |   | the program (`program-codec.ts`); keys to expire, each with 16 bits of length before it; or |
 * |    |   | what is said about the transaction with this operation id (`transaction-codec.ts`)          |
 *
 * Keys are expired by the leader itself: the operation id of such an entry is zero, and not inserted anywhere.
 */
import { MAX_ENCODED_KEY_BYTES, OPERATION_ID_BYTES, encodeErrorOf, isPrintableAscii, isTooLong } from '../bounds.js';
import { MAX_U48, binaryString, readU48, readU32, writeU32, writeU48 } from '../big-endian.js';
import { WireError } from '../byte-buffer.js';
import { FORMATS, namesOf, reads, unknownNumber, type Format } from '../formats.js';
import { hash64 } from '../keys/index.js';
import type { Attempt, Condition, KvWrite, PlainWrite, RunProgram, Transact } from '../operation.js';
import { decodeProgram } from '../program-codec.js';
import type { Program } from '../program.js';
import { decodeTransaction } from '../transaction-codec.js';
import type { Enclosed, TransactionMessage } from '../transaction.js';

const { commandLayout, commandKind } = FORMATS;
const { second: LAYOUT, program: PROGRAM_LAYOUT } = commandLayout.numbers;
const AT = {
  layout: 0,
  time: 1,
  id: 7,
  attempt: 23,
  fingerprint: 24,
  kind: 32,
  condition: 33,
  revision: 34,
  keyLength: 40,
} as const;
const AT_TYPE_LENGTH = 42;
const AT_ROW_KEY = 43;
const AT_KEY = 44;
const AT_BODY = 33;
const { put: KIND_PUT, delete: KIND_DELETE, program: KIND_PROGRAM } = commandKind.numbers;
const { expire: KIND_EXPIRE, transaction: KIND_TRANSACTION } = commandKind.numbers;

const ATTEMPTS = namesOf(FORMATS.attempt);
const CONDITIONS = namesOf(FORMATS.condition);
const REVISION_CONDITION = CONDITIONS.indexOf('revision');

/** An entry that is not a command of a known layout: written by another version of Kvorum, or a defect. */
export class MalformedCommand extends Error {
  override readonly name = 'MalformedCommand';
}

/** Positions of the fields in an entry; nothing is copied, and `data` must not be written to. */
export interface CommandView {
  readonly data: Uint8Array;
  readonly isPut: boolean;
  readonly attempt: Attempt;
  readonly timeMs: number;
  readonly fingerprintHigh: number;
  readonly fingerprintLow: number;
  readonly condition: Condition['type'];
  /** 0 unless the condition is `revision`. */
  readonly conditionRevision: number;
  readonly idAt: number;
  /** A zero byte, then the key, up to `contentTypeAt`. */
  readonly rowKeyAt: number;
  readonly contentTypeAt: number;
  readonly bodyAt: number;
}

export interface Command {
  readonly write: PlainWrite;
  readonly timeMs: number;
  /** 16 hex digits. */
  readonly fingerprint: string;
}

/**
 * The entry data for a write, in one buffer of the exact size.
 * @throws KvorumError `invalid-request`, `key-too-long` or `value-too-large` if a field is out of its bounds
 *   (`bounds.ts`).
 */
export function encodeCommand(write: PlainWrite, timeMs: number): Uint8Array {
  const contentType = write.type === 'put' ? write.contentType : '';
  const bodyLength = write.type === 'put' ? write.body.length : 0;
  const fault = encodeErrorOf(write);
  if (fault !== undefined) throw fault;
  const contentTypeAt = AT_KEY + write.key.length;
  const bodyAt = contentTypeAt + contentType.length;
  const data = Buffer.allocUnsafe(bodyAt + bodyLength);
  writeHead(data, LAYOUT, timeMs, write);
  data[AT.kind] = write.type === 'put' ? KIND_PUT : KIND_DELETE;
  data[AT.condition] = CONDITIONS.indexOf(write.condition.type);
  writeU48(data, AT.revision, write.condition.type === 'revision' ? write.condition.revision : 0);
  data[AT.keyLength] = write.key.length >>> 8;
  data[AT.keyLength + 1] = write.key.length;
  data[AT_TYPE_LENGTH] = contentType.length;
  data[AT_ROW_KEY] = 0;
  data.set(write.key, AT_KEY);
  for (let at = 0; at < contentType.length; at += 1) data[contentTypeAt + at] = contentType.charCodeAt(at);
  if (write.type === 'put') data.set(write.body, bodyAt);
  writeFingerprint(data);
  return data;
}

/** The entry data for a program, or for what is said about a transaction, whose bytes were validated. */
export function encodeProgramCommand(program: RunProgram | Transact, timeMs: number): Uint8Array {
  const data = Buffer.allocUnsafe(AT_BODY + program.body.length);
  writeHead(data, PROGRAM_LAYOUT, timeMs, program);
  data[AT.kind] = program.type === 'program' ? KIND_PROGRAM : KIND_TRANSACTION;
  data.set(program.body, AT_BODY);
  writeFingerprint(data);
  return data;
}

/** The entry data by which a leader expires keys that are due by its clock; applying it checks them again. */
export function encodeExpireCommand(keys: readonly Uint8Array[], timeMs: number): Uint8Array {
  const data = Buffer.allocUnsafe(AT_BODY + keys.reduce((bytes, key) => bytes + 2 + key.length, 0));
  writeHead(data, PROGRAM_LAYOUT, timeMs, { operationId: NO_ID, attempt: 'initial' });
  data[AT.kind] = KIND_EXPIRE;
  let at = AT_BODY;
  for (const key of keys) {
    at = data.writeUInt16BE(key.length, at);
    data.set(key, at);
    at += key.length;
  }
  writeFingerprint(data);
  return data;
}
const NO_ID = new Uint8Array(OPERATION_ID_BYTES);

function writeHead(
  data: Uint8Array,
  layout: number,
  timeMs: number,
  { operationId, attempt }: Pick<KvWrite, 'operationId' | 'attempt'>,
): void {
  data[AT.layout] = layout;
  // A clock before 1970 or after 10889 is wrong, but not a reason to refuse a write.
  writeU48(data, AT.time, Math.min(Math.max(Math.floor(timeMs), 0), MAX_U48));
  data.set(operationId, AT.id);
  data[AT.attempt] = ATTEMPTS.indexOf(attempt);
}

function writeFingerprint(data: Uint8Array): void {
  const { high, low } = hash64(data.subarray(AT.kind));
  writeU32(data, AT.fingerprint, high);
  writeU32(data, AT.fingerprint + 4, low);
}

/** Whether the entry is a plain write or a program. An unknown layout counts as plain: `viewCommand` refuses it. */
export const commandLayoutOf = (data: Uint8Array): 'plain' | 'program' =>
  data[AT.layout] === PROGRAM_LAYOUT ? 'program' : 'plain';

/** An entry of layout 3. */
export interface ProgramCommandView {
  readonly data: Uint8Array;
  readonly kind: 'program' | 'expire' | 'transaction';
  readonly attempt: Attempt;
  readonly timeMs: number;
  readonly fingerprintHigh: number;
  readonly fingerprintLow: number;
  readonly idAt: number;
  /** For `program`; otherwise one that does nothing. */
  readonly program: Program;
  /** For `transaction`; otherwise an inquiry. */
  readonly transaction: TransactionMessage;
  /** What follows the kind. */
  readonly body: Uint8Array;
  /** For `expire`: encoded keys. */
  readonly keys: readonly Uint8Array[];
}

/** Validates an entry of layout 3 and decodes it; bytes are views of `data`. @throws MalformedCommand */
export function viewProgramCommand(data: Uint8Array): ProgramCommandView {
  if (data.length < AT_BODY) throw new MalformedCommand(`an entry of ${data.length} bytes is no command`);
  const attemptNumber = data[AT.attempt] ?? 0;
  known(FORMATS.attempt, attemptNumber);
  const attempt = ATTEMPTS[attemptNumber] ?? 'initial';
  const kind = data[AT.kind] ?? 0;
  known(commandKind, kind);
  const name = KINDS.get(kind);
  if (name === undefined) throw new MalformedCommand('the entry is no program');
  const body = data.subarray(AT_BODY);
  return {
    data,
    kind: name,
    attempt,
    timeMs: readU48(data, AT.time),
    fingerprintHigh: readU32(data, AT.fingerprint),
    fingerprintLow: readU32(data, AT.fingerprint + 4),
    idAt: AT.id,
    program: kind === KIND_PROGRAM ? decoded(decodeProgram, body) : NOTHING,
    transaction: kind === KIND_TRANSACTION ? decoded(decodeTransaction, body) : INQUIRY,
    body,
    keys: kind === KIND_EXPIRE ? keysIn(body) : [],
  };
}
const NOTHING: Program = { comparisons: [], then: [], otherwise: [], onError: 'fail', valueLimit: 0 };

const INQUIRY: TransactionMessage = { phase: 'inquire' };
const KINDS = new Map<number, ProgramCommandView['kind']>([
  [KIND_PROGRAM, 'program'],
  [KIND_EXPIRE, 'expire'],
  [KIND_TRANSACTION, 'transaction'],
]);

function decoded<T>(decode: (bytes: Uint8Array) => T, body: Uint8Array): T {
  try {
    return decode(body);
  } catch (error) {
    if (error instanceof WireError) throw new MalformedCommand(error.message);
    throw error;
  }
}

function keysIn(body: Uint8Array): Uint8Array[] {
  const keys: Uint8Array[] = [];
  for (let at = 0; at < body.length;) {
    const length = ((body[at] ?? 0) << 8) | (body[at + 1] ?? 0);
    const key = body.subarray(at + 2, at + 2 + length);
    if (length === 0 || key.length !== length || isTooLong(key)) {
      throw new MalformedCommand('a key to expire is out of its bounds');
    }
    keys.push(key);
    at += 2 + length;
  }
  return keys;
}

/** What an entry is, for tools. */
export interface EntryView {
  readonly isProgram: boolean;
  readonly kind: 'write' | ProgramCommandView['kind'];
  readonly attempt: Attempt;
  /** As a binary string. */
  readonly operationId: string;
}

/** @throws MalformedCommand */
export function viewEntry(data: Uint8Array): EntryView {
  const isProgram = commandLayoutOf(data) === 'program';
  const view = isProgram ? viewProgramCommand(data) : viewCommand(data);
  const { attempt, idAt } = view;
  const kind = 'kind' in view ? view.kind : 'write';
  return { isProgram, kind, attempt, operationId: binaryString(data, idAt, idAt + OPERATION_ID_BYTES) };
}

/** The time in an entry that is a command; 0 for what is none. */
export const commandTimeMs = (data: Uint8Array): number => (data.length < AT_BODY ? 0 : readU48(data, AT.time));

/** What an entry says about transactions over shards, each with its id. */
export function transactionsIn(data: Uint8Array): readonly Pick<Enclosed, 'id' | 'message'>[] {
  if (data[AT.layout] !== PROGRAM_LAYOUT || data[AT.kind] !== KIND_TRANSACTION) return [];
  const { idAt, transaction: message } = viewProgramCommand(data);
  if (message.phase === 'several') return message.enclosed;
  return [{ id: data.subarray(idAt, idAt + OPERATION_ID_BYTES), message }];
}

/** The same command, to be proposed once more at this time. */
export function commandAgain(data: Uint8Array, timeMs: number): Uint8Array {
  const copy = Uint8Array.from(data);
  writeU48(copy, AT.time, timeMs);
  copy[AT.attempt] = REPEATED[data[AT.attempt] ?? 0] ?? 0;
  return copy;
}

/** By the number of an attempt, that of its repeat: while it waited, another attempt may have been applied and evicted. */
const REPEATED = ATTEMPTS.map((attempt) => {
  if (attempt === 'initial') return ATTEMPTS.indexOf('retry');
  return ATTEMPTS.indexOf(attempt === 'keyed' ? 'keyed-retry' : attempt);
});

/** Validates an entry without copying. @throws MalformedCommand */
export function viewCommand(data: Uint8Array): CommandView {
  const layout = data[AT.layout];
  if (layout !== undefined) known(commandLayout, layout);
  if (data.length < AT_KEY || layout !== LAYOUT)
    throw new MalformedCommand(`an entry of ${data.length} bytes is no command`);
  const attemptNumber = data[AT.attempt] ?? 0;
  const kind = data[AT.kind] ?? 0;
  const conditionNumber = data[AT.condition] ?? 0;
  const attempt = ATTEMPTS[attemptNumber];
  const condition = CONDITIONS[conditionNumber];
  if (attempt === undefined || condition === undefined || (kind !== KIND_PUT && kind !== KIND_DELETE)) {
    known(commandKind, kind);
    known(FORMATS.attempt, attemptNumber);
    known(FORMATS.condition, conditionNumber);
    throw new MalformedCommand('the entry is no command');
  }
  const conditionRevision = readU48(data, AT.revision);
  const keyLength = ((data[AT.keyLength] ?? 0) << 8) | (data[AT.keyLength + 1] ?? 0);
  const contentTypeAt = AT_KEY + keyLength;
  const bodyAt = contentTypeAt + (data[AT_TYPE_LENGTH] ?? 0);
  if (
    (conditionRevision !== 0 && conditionNumber !== REVISION_CONDITION) ||
    keyLength === 0 ||
    keyLength > MAX_ENCODED_KEY_BYTES ||
    data[AT_ROW_KEY] !== 0 ||
    bodyAt > data.length ||
    (kind === KIND_DELETE && contentTypeAt !== data.length)
  ) {
    throw new MalformedCommand('a field of the entry is out of its bounds');
  }
  for (let at = contentTypeAt; at < bodyAt; at += 1) {
    if (!isPrintableAscii(data[at] ?? 0)) throw new MalformedCommand('the content type in the entry is not ASCII');
  }
  return {
    data,
    isPut: kind === KIND_PUT,
    attempt,
    timeMs: readU48(data, AT.time),
    fingerprintHigh: readU32(data, AT.fingerprint),
    fingerprintLow: readU32(data, AT.fingerprint + 4),
    condition,
    conditionRevision,
    idAt: AT.id,
    rowKeyAt: AT_ROW_KEY,
    contentTypeAt,
    bodyAt,
  };
}

/** @throws MalformedCommand, by name, if only another build can read this */
function known(format: Format, number: number): void {
  if (!reads(format, number)) throw new MalformedCommand(unknownNumber(format, number));
}

/** A command with its fields by name; bytes are views of `data`. For tools and tests. @throws MalformedCommand */
export function decodeCommand(data: Uint8Array): Command {
  const view = viewCommand(data);
  const key = data.subarray(AT_KEY, view.contentTypeAt);
  const operationId = data.subarray(AT.id, AT.id + OPERATION_ID_BYTES);
  const condition: Condition =
    view.condition === 'revision' ? { type: 'revision', revision: view.conditionRevision } : { type: view.condition };
  const { attempt } = view;
  const contentType = binaryString(data, view.contentTypeAt, view.bodyAt);
  return {
    write: view.isPut
      ? { type: 'put', key, body: data.subarray(view.bodyAt), contentType, condition, operationId, attempt }
      : { type: 'delete', key, condition, operationId, attempt },
    timeMs: view.timeMs,
    fingerprint: Buffer.from(data.subarray(AT.fingerprint, AT.kind)).toString('hex'),
  };
}

/**
 * Milliseconds since 1970 in the version 7 UUID (RFC 9562, section 5.7) at `at`; undefined for any other kind of id,
 * which contains no creation time.
 */
export function operationTimeMs(bytes: Uint8Array, at: number): number | undefined {
  const isV7 = (bytes[at + 6] ?? 0) >>> 4 === 7 && (bytes[at + 8] ?? 0) >>> 6 === 2;
  return isV7 ? readU48(bytes, at) : undefined;
}
