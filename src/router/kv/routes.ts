/**
 * `/v1/kv/{key}`: put, get, delete; other routes of data are beside. Parses and validates a request, hands one
 * operation to the dispatcher, writes its reply. Free of any framework; `kvMiddleware` mounts it in express.
 */
import { strictJsonError, type Condition, type KvWrite } from '../../shard/index.js';
import { type DataRequest, headersOf, HttpProblem, invalid, parseQuery, splitTarget } from '../http/index.js';
import { answerAbsent, answerDelete, answerGet, answerWritten } from './answers.js';
import { serveBatch } from './batch.js';
import { Exchanges, type Exchange, type KvRoutesOptions, type OperationName } from './exchange.js';
import { namedKey } from './key.js';
import { BATCH_PATH, TRANSACTION_PATH } from './many.js';
import { servePatch } from './patch.js';
import { answerStep } from './record-answers.js';
import {
  expiryOf,
  identityOf,
  KV_PREFIX,
  matchOf,
  refuseBody,
  returningOf,
  settingsOf,
  stepWrite,
  type Identity,
} from './single.js';
import { serveTransaction } from './txn.js';

const KV_ROUTE = '/v1/kv/{key}';
export const ALLOWED_METHODS = 'GET, HEAD, PUT, PATCH, DELETE';

const NAMES = new Map<string | undefined, OperationName>([
  ['GET', 'get'],
  ['HEAD', 'get'],
  ['PUT', 'put'],
  ['DELETE', 'delete'],
  ['PATCH', 'patch'],
]);

export class KvRoutes {
  readonly #exchanges: Exchanges;

  constructor(options: KvRoutesOptions) {
    this.#exchanges = new Exchanges(options);
  }

  /** Requests that have no answer yet. */
  get inFlight(): number {
    return this.#exchanges.inFlight;
  }

  /** From now on every answer ends its connection, and new requests are refused. */
  close(): void {
    this.#exchanges.close();
  }

  /** Serves the request if its path is one of data, else returns false. @param target raw, as it came */
  handle(request: DataRequest, target: string, requestId: string): boolean {
    const isOfKey = target.startsWith(KV_PREFIX);
    const many = isOfKey ? undefined : MANY.get(pathOf(target));
    if (!isOfKey && many === undefined) return false;
    const name = many?.name ?? NAMES.get(request.method) ?? 'other';
    const exchange = { request, target, requestId, name, route: many?.route ?? KV_ROUTE, startedAt: performance.now() };
    this.#exchanges.begin(exchange, this.#serve);
    return true;
  }

  readonly #serve = (exchange: Exchange): void => {
    exchange.request.refuseRepeatedHeaders();
    const serve = SERVERS[exchange.name];
    if (serve === undefined) throw new HttpProblem('method-not-allowed', undefined, ['Allow', ALLOWED_METHODS]);
    serve(this.#exchanges, exchange);
  };
}

function serveGet(exchanges: Exchanges, exchange: Exchange): void {
  const { headers } = exchange.request;
  refuseBody(exchange.request);
  const { path, query } = splitTarget(exchange.target);
  const parameters = parseQuery(query, ['key_type', 'consistency']);
  const named = namedKey(path.slice(KV_PREFIX.length), parameters);
  const consistency = exchanges.consistency(parameters.get('consistency'));
  const preferences = { known: headersOf.knownRevisions(headers), envelope: headersOf.wantsEnvelope(headers), named };
  exchanges.send({
    exchange,
    operation: { type: 'get', key: named.key, consistency },
    consistency,
    deadlineMs: headersOf.timeoutMs(headers, exchanges.limits),
    forwarding: headersOf.forwardingOf(headers),
    onAnswer: (context, reply) => {
      const { answer } = reply;
      if (answer.type !== 'get') throw new Error('the answer does not fit the operation');
      if (answer.record === undefined) {
        answerAbsent(context, reply, answer.revision);
        return 'key-not-found';
      }
      answerGet(context, reply, answer.record, preferences);
      return 'ok';
    },
  });
}

