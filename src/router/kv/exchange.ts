/**
 * One data request, from its admission to its answer: what all routes of data have in common. Counts what is under way,
 * receives bodies within their bounds, hands operations to the dispatcher, and reports every answer to the observer.
 */
import {
  decodeOutcome,
  groupOfShard,
  isRead,
  type Consistency,
  type KvOperation,
  type Logger,
  type ProgramOutcome,
} from '../../shard/index.js';
import type { Backend, Dispatcher, DispatchReply } from '../dispatch/index.js';
import {
  type DataRequest,
  type Forwarding,
  type Limits,
  type Problem,
  type ProblemCode,
  ReceiveBudget,
  refuseThrown,
  type RequestIds,
  sendProblem,
} from '../http/index.js';
import { answerRefusal, type AnswerContext } from './answers.js';
import { dispatchMatching, type Match } from './match-list.js';
import { consistencyIn, type Parameters } from './parameters.js';
import { SLOW_MS, SlowRequests } from './slow-requests.js';

export type OperationName = 'get' | 'put' | 'delete' | 'patch' | 'batch' | 'txn' | 'list' | 'namespace' | 'other';

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
export interface Exchange {
  readonly request: DataRequest;
  readonly target: string;
  readonly requestId: string;
  readonly name: OperationName;
  /** In logs, which must not show the client's key. */
  readonly route: string;
  /** Where the key begins in the path. */
  readonly keyAt: number;
  /** As the path has it, not checked; undefined: the main keyspace. */
  readonly namespace: string | undefined;
  readonly startedAt: number;
}

/** What applies to every operation of a request. */
export interface Settings {
  readonly consistency: Consistency;
  readonly deadlineMs: number;
  readonly forwarding: Forwarding;
}

export interface Send extends Settings {
  readonly exchange: Exchange;
  readonly operation: KvOperation;
  /** Writes under a list of revisions. */
  readonly match?: Match | undefined;
  /** `outcome`: of a program that was not refused. */
  readonly onAnswer: (
    context: AnswerContext,
    reply: DispatchReply,
    outcome: ProgramOutcome | undefined,
  ) => ProblemCode | 'ok';
}

export class Exchanges {
  readonly options: KvRoutesOptions;
  readonly limits: Limits;
  readonly #slow: SlowRequests;
  readonly #receiveBudget: ReceiveBudget;
  #inFlight = 0;
  #closing = false;

