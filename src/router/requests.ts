/**
 * Requests under way over links: numbers that match answers to callbacks, bounded, and each answered exactly once.
 *
 * Knows no link and no topology. An entry ends by an answer of the node that was asked, by the loss of that node, or
 * by its age; the last two leave a write's outcome unknown.
 */
import { refuse, type NodeId, type ShardReply } from '../shard/index.js';
import type { ReplyCallback } from './backend.js';

interface Entry {
  readonly node: NodeId;
  readonly expiresAt: number;
  readonly done: ReplyCallback;
}

/** Ids run up to here and begin again. */
const MAX_ID = 0xffff_ffff;

/** How long after its budget a request may still be answered by the node itself. */
const GRACE_MS = 1_000;

export const refusalFrom = (node: NodeId, ...args: Parameters<typeof refuse>): ShardReply => ({
  answer: refuse(...args),
  term: 0,
  servedBy: node,
});

export class RequestTable {
  readonly #entries = new Map<number, Entry>();
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
    return this.#entries.size;
  }

  /** The id to send the request under; undefined if the table is full. */
  add(node: NodeId, now: number, budgetMs: number, done: ReplyCallback): number | undefined {
    if (this.#entries.size >= this.#maxInFlight) return undefined;
    let id = this.#lastId;
    do id = id >= MAX_ID ? 1 : id + 1;
    while (this.#entries.has(id));
    this.#lastId = id;
    this.#entries.set(id, { node, expiresAt: now + budgetMs + GRACE_MS, done });
    return id;
  }

  /** Forgets a request that did not leave; its callback is not called. */
  forget(id: number): void {
    this.#entries.delete(id);
  }

  /** An answer came. Ignored if nobody waits for it, or if it comes from another node than the one that was asked. */
  settle(from: NodeId, id: number, reply: ShardReply): void {
    const entry = this.#entries.get(id);
    if (entry?.node !== from) return;
    this.#entries.delete(id);
    entry.done(reply);
  }

  /** The link to a node broke, or the node is silent: what was under way to it may or may not have happened. */
  lose(node: NodeId): void {
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
    for (const [id, entry] of this.#entries) {
      if (!chosen(entry)) continue;
      this.#entries.delete(id);
      ended.push(entry);
    }
    // After the table is consistent again: a callback may ask anew at once.
    for (const entry of ended) entry.done(refusalFrom(entry.node, 'leadership-lost', message));
  }
}
