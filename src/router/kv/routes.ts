/**
 * `/v1/kv/{key}`: put, get, delete. Parses and validates a request, hands one operation to the dispatcher, writes its
 * reply. Free of any framework; `kvMiddleware` mounts it in express.
 */
import type { IncomingHttpHeaders } from 'node:http';
import {
  groupOfShard,
  isRead,
  strictJsonError,
  type Consistency,
  type Logger,
  type KvOperation,
  type KvWrite,
} from '../../shard/index.js';
import { type Backend, type Dispatcher, type DispatchReply, newOperationId } from '../dispatch/index.js';
import {
  type DataRequest,
  headersOf,
  HttpProblem,
  invalid,
  type Limits,
  parseQuery,
  type Problem,
  type ProblemCode,
  problemOf,
  ReceiveBudget,
  refuseThrown,
  type RequestIds,
  sendProblem,
  splitTarget,
} from '../http/index.js';
import { answerAbsent, answerDelete, answerGet, answerPut, answerRefusal, type AnswerContext } from './answers.js';
import { namedKey } from './key.js';
import { dispatchMatching } from './match-list.js';
import { SLOW_MS, SlowRequests } from './slow-requests.js';

export const KV_PREFIX = '/v1/kv/';
/** The route in logs, which must not show the client's key. */
const KV_ROUTE = '/v1/kv/{key}';
export const ALLOWED_METHODS = 'GET, HEAD, PUT, DELETE';

export type OperationName = 'get' | 'put' | 'delete' | 'other';

/** Called for every data request that was answered. `code` is `ok` or that of the problem. */
export interface RequestObserver {
  observe(operation: OperationName, code: ProblemCode | 'ok', ms: number): void;
  /** One took longer than `SLOW_MS`. @param logged whether the log has a line that says where the time went */
  slow?(logged: boolean): void;
}

export interface KvRoutesOptions {
  readonly backend: Backend;
  readonly dispatcher: Dispatcher;
  readonly limits: Limits;
  readonly requestIds: RequestIds;
  readonly observer: RequestObserver;
  readonly logger: Logger;
  /** Shared with other receivers of bodies; default: one of its own. */
  readonly receiveBudget?: ReceiveBudget;
}

/** One request, until it is answered. */
interface Exchange {
  readonly request: DataRequest;
  readonly target: string;
  readonly requestId: string;
  readonly name: OperationName;
  readonly startedAt: number;
}

interface Send {
  readonly exchange: Exchange;
  readonly operation: KvOperation;
  /** Writes: further revisions, one of which the key may have. */
  readonly others?: readonly number[];
  readonly consistency: Consistency;
  readonly deadlineMs: number;
  readonly forwarding: headersOf.Forwarding;
  readonly onAnswer: (context: AnswerContext, reply: DispatchReply) => ProblemCode | 'ok';
}

const NAMES = new Map<string | undefined, OperationName>([
  ['GET', 'get'],
  ['HEAD', 'get'],
  ['PUT', 'put'],
  ['DELETE', 'delete'],
]);

export class KvRoutes {
  readonly #options: KvRoutesOptions;
  readonly #limits: Limits;
  readonly #slow: SlowRequests;
  readonly #receiveBudget: ReceiveBudget;
  #inFlight = 0;
  #closing = false;

  constructor(options: KvRoutesOptions) {
    this.#options = options;
    this.#limits = options.limits;
    this.#receiveBudget = options.receiveBudget ?? new ReceiveBudget(options.limits.receiveBytes);
    const { backend, dispatcher, logger, observer } = options;
    this.#slow = new SlowRequests({ backend, dispatcher, logger, observer });
  }

  /** Requests that have no answer yet. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** From now on every answer ends its connection, and new requests are refused. */
  close(): void {
    this.#closing = true;
  }

