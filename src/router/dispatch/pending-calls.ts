/**
 * Requests in flight over links: matches answers to callbacks by id; bounded, and each callback is called exactly once.
 *
 * An entry ends by an answer of the node that was asked, by the loss of that node, or by its age; the last two leave
 * the outcome of a write unknown.
 */
import { refuse, type NodeId, type ShardReply } from '../../shard/index.js';
import type { ReplyCallback } from './backend.js';

interface Entry {
  readonly id: number;
  readonly node: NodeId;
  readonly expiresAt: number;
  readonly done: ReplyCallback;
}

/** Ids wrap around after this. */
const MAX_ID = 0xffff_ffff;

/** A power of two, and doubled when more are needed. */
const FIRST_SLOTS = 256;

/** How long after its budget a request may still be answered by the node itself. */
const GRACE_MS = 1_000;

export const refusalFrom = (node: NodeId, ...args: Parameters<typeof refuse>): ShardReply => ({
  answer: refuse(...args),
  term: 0,
  servedBy: node,
});

export class PendingCalls {
  /**
   * Indexed by the low bits of the id. Not a Map: V8 allocates a new table for it every few insertions and deletions,
   * and the outgrown table refers to the new one. As soon as one of them is in the old generation, all later ones are
   * promoted too, and every request outlives its answer until the next full collection.
   */
  #slots: (Entry | undefined)[] = new Array<Entry | undefined>(FIRST_SLOTS).fill(undefined);
  #size = 0;
  readonly #maxInFlight: number;
  #lastId: number;

  /**
   * Ids begin at a random number: an answer to a request of an earlier incarnation of this process must not be taken
   * for an answer to one of this incarnation.
   */
  constructor(maxInFlight: number, random: () => number) {
    this.#maxInFlight = maxInFlight;
    this.#lastId = Math.floor(random() * MAX_ID);
  }

  get size(): number {
    return this.#size;
  }

  /** The id to send the request under; undefined if the table is full. */
  add(node: NodeId, now: number, budgetMs: number, done: ReplyCallback): number | undefined {
    if (this.#size >= this.#maxInFlight) return undefined;
    if (this.#size * 2 >= this.#slots.length) this.#grow();
    let id = this.#lastId;
    do id = id >= MAX_ID ? 1 : id + 1;
    while (this.#slots[this.#placeOf(id)] !== undefined);
    this.#lastId = id;
    this.#slots[this.#placeOf(id)] = { id, node, expiresAt: now + budgetMs + GRACE_MS, done };
    this.#size++;
    return id;
  }

  /** Removes a request that was not sent; its callback is not called. */
  remove(id: number): void {
    const place = this.#placeOf(id);
    if (this.#slots[place]?.id !== id) return;
    this.#slots[place] = undefined;
    this.#size--;
  }

  /** Ends the request with an answer. Ignored if there is no such request, or if the answer comes from another node. */
  settle(from: NodeId, id: number, reply: ShardReply): void {
    const entry = this.#slots[this.#placeOf(id)];
    if (entry?.id !== id || entry.node !== from) return;
    this.remove(id);
    entry.done(reply);
  }

  /** The link to a node broke, or the node is silent: requests in flight to it have an unknown outcome. */
  failNode(node: NodeId): void {
    this.#end((entry) => entry.node === node, 'the link to the node broke');
  }

  /** Ends what is older than its budget and a grace. */
  sweep(now: number): void {
    this.#end((entry) => entry.expiresAt <= now, 'the node did not answer');
  }

  close(): void {
    this.#end(() => true, 'the router is stopping');
  }

  #end(chosen: (entry: Entry) => boolean, message: string): void {
    const ended: Entry[] = [];
    for (const entry of this.#slots) {
      if (entry === undefined || !chosen(entry)) continue;
      this.remove(entry.id);
      ended.push(entry);
    }
    // After the table is consistent again: a callback may add a request at once.
    for (const entry of ended) entry.done(refusalFrom(entry.node, 'leadership-lost', message));
  }

  #placeOf(id: number): number {
    return id & (this.#slots.length - 1);
  }

  /** Ids with distinct low bits stay distinct with one bit more. */
  #grow(): void {
    const before = this.#slots;
    this.#slots = new Array<Entry | undefined>(before.length * 2).fill(undefined);
    for (const entry of before) if (entry !== undefined) this.#slots[this.#placeOf(entry.id)] = entry;
  }
}
