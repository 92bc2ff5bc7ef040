/** `/v1/kv?…`: keys in order. Parses and validates a request, reads pages of the shards concerned, writes the answer. */
import {
  isInNamespace,
  KvorumError,
  namespaceKey,
  shardOfPrefix,
  type Consistency,
  type ReadBound,
  type List,
  type Logger,
  type Outcome,
  type Topology,
} from '../../shard/index.js';
import {
  askWithin,
  countKeys,
  deleteRange,
  isEmptyRange,
  readPage,
  type AskShard,
  type Backend,
  type Dispatcher,
  type DispatchReply,
  type DispatchOptions,
  type ListFailure,
} from '../dispatch/index.js';
import {
  type DataRequest,
  type DataResponse,
  headersOf,
  HttpProblem,
  invalid,
  type Limits,
  parseQuery,
  type Problem,
  type ProblemCode,
  refuseThrown,
  SECURITY_HEADERS,
  sendProblem,
  splitTarget,
  StreamedRequest,
} from '../http/index.js';
import { decodeCursor, encodeCursor } from './cursor.js';
import { Gate } from './gate.js';
import { consistencyIn, readQuery, TAKEN } from './parameters.js';
import { placeOf, type Place } from './place.js';
import { pageBody, revisionsBody } from './range-body.js';
import {
  NDJSON,
  parseNamespacesQuery,
  parseRange,
  parseRangeQuery,
  wantsStream,
  type NamedRange,
  type RangeQuery,
} from './range-query.js';
import { RangeStream } from './range-stream.js';
import { boundOfList } from './read-bound.js';
import type { OperationName, RequestObserver } from './exchange.js';

export const RANGE_METHODS = 'GET, HEAD, DELETE';
/** Lists that are read at the same time: each holds a page and its shares. */
const MAX_READING = 32;
/** Lists that wait for that. */
const MAX_WAITING = 1_000;
const MAX_STREAMS = 64;

export interface RangeRoutesOptions {
  readonly backend: Backend;
  readonly dispatcher: Dispatcher;
  readonly limits: Limits;
  readonly observer: RequestObserver;
  readonly logger: Logger;
}

/** One request, until it is answered. */
interface Exchange {
  readonly request: DataRequest;
  readonly requestId: string;
  readonly query: string;
  readonly place: Place;
  readonly startedAt: number;
}

interface Reading {
  readonly ask: AskShard;
  readonly topology: Topology;
  readonly consistency: Consistency;
  readonly bound: ReadBound | undefined;
}

export class RangeRoutes {
  readonly #options: RangeRoutesOptions;
  readonly #gate = new Gate(MAX_READING, MAX_WAITING);
  readonly #streams = new Gate(MAX_STREAMS, 0);
  #inFlight = 0;
  #closing = false;

  constructor(options: RangeRoutesOptions) {
    this.#options = options;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  close(): void {
    this.#closing = true;
  }

  /** Serves the request if its path is that of ranges, else returns false. @param target raw, as it came */
  handle(request: DataRequest, target: string, requestId: string): boolean {
    const place = placeOf(target);
    if (place?.type !== 'range' && place?.type !== 'namespaces') return false;
    const exchange = { request, requestId, query: target, place, startedAt: performance.now() };
    this.#inFlight += 1;
    void this.#run(exchange);
    return true;
  }

  async #run(exchange: Exchange): Promise<void> {
    const { request, requestId } = exchange;
    let code: ProblemCode | 'ok';
    try {
      code = await this.#serve(exchange);
    } catch (error) {
      code = refuseThrown(request, requestId, error, this.#options);
    }
    this.#answered(exchange, code);
  }

