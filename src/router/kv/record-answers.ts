/** Answers to writes that show a record: `Prefer: return=representation` or `return=previous`. */
import { writtenContentType, type KeyRecord, type ProgramOutcome, type StepResult } from '../../shard/index.js';
import type { DispatchReply } from '../dispatch/index.js';
import { ENVELOPE, type ReturnWish, SECURITY_HEADERS } from '../http/index.js';
import {
  answerDelete,
  answerWritten,
  deletedHeaders,
  writtenHeaders,
  type AnswerContext,
  type Deleted,
  type Written,
} from './answers.js';
import { envelope } from './envelope.js';
import type { NamedKey } from './key.js';

export interface WritePreferences {
  readonly named: NamedKey;
  readonly wish: ReturnWish | undefined;
  /** The record is shown as an envelope, and no record as `null`. */
  readonly envelope: boolean;
}

/** The answer of a program of one step, which was not refused. */
export function answerStep(
  context: AnswerContext,
  reply: DispatchReply,
  outcome: ProgramOutcome | undefined,
  preferences: WritePreferences,
): 'ok' {
  const { answer } = reply;
  const [result] = outcome?.results ?? [];
  if (answer.type !== 'program' || outcome === undefined) throw new Error('the answer does not fit the operation');
  const { revision, replayed } = answer;
  if (result === undefined) answerOmitted(context, reply, revision);
  else if (result.type === 'delete') answerStepDelete(context, reply, { ...result, revision, replayed }, preferences);
  else if (result.type === 'write') answerStepWrite(context, reply, { ...result, replayed }, preferences);
  else throw new Error('the result does not fit the step');
  return 'ok';
}

type WriteResult = Extract<StepResult, { type: 'write' }>;

function answerStepWrite(
  context: AnswerContext,
  reply: DispatchReply,
  written: WriteResult & Written,
  preferences: WritePreferences,
): void {
  const { wish } = preferences;
  if (wish === undefined || wish === 'minimal') answerWritten(context, reply, written, wish);
  else {
    const headers = writtenHeaders(context, reply, written);
    answerRecord(context, reply, { headers, status: written.created ? 201 : 200, record: written.record }, preferences);
  }
}

function answerStepDelete(
  context: AnswerContext,
  reply: DispatchReply,
  deleted: Deleted & { readonly record?: KeyRecord },
  preferences: WritePreferences,
): void {
  // There is nothing new to represent.
  if (preferences.wish !== 'previous') answerDelete(context, reply, deleted, preferences.wish);
  else {
    const headers = deletedHeaders(context, reply, deleted);
    answerRecord(context, reply, { headers, status: 200, record: deleted.record }, preferences);
  }
}

interface Shown {
  readonly headers: string[];
  readonly status: number;
  /** Undefined: there was none. */
  readonly record: KeyRecord | undefined;
}

function answerRecord(
  { response }: AnswerContext,
  reply: DispatchReply,
  { headers, status, record }: Shown,
  preferences: WritePreferences,
): void {
  const { wish, named } = preferences;
  headers.push('Preference-Applied', `return=${wish ?? ''}`, 'Vary', 'Accept', ...SECURITY_HEADERS);
  if (record !== undefined) {
    const prefix = wish === 'previous' ? 'Kv-Previous-' : 'Kv-';
    headers.push(`${prefix}Version`, String(record.version), `${prefix}Create-Revision`, String(record.createRevision));
    if (wish === 'previous') headers.push('Kv-Previous-Revision', String(record.revision));
  }
  if (record === undefined && !preferences.envelope) {
    if (status === 201) headers.push('Content-Length', '0');
    response.writeHead(status === 201 ? 201 : 204, headers);
    response.end();
    return;
  }
  const shown = preferences.envelope ? envelopeOrNull(named, record, reply.shard) : record?.body;
  const body = shown ?? Buffer.alloc(0);
  const type = preferences.envelope ? ENVELOPE : writtenContentType(record?.contentType ?? '');
  headers.push('Content-Type', type, 'Content-Length', String(body.length), 'Content-Security-Policy', 'sandbox');
  response.writeHead(status, headers);
  response.end(body);
}

const envelopeOrNull = (named: NamedKey, record: KeyRecord | undefined, shard: number): Uint8Array =>
  record === undefined ? Buffer.from('null') : envelope(named, record, shard);

/** The write is done, but its answer was too long to be kept for a replay. */
function answerOmitted(context: AnswerContext, reply: DispatchReply, revision: number): void {
  const body = `{"revision":${revision},"results_omitted":true}`;
  const headers = deletedHeaders(context, reply, { deleted: false, revision, replayed: true });
  headers.push('Content-Type', 'application/json', 'Content-Length', String(body.length));
  context.response.writeHead(200, headers);
  context.response.end(body, 'latin1');
}