  constructor(options: KvRoutesOptions) {
    this.options = options;
    this.limits = options.limits;
    this.#receiveBudget = options.receiveBudget ?? new ReceiveBudget(options.limits.receiveBytes);
    const { backend, dispatcher, logger, observer } = options;
    this.#slow = new SlowRequests({ backend, dispatcher, logger, observer });
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  close(): void {
    this.#closing = true;
  }

  /** Admits the request and serves it by `serve`; what that throws is the answer. */
  begin(exchange: Exchange, serve: (exchange: Exchange) => void): void {
    this.#inFlight += 1;
    try {
      if (this.#closing) this.refuse(exchange, { code: 'shutting-down', headers: ['Connection', 'close'] });
      else if (this.#inFlight > this.limits.maxInFlight) this.refuse(exchange, { code: 'overloaded' });
      else serve(exchange);
    } catch (error) {
      this.#refuseThrown(exchange, error);
    }
  }

  /** `use` gets the whole body; what it throws is the answer. */
  readBody(exchange: Exchange, limit: number, use: (body: Buffer) => void): void {
    exchange.request.readBody({ limit, budget: this.#receiveBudget }, (result) => {
      if (result.type === 'aborted') this.#inFlight -= 1;
      else if (result.type === 'too-large') this.refuse(exchange, { code: 'value-too-large', details: { limit } });
      else if (result.type === 'no-room') this.refuse(exchange, noRoomFor(this.#receiveBudget.limit));
      else {
        try {
          use(result.body);
        } catch (error) {
          this.#refuseThrown(exchange, error);
        }
      }
    });
  }

  send(send: Send): void {
    const { exchange, operation, deadlineMs, forwarding, match } = send;
    const { dispatcher } = this.options;
    const options = { deadlineMs, forward: forwarding.allowed };
    const onReply = (reply: DispatchReply): void => {
      this.answer(exchange, send, reply, (context) => this.#write(send, context, reply));
    };
    if (match === undefined || isRead(operation)) dispatcher.dispatch(operation, options, onReply);
    else dispatchMatching(dispatcher, operation, match, options, onReply);
  }

  /** Goes on with what is awaited; what it ends in, or `use` throws, is the answer. */
  until<T>(exchange: Exchange, awaited: Promise<T>, use: (value: T) => void): void {
    awaited.then(use).catch((error: unknown) => {
      this.#refuseThrown(exchange, error);
    });
  }

  /** Writes the answer and ends the exchange. `write` must not leave it open. */
  answer(
    exchange: Exchange,
    settings: Settings,
    reply: DispatchReply | undefined,
    write: (context: AnswerContext) => ProblemCode | 'ok',
  ): void {
    const { requestId } = exchange;
    const { response } = exchange.request;
    let code: ProblemCode | 'ok';
    try {
      code = write({ response, requestId, consistency: settings.consistency, closing: this.#closing });
    } catch (error) {
      this.options.logger.error({ err: error, requestId }, 'an answer could not be written');
      // A stored content type that no header can carry, or the like. The operation is done; only its answer failed.
      code = 'internal';
      sendProblem(response, requestId, { code });
    }
    this.#answered(exchange, code, settings, reply);
  }

  refuse(exchange: Exchange, problem: Problem): void {
    exchange.request.refuse(exchange.requestId, problem, this.limits);
    this.#answered(exchange, problem.code);
  }

  consistency(parameters: Parameters): Consistency {
    return consistencyIn(parameters, this.options.backend);
  }

  get jsonBounds(): { depth: number; members: number } {
    return { depth: this.limits.jsonDepth, members: this.limits.jsonMembers };
  }

  #write(send: Send, context: AnswerContext, reply: DispatchReply): ProblemCode | 'ok' {
    const { answer } = reply;
    if (answer.type === 'refused') return this.#writeRefusal(send, context, reply);
    const outcome = answer.type === 'program' ? decodeOutcome(answer.outcome) : undefined;
    if (outcome === undefined || !('code' in outcome)) return send.onAnswer(context, reply, outcome);
    const replayed = answer.type === 'program' && answer.replayed;
    return this.#writeRefusal(send, context, { ...reply, answer: { ...outcome, replayed } });
  }

  #writeRefusal({ exchange, forwarding, operation }: Send, context: AnswerContext, reply: DispatchReply): ProblemCode {
    const operationId = isRead(operation) ? undefined : operation.operationId;
    return this.writeRefusal({ exchange, forwarding, operationId }, context, reply);
  }

  /** @param reply refused */
  writeRefusal(
    to: Pick<Send, 'exchange' | 'forwarding'> & { readonly operationId: Uint8Array | undefined },
    context: AnswerContext,
    reply: DispatchReply,
  ): ProblemCode {
    const { answer } = reply;
    if (answer.type !== 'refused') throw new Error('the answer is no refusal');
    if (answer.code === 'internal') {
      const { requestId } = context;
      this.options.logger.error({ requestId, reason: answer.message }, 'an operation ended with an internal error');
    }
    answerRefusal(context, reply, answer, {
      target: to.exchange.target,
      forwarding: to.forwarding,
      topology: this.options.backend.topology(),
      localTerm: () => this.#localTerm(reply.shard),
      operationId: to.operationId,
    });
    return answer.code;
  }

  #refuseThrown(exchange: Exchange, error: unknown): void {
    this.#answered(exchange, refuseThrown(exchange.request, exchange.requestId, error, this.options));
  }

  /** The term of the shard as the replica in this process has it. */
  #localTerm(shard: number): number | undefined {
    const group = groupOfShard(shard);
    return this.options.backend.localStatus()?.groups.find((each) => each.group === group)?.raft.term;
  }

  #answered(exchange: Exchange, code: ProblemCode | 'ok', settings?: Settings, reply?: DispatchReply): void {
    this.#inFlight -= 1;
    const ms = performance.now() - exchange.startedAt;
    this.options.observer.observe(exchange.name, code, ms);
    if (ms > SLOW_MS) this.#reportSlow(exchange, { code, ms }, settings, reply);
    // A client that does not read must not make this process buffer its answers.
    const { socket } = exchange.request.response;
    if (socket !== null && socket.writableLength > this.limits.maxUnsentBytes) socket.destroy();
  }

  /** Apart from `#answered`, so that fast requests pay nothing for it. */
  #reportSlow(
    exchange: Exchange,
    measured: { readonly code: ProblemCode | 'ok'; readonly ms: number },
    settings?: Settings,
    reply?: DispatchReply,
  ): void {
    const { request, requestId, route, startedAt } = exchange;
    const status = request.response.statusCode;
    const of = { requestId, method: request.method, route, status, startedAt, ...measured };
    const dispatched = settings &&
      reply && { reply, deadlineMs: settings.deadlineMs, consistency: settings.consistency };
    this.#slow.report(of, dispatched);
  }
}

/** The body itself is acceptable: others are being received. */
function noRoomFor(limit: number): Problem {
  const detail = `bodies of up to ${limit} bytes in all are received at a time`;
  return { code: 'overloaded', detail, details: { field: 'body', limit } };
}
