/**
 * Runs transactions over several shards, and finishes those that others left (`shard/transaction.ts` has the protocol).
 *
 * It keeps nothing that matters: votes and decisions are entries of the participants' logs. If it dies, or gives up at
 * the deadline, a participant's leader reports the transaction and any coordinator finishes it; the votes decide, so all
 * that try decide the same.
 *
 * Under an `Idempotency-Key` nothing definite is answered before the shard that knows the key has kept it: neither that the
 * transaction was applied, nor that its comparisons did not hold or a step failed. That shard says so, too, if another
 * attempt under the key came first; then the answer is that one's.
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
  type SingleMessage,
  type TransactionPart,
  type Vote,
} from '../../shard/index.js';
import { Participants, type ParticipantsOptions } from './participants.js';
import { agree, keptOutcome, participantsOf, resultsOf, revisionsOf, withoutResults } from './transaction-results.js';
import {
  decisionIn,
  NO_ORIGIN,
  attemptOutcomeOf,
  type ParticipantReply,
  type Origin,
  type AttemptOutcome,
} from './attempt-outcome.js';

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
/** Bounds of the pause before another attempt, ms. */
const FIRST_PAUSE_MS = 20;
const LEAST_PAUSE_MS = 2;

const LATE = 'not all shards have applied the transaction in time; they will';
const NOT_KEPT =
  'the transaction was not applied; the shard that keeps the answer under its idempotency key did not confirm that in time';

export class Coordinator {
  readonly #options: ParticipantsOptions;
  readonly #participants: Participants;
  /** Ids that are being finished here. */
  readonly #finishing = new Set<string>();

  constructor(options: ParticipantsOptions) {
    this.#options = options;
    this.#participants = new Participants(options);
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
      const replies = await this.#participants.askAll(participants, () => ({ phase: 'inquire' }), id, FINISH_MS);
      const decision = decisionIn(replies.map(({ reply }) => reply));
      if (decision === undefined) return undefined;
      const outcome = decision === 'abort' ? undefined : encodeOutcome(withoutResults(decision));
      const told = await this.#participants.decide(id, participants, decision, outcome, FINISH_MS);
      if (!agree(told, decision)) return undefined;
      this.#participants.forget(id, participants);
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
    const participants = participantsOf(parts);
    const home = participants[0];
    const id = this.#options.newId();
    const prepare = (shard: number): SingleMessage => ({
      phase: 'prepare',
      participants,
      part: parts.get(shard) ?? NO_PART,
      client: shard === home ? client : undefined,
      waits: isRepeated,
    });
    const replies = isRepeated
      ? await this.#participants.askInOrder(participants, prepare, id, deadline)
      : await this.#askUntil(participants, prepare, id, deadline);
    const votes = replies.map(({ reply }) => (reply.type === 'vote' ? reply.vote : undefined));
    if (votes.length === participants.length && votes.every((vote): vote is Vote => vote !== undefined)) {
      const decision = decisionOf(votes);
      if (decision !== 'abort') return this.#commit({ id, participants, replies, decision, client, deadline });
    }
    return this.#abort({ id, participants, replies, client, deadline });
  }

