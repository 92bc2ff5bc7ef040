/**
 * Pending output of a `Raft`, filled by the roles and drained by `ready()`.
 *
 * A message is either sent at once (it does not depend on this node's disk) or held, with the log index that must be
 * durable first; the current term and vote must be durable in any case. `persistence.ts` knows what is durable.
 */
import type { Message } from './messages.js';
import type { ChunkWanted, ConfirmedRead, IncomingChunk } from './ready.js';

/** The message depends on the term (or vote) only. */
export const TERM_ONLY = 0;
/** The message depends on the write that is collected with it. */
export const THIS_WRITE = Infinity;

export interface Held {
  readonly message: Message;
  readonly needsIndex: number;
}

/** Not frozen: loops over frozen arrays leave compiled code, and every turn has some. */
const NOTHING: readonly never[] = [];

export class Outbox {
  #messages: Message[] = [];
  #held: Held[] = [];
  #reads: ConfirmedRead[] = [];
  #readsLost: number[] = [];
  #chunksWanted: ChunkWanted[] = [];
  #chunk: IncomingChunk | undefined;

  send(message: Message): void {
    this.#messages.push(message);
  }

  /** A later append-ok covers the ones before it, so one is enough for many appends. */
  hold(message: Message, needsIndex: number): void {
    const last = this.#held.at(-1)?.message;
    if (message.type === 'append-ok' && last?.type === 'append-ok' && last.to === message.to) {
      if (last.index > message.index) return;
      this.#held.pop();
    }
    this.#held.push({ message, needsIndex });
  }

  confirmRead(read: ConfirmedRead): void {
    this.#reads.push(read);
  }

  loseReads(contexts: readonly number[]): void {
    for (const context of contexts) this.#readsLost.push(context);
  }

  wantChunk(wanted: ChunkWanted): void {
    this.#chunksWanted.push(wanted);
  }

  /** A chunk of an incoming snapshot is pending; one at a time. */
  get hasChunk(): boolean {
    return this.#chunk !== undefined;
  }

  stage(chunk: IncomingChunk): void {
    this.#chunk = chunk;
  }

  /** The term changed: held messages refer to a log and a vote that may be gone. Dropping them is always safe. */
  dropHeld(): void {
    this.#held = [];
  }

  get isEmpty(): boolean {
    return (
      this.#messages.length === 0 &&
      this.#held.length === 0 &&
      this.#reads.length === 0 &&
      this.#readsLost.length === 0 &&
      this.#chunksWanted.length === 0 &&
      this.#chunk === undefined
    );
  }

  takeMessages(): readonly Message[] {
    const taken = this.#messages;
    if (taken.length === 0) return NOTHING;
    this.#messages = [];
    return taken;
  }

  get hasHeld(): boolean {
    return this.#held.length > 0;
  }

  takeHeld(): readonly Held[] {
    const taken = this.#held;
    if (taken.length === 0) return NOTHING;
    this.#held = [];
    return taken;
  }

  takeReads(): readonly ConfirmedRead[] {
    const taken = this.#reads;
    if (taken.length === 0) return NOTHING;
    this.#reads = [];
    return taken;
  }

  takeReadsLost(): readonly number[] {
    const taken = this.#readsLost;
    if (taken.length === 0) return NOTHING;
    this.#readsLost = [];
    return taken;
  }

  takeChunksWanted(): readonly ChunkWanted[] {
    const taken = this.#chunksWanted;
    if (taken.length === 0) return NOTHING;
    this.#chunksWanted = [];
    return taken;
  }

  takeChunk(): IncomingChunk | undefined {
    const taken = this.#chunk;
    this.#chunk = undefined;
    return taken;
  }
}
