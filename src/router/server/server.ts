/**
 * The HTTP server: a plain TCP server accepts; each connection goes to the fast path first, and from there to
 * node:http, which never listens itself: data routes first, express behind. Bounds, time limits, and a graceful end.
 *
 * What must hold before any route is chosen is checked here: form of the target, `Host`, connection limits.
 */
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { LOOPBACK } from '../../loopback.js';
import { silentLogger, type Logger } from '../../shard/index.js';
import { type Build, createApp, type HealthCheck, type MetricsSource } from '../admin/index.js';
import type { Backend, Dispatcher } from '../dispatch/index.js';
import {
  absoluteForm,
  type BufferedRequest,
  headersOf,
  HttpProblem,
  invalid,
  type Limits,
  limitsOf,
  problemOf,
  rawProblem,
  ReceiveBudget,
  type ReceiveObserver,
  RequestIds,
  StreamedRequest,
} from '../http/index.js';
import { ALLOWED_METHODS, bodyLimitOf, KvRoutes, RangeRoutes, type RequestObserver } from '../kv/index.js';
import { Connections } from './connections.js';
import { FastPath } from './fast-path.js';
import { HostPolicy, assertMayListen } from './host-policy.js';

export interface HttpServerOptions {
  readonly backend: Backend;
  readonly dispatcher: Dispatcher;
  readonly metrics: RequestObserver & ReceiveObserver & MetricsSource;
  readonly build: Build;
  /** Address to listen on; default 127.0.0.1. */
  readonly host?: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Further names that clients may use in `Host`. */
  readonly allowedHosts?: readonly string[];
  /** Allows a `host` that is no loopback address. */
  readonly insecure?: boolean;
  readonly limits?: Partial<Limits>;
  readonly logger?: Logger;
  readonly readiness?: () => readonly HealthCheck[];
}

const REQUEST_ID = 'Kv-Request-Id';
/** Also answered on connections beyond the limit. */
const OPERATIONS_TARGET = /^\/(?:livez|readyz|metrics)(?:\?|$)/;
const HEALTH_TARGET = /^\/(?:livez|readyz)(?:\?|$)/;
const LAST_ANSWERS_MS = 100;

export class HttpServer {
  /** Accepts the connections. */
  readonly #front: TcpServer;
  /** Is handed connections by `connection` events. */
  readonly #http: Server;
  readonly #options: HttpServerOptions;
  readonly #limits: Limits;
  readonly #logger: Logger;
  readonly #host: string;
  readonly #hosts: HostPolicy;
  readonly #connections: Connections;
  readonly #fastPath: FastPath;
  readonly #requestIds = new RequestIds();
  readonly #receiveBudget: ReceiveBudget;
  readonly #kv: KvRoutes;
  readonly #ranges: RangeRoutes;
  readonly #app: (request: IncomingMessage, response: ServerResponse) => void;

