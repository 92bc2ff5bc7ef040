/** Writes the answers of `/v1/kv/`: flat header arrays and small string templates, for this is the hot path. */
import { parse as parseContentType } from 'content-type';
import { stringify } from 'uuid';
import {
  writtenContentType,
  type Answer,
  type Consistency,
  type KeyRecord,
  type Refusal,
  type Topology,
} from '../../shard/index.js';
import type { DispatchReply } from '../dispatch/index.js';
import { keyAsJson, type NamedKey } from './key.js';
import { type DataResponse, ENVELOPE, type Forwarding, SECURITY_HEADERS, sendProblem } from '../http/index.js';

/** What is needed of the request that is answered. */
export interface AnswerContext {
  readonly response: DataResponse;
  readonly requestId: string;
  readonly consistency: Consistency;
  /** The last answer of this connection. */
  readonly closing: boolean;
}

function originHeaders(context: AnswerContext, reply: DispatchReply): string[] {
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

export function answerPut(
  context: AnswerContext,
  reply: DispatchReply,
  answer: Extract<Answer, { type: 'put' }>,
  minimal: boolean,
): void {
  const { response } = context;
  const revision = String(answer.revision);
  const headers = originHeaders(context, reply);
  headers.push('ETag', `"${revision}"`, 'Kv-Revision', revision);
  if (answer.replayed) headers.push('Idempotency-Replayed', 'true');
  if (minimal) {
    headers.push('Preference-Applied', 'return=minimal');
    response.writeHead(204, headers);
    response.end();
    return;
  }
  const body = `{"revision":${revision},"version":${answer.version},"created":${answer.created}}`;
  headers.push('Content-Type', JSON_TYPE, 'Content-Length', String(body.length));
  response.writeHead(answer.created ? 201 : 200, headers);
  response.end(body, 'latin1');
}

export function answerDelete(
  context: AnswerContext,
  reply: DispatchReply,
  answer: Extract<Answer, { type: 'delete' }>,
): void {
  const { response } = context;
  const body = `{"deleted":${answer.deleted},"revision":${answer.revision}}`;
  const headers = originHeaders(context, reply);
  headers.push('Kv-Revision', String(answer.revision));
  if (answer.replayed) headers.push('Idempotency-Replayed', 'true');
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

/** `{key,value|value_base64,content_type,revision,create_revision,version,shard}`; JSON is put in as it was stored. */
function envelope(named: NamedKey, record: KeyRecord, shard: number): Buffer {
  const type = named.type === 'string' ? '' : `"key_type":"${named.type}",`;
  const head = `{"key":${keyAsJson(named)},${type}`;
  const contentType = writtenContentType(record.contentType);
  const tail =
    `,"content_type":${JSON.stringify(contentType)},"revision":${record.revision},` +
    `"create_revision":${record.createRevision},"version":${record.version},"shard":${shard}}`;
  const body = Buffer.from(record.body.buffer, record.body.byteOffset, record.body.byteLength);
  if (parseContentType(contentType, { parameters: false }).type === JSON_TYPE) {
    return Buffer.concat([Buffer.from(`${head}"value":`), body, Buffer.from(tail)]);
  }
  return Buffer.from(`${head}"value_base64":"${body.toString('base64')}"${tail}`);
}
