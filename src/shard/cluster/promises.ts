/**
 * What earlier lives of this node promised (`raft/lease.ts`): a voter that restarts with shorter timers, or without lease
 * reads, may still owe a leader the promise of its former life, and must not vote before that has run out.
 *
 * The longest promise that was ever made from this folder is kept in it, before the first is made; it is never lowered,
 * which costs a node whose timers are short now a later first vote, once a start. Knows no group.
 */
import { owedTicksOf, type Storage } from '../../raft/index.js';

const PROMISE_META = 'promise';

export class LeasePromises {
  readonly #storage: Pick<Storage, 'putMeta'>;
  #previousMs = 0;
  #persistedMs = 0;

  constructor(storage: Pick<Storage, 'putMeta'>) {
    this.#storage = storage;
  }

  /** Before anything is promised. `ownMs`: what this life will promise, in ms; 0 = nothing. */
  async start(meta: ReadonlyMap<string, Uint8Array>, ownMs: number): Promise<void> {
    const kept = meta.get(PROMISE_META);
    this.#previousMs = kept === undefined ? 0 : Number(Buffer.from(kept).toString());
    this.#persistedMs = this.#previousMs;
    await this.persist(ownMs);
  }

  /** Before so much is promised. */
  async persist(promiseMs: number): Promise<void> {
    if (promiseMs <= this.#persistedMs) return;
    await this.#storage.putMeta(PROMISE_META, Buffer.from(String(promiseMs)));
    this.#persistedMs = promiseMs;
  }

  /** For so many ticks from the start no vote may be given; 0 if no earlier life can have promised anything. */
  remainingTicks(tickMs: number): number {
    return owedTicksOf(this.#previousMs, tickMs);
  }
}
