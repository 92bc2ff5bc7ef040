/** The bytes of what is said about a transaction: requests to its participants, and their replies. */
import { MAX_ANSWER_BYTES, OPERATION_ID_BYTES } from './bounds.js';
import { borrowWriter, ByteReader, finish, readTimes, WireError, type ByteWriter } from './byte-buffer.js';
import { FORMATS, namesOf, numberWritten, reads, unknownNumber, type Format } from './formats.js';
import {
  decodeOutcome,
  decodeProgram,
  encodeProgram,
  readFailure,
  readResult,
  writeFailure,
  writeResult,
} from './program-codec.js';
import { refuse } from './errors.js';
import type { StepResult } from './program.js';
import type {
  BranchVote,
  ClientId,
  Decision,
  Enclosed,
  SingleMessage,
  SingleReply,
  TransactionMessage,
  TransactionReply,
  Vote,
} from './transaction.js';

const LAYOUT = numberWritten(FORMATS.transactionLayout);
const PHASES = FORMATS.transactionPhase.numbers satisfies Record<TransactionMessage['phase'], number>;
const PHASE_NAMES = namesOf(FORMATS.transactionPhase);
const DECISIONS = FORMATS.decision.numbers satisfies Record<Decision, number>;
const DECISION_NAMES = namesOf(FORMATS.decision);
const VOTES = FORMATS.vote.numbers satisfies Record<Vote['type'], number>;
const VOTE_NAMES = namesOf(FORMATS.vote);
const REPLIES = FORMATS.transactionReply.numbers satisfies Record<TransactionReply['type'] | 'decided-at', number>;
const REPLY_NAMES = namesOf(FORMATS.transactionReply);

const HAS_CLIENT = 1;
const HAS_COMPARISONS = 2;
const HAS_OTHERWISE = 4;
const HAS_ANSWER_LIMIT = 8;
const WAITS = 16;
const HAS_OUTCOME = 1;
const HOLDS = 1;
const FINGERPRINT_BYTES = 8;

/** @throws WireError if a field is out of its bounds */
export function encodeTransaction(message: TransactionMessage): Uint8Array {
  const out = borrowWriter();
  out.u8(LAYOUT);
  out.u8(PHASES[message.phase]);
  switch (message.phase) {
    case 'prepare': {
      const { participants, part, client, waits } = message;
      out.u8(
        (client === undefined ? 0 : HAS_CLIENT) |
          (part.hasComparisons ? HAS_COMPARISONS : 0) |
          (part.hasOtherwise ? HAS_OTHERWISE : 0) |
          (part.answerLimit === undefined ? 0 : HAS_ANSWER_LIMIT) |
          (waits ? WAITS : 0),
      );
      writeNumbers(out, participants);
      writeNumbers(out, part.thenAt);
      writeNumbers(out, part.otherwiseAt);
      if (client !== undefined) writeClient(out, client);
      if (part.answerLimit !== undefined) out.u32(part.answerLimit);
      out.longBytes(encodeProgram(part.program));
      break;
    }
    case 'decide':
      out.u8(DECISIONS[message.decision]);
      out.u8(message.outcome === undefined ? 0 : HAS_OUTCOME);
      if (message.outcome !== undefined) out.longBytes(message.outcome);
      break;
    case 'conclude':
      out.u8(DECISIONS[message.decision]);
      writeClient(out, message.client);
      out.longBytes(message.outcome);
      break;
    case 'inquire':
      break;
    case 'forget':
      out.u16(message.ids.length);
      for (const id of message.ids) out.raw(id);
      break;
    case 'several':
      writeEnclosed(out, message.enclosed);
      break;
  }
  return finish(out);
}

/** Of `several`. */
function writeEnclosed(out: ByteWriter, enclosed: readonly Pick<Enclosed, 'id' | 'body'>[]): void {
  out.u16(enclosed.length);
  for (const { id, body } of enclosed) {
    out.raw(id);
    out.longBytes(body);
  }
}

function readEnclosed(input: ByteReader): Enclosed {
  const id = input.raw(OPERATION_ID_BYTES);
  const body = input.longBytes();
  const message = decodeTransaction(body);
  if (message.phase === 'several' || (message.phase === 'prepare' && message.waits)) {
    throw new WireError(`a message ${message.phase} among several`);
  }
  return { id, message, body };
}

/** @throws WireError for bytes that no build of this feature level writes */
export function decodeTransaction(bytes: Uint8Array): TransactionMessage {
  const input = new ByteReader(bytes);
  checkLayout(input.u8());
  const message = readMessage(input);
  if (input.remaining > 0) throw new WireError(`${input.remaining} bytes after the end of a transaction's message`);
  return message;
}

