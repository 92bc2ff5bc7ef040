/**
 * Sends what is to be said about transactions to their participants. What is said to a shard while an earlier message is
 * under way to it waits for that one's reply, and goes in one entry with all that came meanwhile. So one transaction waits
 * for nothing, and of many at once each costs a part of an entry.
 */
import {
  decodeTransactionReply,
  encodeTransaction,
  refuse,
  WireError,
  type Answer,
  type Enclosed,
  type Runtime,
  type SingleMessage,
  type SingleReply,
  type Transact,
} from '../../shard/index.js';
import type { Dispatcher } from './dispatcher.js';
import type { ParticipantReply } from './attempt-outcome.js';

export interface SenderOptions {
  readonly dispatcher: Pick<Dispatcher, 'dispatch'>;
  readonly runtime: Pick<Runtime, 'now' | 'after' | 'defer'>;
  /** A fresh id of 16 bytes, with the time in it. */
  readonly newId: () => Uint8Array;
  /** Of the cluster, as far as is known. */
  readonly featureLevel: () => number;
}

/** From this feature level on all nodes read several messages in one entry. */
const SHARING_LEVEL = 4;

/** Of messages in one entry. */
const MOST_MESSAGES = 64;
const MOST_BYTES = 256 * 1024;
/**
 * After an entry of so many messages the next one waits a moment longer. Measured with 64 clients and 16 shards: 0.83
 * entries for a transaction, and 0.92 in another run without the wait.
 */
const MANY = 3;
/** At least; timers of a process take a millisecond more. */
const GATHER_MS = 1;
/** Longer messages go alone. */
const LONGEST = 16 * 1024;
/** The reply may be late because the leader is gone: nothing waits longer for it. */
const MOST_WAIT_MS = 20;

const NO_KEY = new Uint8Array(0);

interface Item extends Enclosed {
  /** Monotonic ms. */
  readonly deadline: number;
  readonly resolve: (replies: ParticipantReply) => void;
}

/** Of one shard. */
interface Lane {
  underWay: number;
  waiting: Item[];
  bytes: number;
}

export class TransactionSender {
  readonly #options: SenderOptions;
  readonly #lanes = new Map<number, Lane>();

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /**
   * Resolves with the shard's reply. It may come after the deadline, by as much as the deadlines of messages in one entry
   * are apart.
   */
  ask(shard: number, message: SingleMessage, id: Uint8Array, deadlineMs: number): Promise<ParticipantReply> {
    const body = encodeTransaction(message);
    const deadline = this.#options.runtime.now() + deadlineMs;
    return new Promise((resolve) => {
      const item = { id, message, body, deadline, resolve };
      const lane = this.#laneOf(shard);
      const isShared = this.#options.featureLevel() >= SHARING_LEVEL && mayShare(message, body);
      if (!isShared) this.#send(shard, [item]);
      else if (lane.underWay === 0) this.#send(shard, [item], lane);
      else this.#wait(shard, item, lane);
    });
  }

  #laneOf(shard: number): Lane {
    let lane = this.#lanes.get(shard);
    if (lane === undefined) this.#lanes.set(shard, (lane = { underWay: 0, waiting: [], bytes: 0 }));
    return lane;
  }

  #wait(shard: number, item: Item, lane: Lane): void {
    lane.waiting.push(item);
    lane.bytes += item.body.length;
    if (lane.waiting.length >= MOST_MESSAGES || lane.bytes >= MOST_BYTES) this.#sendWaiting(shard, lane);
    else if (lane.waiting.length === 1) {
      const { waiting } = lane;
      this.#options.runtime.after(MOST_WAIT_MS, () => {
        if (lane.waiting === waiting) this.#sendWaiting(shard, lane);
      });
    }
  }

  #sendWaiting(shard: number, lane: Lane): void {
    const { waiting } = lane;
    lane.waiting = [];
    lane.bytes = 0;
    if (waiting.length > 0) this.#send(shard, waiting, lane);
  }

  /** @param lane in which others wait for the reply; undefined: none do */
  #send(shard: number, items: readonly Item[], lane?: Lane): void {
    if (lane !== undefined) lane.underWay += 1;
    const { dispatcher, runtime } = this.#options;
    const deadlineMs = Math.max(0, Math.max(...items.map(({ deadline }) => deadline)) - runtime.now());
    dispatcher.dispatch(this.#operation(shard, items), { deadlineMs, forward: true }, ({ answer, term, servedBy }) => {
      const origin = { term, servedBy, shard };
      const revision = answer.type === 'program' ? answer.revision : 0;
      for (const [at, reply] of repliesIn(answer, items.length).entries()) {
        // The decision may be of an earlier entry, whose answer was lost.
        const decidedAt = reply.type === 'decided' ? reply.revision : undefined;
        items[at]?.resolve({ shard, revision: decidedAt ?? revision, reply, origin });
      }
      if (lane !== undefined) this.#replied(shard, items.length, lane);
    });
  }

  /**
   * What the replies lead to, such as decisions by the last votes, is said before this turn ends: it goes with what waits,
   * and with each other, instead of waiting for one more reply.
   */
  #replied(shard: number, messages: number, lane: Lane): void {
    const goOn = (): void => {
      lane.underWay -= 1;
      this.#sendWaiting(shard, lane);
    };
    const { runtime } = this.#options;
    if (messages === 1 && lane.waiting.length === 0) goOn();
    else if (messages < MANY) runtime.defer(goOn);
    else runtime.after(GATHER_MS, goOn);
  }

  #operation(shard: number, items: readonly Item[]): Transact {
    const [first] = items;
    const { newId } = this.#options;
    const isAlone = items.length === 1 && first !== undefined && !this.#isKept(first);
    const body = isAlone ? first.body : encodeTransaction({ phase: 'several', enclosed: items });
    const operationId = isAlone ? first.id : newId();
    return { type: 'transaction', key: NO_KEY, shard, body, operationId, attempt: 'initial' };
  }

  /** Whether the shard is to keep the index of the decision, which only entries that may have several messages do. */
  #isKept({ message }: Item): boolean {
    return message.phase === 'decide' && this.#options.featureLevel() >= SHARING_LEVEL;
  }
}

/** Whether its reply comes at once, and is short: a prepare must not wait for keys, nor read values. */
function mayShare(message: SingleMessage, body: Uint8Array): boolean {
  if (body.length > LONGEST) return false;
  if (message.phase !== 'prepare') return true;
  const { then, otherwise } = message.part.program;
  return (
    !message.waits && [...then, ...otherwise].every(({ type, returning }) => type !== 'get' && returning === 'nothing')
  );
}

/** The reply to each of so many messages. */
function repliesIn(answer: Answer, count: number): readonly SingleReply[] {
  const reply = replyIn(answer);
  if (reply.type !== 'several') return Array.from({ length: count }, () => reply);
  if (reply.replies.length === count) return reply.replies;
  return Array.from({ length: count }, () => refuse('internal', 'the answer does not fit the operation'));
}

function replyIn(answer: Answer): ReturnType<typeof decodeTransactionReply> {
  if (answer.type === 'refused') return answer;
  if (answer.type !== 'program') return refuse('internal', 'the answer does not fit the operation');
  try {
    return decodeTransactionReply(answer.outcome);
  } catch (error) {
    if (error instanceof WireError) return refuse('internal', error.message);
    throw error;
  }
}
