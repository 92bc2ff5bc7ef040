/** What batches and transactions have in common: their bodies, and who sends them. */
import type { IncomingHttpHeaders } from 'node:http';
import {
  KvorumError,
  MAX_ANSWER_BYTES,
  MAX_BATCH_BYTES,
  MAX_TRANSACTION_BYTES,
  namespaceKey,
  type Topology,
} from '../../shard/index.js';
import type { Dispatcher, Identity } from '../dispatch/index.js';
import { headersOf, HttpProblem, type Limits, parseMediaType, SECURITY_HEADERS } from '../http/index.js';
import type { AnswerContext } from './answers.js';
import { joined, type JsonPieces } from './envelope.js';
import type { Exchange, Exchanges, Settings } from './exchange.js';
import { placeOf } from './place.js';
import { identityOf, settingsOf } from './single.js';

/** Longest body that a request for this target may have. */
export function bodyLimitOf(target: string, { valueBytes }: Limits): number {
  const type = placeOf(target)?.type;
  if (type === 'batch') return MAX_BATCH_BYTES;
  return type === 'txn' ? MAX_TRANSACTION_BYTES : valueBytes;
}

export const JSON_TYPE = 'application/json';
export const NDJSON_TYPE = 'application/x-ndjson';

/** Share of what may be unsent on a connection that values in one answer may have; base64 adds a third. */
const ANSWER_SHARE = 0.5;
export const answerLimitOf = ({ limits }: Exchanges): number =>
  Math.min(MAX_ANSWER_BYTES, Math.floor(limits.maxUnsentBytes * ANSWER_SHARE));

export interface Posted {
  readonly identity: Identity;
  readonly settings: Settings;
  /** One of the accepted types. */
  readonly type: string;
}

/** Checks all but the body. @param accepted content types */
export function readHead(exchanges: Exchanges, exchange: Exchange, accepted: readonly string[]): Posted {
  const { headers, method } = exchange.request;
  if (method !== 'POST') throw new HttpProblem('method-not-allowed', undefined, ['Allow', 'POST']);
  headersOf.refuseConditions(headers, 'a request for several keys');
  headersOf.refuseEncodedBody(headers);
  const type = requireType(headers, accepted, 'Accept-Post');
  const settings = settingsOf(headers, exchanges.limits);
  headersOf.requireLength(headers);
  return { identity: identityOf(headers), settings, type };
}

/** @param as the header in which a refusal says what is accepted @throws HttpProblem 415 for any other type of body */
export function requireType(
  headers: IncomingHttpHeaders,
  accepted: readonly string[],
  as: 'Accept' | 'Accept-Post',
): string {
  const { essence = '', charset = 'utf-8' } = parseMediaType(headers['content-type'] ?? '') ?? {};
  if (accepted.includes(essence) && charset === 'utf-8') return essence;
  throw new HttpProblem('unsupported-media-type', `the body is ${accepted.join(' or ')}`, [as, accepted.join(', ')]);
}

/** The key of the namespace that the request is about; undefined: the main keyspace. @throws KvorumError */
export const withinOf = ({ namespace }: Exchange): Uint8Array | undefined =>
  namespace === undefined ? undefined : namespaceKey(namespace);

/** The topology, and by it the shard of a key. */
export function shardsBy(exchanges: Exchanges): (key: Uint8Array) => number {
  const { backend, dispatcher } = exchanges.options;
  const topology = knownTopology(backend.topology());
  return (key) => dispatcher.shardOf(key, topology);
}

function knownTopology(topology: Topology | undefined): Topology {
  if (topology !== undefined) return topology;
  throw new KvorumError('no-leader', 'the topology is not known yet', {}, 'not_applied');
}

export const executeBy =
  (dispatcher: Dispatcher): Dispatcher['execute'] =>
  (operation, options) =>
    dispatcher.execute(operation, options);

/** Ends a request of several operations, which carries no header of any single shard. */
export function answerMany(
  context: AnswerContext,
  pieces: Readonly<JsonPieces>,
  { type, replayed }: { readonly type: string; readonly replayed: boolean },
): void {
  const { response, requestId, closing } = context;
  const body = joined(pieces);
  const headers = ['Kv-Request-Id', requestId, 'Content-Type', type, 'Content-Length', String(body.length)];
  headers.push('Vary', 'Accept', ...SECURITY_HEADERS);
  if (replayed) headers.push('Idempotency-Replayed', 'true');
  if (closing) headers.push('Connection', 'close');
  response.writeHead(200, headers);
  response.end(body);
}
