/**
 * The HTTP server: node:http in front, data routes first, express behind; bounds, time limits, and a graceful end.
 *
 * What must hold before any route is looked at is done here: form of the target, `Host`, connection limits.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { silentLogger, type Logger } from '../../shard/index.js';
import { type Build, createApp, type HealthCheck, type MetricsSource } from '../admin/index.js';
import type { Backend, Dispatcher } from '../dispatch/index.js';
import { Connections } from './connections.js';
import { HostPolicy, assertMayListen } from './host-policy.js';
import {
  absoluteForm,
  type BufferedRequest,
  type BufferedResponse,
  headersOf,
  HttpProblem,
  invalid,
  type Limits,
  limitsOf,
  problemOf,
  rawProblem,
  ReceiveBudget,
  type ReceiveObserver,
  refuseUnread,
  RequestIds,
  sendProblem,
} from '../http/index.js';
import { ALLOWED_METHODS, KV_PREFIX, KvRoutes, type RequestObserver } from '../kv/index.js';
import { FastPath } from './fast-path.js';

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
  /** Says that it is meant when `host` is no loopback address. */
  readonly insecure?: boolean;
  readonly limits?: Partial<Limits>;
  readonly logger?: Logger;
  readonly readiness?: () => readonly HealthCheck[];
}

const REQUEST_ID = 'Kv-Request-Id';
/** Answered on connections beyond the limit: what tells an operator how the process is. */
const OPERATIONS_TARGET = /^\/(?:livez|readyz|metrics)(?:\?|$)/;
const HEALTH_TARGET = /^\/(?:livez|readyz)(?:\?|$)/;
const LAST_ANSWERS_MS = 100;

export class HttpServer {
  readonly #server: Server;
  readonly #options: HttpServerOptions;
  readonly #limits: Limits;
  readonly #logger: Logger;
  readonly #host: string;
  readonly #hosts: HostPolicy;
  readonly #connections: Connections;
  readonly #quick: FastPath;
  readonly #requestIds = new RequestIds();
  readonly #receiveBudget: ReceiveBudget;
  readonly #kv: KvRoutes;
  readonly #app: (request: IncomingMessage, response: ServerResponse) => void;

