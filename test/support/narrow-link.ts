/**
 * A link of limited bandwidth in virtual time: messages to one node wait in a queue
 * without a bound, in order, as in a modem. All senders share it. Nothing is lost.
 */
import { encodeFrame } from '../../src/shard/transport/wire.js';
import type { PeerMessage, Transport } from '../../src/shard/index.js';
import { delayedTransport } from './delayed-transport.js';
import type { VirtualRuntime } from './virtual-runtime.js';

export class NarrowLink {
  /** Bytes sent to the node, including those still in the queue; and how many of them were snapshots. */
  bytes = 0;
  snapshotBytes = 0;
  /** The largest number of bytes queued at one time. */
  mostQueued = 0;
  readonly #to: number;
  readonly #bytesPerMs: number;
  #freeAt = 0;

  constructor(to: number, bytesPerSecond: number) {
    this.#to = to;
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  wrap(from: number, inner: Transport, runtime: VirtualRuntime): Transport {
    return delayedTransport(inner, runtime, (to, message) =>
      to === this.#to ? this.#delay(from, message, runtime.now()) : 0,
    );
  }

  #delay(from: number, message: PeerMessage, now: number): number {
    const size = encodeFrame({ from, to: this.#to, messages: [message] }).length;
    this.bytes += size;
    if (message.type === 'raft' && message.message.type === 'snapshot') this.snapshotBytes += size;
    this.#freeAt = Math.max(now, this.#freeAt) + size / this.#bytesPerMs;
    this.mostQueued = Math.max(this.mostQueued, (this.#freeAt - now) * this.#bytesPerMs);
    return this.#freeAt - now;
  }
}