  /** @throws InsecureBind */
  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#host = options.host ?? LOOPBACK;
    assertMayListen(this.#host, options.insecure ?? false);
    this.#limits = limitsOf(options.limits);
    this.#logger = options.logger ?? silentLogger;
    this.#hosts = new HostPolicy(this.#host, options.allowedHosts);
    this.#connections = new Connections(this.#limits);
    const receiveBudget = (this.#receiveBudget = new ReceiveBudget(this.#limits.receiveBytes));
    const { backend, dispatcher, build, metrics, readiness } = options;
    metrics.observeReceiving?.(() => receiveBudget.held);
    const common = { backend, dispatcher, limits: this.#limits, requestIds: this.#requestIds, logger: this.#logger };
    this.#kv = new KvRoutes({ ...common, observer: metrics, receiveBudget });
    this.#ranges = new RangeRoutes({ ...common, observer: metrics });
    this.#app = createApp({ ...common, build, metrics, ...(readiness === undefined ? {} : { readiness }) });
    this.#http = this.#createHttpServer();
    this.#fastPath = this.#createFastPath();
    this.#front = this.#createFront();
  }

  /** Data requests that have no answer yet. */
  get inFlight(): number {
    return this.#kv.inFlight + this.#ranges.inFlight;
  }

  /** Bytes of bodies that have not been received completely. */
  get receivingBytes(): number {
    return this.#receiveBudget.held;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** Where it listens. @throws before `listen` has settled */
  get address(): AddressInfo {
    const address = this.#front.address();
    if (address === null || typeof address === 'string') throw new Error('the server does not listen');
    return address;
  }

  listen(): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#front.once('error', reject);
      this.#front.listen(this.#options.port, this.#host, () => {
        // With this event node:http starts to enforce its time limits, which it does even for connections handed to it.
        this.#http.emit('listening');
        this.#front.off('error', reject);
        this.#front.on('error', (error) => {
          this.#logger.error({ err: error }, 'the HTTP server failed');
        });
        resolve(this.address);
      });
    });
  }

  /**
   * Stops accepting, refuses new data requests on open connections, and resolves when those under way were answered.
   * After `graceMs` the dispatcher is closed, which answers the rest with their true outcome; then open connections are
   * cut.
   */
  close(graceMs: number): Promise<void> {
    this.#kv.close();
    this.#ranges.close();
    this.#fastPath.close();
    return new Promise((resolve) => {
      const timers: NodeJS.Timeout[] = [];
      const later = (ms: number, task: () => void): void => void timers.push(setTimeout(task, ms));
      later(graceMs, () => {
        this.#options.dispatcher.close();
        // Time for the last answers to be sent.
        later(LAST_ANSWERS_MS, () => {
          this.#http.closeAllConnections();
          this.#fastPath.closeAll();
        });
      });
      // Closes idle connections; busy ones end with the answer they wait for.
      this.#http.close();
      this.#front.close(() => {
        for (const timer of timers) clearTimeout(timer);
        resolve();
      });
    });
  }

  #createHttpServer(): Server {
    const limits = this.#limits;
    const server = createHttpServer({
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: limits.checkIntervalMs,
      maxHeaderSize: limits.headerBytes,
      // Refused by `#objection`: node:http would do so with an empty answer.
      requireHostHeader: false,
    });
    // A client that has closed its half still gets its answers. (node:http has the property, its types do not.)
    Object.assign(server, { httpAllowHalfOpen: true });
    server.timeout = limits.writeTimeoutMs;
    server.on('timeout', (socket: Socket) => {
      this.#connections.onTimeout(socket);
    });
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#onRequest(request, response);
    });
    server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      // A client that sends `Expect: 100-continue` learns that its value is too large before it sends it.
      const fits = (headersOf.bodyLength(request.headers) ?? 0) <= bodyLimitOf(request.url ?? '', limits);
      if (fits && !this.#connections.isSpare(request.socket) && this.#objection(request) === undefined)
        response.writeContinue();
      this.#onRequest(request, response);
    });
    server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
      const problem = problemOf(new HttpProblem('expectation-failed'));
      new StreamedRequest(request, response).refuse(this.#requestIds.next(), problem, limits);
    });
    server.on('connect', (request: IncomingMessage, socket: Duplex) => {
      this.#onConnect(request.socket, socket);
    });
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      this.#onClientError(error, socket);
    });
    return server;
  }

  #createFastPath(): FastPath {
    const host = {
      onRequest: (request: BufferedRequest) => {
        this.#onBufferedRequest(request);
      },
      handOver: (socket: Socket) => {
        this.#handOver(socket);
      },
      onIncomplete: (socket: Socket, code: 'request-timeout' | 'invalid-request') => {
        socket.end(rawProblem(code, this.#requestIds.next()));
      },
    };
    return new FastPath(host, this.#limits, this.#receiveBudget);
  }

  #createFront(): TcpServer {
    const front = createTcpServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#connections.add(socket);
      if (this.#connections.isSpare(socket)) this.#handOver(socket);
      else if (!socket.destroyed) this.#fastPath.add(socket);
    });
    // `Connections` decides; this is all that it may take, and the one that it decides on.
    front.maxConnections = this.#limits.maxConnections + this.#limits.spareConnections + 1;
    return front;
  }

  /** Hands the connection to node:http, which keeps it. */
  #handOver(socket: Socket): void {
    this.#http.emit('connection', socket);
    this.#connections.pace(socket);
  }

  #onBufferedRequest(request: BufferedRequest): void {
    const requestId = this.#requestIds.next();
    if (!this.#hosts.allows(request.headers.host)) {
      request.refuse(requestId, problemOf(new HttpProblem('misdirected-request')));
    } else if (!this.#kv.handle(request, request.url, requestId)) this.#ranges.handle(request, request.url, requestId);
  }

  #onRequest(message: IncomingMessage, response: ServerResponse): void {
    if (this.#connections.begin(message.socket, response)) this.#serve(message, response);
  }

  #serve(message: IncomingMessage, response: ServerResponse): void {
    const request = new StreamedRequest(message, response);
    const requestId = this.#requestIds.next();
    const isSpare = this.#connections.isSpare(message.socket);
    if (isSpare) {
      response.shouldKeepAlive = false;
      this.#connections.end(message.socket);
    }
    const objection = this.#objection(message);
    if (objection !== undefined) {
      const problem = problemOf(objection);
      // Without a host, or with a body that is not understood, nothing else on this connection can be trusted.
      const isLast = message.headers.host === undefined || headersOf.hasForeignCoding(message.headers);
      if (isLast) this.#connections.end(message.socket);
      request.refuse(requestId, isLast ? { ...problem, headers: ['Connection', 'close'] } : problem, this.#limits);
      return;
    }
    // A target in absolute form is served as what it names (RFC 9112 §3.2.2).
    const target = absoluteForm(message.url ?? '')?.origin ?? message.url ?? '';
    message.url = target;
    if (isSpare && !OPERATIONS_TARGET.test(target)) {
      request.refuse(requestId, problemOf(new HttpProblem('too-many-connections')), this.#limits);
      return;
    }
    if (this.#kv.handle(request, target, requestId) || this.#ranges.handle(request, target, requestId)) return;
    response.setHeader(REQUEST_ID, requestId);
    this.#app(message, response);
  }

  /** What is wrong with host or form of the target, before any route is chosen. */
  #objection({ headers, httpVersion, url = '' }: IncomingMessage): Error | undefined {
    const { host } = headers;
    // RFC 9112 §3.2; HTTP/1.0 has no Host.
    if (host === undefined && httpVersion !== '1.0') return invalid('host', 'the request has no Host');
    if (headersOf.hasForeignCoding(headers)) return new HttpProblem('transfer-coding-unsupported');
    const absolute = absoluteForm(url);
    if (absolute === undefined && !url.startsWith('/')) {
      return invalid('request-target', 'only the origin and absolute forms of a request target are served');
    }
    // A probe of HTTP/1.0 that names no host learns nothing but whether this process is healthy.
    if (host === undefined && absolute === undefined && HEALTH_TARGET.test(url)) return undefined;
    return this.#hosts.allows(absolute?.authority ?? host) ? undefined : new HttpProblem('misdirected-request');
  }

  /** No tunnels. node:http has detached from the connection: it is answered as bytes, and ended here. */
  #onConnect(connection: Socket, socket: Duplex): void {
    this.#connections.release(connection);
    socket.on('error', () => socket.destroy());
    if (!this.#connections.mayAnswerRaw(connection)) {
      socket.destroy();
      return;
    }
    this.#endRaw(socket, rawProblem('method-not-allowed', this.#requestIds.next(), [`Allow: ${ALLOWED_METHODS}`]));
    // What else comes is discarded for a while, so that the answer is not lost to a reset.
    socket.resume();
  }

  /** The client may leave its half open for ever, and with it what was received of a body. */
  #endRaw(socket: Duplex, answer: string): void {
    socket.end(answer);
    const timer = setTimeout(() => socket.destroy(), this.#limits.lingerMs);
    socket.once('close', () => {
      clearTimeout(timer);
    });
  }

  /** What node:http could not parse, or did not receive in time. */
  #onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    // The parser fails on a body that was refused at its head: cutting now would lose the refusal.
    if (error.code?.startsWith('HPE_') === true && this.#connections.endsByRefusal(socket)) return;
    // The rest of the request may wait here, unread, behind many that have no answer yet.
    const { headersTimeoutMs } = this.#limits;
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && this.#connections.pausedWithin(socket, headersTimeoutMs)) return;
    if (error.code === 'ECONNRESET' || !this.#connections.mayAnswerRaw(socket)) {
      socket.destroy();
      return;
    }
    const id = this.#requestIds.next();
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') this.#endRaw(socket, rawProblem('request-timeout', id));
    else if (error.code === 'HPE_HEADER_OVERFLOW') this.#endRaw(socket, rawProblem('headers-too-large', id));
    else this.#endRaw(socket, rawProblem('invalid-request', id));
  }
}
