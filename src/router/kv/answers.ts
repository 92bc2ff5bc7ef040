/** Writes the answers of `/v1/kv/`: flat header arrays and small string templates, for this is the hot path. */
import { stringify } from 'uuid';
import {
  writtenContentType,
  type Consistency,
  type KeyRecord,
  type Refusal,
  type Topology,
} from '../../shard/index.js';
import type { DispatchReply } from '../dispatch/index.js';
import { envelope, timeText } from './envelope.js';
import type { NamedKey } from './key.js';
import {
  type DataResponse,
  ENVELOPE,
  type Forwarding,
  type ReturnWish,
  SECURITY_HEADERS,
  sendProblem,
} from '../http/index.js';

/** What is needed of the request that is answered. */
export interface AnswerContext {
  readonly response: DataResponse;
  readonly requestId: string;
  readonly consistency: Consistency;
  /** The last answer of this connection. */
  readonly closing: boolean;
}

export function originHeaders(context: AnswerContext, reply: DispatchReply): string[] {
  const headers = [
    'Kv-Request-Id',
    context.requestId,
    'Kv-Shard',
    String(reply.shard),
    'Kv-Term',
    String(reply.term),
    'Kv-Served-By',
    String(reply.servedBy),
    'Kv-Consistency',
    context.consistency,
  ];
  if (context.closing) headers.push('Connection', 'close');
  return headers;
}

const JSON_TYPE = 'application/json';

/** What is known of a write to one key. */
export interface Written {
  readonly revision: number;
  readonly version: number;
  readonly created: boolean;
  readonly replayed: boolean;
  readonly expiresAtMs?: number;
  /** Of an increment: the number now, and what was added. */
  readonly number?: bigint;
  readonly applied?: bigint;
}

export function answerWritten(
  context: AnswerContext,
  reply: DispatchReply,
  written: Written,
  wish: ReturnWish | undefined,
): void {
  const { response } = context;
  const headers = writtenHeaders(context, reply, written);
  if (wish === 'minimal') {
    answerMinimal(context, headers);
    return;
  }
  const { revision, version, created, number, applied } = written;
  const numbers = number === undefined ? '' : `,"value":${number},"applied":${applied ?? 0n}`;
  const body = `{"revision":${revision},"version":${version},"created":${created}${numbers}}`;
  headers.push('Content-Type', JSON_TYPE, 'Content-Length', String(body.length));
  response.writeHead(created ? 201 : 200, headers);
  response.end(body, 'latin1');
}

export function writtenHeaders(
  context: AnswerContext,
  reply: DispatchReply,
  written: Pick<Written, 'revision' | 'replayed' | 'expiresAtMs'>,
): string[] {
  const revision = String(written.revision);
  const headers = originHeaders(context, reply);
  headers.push('ETag', `"${revision}"`, 'Kv-Revision', revision);
  if (written.expiresAtMs !== undefined) headers.push('Kv-Expires-At', timeText(written.expiresAtMs));
  if (written.replayed) headers.push('Idempotency-Replayed', 'true');
  return headers;
}

export function answerMinimal({ response }: AnswerContext, headers: string[]): void {
  headers.push('Preference-Applied', 'return=minimal');
  response.writeHead(204, headers);
  response.end();
}

export interface Deleted {
  readonly deleted: boolean;
  readonly revision: number;
  readonly replayed: boolean;
}

export function deletedHeaders(
  context: AnswerContext,
  reply: DispatchReply,
  { revision, replayed }: Deleted,
): string[] {
  const headers = originHeaders(context, reply);
  headers.push('Kv-Revision', String(revision));
  if (replayed) headers.push('Idempotency-Replayed', 'true');
  return headers;
}

export function answerDelete(
  context: AnswerContext,
  reply: DispatchReply,
  answer: Deleted,
  wish: ReturnWish | undefined,
): void {
  const { response } = context;
  const headers = deletedHeaders(context, reply, answer);
  if (wish === 'minimal') {
    answerMinimal(context, headers);
    return;
  }
  const body = `{"deleted":${answer.deleted},"revision":${answer.revision}}`;
  headers.push('Content-Type', JSON_TYPE, 'Content-Length', String(body.length));
  response.writeHead(200, headers);
  response.end(body, 'latin1');
}

/** How the client wants to get the record. */
export interface ReadPreferences {
  readonly known: readonly number[] | '*' | undefined;
  readonly envelope: boolean;
  readonly named: NamedKey;
}

