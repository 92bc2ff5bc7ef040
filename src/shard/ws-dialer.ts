/**
 * Keeps dialling one node until it is linked, and again when the link is lost.
 *
 * Delays double from 20–50 ms to at most a second, with jitter so that nodes that lost a peer together do not come
 * back together. A link that did not last counts as one more failure. Knows nothing of what the link carries.
 */
import { WebSocket } from 'ws';
import type { NodeId } from '../raft/index.js';
import type { Logger, Runtime, Timer } from './runtime.js';
import type { TransportCounters } from './transport-stats.js';
import { encodeHello, type Hello } from './wire-hello.js';
import { awaitHello, judgeCalled, type Identity, type Judgement } from './ws-handshake.js';
import { CLOSING, refuse } from './ws-link.js';

export interface DialContext {
  readonly runtime: Runtime;
  readonly logger: Logger;
  readonly counters: TransportCounters;
  readonly incarnation: number;
  readonly helloTimeoutMs: number;
  readonly maxFrameBytes: number;
  identity(): Identity;
  /** The other side is who it should be: the link begins, in this very call. */
  onLinked(dialer: Dialer, socket: WebSocket, hello: Hello): void;
}

const FIRST_DELAY_MS = 50;
const MAX_DELAY_MS = 1000;
/** A link that lasted this long starts the delays anew when it is lost. */
const STABLE_MS = 1000;
/** A peer that cannot be reached for so long is worth a warning. */
const LASTING_MS = 3000;

/** Masking protects browsers' proxies, of which there are none here: `ws` skips the work for a mask of zero. */
const noMask = (mask: Buffer): void => {
  mask.fill(0);
};

export class Dialer {
  private node: NodeId;
  private address: string;
  private readonly context: DialContext;
  private socket: WebSocket | undefined;
  private timer: Timer | undefined;
  private failures = 0;
  private linkedAt: number | undefined;
  private found: NodeId | undefined;
  private lastComplaint = '';
  /** Since when there is no link, and whether that was worth a warning already. */
  private unlinkedSince: number;
  private warned = false;
  private stopped = false;

  /** @param node 0 = whichever node answers at the address. */
  constructor(node: NodeId, address: string, context: DialContext) {
    this.node = node;
    this.address = address;
    this.context = context;
    this.unlinkedSince = context.runtime.now();
  }

  /** The node at the other end of the link; undefined while there is none. */
  get linkedNode(): NodeId | undefined {
    return this.found;
  }

  /** From now on, this node is meant, at this address. A link that is up stays. */
  adopt(node: NodeId, address: string): void {
    this.node = node;
    this.address = address;
  }

  dial(): void {
    this.timer = undefined;
    let socket: WebSocket;
    try {
      socket = this.connect();
    } catch (error) {
      // An address that is none. It may be replaced by `setPeers`, so this is not the end.
      this.fail(String(error));
      return;
    }
    this.socket = socket;
    let complaint = 'closed before the hello';
    socket.on('error', (error) => {
      complaint = error.message;
    });
    socket.on('open', () => {
      socket.send(encodeHello(this.hello()));
    });
    socket.on('close', (code, reason) => {
      this.socket = undefined;
      if (this.linkedAt !== undefined) this.lost(this.linkedAt);
      else this.fail(reason.length > 0 ? `${code} ${reason.toString()}` : complaint);
    });
    awaitHello(socket, this.context.runtime, this.context.helloTimeoutMs, {
      onFirst: (bytes) => {
        this.answered(socket, bytes);
      },
      onTimeout: () => {
        complaint = 'no hello in time';
        this.context.counters.refused['hello-timeout'] += 1;
        socket.terminate();
      },
    });
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
    this.socket?.terminate();
  }

  private connect(): WebSocket {
    return new WebSocket(`ws://${this.address}/`, {
      perMessageDeflate: false,
      maxPayload: this.context.maxFrameBytes,
      ...CLOSING,
      generateMask: noMask,
    });
  }

  private hello(): Hello {
    const { role, id, clusterId } = this.context.identity();
    return { role, from: id, to: this.node, incarnation: this.context.incarnation, clusterId };
  }

  private answered(socket: WebSocket, bytes: Uint8Array | undefined): void {
    const judgement = this.judge(bytes);
    if ('refused' in judgement) {
      const { reason, detail } = judgement.refused;
      refuse(socket, this.context.counters, reason, detail);
      return;
    }
    this.linkedAt = this.context.runtime.now();
    this.lastComplaint = '';
    this.found = judgement.hello.from;
    this.context.onLinked(this, socket, judgement.hello);
  }

  private judge(bytes: Uint8Array | undefined): Judgement {
    if (bytes === undefined) return { refused: { reason: 'bad-hello', detail: 'a text' } };
    return judgeCalled(this.context.identity(), this.node, bytes);
  }

  private lost(linkedAt: number): void {
    if (this.context.runtime.now() - linkedAt >= STABLE_MS) this.failures = 0;
    this.linkedAt = undefined;
    this.found = undefined;
    this.unlinkedSince = this.context.runtime.now();
    this.warned = false;
    this.again();
  }

  private fail(complaint: string): void {
    if (this.stopped) return;
    this.context.counters.failedDials += 1;
    this.complain(complaint);
    this.again();
  }

  /**
   * Nodes that start together do not find each other at once: only what lasts is worth a warning, and only one. A
   * peer that stays away would otherwise fill the log once a second.
   */
  private complain(complaint: string): void {
    const { logger, runtime } = this.context;
    const fields = { peer: this.node, address: this.address, complaint };
    const lasts = runtime.now() - this.unlinkedSince >= LASTING_MS;
    if (lasts && !this.warned) logger.warn(fields, 'no link');
    else if (complaint === this.lastComplaint) logger.debug(fields, 'still no link');
    else logger.info(fields, 'no link');
    this.warned ||= lasts;
    this.lastComplaint = complaint;
  }

  private again(): void {
    if (this.stopped) return;
    const limit = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(this.failures, 10));
    this.failures += 1;
    this.timer = this.context.runtime.after(limit * (0.4 + 0.6 * this.context.runtime.random()), () => {
      this.dial();
    });
  }
}
