/**
 * The accepting end: an HTTP server that only upgrades, and the handshake with processes that connect.
 *
 * Unauthorised clients cost little: connections are bounded, each must send a valid hello within the timeout, and
 * browsers (whatever sends an `Origin`) are refused.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer, type WebSocket } from 'ws';
import type { NodeId } from '../../raft/index.js';
import type { Logger, Runtime } from '../runtime.js';
import { linkInfo, type LinkInfo, type HelloDecision } from './transport.js';
import type { LinkRefusal, TransportCounters } from './stats.js';
import { encodeHello, type Hello, type HelloExtension } from './wire-hello.js';
import { awaitHello, checkCallerHello, type Identity, type AcceptedHello, type HelloCheck } from './handshake.js';
import { CLOSING, refuseConnection, type Connection } from './link.js';

export interface ListenContext {
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly counters: TransportCounters;
  readonly incarnation: number;
  readonly helloTimeoutMs: number;
  readonly maxFrameBytes: number;
  readonly maxConnections: number;
  identity(): Identity;
  peers(): ReadonlyMap<NodeId, string>;
  /** `TransportEvents.validateHello`, after the check for a second process of the node. */
  validateHello(hello: Hello, decide: HelloDecision): void;
  /** The last check: undefined = accepted, and the link begins in the same call. */
  finalCheck(hello: Hello): LinkRefusal | undefined;
  helloTo(peer: NodeId): HelloExtension;
  /** Our own hello has been sent: the link begins, in this call. */
  onLinked(connection: Connection, hello: Hello, info: LinkInfo): void;
}

/** How often Node checks for connections that are too slow with their headers. */
const HTTP_CHECK_MS = 1000;

export class Listener {
  readonly #context: ListenContext;
  readonly #http: Server;
  readonly #sockets: WebSocketServer;

  constructor(context: ListenContext) {
    this.#context = context;
    const { counters, helloTimeoutMs } = context;
    this.#http = createServer(
      { headersTimeout: helloTimeoutMs, requestTimeout: helloTimeoutMs, connectionsCheckingInterval: HTTP_CHECK_MS },
      (_request, response) => {
        response.writeHead(426, { Connection: 'close', 'Content-Length': 0 }).end();
      },
    );
    this.#http.maxConnections = context.maxConnections;
    this.#http.on('drop', () => {
      counters.refused['too-many-links'] += 1;
    });
    this.#sockets = new WebSocketServer({
      server: this.#http,
      perMessageDeflate: false,
      maxPayload: context.maxFrameBytes,
      ...CLOSING,
      verifyClient: ({ req }: { req: { headers: { origin?: string } } }) => req.headers.origin === undefined,
    });
    this.#sockets.on('connection', (socket, { socket: below }) => {
      this.#accept({ socket, bytesRead: () => below.bytesRead });
    });
  }

  /** @throws if it cannot listen on the address. */
  listen(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      // `ws` emits the errors of the HTTP server.
      this.#sockets.once('error', reject);
      this.#http.listen(port, host, () => {
        this.#sockets.off('error', reject);
        this.#sockets.on('error', (error) => {
          this.#context.logger.error({ error: error.message }, 'the peer port failed');
        });
        resolve();
      });
    });
  }

  /** The actual port. */
  get port(): number {
    return (this.#http.address() as AddressInfo | null)?.port ?? 0;
  }

  async close(): Promise<void> {
    if (!this.#http.listening) return;
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#sockets.close();
    const closed = new Promise<void>((resolve) => {
      this.#http.close(() => {
        resolve();
      });
    });
    this.#http.closeAllConnections();
    await closed;
  }

  #accept(connection: Connection): void {
    const { socket } = connection;
    socket.on('error', (error) => {
      this.#context.logger.debug({ error: error.message }, 'a peer connection failed');
    });
    awaitHello(socket, this.#context.runtime, this.#context.helloTimeoutMs, {
      onFirst: (bytes) => {
        this.#onHello(connection, bytes);
      },
      onTimeout: () => {
        refuseConnection(socket, this.#context.counters, 'hello-timeout', 'no hello in time');
      },
    });
  }

  #onHello(connection: Connection, bytes: Uint8Array | undefined): void {
    const { socket } = connection;
    const judgement = this.#checkHello(bytes);
    if ('refused' in judgement) {
      this.#refuse(socket, judgement.refused);
      return;
    }
    this.#context.validateHello(judgement.hello, (refused) => {
      // The dialling side may have given up in the meantime.
      if (socket.readyState !== socket.OPEN) return;
      // Created before the last check, because the peer's decision must not depend on its effects. Otherwise an
      // incarnation that this hello has put into quarantine would be accused again by the answer, at the node's next
      // start.
      const extension = this.#context.helloTo(judgement.hello.from);
      const last = refused ?? this.#context.finalCheck(judgement.hello);
      if (last === undefined) this.#link(connection, judgement, extension);
      else this.#refuse(socket, last);
    });
  }

  #refuse(socket: WebSocket, { reason, detail }: LinkRefusal): void {
    this.#context.logger.warn({ reason, detail }, 'a link was refused');
    refuseConnection(socket, this.#context.counters, reason, detail);
  }

  #link(connection: Connection, { hello, layout, version }: AcceptedHello, extension: HelloExtension): void {
    const { id, clusterId, protocol } = this.#context.identity();
    const { incarnation } = this.#context;
    const answer: Hello = { role: 'node', from: id, to: hello.from, incarnation, clusterId, ...protocol, extension };
    // In the layout of the peer's hello, so that a build that knows only the first layout can read it.
    connection.socket.send(encodeHello(answer, layout));
    this.#context.onLinked(connection, hello, linkInfo(hello, version));
  }

  #checkHello(bytes: Uint8Array | undefined): HelloCheck {
    if (bytes === undefined) return { refused: { reason: 'bad-hello', detail: 'a text' } };
    return checkCallerHello(this.#context.identity(), this.#context.peers(), bytes);
  }
}
