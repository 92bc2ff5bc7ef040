/** Real sockets on loopback, real `WsTransport`s, raw `ws` clients and servers; only the clock is manual. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer, type ClientOptions, type ServerOptions } from 'ws';
import type { NodeId } from '../../src/raft/index.js';
import { PROTOCOL } from '../../src/shard/transport/protocol.js';
import type { PeerMessage } from '../../src/shard/transport/transport.js';
import { WsTransport, type WsTransportOptions } from '../../src/shard/transport/ws.js';
import { decodeFrame, type Frame } from '../../src/shard/transport/wire.js';
import { PieceAssembler } from '../../src/shard/transport/pieces.js';
import { decodeHello, encodeHello, type Hello, type HelloExtension } from '../../src/shard/transport/wire-hello.js';
import { ManualRuntime } from './manual-runtime.js';
import { LogRecorder, Recorder } from './recorder.js';

export const CLUSTER = 'cluster-a';
export const HOST = '127.0.0.1';
const listen = { host: HOST, port: 0 };

export interface WsEndpoint {
  readonly transport: WsTransport;
  readonly recorder: Recorder;
  readonly log: LogRecorder;
  readonly runtime: ManualRuntime;
}

type Extra = Partial<Omit<WsTransportOptions, 'self' | 'runtime' | 'logger'>> & { readonly extension?: HelloExtension };

/** Opens things and closes them all. */
export class WsLab {
  readonly #closing: (() => Promise<unknown>)[] = [];

  async node(id: NodeId, extra: Extra = {}): Promise<WsEndpoint> {
    return this.#start({ role: 'node', id, clusterId: CLUSTER }, { listen, ...extra });
  }

  async router(extra: Extra & { readonly clusterId?: string } = {}): Promise<WsEndpoint> {
    const { clusterId, ...rest } = extra;
    return this.#start(clusterId === undefined ? { role: 'router' } : { role: 'router', clusterId }, rest);
  }

  /** A raw connection to a transport; not yet introduced. */
  async client(endpoint: WsEndpoint, options: ClientOptions = {}): Promise<RawPeer> {
    const peer = new RawPeer(new WebSocket(`ws://${HOST}:${endpoint.transport.port}/`, options));
    this.#closing.push(() => peer.end());
    await peer.opened;
    return peer;
  }

  /** A raw connection after a valid handshake as node `from`, or as a router for 0. */
  async introduced(endpoint: WsEndpoint, hello: Partial<Hello> = {}, options: ClientOptions = {}): Promise<RawPeer> {
    const peer = await this.client(endpoint, options);
    peer.hello(hello);
    await peer.received(1);
    return peer;
  }

  /** A raw server in place of a node. `next` resolves with its next connection. */
  async server(options: ServerOptions = {}): Promise<RawServer> {
    const server = new RawServer(options);
    this.#closing.push(() => server.close());
    await server.listening;
    return server;
  }

  async close(): Promise<void> {
    await Promise.all(this.#closing.map((close) => close()));
  }

  async #start(self: WsTransportOptions['self'], { extension = {}, ...extra }: Extra): Promise<WsEndpoint> {
    const runtime = new ManualRuntime();
    const log = new LogRecorder();
    const transport = new WsTransport({ self, runtime, logger: log, ...extra });
    const recorder = new Recorder();
    recorder.extension = extension;
    this.#closing.push(() => transport.close());
    await transport.start(recorder);
    return { transport, recorder, log, runtime };
  }
}

/** A hello of node 1 to node 2, with changes. */
export const helloOf = (change: Partial<Hello> = {}): Hello => ({
  role: 'node',
  from: 1,
  to: 2,
  incarnation: 5,
  clusterId: CLUSTER,
  ...PROTOCOL,
  extension: {},
  ...change,
});

export class RawPeer {
  readonly socket: WebSocket;
  /** Protocol version of the frames that are expected. */
  version = PROTOCOL.versions.max;
  /** The hello, and whole frames. */
  readonly messages: Uint8Array[] = [];
  readonly #arrivals = new PieceAssembler(32 * 1024 * 1024);
  readonly opened: Promise<unknown>;
  /** Code and reason of the other side's close; 1006 if the connection broke. */
  readonly closed: Promise<readonly [code: number, reason: string]>;

  constructor(socket: WebSocket) {
    this.socket = socket;
    this.opened = socket.readyState === WebSocket.OPEN ? Promise.resolve() : once(socket, 'open');
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        resolve([code, reason.toString()]);
      });
    });
    socket.on('message', (data: Buffer) => {
      this.#receive(data);
    });
    socket.on('error', () => undefined);
  }

  /** Pieces become frames, and are acknowledged, as a peer of the newest version would. */
  #receive(data: Buffer): void {
    if (this.messages.length === 0) {
      this.messages.push(data);
      return;
    }
    const arrival = this.#arrivals.take(data);
    const receipt = this.version > 1 ? this.#arrivals.receipt(() => performance.now()) : undefined;
    if (receipt !== undefined) this.send(receipt);
    if (arrival instanceof Uint8Array) this.messages.push(arrival);
  }

  hello(change: Partial<Hello> = {}, layout?: number): void {
    this.send(encodeHello(helloOf(change), layout));
  }

  send(data: Uint8Array | string): void {
    this.socket.send(data);
  }

  async received(count: number): Promise<void> {
    while (this.messages.length < count) await once(this.socket, 'message');
  }

  /** The hello that came first. */
  get introduction(): Hello | undefined {
    return decodeHello(this.messages[0] ?? new Uint8Array(0)).hello;
  }

  /** Layout of the hello that came first. */
  get layout(): number {
    return decodeHello(this.messages[0] ?? new Uint8Array(0)).layout;
  }

  /** What came after the hello. */
  get frames(): Frame[] {
    return this.messages.slice(1).map((bytes) => decodeFrame(bytes, this.version));
  }

  get peerMessages(): PeerMessage[] {
    return this.frames.flatMap((frame) => frame.messages);
  }

  async end(): Promise<void> {
    this.socket.terminate();
    await this.closed;
  }
}

export class RawServer {
  readonly listening: Promise<unknown>;
  connections = 0;
  readonly #server: WebSocketServer;
  readonly #waiting: RawPeer[] = [];

  constructor(options: ServerOptions) {
    this.#server = new WebSocketServer({ ...options, host: HOST, port: 0 });
    this.listening = once(this.#server, 'listening');
    this.#server.on('connection', (socket) => {
      this.connections += 1;
      this.#waiting.push(new RawPeer(socket));
      this.#server.emit('peer');
    });
  }

  get address(): string {
    return `${HOST}:${(this.#server.address() as AddressInfo).port}`;
  }

  /** The next connection. */
  async next(): Promise<RawPeer> {
    if (this.#waiting.length === 0) await once(this.#server, 'peer');
    return this.#waiting.shift()!;
  }

  close(): Promise<void> {
    for (const socket of this.#server.clients) socket.terminate();
    return new Promise((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }
}
