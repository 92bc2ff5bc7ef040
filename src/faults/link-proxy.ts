/**
 * The proxy of one link: listens where one side dials, and passes each connection on to where the other listens.
 *
 * A connection that is made while a direction is cut stays open and unanswered, as if the packets were lost: the other
 * side is dialled only once both directions pass, for a TCP handshake needs both. If nothing listens there, the
 * caller's connection is reset.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { stalls, BandwidthLimiter, type Conditions } from './conditions.js';
import { Pipe } from './pipe.js';

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface LinkProxyOptions {
  readonly target: Endpoint;
  /** Conditions for what the dialling side sends. */
  readonly there: () => Conditions;
  /** Conditions for what the dialled side sends. */
  readonly back: () => Conditions;
  /** In [0, 1). */
  readonly random: () => number;
}

const LOOPBACK = '127.0.0.1';

export class LinkProxy {
  readonly #options: LinkProxyOptions;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #limiters: Limiters = { there: new BandwidthLimiter(), back: new BandwidthLimiter() };

  constructor(options: LinkProxyOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      const connection = new Connection(client, this.#options, this.#limiters, () => {
        this.#connections.delete(connection);
      });
      this.#connections.add(connection);
    });
  }

  /** Listens on a free loopback port. */
  listen(): Promise<Endpoint> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, LOOPBACK, () => {
        const address = this.#server.address();
        if (address === null || typeof address === 'string') throw new Error('a proxy listens on no port');
        resolve({ host: LOOPBACK, port: address.port });
      });
    });
  }

  /** See `BandwidthLimiter.heldMs`. */
  heldMs(way: keyof Limiters): number {
    return this.#limiters[way].heldMs;
  }

  /** Connections that are open or waiting to be. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Read from one side and not yet passed on to the other. */
  get waitingBytes(): number {
    return [...this.#connections].reduce((sum, connection) => sum + connection.waitingBytes, 0);
  }

  /** The conditions of either direction have changed. */
  changed(): void {
    this.#limiters.there.reset();
    this.#limiters.back.reset();
    for (const connection of this.#connections) connection.changed();
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const connection of this.#connections) connection.close();
    await closed;
  }
}

interface Limiters {
  readonly there: BandwidthLimiter;
  readonly back: BandwidthLimiter;
}

class Connection {
  readonly #client: Socket;
  readonly #options: LinkProxyOptions;
  readonly #limiters: Limiters;
  readonly #onClosed: () => void;
  readonly #there: Pipe;
  #back: Pipe | undefined;
  #target: Socket | undefined;

  /** @param onClosed both ends are gone, and nothing is left to deliver. */
  constructor(client: Socket, options: LinkProxyOptions, limiters: Limiters, onClosed: () => void) {
    this.#client = client;
    this.#options = options;
    this.#limiters = limiters;
    this.#onClosed = onClosed;
    this.#there = new Pipe({
      source: client,
      conditions: options.there,
      limiter: limiters.there,
      random: options.random,
    });
    // A caller that closes before the other side is connected leaves nothing to deliver.
    client.once('end', () => {
      if (this.#target === undefined) client.destroy();
    });
    client.once('close', () => {
      this.#closedOne();
    });
    this.#dial();
  }

  get waitingBytes(): number {
    return this.#there.waitingBytes + (this.#back?.waitingBytes ?? 0);
  }

  changed(): void {
    this.#dial();
    this.#there.changed();
    this.#back?.changed();
  }

  close(): void {
    this.#client.destroy();
    this.#target?.destroy();
  }

  #dial(): void {
    const { target: endpoint, there, back, random } = this.#options;
    if (this.#target !== undefined || this.#client.destroyed || stalls(there()) || stalls(back())) return;
    const target = connect({ ...endpoint, allowHalfOpen: true, noDelay: true });
    this.#target = target;
    const refused = () => {
      this.#client.resetAndDestroy();
    };
    target.once('error', refused);
    target.once('close', () => {
      this.#closedOne();
    });
    target.once('connect', () => {
      target.off('error', refused);
      if (this.#client.destroyed) {
        target.destroy();
        return;
      }
      this.#back = new Pipe({ source: target, conditions: back, limiter: this.#limiters.back, random });
      this.#back.open(this.#client);
      this.#there.open(target);
    });
  }

  #closedOne(): void {
    if (this.#client.closed && this.#target?.closed !== false) this.#onClosed();
  }
}
