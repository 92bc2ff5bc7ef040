/** The answer to what was said about a transaction over shards. */
import type { Answer } from '../operation.js';
import { encodeTransactionReply } from '../transaction-codec.js';
import type { TransactionReply } from '../transaction.js';

/** Encoded when it is sent: on all replicas but the leader nobody asks for it. */
export class TransactionAnswer implements Extract<Answer, { type: 'program' }> {
  readonly type = 'program';
  readonly replayed = false;
  readonly #reply: TransactionReply;
  #outcome: Uint8Array | undefined;

  /** @param revision index of the entry */
  constructor(
    readonly revision: number,
    reply: TransactionReply,
  ) {
    this.#reply = reply;
  }

  get outcome(): Uint8Array {
    this.#outcome ??= encodeTransactionReply(this.#reply);
    return this.#outcome;
  }
}
