/**
 * A client: performs one operation after another through one of the cluster's endpoints, and records each in the
 * history.
 *
 * It relies on an error's `outcome` alone: `not_applied` is a failure; everything else, and no answer at all, is
 * unknown. Some writes it retries itself, under one operation id, until the outcome is known. Values are unique, so a
 * revision identifies a value: a write conditional on a revision is a compare-and-set of the values.
 */
import type { Invocation } from '../check/index.js';
import {
  isRead,
  shardOfKey,
  stringKey,
  type Answer,
  type Condition,
  type KvOperation,
  type Refusal,
} from '../shard/index.js';
import type { BoundChecker } from './bound-checker.js';
import type { MachineClock } from './clock.js';
import { describeCompletion, describeInvocation } from './client-words.js';
import type { Begun, Deadline, History } from './history.js';
import { makeId, UNNAMED, withIdOf } from './operation-ids.js';
import {
  conditionOf,
  judgeProgram,
  judgeRefusal,
  planProgram,
  UNKNOWN,
  type Judged,
  type Known,
  type Part,
  type Planned,
  countersOf,
} from './programs.js';
import type { Scenario } from './scenario.js';
import type { Random } from '../random.js';
import type { Incarnation, ScheduledEvent, Scheduler } from './scheduler.js';
import type { VirtualDispatcher } from './virtual-dispatcher.js';

/** A process that accepts operations. */
export interface ClientEndpoint {
  readonly name: string;
  readonly incarnation: Incarnation;
  readonly clock: MachineClock;
  readonly dispatcher: VirtualDispatcher;
}

export interface ClientOptions {
  readonly number: number;
  readonly scenario: Scenario;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly history: History;
  /** Of stale reads. */
  readonly bounds: BoundChecker;
  readonly clock: MachineClock;
  /** The processes that can be reached at present. */
  readonly endpoints: () => readonly ClientEndpoint[];
  /** Replicated time of a shard, which everything that is written from now on has or passes. */
  readonly timeOf: (shard: number) => number;
  /** Calls `reached` when the replicated time of a shard has reached a moment. */
  readonly whenTime: (shard: number, timeMs: number, reached: () => void) => void;
  readonly trace: (what: string) => void;
}

/** One operation of the client, however often it is sent. */
interface Call {
  readonly operation: KvOperation;
  readonly parts: readonly Part[];
  readonly isTransaction: boolean;
  /** Of the parts. */
  readonly deadlines: readonly (Deadline | undefined)[];
  readonly begun: Begun;
  readonly repeats: boolean;
  readonly until: number;
  /** An earlier attempt may have been applied. */
  outcomeUnknown: boolean;
}

const REPEAT_AFTER_MS = 30;
/** How long a client waits beyond the deadline of its request. */
const PATIENCE_MS = 100;

