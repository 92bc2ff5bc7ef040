/**
 * `/v1/kv/{key}`: put, get, delete; other routes of data are beside. Parses and validates a request, hands one
 * operation to the dispatcher, writes its reply. Free of any framework; `kvMiddleware` mounts it in express.
 */
import { strictJsonError, type Condition, type KvWrite } from '../../shard/index.js';
import type { Identity } from '../dispatch/index.js';
import { type DataRequest, headersOf, HttpProblem, invalid, parseQuery, splitTarget } from '../http/index.js';
import { answerAbsent, answerDelete, answerGet, answerWritten } from './answers.js';
import { serveBatch } from './batch.js';
import { Exchanges, type Exchange, type KvRoutesOptions, type OperationName } from './exchange.js';
import { serveNamespace } from './namespaces.js';
import { servePatch } from './patch.js';
import { readQuery, TAKEN } from './parameters.js';
import { placeOf, type PlaceType } from './place.js';
import { boundIn } from './read-bound.js';
import { answerStep } from './record-answers.js';
import { identityOf, keyIn, matchOf, plainPut, refuseBody, returningOf, settingsOf, stepWrite } from './single.js';
import { serveTransaction } from './txn.js';

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
    const place = placeOf(target);
    const name = place && (OTHER_NAMES.get(place.type) ?? NAMES.get(request.method) ?? 'other');
    if (place === undefined || name === 'list') return false;
    const { keyAt, namespace, route } = place;
    const startedAt = performance.now();
    const exchange = { request, target, requestId, name: name ?? 'other', route, keyAt, namespace, startedAt };
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
  const parameters = parseQuery(query, TAKEN.get);
  const named = keyIn(exchange, path, parameters);
  const consistency = exchanges.consistency(parameters);
  const preferences = { known: headersOf.knownRevisions(headers), envelope: headersOf.wantsEnvelope(headers), named };
  exchanges.send({
    exchange,
    operation: { type: 'get', key: named.key, consistency, bound: boundIn(parameters, consistency) },
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
  const parameters = parseQuery(query, TAKEN.put);
  const named = keyIn(exchange, path, parameters);
  const expiry = readQuery(parameters, 'ttl');
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
    const { key } = named;
    const { stored } = contentType;
    const write = (under: Condition, by: Identity): KvWrite =>
      expiry === undefined && returning === 'nothing' && exchange.namespace === undefined
        ? plainPut({ key, body, contentType: stored }, under, by)
        : stepWrite(
            {
              type: 'put',
              key,
              body,
              contentType: stored,
              condition: under,
              returning,
              expiry: expiry ?? { type: 'none' },
            },
            by,
            limits.valueBytes,
          );
    exchanges.send({
      exchange,
      consistency: settings.consistency,
      deadlineMs: settings.deadlineMs,
      forwarding: settings.forwarding,
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
  const named = keyIn(exchange, path, parseQuery(query, TAKEN.key));
  const { key } = named;
  const { condition, others } = headersOf.writeCondition(headers);
  const identity = identityOf(headers);
  const wish = headersOf.returnWish(headers);
  const returning = wish === 'previous' ? 'previous' : 'nothing';
  const preferences = { named, wish, envelope: wish === 'previous' && headersOf.wantsEnvelope(headers) };
  const write = (under: Condition, by: Identity): KvWrite =>
    returning === 'previous' || exchange.namespace !== undefined
      ? stepWrite({ type: 'delete', key, condition: under, returning }, by, limits.valueBytes)
      : { type: 'delete', key, condition: under, operationId: by.operationId, attempt: by.attempt };
  const settings = settingsOf(headers, limits);
  exchanges.send({
    exchange,
    consistency: settings.consistency,
    deadlineMs: settings.deadlineMs,
    forwarding: settings.forwarding,
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

/** What is counted under a name of its own, whatever the method; lists are served by `RangeRoutes`. */
const OTHER_NAMES = new Map<PlaceType, OperationName>([
  ['range', 'list'],
  ['namespaces', 'list'],
  ['batch', 'batch'],
  ['txn', 'txn'],
  ['namespace', 'namespace'],
]);

type Serve = (exchanges: Exchanges, exchange: Exchange) => void;

const SERVERS: Readonly<Partial<Record<OperationName, Serve>>> = {
  get: serveGet,
  put: servePut,
  delete: serveDelete,
  patch: servePatch,
  batch: serveBatch,
  txn: serveTransaction,
  namespace: serveNamespace,
};
