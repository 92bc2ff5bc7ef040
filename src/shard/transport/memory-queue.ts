/** The send queue to one peer of the in-memory transport; refuses what could not be encoded for that peer. */
import type { Message, NodeId } from '../../raft/index.js';
import { ROUTER_PEERS, type PeerId, type PeerMessage } from './transport.js';
import { WireError } from './wire-buffer.js';
import { FrameEncoder } from './wire.js';

export const isRouter = (id: PeerId): boolean => id >= ROUTER_PEERS;
/** The id as in hellos and frames: 0 for a router. */
export const nodeOrNone = (id: PeerId): NodeId => (isRouter(id) ? 0 : id);

/** Messages for one peer until the next flush. */
export class Queue {
  #messages: PeerMessage[] = [];
  readonly #encoder: FrameEncoder | undefined;
  readonly #from: PeerId;
  readonly #to: PeerId;

  /** @param version protocol version of the link, if messages are to be encoded. */
  constructor(from: PeerId, to: PeerId, version: number | undefined) {
    this.#from = nodeOrNone(from);
    this.#to = nodeOrNone(to);
    this.#encoder =
      version === undefined ? undefined : new FrameEncoder({ from: this.#from, to: this.#to }, { version });
  }

  get length(): number {
    return this.#messages.length;
  }

  get byteLength(): number {
    return this.#encoder?.byteLength ?? 0;
  }

  take(): { readonly messages: readonly PeerMessage[]; readonly bytes: Uint8Array | undefined } {
    const messages = this.#messages;
    this.#messages = [];
    return { messages, bytes: this.#encoder?.take() };
  }

  /** False if the message cannot be sent between these two: the same rules with and without an encoding. */
  add(message: PeerMessage): boolean {
    if (message.type === 'raft' && !this.#isRaftHere(message.message)) return false;
    try {
      this.#encoder?.add(message);
    } catch (error) {
      if (error instanceof WireError) return false;
      throw error;
    }
    this.#messages.push(message);
    return true;
  }

  #isRaftHere(message: Message): boolean {
    return this.#from !== 0 && this.#to !== 0 && message.from === this.#from && message.to === this.#to;
  }
}
