/**
 * Lease promises of earlier incarnations of this node (`raft/lease.ts`): a voter that restarts with shorter timers, or
 * without lease reads, may still be bound by a promise to a leader, and must not vote before the promise has expired.
 *
 * The longest promise ever made is persisted in the data folder before it is first made, and never lowered: a node
 * whose timers are shorter now votes later than necessary, once per start.
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

  /** To be called before anything is promised. `ownMs`: the promise of this incarnation, in ms; 0 = none. */
  async start(meta: ReadonlyMap<string, Uint8Array>, ownMs: number): Promise<void> {
    const kept = meta.get(PROMISE_META);
    this.#previousMs = kept === undefined ? 0 : Number(Buffer.from(kept).toString());
    this.#persistedMs = this.#previousMs;
    await this.persist(ownMs);
  }

  /** To be called before a promise of this length is made. */
  async persist(promiseMs: number): Promise<void> {
    if (promiseMs <= this.#persistedMs) return;
    await this.#storage.putMeta(PROMISE_META, Buffer.from(String(promiseMs)));
    this.#persistedMs = promiseMs;
  }

  /** Ticks from the start during which no vote may be given; 0 if no earlier incarnation can have made a promise. */
  remainingTicks(tickMs: number): number {
    return owedTicksOf(this.#previousMs, tickMs);
  }
}