/** Also for HEAD: the response leaves the body out. */
export function answerGet(
  context: AnswerContext,
  reply: DispatchReply,
  record: KeyRecord,
  preferences: ReadPreferences,
): void {
  const { response } = context;
  const headers = originHeaders(context, reply);
  headers.push(
    'ETag',
    `"${record.revision}"`,
    'Kv-Revision',
    String(record.revision),
    'Kv-Version',
    String(record.version),
    'Kv-Create-Revision',
    String(record.createRevision),
    'Vary',
    'Accept',
  );
  if (record.expiresAtMs !== undefined) headers.push('Kv-Expires-At', timeText(record.expiresAtMs));
  // Spread, they would make a slow call of the one above.
  for (const text of SECURITY_HEADERS) headers.push(text);
  if (preferences.known === '*' || preferences.known?.includes(record.revision) === true) {
    response.writeHead(304, headers);
    response.end();
    return;
  }
  const body = preferences.envelope ? envelope(preferences.named, record, reply.shard) : record.body;
  headers.push(
    'Content-Type',
    preferences.envelope ? ENVELOPE : writtenContentType(record.contentType),
    'Content-Length',
    String(body.length),
    // Whatever type a value has, a browser must not run it as a page of this origin.
    'Content-Security-Policy',
    'sandbox',
  );
  response.writeHead(200, headers);
  response.end(body);
}

/** `revision` is the shard's applied index: the absence is as of then. */
export function answerAbsent(context: AnswerContext, reply: DispatchReply, revision: number): void {
  const details = { shard: reply.shard, term: reply.term };
  const headers = refusalHeaders(context, reply, revision);
  sendProblem(context.response, context.requestId, { code: 'key-not-found', details, headers });
}

function refusalHeaders(context: AnswerContext, reply: DispatchReply, revision?: number): string[] {
  const headers: string[] = [];
  if (reply.shard >= 0) headers.push('Kv-Shard', String(reply.shard));
  if (reply.term > 0) headers.push('Kv-Term', String(reply.term));
  if (reply.servedBy > 0) headers.push('Kv-Served-By', String(reply.servedBy));
  headers.push('Kv-Consistency', context.consistency);
  if (revision !== undefined) headers.push('Kv-Revision', String(revision));
  if (context.closing) headers.push('Connection', 'close');
  return headers;
}

export interface RefusedRequest {
  readonly target: string;
  readonly forwarding: Forwarding;
  readonly topology: Topology | undefined;
  /** Term of the shard at the replica in this process, if there is one; used only if no replica answered. */
  readonly localTerm: () => number | undefined;
  /** Id of a write; undefined for a read. */
  readonly operationId: Uint8Array | undefined;
}

export function answerRefusal(
  context: AnswerContext,
  reply: DispatchReply,
  refusal: Refusal,
  request: RefusedRequest,
): void {
  const { response, requestId } = context;
  const headers = refusalHeaders(context, reply);
  if (refusal.replayed === true) headers.push('Idempotency-Replayed', 'true');
  if (refusal.code === 'not-here' && !request.forwarding.allowed) {
    const term = reply.term > 0 ? undefined : request.localTerm();
    if (term !== undefined && term > 0) headers.push('Kv-Term', String(term));
    answerNotLeader(context, refusal, request, headers);
    return;
  }
  const term = reply.term > 0 ? { term: reply.term } : {};
  const shard = reply.shard >= 0 ? { shard: reply.shard } : {};
  const { operationId } = request;
  const unknown = refusal.outcome === 'unknown' && operationId !== undefined;
  sendProblem(response, requestId, {
    code: refusal.code,
    detail: refusal.message,
    outcome: refusal.outcome,
    details: { ...shard, ...term, ...refusal.details },
    // With it the client can retry without a second effect, also if it had sent no key of its own.
    idempotencyKey: unknown ? stringify(operationId) : undefined,
    headers,
  });
}

/** Forwarding is off, or the request was forwarded already: redirects to the leader, if it is known. */
function answerNotLeader(context: AnswerContext, refusal: Refusal, request: RefusedRequest, headers: string[]): void {
  const { response, requestId } = context;
  if (request.forwarding.hops > 0) {
    sendProblem(response, requestId, { code: 'loop-detected', details: refusal.details, headers });
    return;
  }
  const leader = request.topology?.nodes.find((node) => node.id === refusal.details.leader);
  if (leader === undefined) {
    sendProblem(response, requestId, { code: 'not-here', details: refusal.details, headers });
    return;
  }
  headers.push('Location', `http://${leader.httpAddress}${request.target}`, 'Kv-Request-Id', requestId);
  headers.push('Content-Length', '0');
  response.writeHead(307, headers);
  response.end();
}