  /** Serves the request if its path is a key's, else returns false. @param target raw, as it came */
  handle(request: DataRequest, target: string, requestId: string): boolean {
    if (!target.startsWith(KV_PREFIX)) return false;
    const name = NAMES.get(request.method) ?? 'other';
    const exchange = { request, target, requestId, name, startedAt: performance.now() };
    this.#inFlight += 1;
    try {
      if (this.#closing) this.#refuse(exchange, { code: 'shutting-down', headers: ['Connection', 'close'] });
      else if (this.#inFlight > this.#limits.maxInFlight) this.#refuse(exchange, { code: 'overloaded' });
      else this.#begin(exchange);
    } catch (error) {
      this.#answered(exchange, refuseThrown(request, requestId, error, this.#options));
    }
    return true;
  }

  #begin(exchange: Exchange): void {
    exchange.request.refuseRepeatedHeaders();
    switch (exchange.name) {
      case 'get':
        this.#get(exchange);
        return;
      case 'put':
        this.#put(exchange);
        return;
      case 'delete':
        this.#delete(exchange);
        return;
      case 'other':
        throw new HttpProblem('method-not-allowed', undefined, ['Allow', ALLOWED_METHODS]);
    }
  }

  #get(exchange: Exchange): void {
    const { headers } = exchange.request;
    refuseBody(exchange.request);
    const { path, query } = splitTarget(exchange.target);
    const parameters = parseQuery(query, ['key_type', 'consistency']);
    const named = namedKey(path.slice(KV_PREFIX.length), parameters);
    const consistency = this.#consistency(parameters.get('consistency'));
    const preferences = { known: headersOf.knownRevisions(headers), envelope: headersOf.wantsEnvelope(headers), named };
    this.#send({
      exchange,
      operation: { type: 'get', key: named.key, consistency },
      consistency,
      deadlineMs: headersOf.timeoutMs(headers, this.#limits),
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

  #put(exchange: Exchange): void {
    const { request } = exchange;
    const { headers } = request;
    const { path, query } = splitTarget(exchange.target);
    const named = namedKey(path.slice(KV_PREFIX.length), parseQuery(query, ['key_type']));
    headersOf.refuseEncodedBody(headers);
    const contentType = headersOf.contentTypeOf(headers);
    const { condition, others } = headersOf.writeCondition(headers);
    const identity = identityOf(headers);
    const deadlineMs = headersOf.timeoutMs(headers, this.#limits);
    const forwarding = headersOf.forwardingOf(headers);
    const minimal = headersOf.wantsMinimal(headers);
    if (headersOf.bodyLength(headers) === 0 && headers['content-length'] === undefined) {
      throw new HttpProblem('length-required');
    }
    const bounds = { limit: this.#limits.valueBytes, budget: this.#receiveBudget };
    request.readBody(bounds, (result) => {
      if (result.type === 'aborted') this.#inFlight -= 1;
      else if (result.type === 'too-large') {
        this.#refuse(exchange, { code: 'value-too-large', details: { limit: this.#limits.valueBytes } });
      } else if (result.type === 'no-room') {
        this.#refuse(exchange, noRoomFor(this.#receiveBudget.limit));
      } else {
        const wrong = contentType.json ? strictJsonError(result.body, this.#jsonBounds()) : undefined;
        if (wrong !== undefined) {
          this.#refuse(exchange, problemOf(invalid('body', `the body is not acceptable JSON: ${wrong}`)));
          return;
        }
        const { key } = named;
        this.#send({
          exchange,
          operation: { type: 'put', key, body: result.body, contentType: contentType.stored, condition, ...identity },
          others,
          consistency: 'linearizable',
          deadlineMs,
          forwarding,
          onAnswer: (context, reply) => {
            if (reply.answer.type !== 'put') throw new Error('the answer does not fit the operation');
            answerPut(context, reply, reply.answer, minimal);
            return 'ok';
          },
        });
      }
    });
  }

  #delete(exchange: Exchange): void {
    const { headers } = exchange.request;
    refuseBody(exchange.request);
    const { path, query } = splitTarget(exchange.target);
    const named = namedKey(path.slice(KV_PREFIX.length), parseQuery(query, ['key_type']));
    const { condition, others } = headersOf.writeCondition(headers);
    const identity = identityOf(headers);
    this.#send({
      exchange,
      operation: { type: 'delete', key: named.key, condition, ...identity },
      others,
      consistency: 'linearizable',
      deadlineMs: headersOf.timeoutMs(headers, this.#limits),
      forwarding: headersOf.forwardingOf(headers),
      onAnswer: (context, reply) => {
        if (reply.answer.type !== 'delete') throw new Error('the answer does not fit the operation');
        answerDelete(context, reply, reply.answer);
        return 'ok';
      },
    });
  }

