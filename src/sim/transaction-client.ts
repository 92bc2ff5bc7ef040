/**
 * A client of transactions: one after another appends elements to lists in several shards and reads whole lists, through
 * one of the cluster's endpoints; and now and then it reads or appends to a single list without a transaction.
 *
 * As in `client.ts`, an error's `outcome` alone decides what is recorded. Some transactions it repeats itself, under one
 * id, until the outcome is known; and some of these it asks for twice at once, or again once it knows the outcome, through
 * any endpoint: that must change nothing, and be answered the same. Elements are unique; a list is a text value with its
 * elements one after another.
 */
import type { TransactionRecord } from '../check/index.js';
import { runTransaction } from '../router/index.js';
import {
  decodeOutcome,
  shardOfKey,
  stringKey,
  type Answer,
  type Attempt,
  type Comparison,
  type Condition,
  type KeyRecord,
  type Program,
  type Refusal,
  type Step,
} from '../shard/index.js';
import type { ClientEndpoint } from './client.js';
import type { MachineClock } from './clock.js';
import { definiteAnswer, type KeyedAnswers } from './keyed-answers.js';
import type { Mark } from './marks.js';
import { makeId } from './operation-ids.js';
import type { Random } from '../random.js';
import type { Scenario, TransactionParameters } from './scenario.js';
import type { ScheduledEvent, Scheduler } from './scheduler.js';
import type { TransactionHistory } from './transaction-history.js';

type Op = TransactionRecord['ops'][number];

export interface TransactionClientOptions {
  readonly number: number;
  readonly scenario: Scenario;
  readonly parameters: TransactionParameters;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly history: TransactionHistory;
  readonly answers: KeyedAnswers;
  readonly clock: MachineClock;
  readonly endpoints: () => readonly ClientEndpoint[];
  readonly trace: (what: string) => void;
  readonly onTrouble: (what: string) => void;
  readonly reached: (mark: Mark) => void;
}

interface Chosen {
  readonly ops: readonly Op[];
  readonly comparisons: readonly Comparison[];
  /** Of the first operation that is no read. */
  readonly condition: Condition;
  /** A plain get, without a transaction. */
  readonly isPlain: boolean;
}

/** One transaction of the client, however often it is sent. */
interface Call extends Chosen {
  /** Undefined: not repeated. */
  readonly id: Uint8Array | undefined;
  readonly start: number;
  readonly deadlineMs: number;
  readonly until: number;
  readonly done: (ok: boolean | null) => void;
  /** An earlier attempt may have been applied. */
  outcomeUnknown: boolean;
}

const REPEAT_AFTER_MS = 30;
/** How long a client waits beyond the deadline of its request. */
const PATIENCE_MS = 100;
const LANES_APART = 1_000;
/** The same is asked for again within this time: long enough for leaders to change, and for comparisons to hold at last. */
const ECHO_MS = 1_500;
/** And no shard that is silent for a moment is waited for. */
const SHORT_DEADLINES_MS = [20, 100, 500];
/** How much newer than the client has seen a list may have to be. */
const VERSIONS_AHEAD = 2;
const REVISIONS_AHEAD = 6;
const NO_CONDITION: Condition = { type: 'none' };
const MAX_OPS = 4;
/** A list has a few thousand elements at most. */
const VALUE_LIMIT = 1_000_000;
/** Ends an element. */
const SEPARATOR = ';';

export class TransactionClient {
  readonly #options: TransactionClientOptions;
  #lane: number;
  #serial = 0;
  #stopping = false;
  #idle = true;
  /** Requests that it does not wait for. */
  #aside = 0;
  /** By key, the latest that it has seen. */
  readonly #seen = new Map<string, Pick<KeyRecord, 'version' | 'revision'>>();
  #thinking: ScheduledEvent | undefined;
  /** Transactions that succeeded. */
  served = 0;

  constructor(options: TransactionClientOptions) {
    this.#options = options;
    this.#lane = options.number;
  }

  get idle(): boolean {
    return this.#idle && this.#aside === 0;
  }