  /** @throws InsecureBind */
  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#host = options.host ?? '127.0.0.1';
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
    this.#app = createApp({ ...common, build, metrics, ...(readiness === undefined ? {} : { readiness }) });
    this.#server = this.#createServer();
    this.#quick = this.#putInFront(this.#server);
  }

  /** Data requests under way. */
  get inFlight(): number {
    return this.#kv.inFlight;
  }

  /** Bytes of bodies that are not whole yet. */
  get receivingBytes(): number {
    return this.#receiveBudget.held;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** The address that clients reach it at; of use once `listen` has settled. */
  get address(): AddressInfo {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the server does not listen');
    return address;
  }

  listen(): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port, this.#host, () => {
        this.#server.off('error', reject);
        this.#server.on('error', (error) => {
          this.#logger.error({ err: error }, 'the HTTP server failed');
        });
        resolve(this.address);
      });
    });
  }

  /**
   * Stops accepting, refuses new data requests on open connections, and resolves when those under way were answered.
   * After `graceMs` the dispatcher is closed, which answers what is left, honestly; then what remains open is cut.
   */
  close(graceMs: number): Promise<void> {
    this.#kv.close();
    this.#quick.close();
    return new Promise((resolve) => {
      const timers: NodeJS.Timeout[] = [];
      const later = (ms: number, task: () => void): void => void timers.push(setTimeout(task, ms));
      later(graceMs, () => {
        this.#options.dispatcher.close();
        // Time for the last answers to leave.
        later(LAST_ANSWERS_MS, () => {
          this.#server.closeAllConnections();
          this.#quick.closeAll();
        });
      });
      // Also closes idle connections; busy ones end with the answer they wait for.
      this.#server.close(() => {
        for (const timer of timers) clearTimeout(timer);
        resolve();
      });
    });
  }

  #createServer(): Server {
    const limits = this.#limits;
    const server = createServer({
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      keepAliveTimeout: limits.keepAliveTimeoutMs,
      connectionsCheckingInterval: limits.checkIntervalMs,
      maxHeaderSize: limits.headerBytes,
      // Refused by `#objection`: node:http would do so with an empty answer.
      requireHostHeader: false,
      noDelay: true,
    });
    // `Connections` decides; this is beyond all that it may take, and the one that it looks at.
    server.maxConnections = limits.maxConnections + limits.spareConnections + 1;
    // A client that says no more is still owed its answers. (node:http has the property, its types do not.)
    Object.assign(server, { httpAllowHalfOpen: true });
    server.timeout = limits.writeTimeoutMs;
    server.on('timeout', (socket: Socket) => {
      this.#connections.onSilence(socket);
    });
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#onRequest(request, response);
    });
    server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      // Whoever asks before sending a value that is too large is spared the sending.
      const fits = (headersOf.bodyLength(request.headers) ?? 0) <= limits.valueBytes;
      if (fits && !this.#connections.isSpare(request.socket) && this.#objection(request) === undefined)
        response.writeContinue();
      this.#onRequest(request, response);
    });
    server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
      const problem = problemOf(new HttpProblem('expectation-failed'));
      refuseUnread(request, response, this.#requestIds.next(), problem, limits);
    });
    server.on('connect', (request: IncomingMessage, socket: Duplex) => {
      this.#onConnect(request.socket, socket);
    });
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      this.#onClientError(error, socket);
    });
    return server;
  }

  /** Each connection comes to `FastPath` first, and to node:http when they let go of it. */
  #putInFront(server: Server): FastPath {
    const toHttp = server.listeners('connection');
    server.removeAllListeners('connection');
    const host = {
      onRequest: (request: BufferedRequest, response: BufferedResponse) => {
        this.#onBufferedRequest(request, response);
      },
      handOver: (socket: Socket) => {
        for (const listener of toHttp) listener.call(server, socket);
        this.#connections.pace(socket);
      },
      onSilent: (socket: Socket) => {
        socket.end(rawProblem('request-timeout', this.#requestIds.next()));
      },
      onTruncated: (socket: Socket) => {
        socket.end(rawProblem('invalid-request', this.#requestIds.next()));
      },
    };
    const quick = new FastPath(host, this.#limits, KV_PREFIX, this.#receiveBudget);
    server.on('connection', (socket: Socket) => {
      this.#connections.add(socket);
      if (this.#connections.isSpare(socket)) host.handOver(socket);
      else if (!socket.destroyed) quick.add(socket);
    });
    return quick;
  }

  #onBufferedRequest(request: BufferedRequest, response: BufferedResponse): void {
    const requestId = this.#requestIds.next();
    if (this.#hosts.allows(request.headers.host)) this.#kv.handle(request, response, request.url, requestId);
    else sendProblem(response, requestId, problemOf(new HttpProblem('misdirected-request')));
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    if (this.#connections.begin(request.socket, response)) this.#serve(request, response);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const requestId = this.#requestIds.next();
    const isSpare = this.#connections.isSpare(request.socket);
    if (isSpare) {
      response.shouldKeepAlive = false;
      this.#connections.end(request.socket);
    }
    const objection = this.#objection(request);
    if (objection !== undefined) {
      // Without a host, or with a body that is not understood, nothing else on this connection can be trusted.
      const last = request.headers.host === undefined || headersOf.hasForeignCoding(request.headers);
      const headers = last ? ['Connection', 'close'] : [];
      if (last) this.#connections.end(request.socket);
      refuseUnread(request, response, requestId, problemOf(objection), this.#limits, headers);
      return;
    }
    // A target in absolute form is served as what it names (RFC 9112 §3.2.2).
    request.url = absoluteForm(request.url ?? '')?.origin ?? request.url ?? '';
    if (isSpare && !OPERATIONS_TARGET.test(request.url)) {
      const problem = problemOf(new HttpProblem('too-many-connections'));
      refuseUnread(request, response, requestId, problem, this.#limits);
      return;
    }
    if (this.#kv.handle(request, response, request.url, requestId)) return;
    response.setHeader(REQUEST_ID, requestId);
    this.#app(request, response);
  }

  /** What is wrong with host or form of the target, before any route is looked at. */
  #objection({ headers, httpVersion, url = '' }: IncomingMessage): Error | undefined {
    const { host } = headers;
    // RFC 9112 §3.2; HTTP/1.0 knows no Host.
    if (host === undefined && httpVersion !== '1.0') return invalid('host', 'the request has no Host');
    if (headersOf.hasForeignCoding(headers)) return new HttpProblem('transfer-coding-unsupported');
    const absolute = absoluteForm(url);
    if (absolute === undefined && !url.startsWith('/')) {
      return invalid('request-target', 'only the origin and absolute forms of a request target are served');
    }
    // A probe of HTTP/1.0 that names no host learns nothing but whether this process is well.
    if (host === undefined && absolute === undefined && HEALTH_TARGET.test(url)) return undefined;
    return this.#hosts.allows(absolute?.authority ?? host) ? undefined : new HttpProblem('misdirected-request');
  }

  /** No tunnels. node:http has let go of the connection: it is answered as bytes, and ended here. */
  #onConnect(connection: Socket, socket: Duplex): void {
    this.#connections.release(connection);
    socket.on('error', () => socket.destroy());
    if (!this.#connections.mayAnswerRaw(connection)) {
      socket.destroy();
      return;
    }
    this.#endRaw(socket, rawProblem('method-not-allowed', this.#requestIds.next(), [`Allow: ${ALLOWED_METHODS}`]));
    // What else comes is thrown away for a while, so that the answer is not lost to a reset.
    socket.resume();
  }

  /** The other side may leave its half open for ever, and with it what has come of a body. */
  #endRaw(socket: Duplex, answer: string): void {
    socket.end(answer);
    const timer = setTimeout(() => socket.destroy(), this.#limits.lingerMs);
    socket.once('close', () => {
      clearTimeout(timer);
    });
  }

  /** What node:http could not read, or did not get in time. */
  #onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    // The parser gives up on a body that was refused at its head: cutting now would lose the refusal.
    if (error.code?.startsWith('HPE_') === true && this.#connections.endsByRefusal(socket)) return;
    // The rest of a request may wait here, unread, behind many that are not answered yet.
    const { headersTimeoutMs } = this.#limits;
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && this.#connections.heldWithin(socket, headersTimeoutMs)) return;
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