  async #serve(exchange: Exchange): Promise<ProblemCode | 'ok'> {
    const { request } = exchange;
    if (this.#closing) return this.#refuse(exchange, { code: 'shutting-down', headers: ['Connection', 'close'] });
    if (this.#inFlight > this.#options.limits.maxInFlight) return this.#refuse(exchange, { code: 'overloaded' });
    request.refuseRepeatedHeaders();
    if (request.method === 'GET' || request.method === 'HEAD') return this.#list(exchange);
    const isOfNamespaces = exchange.place.type === 'namespaces';
    if (request.method === 'DELETE' && !isOfNamespaces) return this.#delete(exchange);
    const allowed = isOfNamespaces ? 'GET, HEAD' : RANGE_METHODS;
    throw new HttpProblem('method-not-allowed', undefined, ['Allow', allowed]);
  }

  async #list(exchange: Exchange): Promise<ProblemCode | 'ok'> {
    const { headers } = exchange.request;
    if (headersOf.bodyLength(headers) !== 0) throw invalid('body', 'this method takes no body');
    const isOfNamespaces = exchange.place.type === 'namespaces';
    const allowed = isOfNamespaces ? TAKEN.namespaces : TAKEN.list;
    const parameters = parseQuery(splitTarget(exchange.query).query, allowed);
    const query = isOfNamespaces ? parseNamespacesQuery(parameters) : parseRangeQuery(parameters, withinOf(exchange));
    const consistency = consistencyIn(parameters, this.#options.backend);
    const options = this.#dispatchOptions(exchange);
    const topology = this.#topology();
    const after = query.cursor === undefined ? undefined : decodeCursor(query.cursor, scopeOf(topology, query));
    const ask = askWithin(this.#source(), options);
    const isStream = !isOfNamespaces && !query.countOnly && wantsStream(headers);
    const reading = { ask, topology, consistency, bound: boundOfList(parameters, { consistency, isStream }) };
    if (isStream) {
      const limit = parameters.has('limit') ? query.limit : Infinity;
      return this.#stream(exchange, { ...query, limit }, after, reading);
    }
    const release = await this.#gate.enter(options.deadlineMs);
    if (release === undefined) return this.#refuse(exchange, { code: 'overloaded', detail: 'too many lists are read' });
    try {
      return await (query.countOnly
        ? this.#count(exchange, query, after, reading)
        : this.#page(exchange, query, after, reading));
    } finally {
      release();
    }
  }

  async #page(
    exchange: Exchange,
    query: RangeQuery,
    after: Uint8Array | undefined,
    { ask, topology, consistency, bound }: Reading,
  ): Promise<ProblemCode | 'ok'> {
    const { reverse, grouping, limit } = query;
    const range = remaining(query, after);
    const shards = shardsToAsk(range, query, topology);
    const isOfNamespaces = exchange.place.type === 'namespaces';
    const content = isOfNamespaces ? 'namespaces' : query.keysOnly ? 'keys' : 'values';
    const page = await readPage(ask, { ...range, reverse, shards, content, grouping, consistency, bound, limit });
    if (page.type === 'failed') return this.#fail(exchange, page, consistency);
    const cursor = page.rest && encodeCursor(page.rest, scopeOf(topology, query));
    this.#answer(exchange, consistency, pageBody(page.items, cursor, page.revisions));
    return 'ok';
  }

  async #stream(
    exchange: Exchange,
    query: RangeQuery,
    after: Uint8Array | undefined,
    { ask, topology, consistency }: Reading,
  ): Promise<ProblemCode | 'ok'> {
    const { request, requestId } = exchange;
    if (!(request instanceof StreamedRequest)) throw new Error('a stream is served by node:http');
    const { response } = request;
    const { reverse, grouping, limit } = query;
    const range = remaining(query, after);
    const shards = shardsToAsk(range, query, topology);
    const content = query.keysOnly ? 'keys' : 'values';
    const release = await this.#streams.enter(0);
    if (release === undefined)
      return this.#refuse(exchange, { code: 'overloaded', detail: 'too many streams are read' });
    try {
      const asked = { ...range, reverse, shards, content, grouping, consistency, limit } as const;
      const stream = new RangeStream(response, asked, {
        open: ask,
        next: (node, list) => this.#askNode(node, list),
        cursorAt: (bound) => encodeCursor(bound, scopeOf(topology, query)),
      });
      const failed = await stream.open();
      if (failed !== undefined) return this.#fail(exchange, { type: 'failed', ...failed }, consistency);
      const head = headOf(requestId, consistency, this.#closing);
      response.writeHead(200, [...head, 'Content-Type', NDJSON, 'Vary', 'Accept']);
      return (await stream.run()) ?? 'ok';
    } finally {
      release();
    }
  }

  /** Asks the node that keeps the view of a stream: no other one can go on with it. */
  #askNode(node: number, operation: List): Promise<DispatchReply> {
    const { shard } = operation;
    const request = { shard, budgetMs: this.#options.limits.defaultTimeoutMs, operation };
    return new Promise((resolve) => {
      this.#options.backend.submit(node, request, (reply) => {
        resolve({ ...reply, shard });
      });
    });
  }