  start(): void {
    this.#idle = false;
    this.#later(this.#options.random.between(0, this.#options.parameters.thinkMs));
  }

  /** Finishes the transaction under way and starts no more. */
  stop(): void {
    this.#stopping = true;
    if (this.#thinking === undefined) return;
    this.#thinking.cancelled = true;
    this.#idle = true;
  }

  /** Reads all lists and appends to each, in one transaction that is tried until it succeeds or the time is over. */
  writeAll(deadlineMs: number, done: (ok: boolean) => void): void {
    const { parameters, scheduler } = this.#options;
    const until = scheduler.now + deadlineMs;
    const keys = Array.from({ length: parameters.keys }, (_, i) => keyOf(i + 1));
    const again = (): void => {
      const ops = keys.flatMap((key): Op[] => [
        ['r', key],
        ['append', key, this.#freshElement()],
      ]);
      this.#begin({ ...PLAIN, ops }, { repeats: false, deadlineMs: 3_000 }, (ok) => {
        if (ok === true) done(true);
        else if (scheduler.now >= until) done(false);
        else scheduler.after(REPEAT_AFTER_MS, undefined, again);
      });
    };
    again();
  }

  #later(ms: number): void {
    if (this.#stopping) {
      this.#idle = true;
      return;
    }
    this.#thinking = this.#options.scheduler.after(ms, undefined, () => {
      this.#thinking = undefined;
      this.#next();
    });
  }

  #next(): void {
    const { random, parameters } = this.#options;
    const deadlineMs = random.pick([500, 1_000, 3_000, 6_000]);
    const repeats = random.chance(parameters.keyedShare);
    this.#begin(this.#choose(), { repeats, deadlineMs }, () => {
      this.#later(-parameters.thinkMs * Math.log(1 - random.next()));
    });
  }

  #choose(): Chosen {
    const { random, parameters } = this.#options;
    const key = (): string => keyOf(random.integer(1, parameters.keys));
    const dice = random.next();
    if (dice < 0.12) return { ...PLAIN, ops: [['r', key()]], isPlain: true };
    if (dice < 0.24) return { ...PLAIN, ops: [['append', key(), this.#freshElement()]] };
    const readShare = random.pick([0.2, 0.5, 1]);
    const ops = Array.from({ length: random.integer(1, MAX_OPS) }, (): Op => {
      const on = key();
      return random.chance(readShare) ? ['r', on] : ['append', on, this.#freshElement()];
    });
    const comparisons = random.chance(0.3) ? [this.#comparison(random.chance(0.5) ? String(ops[0]?.[1]) : key())] : [];
    return { ...PLAIN, ops, comparisons, condition: random.chance(0.1) ? this.#condition(ops) : NO_CONDITION };
  }

  /** One that may hold now, and not any more once the transaction has happened; or not yet. */
  #comparison(on: string): Comparison {
    const { random } = this.#options;
    const key = stringKey(on);
    const seen = this.#seen.get(on);
    if (seen === undefined || random.chance(0.2)) return { type: 'exists', key };
    return { type: 'version', key, version: seen.version + random.integer(0, VERSIONS_AHEAD) };
  }

  /** Likewise, for the first operation that is no read. */
  #condition(ops: readonly Op[]): Condition {
    const { random } = this.#options;
    const seen = this.#seen.get(String(ops.find(([kind]) => kind !== 'r')?.[1]));
    if (seen === undefined) return { type: 'exists' };
    return { type: 'revision', revision: seen.revision + random.integer(0, REVISIONS_AHEAD) };
  }

  #freshElement(): string {
    return `${this.#options.number}.${++this.#serial}`;
  }

  #begin(
    chosen: Chosen,
    { repeats, deadlineMs }: { readonly repeats: boolean; readonly deadlineMs: number },
    done: Call['done'],
  ): void {
    const { clock, random, scheduler, history } = this.#options;
    const call: Call = {
      ...chosen,
      // Of what writes nothing, no answer is kept.
      id: repeats && !isReading(chosen) ? makeId(clock, random) : undefined,
      start: history.begin(),
      deadlineMs,
      until: scheduler.now + 4 * deadlineMs,
      done,
      outcomeUnknown: false,
    };
    if (call.id !== undefined && random.chance(0.2)) {
      // Nobody waits for that one: it may be applied after the other was refused.
      call.outcomeUnknown = true;
      this.#askAside(call, random.between(0, REPEAT_AFTER_MS));
    }
    this.#attempt(call);
  }

  /** Asks for the same once more; the client goes on meanwhile. */
  #askAside(call: Call, afterMs: number): void {
    this.#aside++;
    const { scheduler, random } = this.#options;
    const deadlineMs = random.pick([...SHORT_DEADLINES_MS, call.deadlineMs]);
    scheduler.after(afterMs, undefined, () => {
      if (this.#stopping) this.#aside--;
      else {
        this.#ask({ ...call, deadlineMs }, () => {
          this.#aside--;
        });
      }
    });
  }

  #attempt(call: Call): void {
    const { scheduler, random } = this.#options;
    this.#ask(call, (answer) => {
      const isRefused = answer === undefined || (answer.type === 'refused' && definiteAnswer(answer) === undefined);
      call.outcomeUnknown ||= answer === undefined || (answer.type === 'refused' && answer.outcome === 'unknown');
      if (isRefused && call.id !== undefined && scheduler.now < call.until) {
        scheduler.after(random.between(0, REPEAT_AFTER_MS), undefined, () => {
          this.#attempt(call);
        });
      } else this.#conclude(call, answer);
    });
  }

  /** Undefined = no answer. */
  #ask(call: Call, done: (answer: Answer | undefined) => void): void {
    const { scheduler, random, endpoints, scenario, onTrouble, answers } = this.#options;
    const open = endpoints();
    if (open.length === 0) {
      scheduler.after(REPEAT_AFTER_MS, undefined, () => {
        done(NO_ENDPOINT);
      });
      return;
    }
    const endpoint = random.pick(open);
    let ended = false;
    const end = (answer: Answer | undefined): void => {
      if (ended) return;
      ended = true;
      silence.cancelled = true;
      if (call.id !== undefined) answers.add(call.id, answer, endpoint.name);
      done(answer);
    };
    const silence = scheduler.after(call.deadlineMs + PATIENCE_MS, undefined, () => {
      end(undefined);
    });
    const backMs = random.between(0, scenario.network.delayMs);
    scheduler.after(random.between(0, scenario.network.delayMs), endpoint.incarnation, () => {
      this.#send(call, endpoint).then(
        (answer) => {
          scheduler.after(backMs, undefined, () => {
            end(answer);
          });
        },
        (error: unknown) => {
          onTrouble(`a transaction through ${endpoint.name}: ${String(error)}`);
        },
      );
    });
  }

  async #send(call: Call, { dispatcher, clock }: ClientEndpoint): Promise<Answer> {
    const { random, scenario } = this.#options;
    const options = { deadlineMs: call.deadlineMs, forward: true };
    const [first] = call.ops;
    if (call.isPlain && first !== undefined) {
      const key = stringKey(String(first[1]));
      return (await dispatcher.execute({ type: 'get', key, consistency: 'linearizable' }, options)).answer;
    }
    const attempt: Attempt = call.id === undefined ? 'initial' : 'keyed';
    const operationId = call.id ?? makeId(clock, random);
    const reply = await runTransaction(
      { program: programOf(call), operationId, attempt, consistency: 'linearizable' },
      {
        ...options,
        execute: (operation, given) => dispatcher.execute(operation, given),
        shardOfKey: (key) => shardOfKey(key, scenario.shards),
        coordinator: dispatcher.coordinator,
      },
    );
    return reply.answer;
  }

  #conclude(call: Call, answer: Answer | undefined): void {
    const { history, number, trace, reached, random } = this.#options;
    const { ops, ok } = judge(call, answer);
    this.#learn(call, answer);
    if (call.id !== undefined && definiteAnswer(answer) !== undefined) {
      for (let again = random.integer(0, 3); again > 0; again--) this.#askAside(call, random.between(0, ECHO_MS));
    }
    if (answer?.type === 'program' && answer.replayed) reached('transaction-replayed');
    history.end(this.#lane, call.start, ops, ok);
    if (ok === true) this.served++;
    trace(`client t${number}: ${ops.map((op) => op.join(' ')).join(', ')}: ${describe(ok, answer)}`);
    // A transaction with an unknown outcome never ends: the next one is recorded as another client's.
    if (ok === null) this.#lane += LANES_APART;
    call.done(ok);
  }

  #learn({ ops }: Call, answer: Answer | undefined): void {
    if (answer?.type !== 'program') return;
    const outcome = decodeOutcome(answer.outcome);
    if ('code' in outcome || !outcome.succeeded) return;
    for (const [i, result] of outcome.results.entries()) {
      const key = String(ops[i]?.[1]);
      if (result.type === 'write') this.#seen.set(key, result);
      if (result.type === 'get' && result.record !== undefined) this.#seen.set(key, result.record);
    }
  }
}

