/** The messages of a coordinator to the participants of a transaction, and their replies. */
import type { Conclude, Decision, Runtime, SingleMessage } from '../../shard/index.js';
import { TransactionSender, type SenderOptions } from './transaction-sender.js';
import type { ParticipantReply } from './attempt-outcome.js';

export interface ParticipantsOptions extends SenderOptions {
  readonly runtime: Pick<Runtime, 'now' | 'after' | 'defer' | 'random'>;
}

/** How long what may be forgotten is tried to be delivered. */
const FORGET_DELIVERY_MS = 2_000;
/**
 * Decisions that every participant has acknowledged are forgotten together: as soon as a shard has so many, or else after
 * this time. The transactions of one client then cost hardly any entries for that.
 */
const MAX_FORGOTTEN = 32;
const FORGET_MS = 1_000;
/** Since this feature level all nodes read conclusions. */
const CONCLUDE_LEVEL = 4;

export class Participants {
  readonly #options: ParticipantsOptions;
  readonly #sender: TransactionSender;
  /** By shard, ids that it may forget. */
  readonly #forgettable = new Map<number, Uint8Array[]>();
  #isForgetting = false;

  constructor(options: ParticipantsOptions) {
    this.#options = options;
    this.#sender = new TransactionSender(options);
  }

  get keepsRefusals(): boolean {
    return this.#options.featureLevel() >= CONCLUDE_LEVEL;
  }

  conclude(
    id: Uint8Array,
    home: number,
    conclude: Omit<Conclude, 'phase'>,
    deadlineMs: number,
  ): Promise<ParticipantReply> {
    const { decision, outcome } = conclude;
    const message = this.keepsRefusals
      ? ({ phase: 'conclude', ...conclude } as const)
      : ({ phase: 'decide', decision, outcome } as const);
    return this.#ask(home, message, id, deadlineMs);
  }

  decide(
    id: Uint8Array,
    shards: readonly number[],
    decision: Decision,
    outcome: Uint8Array | undefined,
    deadlineMs: number,
  ): Promise<ParticipantReply[]> {
    const first = shards[0];
    return this.askAll(
      shards,
      (shard) => ({ phase: 'decide', decision, outcome: shard === first ? outcome : undefined }),
      id,
      deadlineMs,
    );
  }

  /** Tells participants in batches, without haste: nothing waits for it. */
  forget(id: Uint8Array, participants: readonly number[]): void {
    for (const shard of participants) {
      const ids = this.#forgettable.get(shard) ?? [];
      ids.push(id);
      this.#forgettable.set(shard, ids);
      if (ids.length >= MAX_FORGOTTEN) this.#sendForgettable(shard);
    }
    if (this.#isForgetting) return;
    this.#isForgetting = true;
    this.#options.runtime.after(FORGET_MS, () => {
      this.#isForgetting = false;
      for (const shard of this.#forgettable.keys()) this.#sendForgettable(shard);
    });
  }

  #sendForgettable(shard: number): void {
    const ids = this.#forgettable.get(shard) ?? [];
    this.#forgettable.delete(shard);
    // What is lost is reported by the shard's leader, and forgotten later.
    void this.#ask(shard, { phase: 'forget', ids }, this.#options.newId(), FORGET_DELIVERY_MS);
  }

  askAll(
    shards: readonly number[],
    message: (shard: number) => SingleMessage,
    id: Uint8Array,
    deadlineMs: number,
  ): Promise<ParticipantReply[]> {
    return Promise.all(shards.map((shard) => this.#ask(shard, message(shard), id, deadlineMs)));
  }

  /** Up to the first participant that does not vote yes. */
  async askInOrder(
    shards: readonly number[],
    message: (shard: number) => SingleMessage,
    id: Uint8Array,
    deadline: number,
  ): Promise<ParticipantReply[]> {
    const replies: ParticipantReply[] = [];
    for (const shard of shards) {
      const one = await this.#ask(shard, message(shard), id, this.leftMs(deadline));
      replies.push(one);
      if (one.reply.type !== 'vote' || one.reply.vote.type !== 'yes') break;
    }
    return replies;
  }

  #ask(shard: number, message: SingleMessage, id: Uint8Array, deadlineMs: number): Promise<ParticipantReply> {
    return this.#sender.ask(shard, message, id, deadlineMs);
  }

  leftMs(deadline: number): number {
    return Math.max(0, deadline - this.#options.runtime.now());
  }
}