  async #count(
    exchange: Exchange,
    query: RangeQuery,
    after: Uint8Array | undefined,
    { ask, topology, consistency, bound }: Reading,
  ): Promise<ProblemCode | 'ok'> {
    const range = remaining(query, after);
    const shards = shardsToAsk(range, query, topology);
    const counted = await countKeys(ask, { ...range, shards, consistency, bound });
    if (counted.type === 'failed') return this.#fail(exchange, counted, consistency);
    const body = `{"count":${counted.count},"revisions":${revisionsBody(counted.revisions)}}`;
    this.#answer(exchange, consistency, Buffer.from(body));
    return 'ok';
  }

  async #delete(exchange: Exchange): Promise<ProblemCode | 'ok'> {
    const { headers } = exchange.request;
    if (headersOf.bodyLength(headers) !== 0) throw invalid('body', 'this method takes no body');
    headersOf.refuseConditions(headers, 'a range');
    const parameters = parseQuery(splitTarget(exchange.query).query, TAKEN.deleteRange);
    const range = parseRange(parameters, withinOf(exchange));
    if (!range.isBounded) throw invalid(unboundedIn(parameters), UNBOUNDED);
    const isDry = readQuery(parameters, 'dry_run') ?? false;
    const operationId = headersOf.operationIdOf(headers);
    const options = this.#dispatchOptions(exchange);
    const topology = this.#topology();
    const { from, to } = range;
    const shards = shardsToAsk(range, range, topology);
    if (isDry) {
      const counted = await countKeys(askWithin(this.#source(), options), {
        from,
        to,
        shards,
        consistency: 'linearizable',
      });
      if (counted.type === 'failed') return this.#fail(exchange, counted, 'linearizable');
      return this.#answerDeleted(exchange, counted.count, false);
    }
    const { dispatcher } = this.#options;
    const write = askWithin({ execute: dispatcher.execute.bind(dispatcher), now: () => performance.now() }, options);
    const deleted = await deleteRange(write, { from, to, shards, operationId });
    if (deleted.type === 'failed') return this.#fail(exchange, deleted, 'linearizable', deleted.refusal.outcome);
    return this.#answerDeleted(
      exchange,
      deleted.count,
      deleted.replayed && operationId !== undefined && shards.length > 0,
    );
  }

  #answerDeleted({ request, requestId }: Exchange, count: number, replayed: boolean): 'ok' {
    const body = `{"deleted":${count}}`;
    const headers = headOf(requestId, 'linearizable', this.#closing);
    if (replayed) headers.push('Idempotency-Replayed', 'true');
    headers.push('Content-Type', 'application/json', 'Content-Length', String(body.length));
    request.response.writeHead(200, headers);
    request.response.end(body);
    return 'ok';
  }

  #source() {
    const { dispatcher } = this.#options;
    return {
      execute: dispatcher.execute.bind(dispatcher),
      now: () => performance.now(),
    };
  }

  #dispatchOptions({ request }: Exchange): DispatchOptions {
    const { headers } = request;
    const forward = headersOf.forwardingOf(headers).allowed;
    return { deadlineMs: headersOf.timeoutMs(headers, this.#options.limits), forward };
  }

  /** @throws KvorumError */
  #topology(): Topology {
    const topology = this.#options.backend.topology();
    if (topology !== undefined) return topology;
    throw new KvorumError('no-leader', 'the topology is not known yet', {}, 'not_applied');
  }

  #answer({ request, requestId }: Exchange, consistency: Consistency, body: Buffer): void {
    const headers = headOf(requestId, consistency, this.#closing);
    headers.push('Content-Type', 'application/json', 'Content-Length', String(body.length), 'Vary', 'Accept');
    request.response.writeHead(200, headers);
    request.response.end(body);
  }

  #fail(
    exchange: Exchange,
    { reply, refusal }: ListFailure,
    consistency: Consistency,
    outcome: Outcome = 'not_applied',
  ): ProblemCode {
    const { response } = exchange.request;
    const shard = reply.shard >= 0 ? { shard: reply.shard } : {};
    sendProblem(response, exchange.requestId, {
      code: refusal.code,
      detail: refusal.message,
      outcome,
      details: { ...shard, ...refusal.details },
      headers: ['Kv-Consistency', consistency, ...(this.#closing ? ['Connection', 'close'] : [])],
    });
    return refusal.code;
  }

  #refuse({ request, requestId }: Exchange, problem: Problem): ProblemCode {
    request.refuse(requestId, problem, this.#options.limits);
    return problem.code;
  }

  #answered({ request, startedAt }: Exchange, code: ProblemCode | 'ok'): void {
    this.#inFlight -= 1;
    this.#options.observer.observe(NAMES.get(request.method) ?? 'other', code, performance.now() - startedAt);
    closeIfUnread(request.response, this.#options.limits);
  }
}

const withinOf = ({ place: { namespace } }: Exchange): Uint8Array | undefined =>
  namespace === undefined ? undefined : namespaceKey(namespace);

const NAMES = new Map<string | undefined, OperationName>([
  ['GET', 'list'],
  ['HEAD', 'list'],
  ['DELETE', 'delete'],
]);

const UNBOUNDED = 'a range to delete needs a prefix or a start that is not empty, or an end';
const unboundedIn = (parameters: ReadonlyMap<string, string>): string =>
  ['prefix', 'start'].find((name) => parameters.has(name)) ?? 'query';

/** Shards that may have keys of the range. */
export function shardsOf({ prefix }: Pick<NamedRange, 'prefix'>, { shardCount }: Topology): number[] {
  const only = prefix === undefined ? undefined : shardOfPrefix(prefix, shardCount);
  return only === undefined ? [...Array(shardCount).keys()] : [only];
}

/** None for an empty range; but only its shard knows whether a namespace exists. */
const shardsToAsk = (range: Pick<RangeQuery, 'from' | 'to'>, query: NamedRange, topology: Topology): number[] =>
  isEmptyRange(range) && !isInNamespace(range.from) ? [] : shardsOf(query, topology);

/** The range behind the pages before. */
function remaining({ from, to, reverse }: RangeQuery, after: Uint8Array | undefined): Pick<RangeQuery, 'from' | 'to'> {
  if (after === undefined) return { from, to };
  // A cursor never leads out of its range.
  if (reverse) return { from, to: to === undefined || Buffer.compare(after, to) < 0 ? after : to };
  return { from: Buffer.compare(after, from) > 0 ? after : from, to };
}

const scopeOf = ({ clusterId, clusterUid }: Topology, { identity }: RangeQuery): string =>
  JSON.stringify([clusterUid ?? clusterId, identity]);

function headOf(requestId: string, consistency: Consistency, closing: boolean): string[] {
  const headers = ['Kv-Request-Id', requestId, 'Kv-Consistency', consistency, ...SECURITY_HEADERS];
  if (closing) headers.push('Connection', 'close');
  return headers;
}

/** A client that does not read must not make this process buffer its answers. */
function closeIfUnread({ socket }: DataResponse, { maxUnsentBytes }: Limits): void {
  if (socket !== null && socket.writableLength > maxUnsentBytes) socket.destroy();
}