const PLAIN: Omit<Chosen, 'ops'> = { comparisons: [], condition: NO_CONDITION, isPlain: false };

const isReading = ({ ops }: Pick<Chosen, 'ops'>): boolean => ops.every(([kind]) => kind === 'r');

const keyOf = (number: number): string => `l${number}`;

const NO_ENDPOINT: Refusal = {
  type: 'refused',
  code: 'no-leader',
  outcome: 'not_applied',
  message: 'no process to ask',
  details: {},
};

function programOf({ ops, comparisons, condition }: Chosen): Program {
  const base = { condition: NO_CONDITION, returning: 'nothing' } as const;
  const conditional = ops.findIndex(([kind]) => kind !== 'r');
  const then = ops.map((op, i): Step => {
    const key = stringKey(String(op[1]));
    if (op[0] === 'r') return { type: 'get', key, ...base };
    const body = Buffer.from(`${op[2]}${SEPARATOR}`);
    return { type: 'append', key, body, contentType: 'text/plain', ...base, ...(i === conditional && { condition }) };
  });
  return { comparisons, then, otherwise: [], onError: 'fail', valueLimit: VALUE_LIMIT };
}

/** What is recorded: the operations with what they read, and whether they happened. */
function judge(call: Call, answer: Answer | undefined): { ops: readonly Op[]; ok: boolean | null } {
  const { ops, outcomeUnknown } = call;
  if (answer?.type === 'get') return { ops: ops.map(([, key]) => ['r', key, listOf(answer.record?.body)]), ok: true };
  if (answer?.type === 'program') {
    const outcome = decodeOutcome(answer.outcome);
    if ('code' in outcome) return { ops, ok: false };
    // A comparison does not hold: nothing was done.
    if (!outcome.succeeded) return { ops, ok: false };
    const read = ops.map((op, i): Op => {
      const result = outcome.results[i];
      // A replay whose results were not kept says only that it happened.
      return op[0] === 'r' && result?.type === 'get' ? ['r', op[1], listOf(result.record?.body)] : op;
    });
    return { ops: read, ok: true };
  }
  // It has changed nothing, and under its id it never will.
  if (definiteAnswer(answer) !== undefined) return { ops, ok: false };
  const isDefinite = answer?.type === 'refused' && answer.outcome === 'not_applied' && !outcomeUnknown;
  return { ops, ok: isReading(call) || isDefinite ? false : null };
}

const listOf = (body: Uint8Array | undefined): string[] =>
  body === undefined ? [] : Buffer.from(body).toString().split(SEPARATOR).slice(0, -1);

function describe(ok: boolean | null, answer: Answer | undefined): string {
  if (ok === true) return 'ok';
  const why = answer?.type === 'refused' ? `: ${answer.code}` : '';
  return ok === null ? `unknown${why}` : `not done${why}`;
}
