/**
 * A client of transactions: one after another appends elements to lists in several shards and reads whole lists, through
 * one of the cluster's endpoints; and now and then it reads or appends to a single list without a transaction.
 *
 * As in `client.ts`, an error's `outcome` alone decides what is recorded. Some transactions it repeats itself, under one
 * id, until the outcome is known. Elements are unique; a list is a text value with its elements one after another.
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
  type Program,
  type Refusal,
  type Step,
} from '../shard/index.js';
import type { ClientEndpoint } from './client.js';
import type { MachineClock } from './clock.js';
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
  readonly clock: MachineClock;
  readonly endpoints: () => readonly ClientEndpoint[];
  readonly trace: (what: string) => void;
  readonly onTrouble: (what: string) => void;
  readonly reached: (mark: Mark) => void;
}

/** One transaction of the client, however often it is sent. */
interface Call {
  readonly ops: readonly Op[];
  readonly comparisons: readonly Comparison[];
  /** A plain get, without a transaction. */
  readonly isPlain: boolean;
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
  #thinking: ScheduledEvent | undefined;
  /** Transactions that succeeded. */
  served = 0;

  constructor(options: TransactionClientOptions) {
    this.#options = options;
    this.#lane = options.number;
  }

  get idle(): boolean {
    return this.#idle;
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
      this.#begin({ ops, comparisons: [], isPlain: false }, { repeats: false, deadlineMs: 3_000 }, (ok) => {
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

  #choose(): Pick<Call, 'ops' | 'comparisons' | 'isPlain'> {
    const { random, parameters } = this.#options;
    const key = (): string => keyOf(random.integer(1, parameters.keys));
    const dice = random.next();
    if (dice < 0.12) return { ops: [['r', key()]], comparisons: [], isPlain: true };
    if (dice < 0.24) return { ops: [['append', key(), this.#freshElement()]], comparisons: [], isPlain: false };
    const readShare = random.pick([0.2, 0.5, 1]);
    const ops = Array.from({ length: random.integer(1, MAX_OPS) }, (): Op => {
      const on = key();
      return random.chance(readShare) ? ['r', on] : ['append', on, this.#freshElement()];
    });
    const comparisons: Comparison[] = random.chance(0.1) ? [{ type: 'exists', key: stringKey(key()) }] : [];
    return { ops, comparisons, isPlain: false };
  }

  #freshElement(): string {
    return `${this.#options.number}.${++this.#serial}`;
  }

  #begin(
    chosen: Pick<Call, 'ops' | 'comparisons' | 'isPlain'>,
    { repeats, deadlineMs }: { readonly repeats: boolean; readonly deadlineMs: number },
    done: Call['done'],
  ): void {
    const { clock, random, scheduler, history } = this.#options;
    this.#attempt({
      ...chosen,
      id: repeats && !chosen.isPlain ? makeId(clock, random) : undefined,
      start: history.begin(),
      deadlineMs,
      until: scheduler.now + 4 * deadlineMs,
      done,
      outcomeUnknown: false,
    });
  }

  #attempt(call: Call): void {
    const { scheduler, random } = this.#options;
    this.#ask(call, (answer) => {
      const isRefused = answer === undefined || answer.type === 'refused';
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
    const { scheduler, random, endpoints, scenario, onTrouble } = this.#options;
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
    const { history, number, trace, reached } = this.#options;
    const { ops, ok } = judge(call, answer);
    if (answer?.type === 'program' && answer.replayed) reached('transaction-replayed');
    history.end(this.#lane, call.start, ops, ok);
    if (ok === true) this.served++;
    trace(`client t${number}: ${ops.map((op) => op.join(' ')).join(', ')}: ${describe(ok, answer)}`);
    // A transaction with an unknown outcome never ends: the next one is recorded as another client's.
    if (ok === null) this.#lane += LANES_APART;
    call.done(ok);
  }
}

const keyOf = (number: number): string => `l${number}`;

const NO_ENDPOINT: Refusal = {
  type: 'refused',
  code: 'no-leader',
  outcome: 'not_applied',
  message: 'no process to ask',
  details: {},
};

function programOf({ ops, comparisons }: Pick<Call, 'ops' | 'comparisons'>): Program {
  const base = { condition: { type: 'none' }, returning: 'nothing' } as const;
  const then = ops.map((op): Step => {
    const key = stringKey(String(op[1]));
    if (op[0] === 'r') return { type: 'get', key, ...base };
    return { type: 'append', key, body: Buffer.from(`${op[2]}${SEPARATOR}`), contentType: 'text/plain', ...base };
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
  const onlyReads = ops.every(([kind]) => kind === 'r');
  const isDefinite = answer?.type === 'refused' && answer.outcome === 'not_applied' && !outcomeUnknown;
  return { ops, ok: onlyReads || isDefinite ? false : null };
}

const listOf = (body: Uint8Array | undefined): string[] =>
  body === undefined ? [] : Buffer.from(body).toString().split(SEPARATOR).slice(0, -1);

function describe(ok: boolean | null, answer: Answer | undefined): string {
  if (ok === true) return 'ok';
  const why = answer?.type === 'refused' ? `: ${answer.code}` : '';
  return ok === null ? `unknown${why}` : `not done${why}`;
}
