/**
 * Runs transactions over several shards, and finishes those that others left (`shard/transaction.ts` has the protocol).
 *
 * It keeps nothing that matters: votes and decisions are entries of the participants' logs. If it dies, or gives up at
 * the deadline, a participant's leader reports the transaction and any coordinator finishes it; the votes decide, so all
 * that try decide the same.
 *
 * An attempt that met a key of another transaction is aborted, and tried again under another id, until the deadline. The
 * first attempt asks all participants in parallel, and waits for no keys; later ones ask one participant after the other,
 * by ascending number, and wait at each in the order in which they came.
 */
import {
  decisionOf,
  encodeOutcome,
  refuse,
  type ClientId,
  type Decision,
  type ProgramOutcome,
  type Refusal,
  type Runtime,
  type SingleMessage,
  type TransactionPart,
  type Vote,
} from '../../shard/index.js';
import type { Dispatcher } from './dispatcher.js';
import { agree, keptOutcome, resultsOf, revisionsOf, withoutResults } from './transaction-results.js';
import { TransactionSender } from './transaction-sender.js';
import { decisionIn, NO_ORIGIN, verdictOf, type Heard, type Origin } from './verdict.js';

export interface CoordinatorOptions {
  readonly dispatcher: Pick<Dispatcher, 'dispatch'>;
  readonly runtime: Pick<Runtime, 'now' | 'after' | 'random'>;
  /** A fresh id of 16 bytes, with the time in it. */
  readonly newId: () => Uint8Array;
}

/** What a transaction came to. */
export interface TransactionOutcome {
  readonly outcome: ProgramOutcome | Refusal;
  /** Encoded, where it is that of an earlier attempt under the same client's id. */
  readonly replayed: Uint8Array | undefined;
  /** By shard: the index of the entry that applied its part. */
  readonly revisions: ReadonlyMap<number, number>;
  /** The latest reply of a participant: its term and node. */
  readonly origin: Origin;
}

/** How long decisions are tried to be delivered, whatever is left of the client's deadline. */
const DELIVERY_MS = 2_000;
/** How long one tries to finish what another one left. */
const FINISH_MS = 5_000;
/** Decisions that every participant has acknowledged are forgotten together, this often. */
const FORGET_MS = 100;
const MAX_FORGOTTEN = 500;
/** Bounds of the pause before another attempt, ms. */
const FIRST_PAUSE_MS = 20;
const LEAST_PAUSE_MS = 2;

const LATE = 'not all shards have applied the transaction in time; they will';

