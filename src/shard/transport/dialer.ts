/**
 * Dials one node until it is linked, and again when the link is lost.
 *
 * Delays double from 20–50 ms to at most a second, with jitter so that nodes that lost a peer together do not return
 * together. A link that did not last counts as one more failure. A build that knows only the first hello refuses a
 * later one by version: it is dialled again at once, with the hello that it knows.
 */
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { NodeId } from '../../raft/index.js';
import type { Logger, Runtime, Timer } from '../runtime.js';
import { linkInfo, type LinkInfo, type HelloDecision } from './transport.js';
import { REFUSALS, type LinkRefusal, type TransportCounters } from './stats.js';
import { encodeHello, newestLayout, type Hello, type HelloExtension, type HelloLayout } from './wire-hello.js';
import {
  awaitHello,
  bufferMessages,
  checkCalleeHello,
  type Identity,
  type AcceptedHello,
  type HelloCheck,
} from './handshake.js';
import { CLOSING, refuseConnection, type Connection } from './link.js';

export interface DialContext {
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly counters: TransportCounters;
  readonly incarnation: number;
  readonly helloTimeoutMs: number;
  readonly maxFrameBytes: number;
  identity(): Identity;
  helloTo(peer: NodeId): HelloExtension;
  /** `TransportEvents.validateHello`, after the check for a second process of the node. */
  validateHello(hello: Hello, decide: HelloDecision): void;
  /** The last check: undefined = accepted, and the link begins in the same call. */
  finalCheck(hello: Hello): LinkRefusal | undefined;
  /** `peer` refused this process: another process of this node is alive. */
  onDuplicate(peer: NodeId): void;
  /** The other side passed all checks: the link begins, in this call. */
  onLinked(dialer: Dialer, connection: Connection, hello: Hello, info: LinkInfo): void;
}

const FIRST_DELAY_MS = 50;
const MAX_DELAY_MS = 1000;
/** A link that lasted this long resets the delays when it is lost. */
const STABLE_MS = 1000;
/** A peer that has been unreachable for this long is logged as a warning. */
const WARN_AFTER_MS = 3000;
/** Close codes with which a build that knows only the first hello ends a connection on which it gets a later one. */
const UNREADABLE: readonly number[] = [REFUSALS['wrong-version'], REFUSALS['bad-hello']];

/** Masking protects proxies from browsers, of which there are none here: `ws` skips the work for a zero mask. */
const noMask = (mask: Buffer): void => {
  mask[0] = mask[1] = mask[2] = mask[3] = 0;
};

export class Dialer {
  #node: NodeId;
  #address: string;
  readonly #context: DialContext;
  #socket: WebSocket | undefined;
  #timer: Timer | undefined;
  #failures = 0;
  #linkedAt: number | undefined;
  #linkedPeer: NodeId | undefined;
  #lastFailure = '';
  /** When the link was lost, and whether a warning was logged for it. */
  #unlinkedSince: number;
  #warned = false;
  #stopped = false;
  /** Layout of the hello on the next connection. */
  #layout: HelloLayout;

  /** @param node 0 = whichever node answers at the address. */
  constructor(node: NodeId, address: string, context: DialContext) {
    this.#node = node;
    this.#address = address;
    this.#context = context;
    this.#layout = newestLayout(context.identity().protocol);
    this.#unlinkedSince = context.runtime.now();
  }

  /** The node at the other end of the link; undefined while there is none. */
  get linkedNode(): NodeId | undefined {
    return this.#linkedPeer;
  }

  /** Changes node and address. A link that is up stays. */
  adopt(node: NodeId, address: string): void {
    this.#node = node;
    this.#address = address;
  }

