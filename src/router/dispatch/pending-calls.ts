/**
 * Requests under way over links: numbers that match answers to callbacks, bounded, and each answered exactly once.
 *
 * Knows no link and no topology. An entry ends by an answer of the node that was asked, by the loss of that node, or
 * by its age; the last two leave a write's outcome unknown.
 */
import { refuse, type NodeId, type ShardReply } from '../../shard/index.js';
import type { ReplyCallback } from './backend.js';

interface Entry {
  readonly id: number;
  readonly node: NodeId;
  readonly expiresAt: number;
  readonly done: ReplyCallback;
}

/** Ids run up to here and begin again. */
const MAX_ID = 0xffff_ffff;

/** A power of two, as is every later number of them. */
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
   * Each at the place that the last bits of its id say. Not a Map: V8 makes a new table for it every few entries that
   * pass through it, and the outgrown one refers to the new one. As soon as one of them is of the old generation, all
   * that come after it get there too, and every request outlives its answer until the next full collection.
   */
  #slots: (Entry | undefined)[] = new Array<Entry | undefined>(FIRST_SLOTS).fill(undefined);
  #size = 0;
  readonly #maxInFlight: number;
  #lastId: number;

  /**
   * Ids begin at a place drawn by `random`: an answer that was owed to an earlier life of this process must not be
   * taken for one to a request of this life.
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

  /** Forgets a request that did not leave; its callback is not called. */
  remove(id: number): void {
    const place = this.#placeOf(id);
    if (this.#slots[place]?.id !== id) return;
    this.#slots[place] = undefined;
    this.#size--;
  }

  /** An answer came. Ignored if nobody waits for it, or if it comes from another node than the one that was asked. */
  settle(from: NodeId, id: number, reply: ShardReply): void {
    const entry = this.#slots[this.#placeOf(id)];
    if (entry?.id !== id || entry.node !== from) return;
    this.remove(id);
    entry.done(reply);
  }

  /** The link to a node broke, or the node is silent: what was under way to it may or may not have happened. */
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
    // After the table is consistent again: a callback may ask anew at once.
    for (const entry of ended) entry.done(refusalFrom(entry.node, 'leadership-lost', message));
  }

  #placeOf(id: number): number {
    return id & (this.#slots.length - 1);
  }

  /** Those that had places of their own have them among twice as many, too. */
  #grow(): void {
    const before = this.#slots;
    this.#slots = new Array<Entry | undefined>(before.length * 2).fill(undefined);
    for (const entry of before) if (entry !== undefined) this.#slots[this.#placeOf(entry.id)] = entry;
  }
}