function readMessage(input: ByteReader): TransactionMessage {
  const phase = nameOf(FORMATS.transactionPhase, PHASE_NAMES, input.u8());
  if (phase !== 'several') return readSingle(phase, input);
  return { phase, enclosed: readTimes(input.u16(), input, readEnclosed) };
}

function readSingle(phase: SingleMessage['phase'], input: ByteReader): SingleMessage {
  switch (phase) {
    case 'prepare': {
      const flags = input.flags(HAS_CLIENT | HAS_COMPARISONS | HAS_OTHERWISE | HAS_ANSWER_LIMIT | WAITS);
      const participants = readNumbers(input);
      const thenAt = readNumbers(input);
      const otherwiseAt = readNumbers(input);
      const client = (flags & HAS_CLIENT) === 0 ? undefined : readClient(input);
      const limit = (flags & HAS_ANSWER_LIMIT) === 0 ? {} : { answerLimit: readAnswerLimit(input) };
      const program = decodeProgram(input.longBytes());
      if (program.then.length !== thenAt.length || program.otherwise.length !== otherwiseAt.length) {
        throw new WireError('the places of a part do not fit its steps');
      }
      if (participants.some((shard, i) => i > 0 && shard <= (participants[i - 1] ?? 0))) {
        throw new WireError('participants are not in ascending order');
      }
      const hasComparisons = (flags & HAS_COMPARISONS) !== 0;
      const hasOtherwise = (flags & HAS_OTHERWISE) !== 0;
      const part = { program, thenAt, otherwiseAt, hasComparisons, hasOtherwise, ...limit };
      return { phase, participants, part, client, waits: (flags & WAITS) !== 0 };
    }
    case 'decide': {
      const decision = nameOf(FORMATS.decision, DECISION_NAMES, input.u8());
      return { phase, decision, outcome: input.flags(HAS_OUTCOME) === 0 ? undefined : input.longBytes() };
    }
    case 'conclude': {
      const decision = nameOf(FORMATS.decision, DECISION_NAMES, input.u8());
      const client = readClient(input);
      return { phase, decision, client, outcome: readOutcome(input) };
    }
    case 'inquire':
      return { phase };
    case 'forget':
      return { phase, ids: readTimes(input.u16(), input, readId) };
  }
}

/** It is kept by an entry, which must not fail there. */
function readOutcome(input: ByteReader): Uint8Array {
  const outcome = input.longBytes();
  decodeOutcome(outcome);
  return outcome;
}

function readAnswerLimit(input: ByteReader): number {
  const bytes = input.u32();
  if (bytes > MAX_ANSWER_BYTES) throw new WireError(`a limit of ${bytes} bytes for the values of an answer`);
  return bytes;
}

export function encodeTransactionReply(reply: TransactionReply): Uint8Array {
  const out = borrowWriter();
  out.u8(LAYOUT);
  const isAt = reply.type === 'decided' && reply.revision !== undefined;
  out.u8(REPLIES[isAt ? 'decided-at' : reply.type]);
  switch (reply.type) {
    case 'vote':
      writeNumbers(out, reply.participants);
      writeVote(out, reply.vote);
      break;
    case 'decided':
      out.u8(DECISIONS[reply.decision]);
      if (reply.revision !== undefined) out.u48(reply.revision);
      break;
    case 'unknown':
      break;
    case 'replay':
      out.longBytes(reply.outcome);
      break;
    case 'open':
      out.raw(reply.id);
      writeNumbers(out, reply.participants);
      break;
    case 'refused':
      out.u8(reply.outcome === 'unknown' ? 1 : 0);
      writeFailure(out, reply);
      break;
    case 'several':
      out.u16(reply.replies.length);
      for (const each of reply.replies) out.longBytes(encodeTransactionReply(each));
      break;
  }
  return finish(out);
}

/** @throws WireError */
export function decodeTransactionReply(bytes: Uint8Array): TransactionReply {
  const input = new ByteReader(bytes);
  checkLayout(input.u8());
  const reply = readReply(input);
  if (input.remaining > 0) throw new WireError(`${input.remaining} bytes after the end of a reply`);
  return reply;
}

function readReply(input: ByteReader): TransactionReply {
  const type = nameOf(FORMATS.transactionReply, REPLY_NAMES, input.u8());
  if (type !== 'several') return readSingleReply(type, input);
  return { type, replies: readTimes(input.u16(), input, readEnclosedReply) };
}