export class Client {
  readonly #options: ClientOptions;
  readonly #known = new Map<string, Known>();
  #lane: number;
  #serial = 0;
  #stopping = false;
  #idle = true;
  #restsUntil = 0;
  /** Operations that succeeded. */
  served = 0;
  /** Ends its pause between two operations. */
  #thinking: ScheduledEvent | undefined;
  /** Choices about programs, apart from all others. */
  readonly #programs: Random;
  readonly #bounds: Random;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#programs = options.random.stream('programs');
    this.#bounds = options.random.stream('bounds');
    this.#lane = options.number;
  }

  get idle(): boolean {
    return this.#idle;
  }

  start(): void {
    this.#idle = false;
    this.#later(this.#options.random.between(0, this.#options.scenario.thinkMs));
  }

  /** Starts nothing new for `ms`; the operation under way is finished. */
  rest(ms: number): void {
    this.#restsUntil = this.#options.scheduler.now + ms;
    if (this.#thinking === undefined) return;
    this.#thinking.cancelled = true;
    this.#later(0);
  }

  /** Finishes the operation under way and starts no more. */
  stop(): void {
    this.#stopping = true;
    if (this.#thinking === undefined) return;
    this.#thinking.cancelled = true;
    this.#idle = true;
  }

  /** One linearizable read, independent of the client's other operations; settles once, true if it was answered. */
  read(key: string, deadlineMs: number, done: (answered: boolean) => void): void {
    const operation: KvOperation = { type: 'get', key: stringKey(key), consistency: 'linearizable' };
    const call = this.#begin({ operation, ...alone({ op: 'get', key }) }, false, 0);
    this.#ask(operation, deadlineMs, (answer) => {
      this.#conclude(call, answer);
      done(answer?.type === 'get');
    });
  }

  #later(ms: number): void {
    if (this.#stopping) {
      this.#idle = true;
      return;
    }
    const { scheduler } = this.#options;
    this.#thinking = scheduler.after(Math.max(ms, this.#restsUntil - scheduler.now), undefined, () => {
      this.#thinking = undefined;
      this.#next();
    });
  }

  #next(): void {
    const { random, scenario, scheduler } = this.#options;
    if (this.#programs.chance(scenario.programShare)) {
      this.#runProgram();
      return;
    }
    const key = `k${random.integer(1, scenario.keys)}`;
    const deadlineMs = random.pick([500, 1_000, 3_000]);
    if (random.chance(0.03) || this.#bounds.chance(scenario.boundedShare ?? 0)) {
      const read = this.#options.bounds.plan(key, this.#known.get(key)?.revision ?? 0, this.#bounds);
      this.#ask(read.operation, deadlineMs, (answer) => {
        read.judge(answer);
        this.#later(scenario.thinkMs);
      });
      return;
    }
    const repeats = random.chance(scenario.keyedShare);
    const { operation, invocation } = this.#choose(key, repeats);
    const until = scheduler.now + (repeats ? 3 * deadlineMs : deadlineMs);
    this.#attempt(this.#begin({ operation, ...alone(invocation) }, repeats, until), deadlineMs);
  }

  /** Every other one on a number is a plain read: programs are judged by what others see. */
  #runProgram(): void {
    const { scenario, scheduler, clock } = this.#options;
    const random = this.#programs;
    const deadlineMs = random.pick([500, 1_000, 3_000]);
    if (random.chance(0.3)) {
      const key = `c${random.integer(1, countersOf(scenario))}`;
      const operation: KvOperation = { type: 'get', key: stringKey(key), consistency: 'linearizable' };
      this.#attempt(this.#begin({ operation, ...alone({ op: 'get', key }) }, false, scheduler.now), deadlineMs);
      return;
    }
    const repeats = random.chance(scenario.keyedShare) && scenario.former === undefined;
    const plan = planProgram({
      random,
      keys: scenario.keys,
      counters: countersOf(scenario),
      shardOf: (key) => this.#shardOf(key),
      known: (key) => this.#known.get(key),
      freshValue: () => this.#freshValue(),
    });
    const operation: KvOperation = {
      type: 'program',
      key: stringKey(plan.key),
      body: plan.body,
      operationId: repeats ? makeId(clock, random) : UNNAMED,
      attempt: repeats ? 'keyed' : 'initial',
    };
    const until = scheduler.now + (repeats ? 3 * deadlineMs : deadlineMs);
    this.#attempt(this.#begin({ operation, ...plan }, repeats, until), deadlineMs);
  }

  #shardOf(key: string): number {
    return shardOfKey(stringKey(key), this.#options.scenario.shards);
  }

  #begin({ operation, parts, isTransaction }: Request, repeats: boolean, until: number): Call {
    const { history, timeOf, whenTime } = this.#options;
    const deadlines = parts.map(({ invocation: { key }, ttlMs }): Deadline | undefined => {
      if (ttlMs === undefined) return undefined;
      const deadline: Deadline = { due: undefined };
      const shard = this.#shardOf(key);
      whenTime(shard, timeOf(shard) + ttlMs, () => {
        history.passed(deadline);
      });
      return deadline;
    });
    return {
      operation,
      parts,
      isTransaction,
      deadlines,
      begun: history.begin(),
      repeats,
      until,
      outcomeUnknown: false,
    };
  }

  #attempt(call: Call, deadlineMs: number): void {
    const { scheduler, random, scenario } = this.#options;
    this.#ask(call.operation, deadlineMs, (answer) => {
      const isFinal = answer !== undefined && (answer.type !== 'refused' || !answerIsOpen(answer));
      const leavesDoubt = answer === undefined || (answer.type === 'refused' && answer.outcome === 'unknown');
      call.outcomeUnknown ||= leavesDoubt && !isRead(call.operation);
      if (!isFinal && call.repeats && scheduler.now < call.until) {
        scheduler.after(random.between(0, REPEAT_AFTER_MS), undefined, () => {
          this.#attempt(call, deadlineMs);
        });
        return;
      }
      this.#conclude(call, answer);
      this.#later(-scenario.thinkMs * Math.log(1 - random.next()));
    });
  }

  /** Undefined = no answer, or no endpoint to send to. */
  #ask(operation: KvOperation, deadlineMs: number, done: (answer: Answer | undefined) => void): void {
    const { scheduler, random, endpoints, scenario } = this.#options;
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
    const silence = scheduler.after(deadlineMs + PATIENCE_MS, undefined, () => {
      end(undefined);
    });
    const attempt = isRead(operation) ? operation : withIdOf(operation, endpoint.clock, random);
    scheduler.after(random.between(0, scenario.network.delayMs), endpoint.incarnation, () => {
      endpoint.dispatcher.dispatch(attempt, { deadlineMs, forward: true }, ({ answer }) => {
        scheduler.after(random.between(0, scenario.network.delayMs), undefined, () => {
          end(answer);
        });
      });
    });
  }

  #choose(key: string, repeats: boolean): { operation: KvOperation; invocation: Invocation } {
    const { random, scenario } = this.#options;
    const dice = random.next();
    if (dice < 0.45) {
      const consistency = scenario.leaseReads && random.chance(0.6) ? 'lease' : 'linearizable';
      return { operation: { type: 'get', key: stringKey(key), consistency }, invocation: { op: 'get', key } };
    }
    const known = this.#known.get(key);
    const condition: Condition = dice < 0.83 || known === undefined ? { type: 'none' } : conditionOf(known);
    const expected = condition.type === 'none' ? undefined : known?.value;
    const deletes = dice > 0.75 && dice < 0.83 ? true : dice > 0.95 && condition.type === 'revision';
    const id = repeats ? makeId(this.#options.clock, random) : UNNAMED;
    const common = {
      key: stringKey(key),
      condition,
      operationId: id,
      attempt: repeats ? 'keyed' : 'initial',
    } as const;
    const value = deletes ? null : this.#freshValue();
    const operation: KvOperation =
      value === null
        ? { type: 'delete', ...common }
        : { type: 'put', ...common, body: Buffer.from(value), contentType: 'text/plain' };
    if (expected !== undefined) return { operation, invocation: { op: 'cas', key, expected, value } };
    return { operation, invocation: value === null ? { op: 'delete', key } : { op: 'put', key, value } };
  }

  #freshValue(): string {
    return `${this.#options.number}.${++this.#serial}`.padEnd(this.#options.scenario.valueBytes, '.');
  }

  #conclude(call: Call, answer: Answer | undefined): void {
    const { history, number, trace } = this.#options;
    const judged = this.#judge(call, answer);
    const ended = call.parts.map(({ invocation }, index) => {
      const completion = judged[index]?.completion ?? { ok: null };
      return { invocation, completion, deadline: call.deadlines[index] };
    });
    history.end(this.#lane, call.begun, ended);
    if (ended.some(({ completion }) => completion.ok === true)) this.served++;
    for (const { invocation, completion } of ended) {
      trace(`client ${number}: ${describeInvocation(invocation)} ${describeCompletion(completion)}`);
    }
    // An operation with an unknown outcome never ends: the next one is recorded as another client's.
    if (ended.some(({ completion }) => completion.ok === null)) this.#lane += LANES_APART;
  }

  #judge(call: Call, answer: Answer | undefined): readonly Judged[] {
    const judged = this.#judgeParts(call, answer);
    for (const [index, { learned }] of judged.entries()) {
      const key = call.parts[index]?.invocation.key;
      if (learned !== undefined && key !== undefined) this.#learn(key, learned.revision, learned.value);
    }
    return judged;
  }

  #judgeParts(call: Call, answer: Answer | undefined): readonly Judged[] {
    const { parts } = call;
    const invocation = parts[0]?.invocation;
    const valueAt = (key: string, revision: number): string | undefined => this.#options.history.valueAt(key, revision);
    const refused = (part: Part, refusal: Refusal): Judged => judgeRefusal(part, refusal, call.outcomeUnknown, valueAt);
    switch (answer?.type) {
      case undefined:
        return parts.map(() => UNKNOWN);
      case 'get': {
        const { record } = answer;
        const value = record === undefined ? null : Buffer.from(record.body).toString();
        return [{ completion: { ok: true, result: value }, learned: { revision: record?.revision ?? 0, value } }];
      }
      case 'put':
        return [{ completion: { ok: true }, learned: { revision: answer.revision, value: invocation?.value ?? '' } }];
      case 'delete': {
        const completion = invocation?.op === 'delete' ? { ok: true, existed: answer.deleted } : { ok: true };
        return [{ completion, learned: { revision: 0, value: null } }];
      }
      case 'program': {
        const judged = judgeProgram(call, answer.outcome, refused);
        return 'code' in judged ? parts.map((part) => refused(part, judged)) : judged;
      }
      case 'list':
        throw new Error('no list was asked for');
      case 'refused':
        return parts.map((part) => refused(part, answer));
    }
  }

  #learn(key: string, revision: number, value: string | null): void {
    this.#known.set(key, { revision, value });
    if (value !== null) this.#options.history.learn(key, revision, value);
  }
}

/** What is sent at once, and the operations that it is recorded as. */
interface Request extends Pick<Planned, 'parts' | 'isTransaction'> {
  readonly operation: KvOperation;
}

const alone = (invocation: Invocation): Pick<Planned, 'parts' | 'isTransaction'> => ({
  parts: [{ invocation }],
  isTransaction: false,
});

const LANES_APART = 1_000;
const NO_ENDPOINT: Answer = {
  type: 'refused',
  code: 'no-leader',
  outcome: 'not_applied',
  message: 'no process to ask',
  details: {},
};

/** The answer may differ when the request is repeated. */
const answerIsOpen = ({ code }: Extract<Answer, { type: 'refused' }>): boolean =>
  // Without room for another id of the client, there will be none for a long time.
  code !== 'precondition-failed' && code !== 'overloaded';