  #send(send: Send): void {
    const { exchange, operation, deadlineMs, forwarding, others = [] } = send;
    const { dispatcher } = this.#options;
    const options = { deadlineMs, forward: forwarding.allowed };
    const onReply = (reply: DispatchReply): void => {
      const { requestId } = exchange;
      const { response } = exchange.request;
      const context = { response, requestId, consistency: send.consistency, closing: this.#closing };
      let code: ProblemCode | 'ok';
      try {
        if (reply.answer.type === 'refused') {
          code = reply.answer.code;
          if (code === 'internal')
            this.#options.logger.error(
              { requestId, reason: reply.answer.message },
              'an operation ended with an internal error',
            );
          answerRefusal(context, reply, reply.answer, {
            target: exchange.target,
            forwarding,
            topology: this.#options.backend.topology(),
            localTerm: () => this.#localTerm(reply.shard),
            operationId: isRead(operation) ? undefined : operation.operationId,
          });
        } else code = send.onAnswer(context, reply);
      } catch (error) {
        this.#options.logger.error({ err: error, requestId }, 'an answer could not be written');
        // A stored content type that no header can carry, or the like. The operation is done; only its answer failed.
        code = 'internal';
        sendProblem(response, requestId, { code });
      }
      this.#answered(exchange, code, send, reply);
    };
    if (isRead(operation) || operation.type === 'program' || others.length === 0)
      dispatcher.dispatch(operation, options, onReply);
    else dispatchMatching(dispatcher, operation, others, options, onReply);
  }

  /** The term of the shard as the replica in this process has it. */
  #localTerm(shard: number): number | undefined {
    const group = groupOfShard(shard);
    return this.#options.backend.localStatus()?.groups.find((each) => each.group === group)?.raft.term;
  }

  #refuse(exchange: Exchange, problem: Problem): void {
    exchange.request.refuse(exchange.requestId, problem, this.#limits);
    this.#answered(exchange, problem.code);
  }

  #answered(exchange: Exchange, code: ProblemCode | 'ok', send?: Send, reply?: DispatchReply): void {
    this.#inFlight -= 1;
    const ms = performance.now() - exchange.startedAt;
    this.#options.observer.observe(exchange.name, code, ms);
    if (ms > SLOW_MS) this.#reportSlow(exchange, code, ms, send, reply);
    // A client that does not read must not make this process buffer its answers.
    const { socket } = exchange.request.response;
    if (socket !== null && socket.writableLength > this.#limits.maxUnsentBytes) socket.destroy();
  }

  /** Apart from `#answered`, so that fast requests pay nothing for it. */
  #reportSlow(exchange: Exchange, code: ProblemCode | 'ok', ms: number, send?: Send, reply?: DispatchReply): void {
    const { request, requestId, startedAt } = exchange;
    const status = request.response.statusCode;
    const of = { requestId, method: request.method, route: KV_ROUTE, status, code, ms, startedAt };
    this.#slow.report(of, send && reply && { reply, deadlineMs: send.deadlineMs, consistency: send.consistency });
  }

  #consistency(text: string | undefined): Consistency {
    if (text === undefined || text === 'linearizable') return 'linearizable';
    if (text === 'stale') return 'stale';
    if (text !== 'lease') throw invalid('consistency', 'expected one of linearizable, lease, stale');
    if (this.#options.backend.topology()?.leaseReads === true) return 'lease';
    throw invalid('consistency', 'lease reads are not enabled in this cluster');
  }

  #jsonBounds(): { depth: number; members: number } {
    return { depth: this.#limits.jsonDepth, members: this.#limits.jsonMembers };
  }
}

/** The client's idempotency key, under which it may have sent the write before; or else a fresh id. */
function identityOf(headers: IncomingHttpHeaders): Pick<KvWrite, 'operationId' | 'attempt'> {
  const named = headersOf.operationIdOf(headers);
  return named === undefined
    ? { operationId: newOperationId(), attempt: 'initial' }
    : { operationId: named, attempt: 'keyed' };
}

/** The body itself is acceptable: others are being received. */
function noRoomFor(limit: number): Problem {
  const detail = `bodies of up to ${limit} bytes in all are received at a time`;
  return { code: 'overloaded', detail, details: { field: 'body', limit } };
}

/** A body where none belongs is a mistake, or an attempt to smuggle a request. */
function refuseBody({ headers }: DataRequest): void {
  if (headersOf.bodyLength(headers) !== 0) throw invalid('body', 'this method takes no body');
}