function readEnclosedReply(input: ByteReader): SingleReply {
  const reply = decodeTransactionReply(input.longBytes());
  if (reply.type === 'several') throw new WireError('several replies within one of several');
  return reply;
}

function readSingleReply(type: SingleReply['type'] | 'decided-at', input: ByteReader): SingleReply {
  switch (type) {
    case 'vote': {
      const participants = readNumbers(input);
      return { type, participants, vote: readVote(input) };
    }
    case 'decided':
      return { type, decision: nameOf(FORMATS.decision, DECISION_NAMES, input.u8()) };
    case 'decided-at': {
      const decision = nameOf(FORMATS.decision, DECISION_NAMES, input.u8());
      return { type: 'decided', decision, revision: input.u48() };
    }
    case 'unknown':
      return { type };
    case 'replay':
      return { type, outcome: input.longBytes() };
    case 'open': {
      const id = input.raw(OPERATION_ID_BYTES);
      return { type, id, participants: readNumbers(input) };
    }
    case 'refused': {
      const outcome = input.flags(1) === 1 ? 'unknown' : 'not_applied';
      const { code, message, details } = readFailure(input);
      return refuse(code, message, details, outcome);
    }
  }
}

function writeVote(out: ByteWriter, vote: Vote): void {
  out.u8(VOTES[vote.type]);
  switch (vote.type) {
    case 'yes':
      out.u8((vote.holds ? HOLDS : 0) | (vote.otherwise === undefined ? 0 : HAS_OTHERWISE));
      writeBranch(out, vote.then);
      if (vote.otherwise !== undefined) writeBranch(out, vote.otherwise);
      return;
    case 'failed':
      writeFailure(out, vote.refusal);
      return;
    case 'no':
    case 'busy':
    case 'aborted':
      return;
  }
}

function readVote(input: ByteReader): Vote {
  const type = nameOf(FORMATS.vote, VOTE_NAMES, input.u8());
  switch (type) {
    case 'yes': {
      const flags = input.flags(HOLDS | HAS_OTHERWISE);
      const then = readBranch(input);
      const otherwise = (flags & HAS_OTHERWISE) === 0 ? undefined : readBranch(input);
      return { type, holds: (flags & HOLDS) !== 0, then, otherwise };
    }
    case 'failed':
      return { type, refusal: readRefusal(input) };
    case 'no':
    case 'busy':
    case 'aborted':
      return { type };
  }
}

const FAILED = 1;

function writeBranch(out: ByteWriter, branch: BranchVote): void {
  out.u8(branch.type === 'failed' ? FAILED : 0);
  if (branch.type === 'failed') {
    writeFailure(out, branch.refusal);
    return;
  }
  out.u16(branch.results.length);
  for (const [at, result] of branch.results) {
    out.u16(at);
    writeResult(out, result);
  }
}

function readBranch(input: ByteReader): BranchVote {
  if (input.flags(FAILED) === FAILED) return { type: 'failed', refusal: readRefusal(input) };
  return { type: 'results', results: readTimes(input.u16(), input, readPlaced) };
}

const readPlaced = (input: ByteReader): readonly [number, StepResult] => [input.u16(), readResult(input)];
const readId = (input: ByteReader): Uint8Array => input.raw(OPERATION_ID_BYTES);
const readNumber = (input: ByteReader): number => input.u16();

function readRefusal(input: ByteReader): Extract<TransactionReply, { type: 'refused' }> {
  const { code, message, details } = readFailure(input);
  return refuse(code, message, details, 'not_applied');
}

function writeClient(out: ByteWriter, { id, fingerprint }: ClientId): void {
  out.raw(id);
  out.raw(fingerprint);
}

function readClient(input: ByteReader): ClientId {
  const id = input.raw(OPERATION_ID_BYTES);
  return { id, fingerprint: input.raw(FINGERPRINT_BYTES) };
}

function writeNumbers(out: ByteWriter, numbers: readonly number[]): void {
  out.u16(numbers.length);
  for (const number of numbers) out.u16(number);
}

const readNumbers = (input: ByteReader): number[] => readTimes(input.u16(), input, readNumber);

function checkLayout(layout: number): void {
  if (!reads(FORMATS.transactionLayout, layout)) throw new WireError(unknownNumber(FORMATS.transactionLayout, layout));
}

function nameOf<Name extends string>(format: Format, names: readonly Name[], number: number): Name {
  const name = names[number];
  if (name === undefined) throw new WireError(unknownNumber(format, number));
  return name;
}