export class Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #sender: TransactionSender;
  /** By shard, ids that it may forget. */
  #forgettable = new Map<number, Uint8Array[]>();
  #isForgetting = false;
  /** Ids that are being finished here. */
  readonly #finishing = new Set<string>();

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    this.#sender = new TransactionSender(options);
  }

  /** Monotonic ms. */
  now(): number {
    return this.#options.runtime.now();
  }

  /** @param parts of two shards or more */
  async run(
    parts: ReadonlyMap<number, TransactionPart>,
    client: ClientId | undefined,
    deadlineMs: number,
  ): Promise<TransactionOutcome> {
    const { runtime } = this.#options;
    const deadline = runtime.now() + deadlineMs;
    for (let tries = 1; ; tries += 1) {
      const ended = await this.#attempt(parts, client, deadline, tries > 1);
      if (ended !== undefined) return ended;
      const pauseMs = Math.max(LEAST_PAUSE_MS, (FIRST_PAUSE_MS / tries) * 2 * runtime.random());
      if (runtime.now() + pauseMs >= deadline) return ending(refuse('conflict'), NO_ORIGIN);
      await this.#pause(pauseMs);
    }
  }

  /**
   * Finishes a transaction that its coordinator may have left: asks all participants, decides as their votes do, and
   * tells them. Nothing happens while some participant does not answer.
   * @returns the decision, if it reached all participants
   */
  async finish(id: Uint8Array, participants: readonly number[]): Promise<Decision | undefined> {
    const name = Buffer.from(id).toString('latin1');
    if (this.#finishing.has(name)) return undefined;
    this.#finishing.add(name);
    try {
      const said = await this.#askAll(participants, () => ({ phase: 'inquire' }), id, FINISH_MS);
      const decision = decisionIn(said.map(({ reply }) => reply));
      if (decision === undefined) return undefined;
      const outcome = decision === 'abort' ? undefined : encodeOutcome(withoutResults(decision));
      const told = await this.#decide(id, participants, decision, outcome, FINISH_MS);
      if (!agree(told, decision)) return undefined;
      this.#forget(id, participants);
      return decision;
    } finally {
      this.#finishing.delete(name);
    }
  }

  /** One attempt; undefined: it met another transaction, and may be repeated. */
  async #attempt(
    parts: ReadonlyMap<number, TransactionPart>,
    client: ClientId | undefined,
    deadline: number,
    isRepeated: boolean,
  ): Promise<TransactionOutcome | undefined> {
    const participants = [...parts.keys()].sort((a, b) => a - b);
    const home = participants[0];
    const id = this.#options.newId();
    const prepare = (shard: number): SingleMessage => ({
      phase: 'prepare',
      participants,
      part: parts.get(shard) ?? NO_PART,
      client: shard === home ? client : undefined,
      waits: isRepeated,
    });
    const heard = isRepeated
      ? await this.#askInOrder(participants, prepare, id, deadline)
      : await this.#askUntil(participants, prepare, id, deadline);
    const votes = heard.map(({ reply }) => (reply.type === 'vote' ? reply.vote : undefined));
    if (votes.length === participants.length && votes.every((vote): vote is Vote => vote !== undefined)) {
      const decision = decisionOf(votes);
      if (decision !== 'abort') return this.#commit({ id, participants, heard, decision, client, deadline });
    }
    return this.#abort({ id, participants, heard, client, deadline });
  }

  async #commit(given: {
    readonly id: Uint8Array;
    readonly participants: readonly number[];
    readonly heard: readonly Heard[];
    readonly decision: 'then' | 'otherwise';
    readonly client: ClientId | undefined;
    readonly deadline: number;
  }): Promise<TransactionOutcome> {
    const { id, participants, heard, decision, client, deadline } = given;
    const delivery = client === undefined ? participants : participants.slice(1);
    const told = this.#decide(id, delivery, decision, undefined, Math.max(DELIVERY_MS, this.#leftMs(deadline))).then(
      async (others) => {
        if (client === undefined || !agree(others, decision)) return others;
        // The first participant keeps the outcome for replays, so it has to be known before.
        const kept = keptOutcome(resultsOf(heard, decision, revisionsOf(others)), decision);
        const home = await this.#decide(id, participants.slice(0, 1), decision, kept, DELIVERY_MS);
        return [...home, ...others];
      },
    );
    const all = await this.#within(told, deadline);
    if (all === undefined || !agree(all, decision)) return ending(refuse('timeout', LATE), heard[0]?.origin);
    this.#forget(id, participants);
    const revisions = revisionsOf(all);
    const results = resultsOf(heard, decision, revisions);
    const outcome = { succeeded: decision === 'then', results, lastDeletion: 0, omitted: false };
    return { outcome, replayed: undefined, revisions, origin: heard[0]?.origin ?? NO_ORIGIN };
  }

  /** Ends an attempt that did not commit; undefined: it may be repeated. */
  async #abort(given: {
    readonly id: Uint8Array;
    readonly participants: readonly number[];
    readonly heard: readonly Heard[];
    readonly client: ClientId | undefined;
    readonly deadline: number;
  }): Promise<TransactionOutcome | undefined> {
    const { id, participants, heard, client, deadline } = given;
    const verdict = verdictOf(heard, client === undefined ? undefined : participants[0]);
    if (verdict.type === 'committed') return this.#committed({ ...given, ...verdict });
    if (verdict.type === 'unknown') {
      // Some shard may have voted, or may yet: only its own record can say.
      void this.finish(id, participants).catch(() => undefined);
      return ending(verdict.refusal, verdict.origin);
    }
    // Shards that hold keys let them go before another attempt.
    const asked = heard.map(({ shard }) => shard);
    const told = this.#decide(id, asked, 'abort', undefined, DELIVERY_MS).then((all) => {
      if (agree(all, 'abort')) this.#forget(id, asked);
    });
    if (verdict.type === 'busy') await this.#within(told, deadline);
    else void told.catch(() => undefined);
    switch (verdict.type) {
      case 'busy':
        return undefined;
      case 'open':
        // An earlier attempt at the same request of the client: its end decides.
        await this.#within(this.finish(verdict.id, verdict.participants), deadline);
        return undefined;
      case 'replay':
        return {
          outcome: refuse('internal'),
          replayed: verdict.outcome,
          revisions: new Map(),
          origin: verdict.origin,
        };
      case 'no':
        return ending({ succeeded: false, results: [], lastDeletion: 0, omitted: false }, verdict.origin);
      case 'refused':
        return ending(verdict.refusal, verdict.origin);
    }
  }

  /** Another coordinator has decided: told to all that do not know yet. What the shards voted is not known here. */
  async #committed(given: {
    readonly id: Uint8Array;
    readonly participants: readonly number[];
    readonly decision: 'then' | 'otherwise';
    readonly deadline: number;
    readonly origin: Origin;
  }): Promise<TransactionOutcome> {
    const { id, participants, decision, deadline, origin } = given;
    const outcome = withoutResults(decision);
    const told = await this.#within(
      this.#decide(id, participants, decision, encodeOutcome(outcome), Math.max(DELIVERY_MS, this.#leftMs(deadline))),
      deadline,
    );
    if (told === undefined || !agree(told, decision)) return ending(refuse('timeout', LATE), origin);
    this.#forget(id, participants);
    return { outcome, replayed: undefined, revisions: revisionsOf(told), origin };
  }

  #decide(
    id: Uint8Array,
    shards: readonly number[],
    decision: Decision,
    outcome: Uint8Array | undefined,
    deadlineMs: number,
  ): Promise<Heard[]> {
    const first = shards[0];
    return this.#askAll(
      shards,
      (shard) => ({ phase: 'decide', decision, outcome: shard === first ? outcome : undefined }),
      id,
      deadlineMs,
    );
  }

  /** Tells participants in batches, without haste: nothing waits for it. */
  #forget(id: Uint8Array, participants: readonly number[]): void {
    for (const shard of participants) {
      const ids = this.#forgettable.get(shard) ?? [];
      ids.push(id);
      this.#forgettable.set(shard, ids);
    }
    if (this.#isForgetting) return;
    this.#isForgetting = true;
    this.#options.runtime.after(FORGET_MS, () => {
      this.#isForgetting = false;
      const batches = this.#forgettable;
      this.#forgettable = new Map();
      for (const [shard, ids] of batches) {
        for (let from = 0; from < ids.length; from += MAX_FORGOTTEN) {
          const message = { phase: 'forget', ids: ids.slice(from, from + MAX_FORGOTTEN) } as const;
          // What is lost is reported by the shard's leader, and forgotten later.
          void this.#ask(shard, message, this.#options.newId(), DELIVERY_MS);
        }
      }
    });
  }

  /** As `#askAll`; what was not heard by the deadline is unknown. */
  async #askUntil(
    shards: readonly number[],
    message: (shard: number) => SingleMessage,
    id: Uint8Array,
    deadline: number,
  ): Promise<Heard[]> {
    const heard = await this.#within(this.#askAll(shards, message, id, this.#leftMs(deadline)), deadline);
    if (heard !== undefined) return heard;
    return shards.map((shard) => ({ shard, revision: 0, reply: refuse('timeout'), origin: { ...NO_ORIGIN, shard } }));
  }

  #askAll(
    shards: readonly number[],
    message: (shard: number) => SingleMessage,
    id: Uint8Array,
    deadlineMs: number,
  ): Promise<Heard[]> {
    return Promise.all(shards.map((shard) => this.#ask(shard, message(shard), id, deadlineMs)));
  }

  /** Up to the first participant that does not vote yes. */
  async #askInOrder(
    shards: readonly number[],
    message: (shard: number) => SingleMessage,
    id: Uint8Array,
    deadline: number,
  ): Promise<Heard[]> {
    const heard: Heard[] = [];
    for (const shard of shards) {
      const one = await this.#ask(shard, message(shard), id, this.#leftMs(deadline));
      heard.push(one);
      if (one.reply.type !== 'vote' || one.reply.vote.type !== 'yes') break;
    }
    return heard;
  }

  #ask(shard: number, message: SingleMessage, id: Uint8Array, deadlineMs: number): Promise<Heard> {
    return this.#sender.ask(shard, message, id, deadlineMs);
  }

  #leftMs(deadline: number): number {
    return Math.max(0, deadline - this.#options.runtime.now());
  }

  /** Undefined: it did not settle before the deadline. */
  #within<T>(promise: Promise<T>, deadline: number): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const timer = this.#options.runtime.after(this.#leftMs(deadline), () => {
        resolve(undefined);
      });
      promise.then(
        (value) => {
          timer.cancel();
          resolve(value);
        },
        (error: unknown) => {
          timer.cancel();
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#options.runtime.after(ms, resolve));
  }
}

const NO_PART: TransactionPart = {
  program: { comparisons: [], then: [], otherwise: [], onError: 'fail', valueLimit: 0 },
  thenAt: [],
  otherwiseAt: [],
  hasComparisons: false,
  hasOtherwise: false,
};

const ending = (outcome: ProgramOutcome | Refusal, origin: Origin = NO_ORIGIN): TransactionOutcome => ({
  outcome,
  replayed: undefined,
  revisions: new Map(),
  origin,
});