  dial(): void {
    this.#timer = undefined;
    let socket: WebSocket;
    try {
      socket = this.#connect();
    } catch (error) {
      // A malformed address. `setPeers` may replace it, so dialling continues.
      this.#fail(String(error));
      return;
    }
    this.#socket = socket;
    let below: Socket | undefined;
    socket.on('upgrade', (response) => {
      below = response.socket;
    });
    const connection: Connection = { socket, bytesRead: () => below?.bytesRead ?? 0 };
    let complaint = 'closed before the hello';
    const layout = this.#layout;
    let answered = false;
    // The peer may be restarted with a later build, so only this connection uses the former hello.
    this.#layout = newestLayout(this.#context.identity().protocol);
    socket.on('error', (error) => {
      complaint = error.message;
    });
    socket.on('open', () => {
      socket.send(encodeHello(this.#hello(), layout));
    });
    socket.on('close', (code, reason) => {
      this.#socket = undefined;
      if (this.#linkedAt !== undefined) this.#onLinkLost(this.#linkedAt);
      else if (layout > 1 && !answered && UNREADABLE.includes(code)) this.#dialWithFormerHello();
      else if (code === REFUSALS['duplicate-node']) this.#context.onDuplicate(this.#node);
      else this.#fail(reason.length > 0 ? `${code} ${reason.toString()}` : complaint);
    });
    awaitHello(socket, this.#context.runtime, this.#context.helloTimeoutMs, {
      onFirst: (bytes) => {
        answered = true;
        this.#onHelloAnswer(connection, bytes, layout);
      },
      onTimeout: () => {
        complaint = 'no hello in time';
        this.#context.counters.refused['hello-timeout'] += 1;
        socket.terminate();
      },
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#socket?.terminate();
  }

  #connect(): WebSocket {
    return new WebSocket(`ws://${this.#address}/`, {
      perMessageDeflate: false,
      maxPayload: this.#context.maxFrameBytes,
      ...CLOSING,
      generateMask: noMask,
    });
  }

  #hello(): Hello {
    const { role, id, clusterId, protocol } = this.#context.identity();
    const extension = this.#context.helloTo(this.#node);
    const { incarnation } = this.#context;
    return { role, from: id, to: this.#node, incarnation, clusterId, ...protocol, extension };
  }

  /** Falls back to a link of version 1; if that fails too, the next attempt uses the newest hello again. */
  #dialWithFormerHello(): void {
    if (this.#stopped) return;
    if (this.#context.identity().protocol.versions.min > 1) {
      this.#fail('the other side knows only protocol version 1');
      return;
    }
    this.#layout = 1;
    this.dial();
  }

  #onHelloAnswer(connection: Connection, bytes: Uint8Array | undefined, layout: HelloLayout): void {
    const { socket } = connection;
    const judgement = this.#checkAnswer(bytes, layout);
    if ('refused' in judgement) {
      this.#refuse(socket, judgement.refused);
      return;
    }
    // The other side has both hellos, and may already send.
    const release = bufferMessages(socket);
    this.#context.validateHello(judgement.hello, (refused) => {
      if (socket.readyState !== WebSocket.OPEN) return;
      const last = refused ?? this.#context.finalCheck(judgement.hello);
      if (last === undefined) this.#link(connection, judgement);
      else this.#refuse(socket, last);
      release();
    });
  }

  #refuse(socket: WebSocket, { reason, detail }: LinkRefusal): void {
    refuseConnection(socket, this.#context.counters, reason, detail);
  }

  #link(connection: Connection, { hello, version }: AcceptedHello): void {
    this.#linkedAt = this.#context.runtime.now();
    this.#lastFailure = '';
    this.#linkedPeer = hello.from;
    this.#context.onLinked(this, connection, hello, linkInfo(hello, version));
  }

  #checkAnswer(bytes: Uint8Array | undefined, layout: HelloLayout): HelloCheck {
    if (bytes === undefined) return { refused: { reason: 'bad-hello', detail: 'a text' } };
    const judgement = checkCalleeHello(this.#context.identity(), this.#node, bytes);
    if ('refused' in judgement) return judgement;
    if (judgement.layout === layout) return judgement;
    return { refused: { reason: 'wrong-version', detail: `a hello ${judgement.layout} answers a hello ${layout}` } };
  }

  #onLinkLost(linkedAt: number): void {
    if (this.#context.runtime.now() - linkedAt >= STABLE_MS) this.#failures = 0;
    this.#linkedAt = undefined;
    this.#linkedPeer = undefined;
    this.#unlinkedSince = this.#context.runtime.now();
    this.#warned = false;
    this.#scheduleRetry();
  }

  #fail(complaint: string): void {
    if (this.#stopped) return;
    this.#context.counters.failedDials += 1;
    this.#logFailure(complaint);
    this.#scheduleRetry();
  }

  /**
   * Nodes that start together do not reach each other at once: only a lasting failure is logged as a warning, and once.
   * A peer that stays down would otherwise log one every second.
   */
  #logFailure(complaint: string): void {
    const { logger, runtime } = this.#context;
    const fields = { peer: this.#node, address: this.#address, complaint };
    const lasts = runtime.now() - this.#unlinkedSince >= WARN_AFTER_MS;
    if (lasts && !this.#warned) logger.warn(fields, 'no link');
    else if (complaint === this.#lastFailure) logger.debug(fields, 'still no link');
    else logger.info(fields, 'no link');
    this.#warned ||= lasts;
    this.#lastFailure = complaint;
  }

  #scheduleRetry(): void {
    if (this.#stopped) return;
    const limit = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
    this.#timer = this.#context.runtime.after(limit * (0.4 + 0.6 * this.#context.runtime.random()), () => {
      this.dial();
    });
  }
}