  async #commit(given: {
    readonly id: Uint8Array;
    readonly participants: readonly number[];
    readonly replies: readonly ParticipantReply[];
    readonly decision: 'then' | 'otherwise';
    readonly client: ClientId | undefined;
    readonly deadline: number;
  }): Promise<TransactionOutcome> {
    const { id, participants, replies, decision, client, deadline } = given;
    const delivery = client === undefined ? participants : participants.slice(1);
    const told = this.#participants
      .decide(id, delivery, decision, undefined, Math.max(DELIVERY_MS, this.#participants.leftMs(deadline)))
      .then(async (others) => {
        if (client === undefined || !agree(others, decision)) return others;
        // The first participant keeps the outcome for replays, so it has to be known before.
        const revisions = revisionsOf(others);
        const kept = keptOutcome(resultsOf(replies, decision, revisions), decision, { participants, revisions });
        const home = await this.#participants.conclude(
          id,
          participants[0] ?? 0,
          { decision, client, outcome: kept },
          DELIVERY_MS,
        );
        return [home, ...others];
      });
    const all = await this.#within(told, deadline);
    if (all === undefined || !agree(all, decision)) return ending(refuse('timeout', LATE), replies[0]?.origin);
    this.#participants.forget(id, participants);
    const revisions = revisionsOf(all);
    const results = resultsOf(replies, decision, revisions);
    const outcome = { succeeded: decision === 'then', results, lastDeletion: 0, omitted: false };
    return { outcome, replayed: undefined, revisions, origin: replies[0]?.origin ?? NO_ORIGIN };
  }

  /** Ends an attempt that did not commit; undefined: it may be repeated. */
  async #abort(given: {
    readonly id: Uint8Array;
    readonly participants: readonly number[];
    readonly replies: readonly ParticipantReply[];
    readonly client: ClientId | undefined;
    readonly deadline: number;
  }): Promise<TransactionOutcome | undefined> {
    const { id, participants, replies, client, deadline } = given;
    const result = attemptOutcomeOf(replies, client === undefined ? undefined : participants[0]);
    if (result.type === 'committed') return this.#committed({ ...given, ...result });
    if (result.type === 'unknown') {
      // Some shard may have voted, or may yet: only its own record can say.
      void this.finish(id, participants).catch(() => undefined);
      return ending(result.refusal, result.origin);
    }
    const answer = client === undefined ? undefined : answerOf(result);
    if (client !== undefined && answer !== undefined && this.#participants.keepsRefusals) {
      return this.#abortAs(answer, result.origin, { ...given, client });
    }
    // Shards that hold keys let them go before another attempt.
    const asked = replies.map(({ shard }) => shard);
    const told = this.#participants.decide(id, asked, 'abort', undefined, DELIVERY_MS).then((all) => {
      if (agree(all, 'abort')) this.#participants.forget(id, asked);
    });
    if (result.type === 'busy') await this.#within(told, deadline);
    else void told.catch(() => undefined);
    return this.#ended(result, deadline);
  }

  /** Aborts with a definite answer, which the first participant keeps before the client has it. */
  async #abortAs(
    answer: ProgramOutcome | Refusal,
    origin: Origin,
    given: {
      readonly id: Uint8Array;
      readonly participants: readonly number[];
      readonly replies: readonly ParticipantReply[];
      readonly client: ClientId;
      readonly deadline: number;
    },
  ): Promise<TransactionOutcome | undefined> {
    const { id, participants, replies, client, deadline } = given;
    const home = participants[0] ?? 0;
    const conclusion = { decision: 'abort', client, outcome: encodeOutcome(answer) } as const;
    const kept = this.#participants.conclude(
      id,
      home,
      conclusion,
      Math.max(DELIVERY_MS, this.#participants.leftMs(deadline)),
    );
    const asked = replies.map(({ shard }) => shard);
    const others = this.#participants.decide(
      id,
      asked.filter((shard) => shard !== home),
      'abort',
      undefined,
      DELIVERY_MS,
    );
    void Promise.all([kept, others]).then(([atHome, elsewhere]) => {
      if (agree([atHome, ...elsewhere], 'abort')) this.#participants.forget(id, asked);
    });
    const reply = await this.#within(kept, deadline);
    if (reply !== undefined && agree([reply], 'abort')) return ending(answer, origin);
    const result = reply && attemptOutcomeOf([reply], home);
    if (result === undefined || result.type === 'unknown') {
      return ending(refuse('timeout', NOT_KEPT, {}, 'not_applied'), origin);
    }
    if (result.type === 'committed') return this.#committed({ ...given, ...result });
    return this.#ended(result, deadline);
  }

  /** Undefined: the attempt may be repeated. */
  async #ended(result: Uncommitted, deadline: number): Promise<TransactionOutcome | undefined> {
    switch (result.type) {
      case 'busy':
        return undefined;
      case 'open':
        // An earlier attempt at the same request of the client: its end decides.
        await this.#within(this.finish(result.id, result.participants), deadline);
        return undefined;
      case 'replay':
        return {
          outcome: refuse('internal'),
          replayed: result.outcome,
          revisions: new Map(),
          origin: result.origin,
        };
      case 'no':
        return ending(NO, result.origin);
      case 'failed':
      case 'refused':
      case 'unknown':
        return ending(result.refusal, result.origin);
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
      this.#participants.decide(
        id,
        participants,
        decision,
        encodeOutcome(outcome),
        Math.max(DELIVERY_MS, this.#participants.leftMs(deadline)),
      ),
      deadline,
    );
    if (told === undefined || !agree(told, decision)) return ending(refuse('timeout', LATE), origin);
    this.#participants.forget(id, participants);
    return { outcome, replayed: undefined, revisions: revisionsOf(told), origin };
  }

  /** Asks all; what was not answered by the deadline is unknown. */
  async #askUntil(
    shards: readonly number[],
    message: (shard: number) => SingleMessage,
    id: Uint8Array,
    deadline: number,
  ): Promise<ParticipantReply[]> {
    const asked = this.#participants.askAll(shards, message, id, this.#participants.leftMs(deadline));
    const replies = await this.#within(asked, deadline);
    if (replies !== undefined) return replies;
    return shards.map((shard) => ({ shard, revision: 0, reply: refuse('timeout'), origin: { ...NO_ORIGIN, shard } }));
  }

  /** Undefined: it did not settle before the deadline. */
  #within<T>(promise: Promise<T>, deadline: number): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const timer = this.#options.runtime.after(this.#participants.leftMs(deadline), () => {
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

/** Comparisons do not hold, and there is nothing to do instead. */
const NO: ProgramOutcome = { succeeded: false, results: [], lastDeletion: 0, omitted: false };

type Uncommitted = Exclude<AttemptOutcome, { type: 'committed' }>;

/** What the client's request comes to; undefined: that is still open. */
function answerOf(result: Uncommitted): ProgramOutcome | Refusal | undefined {
  if (result.type === 'failed') return result.refusal;
  return result.type === 'no' ? NO : undefined;
}

const ending = (outcome: ProgramOutcome | Refusal, origin: Origin = NO_ORIGIN): TransactionOutcome => ({
  outcome,
  replayed: undefined,
  revisions: new Map(),
  origin,
});