/** Without a time to live, and without a record to return, it is a plain put: the shortest way there is. */
function servePut(exchanges: Exchanges, exchange: Exchange): void {
  const { headers } = exchange.request;
  const { limits } = exchanges;
  const { path, query } = splitTarget(exchange.target);
  const parameters = parseQuery(query, ['key_type', 'ttl']);
  const named = namedKey(path.slice(KV_PREFIX.length), parameters);
  const expiry = expiryOf(parameters.get('ttl'));
  headersOf.refuseEncodedBody(headers);
  const contentType = headersOf.contentTypeOf(headers);
  const { condition, others } = headersOf.writeCondition(headers);
  const identity = identityOf(headers);
  const settings = settingsOf(headers, limits);
  const wish = headersOf.returnWish(headers);
  const returning = returningOf(wish);
  const preferences = { named, wish, envelope: returning !== 'nothing' && headersOf.wantsEnvelope(headers) };
  headersOf.requireLength(headers);
  exchanges.readBody(exchange, limits.valueBytes, (body) => {
    const wrong = contentType.json ? strictJsonError(body, exchanges.jsonBounds) : undefined;
    if (wrong !== undefined) throw invalid('body', `the body is not acceptable JSON: ${wrong}`);
    const value = { key: named.key, body, contentType: contentType.stored };
    const write = (under: Condition, by: Identity): KvWrite =>
      expiry === undefined && returning === 'nothing'
        ? { type: 'put', ...value, condition: under, ...by }
        : stepWrite(
            { type: 'put', ...value, condition: under, returning, expiry: expiry ?? { type: 'none' } },
            by,
            limits.valueBytes,
          );
    exchanges.send({
      exchange,
      ...settings,
      operation: write(condition, identity),
      match: matchOf(condition, others, identity, write),
      onAnswer: (context, reply, outcome) => {
        const { answer } = reply;
        if (answer.type !== 'put') return answerStep(context, reply, outcome, preferences);
        answerWritten(context, reply, answer, wish);
        return 'ok';
      },
    });
  });
}

function serveDelete(exchanges: Exchanges, exchange: Exchange): void {
  const { headers } = exchange.request;
  const { limits } = exchanges;
  refuseBody(exchange.request);
  const { path, query } = splitTarget(exchange.target);
  const named = namedKey(path.slice(KV_PREFIX.length), parseQuery(query, ['key_type']));
  const { key } = named;
  const { condition, others } = headersOf.writeCondition(headers);
  const identity = identityOf(headers);
  const wish = headersOf.returnWish(headers);
  const preferences = { named, wish, envelope: wish === 'previous' && headersOf.wantsEnvelope(headers) };
  const write = (under: Condition, by: Identity): KvWrite =>
    wish === 'previous'
      ? stepWrite({ type: 'delete', key, condition: under, returning: 'previous' }, by, limits.valueBytes)
      : { type: 'delete', key, condition: under, ...by };
  exchanges.send({
    exchange,
    ...settingsOf(headers, limits),
    operation: write(condition, identity),
    match: matchOf(condition, others, identity, write),
    onAnswer: (context, reply, outcome) => {
      const { answer } = reply;
      if (answer.type !== 'delete') return answerStep(context, reply, outcome, preferences);
      answerDelete(context, reply, answer, wish);
      return 'ok';
    },
  });
}

/** Requests of several operations, by path. */
const MANY = new Map<string, { readonly name: OperationName; readonly route: string }>([
  [BATCH_PATH, { name: 'batch', route: BATCH_PATH }],
  [TRANSACTION_PATH, { name: 'txn', route: TRANSACTION_PATH }],
]);

function pathOf(target: string): string {
  const mark = target.indexOf('?');
  return mark < 0 ? target : target.slice(0, mark);
}

type Serve = (exchanges: Exchanges, exchange: Exchange) => void;

const SERVERS: Readonly<Partial<Record<OperationName, Serve>>> = {
  get: serveGet,
  put: servePut,
  delete: serveDelete,
  patch: servePatch,
  batch: serveBatch,
  txn: serveTransaction,
};
