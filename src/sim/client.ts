/**
 * A client: performs one operation after another through one of the cluster's endpoints, and records each in the
 * history.
 *
 * It relies on an error's `outcome` alone: `not_applied` is a failure; everything else, and no answer at all, is
 * unknown. Some writes it retries itself, under one operation id, until the outcome is known. Values are unique, so a
 * revision identifies a value: a write conditional on a revision is a compare-and-set of the values.
 */
import type { Completion, Invocation } from '../check/index.js';
import { isRead, stringKey, type Answer, type Condition, type KvOperation, type KvWrite } from '../shard/index.js';
import type { Dispatcher } from '../router/index.js';
import type { MachineClock } from './clock.js';
import type { Begun, History } from './history.js';
import type { Scenario } from './scenario.js';
import type { Random } from '../random.js';
import type { Incarnation, ScheduledEvent, Scheduler } from './scheduler.js';

/** A process that accepts operations. */
export interface ClientEndpoint {
  readonly name: string;
  readonly incarnation: Incarnation;
  readonly clock: MachineClock;
  readonly dispatcher: Dispatcher;
}

export interface ClientOptions {
  readonly number: number;
  readonly scenario: Scenario;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly history: History;
  readonly clock: MachineClock;
  /** The processes that can be reached at present. */
  readonly endpoints: () => readonly ClientEndpoint[];
  readonly trace: (what: string) => void;
}

interface Known {
  readonly revision: number;
  /** Null = absent. */
  readonly value: string | null;
}

/** One operation of the client, however often it is sent. */
interface Call {
  readonly operation: KvOperation;
  readonly invocation: Invocation;
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

  constructor(options: ClientOptions) {
    this.#options = options;
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
    const begun = this.#options.history.begin();
    this.#ask(operation, deadlineMs, (answer) => {
      this.#conclude(
        { operation, invocation: { op: 'get', key }, begun, repeats: false, until: 0, outcomeUnknown: false },
        answer,
      );
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
    const { random, scenario, history, scheduler } = this.#options;
    const key = `k${random.integer(1, scenario.keys)}`;
    const deadlineMs = random.pick([500, 1_000, 3_000]);
    if (random.chance(0.03)) {
      // A stale read promises nothing about freshness: it is sent, but not judged.
      const operation: KvOperation = { type: 'get', key: stringKey(key), consistency: 'stale' };
      this.#ask(operation, deadlineMs, () => {
        this.#later(scenario.thinkMs);
      });
      return;
    }
    const repeats = random.chance(scenario.keyedShare);
    const { operation, invocation } = this.#choose(key, repeats);
    const until = scheduler.now + (repeats ? 3 * deadlineMs : deadlineMs);
    this.#attempt({ operation, invocation, begun: history.begin(), repeats, until, outcomeUnknown: false }, deadlineMs);
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
    const completion = this.#judge(call, answer);
    history.end(this.#lane, call.begun, call.invocation, completion);
    if (completion.ok === true) this.served++;
    trace(`client ${number}: ${describeInvocation(call.invocation)} ${describeCompletion(completion)}`);
    // An operation with an unknown outcome never ends: the next one is recorded as another client's.
    if (completion.ok === null) this.#lane += LANES_APART;
  }

  #judge({ invocation, outcomeUnknown }: Call, answer: Answer | undefined): Completion {
    const { history } = this.#options;
    const { key } = invocation;
    switch (answer?.type) {
      case undefined:
        return { ok: null };
      case 'get': {
        const { record } = answer;
        const result = record === undefined ? null : Buffer.from(record.body).toString();
        this.#learn(key, record?.revision ?? 0, result);
        return { ok: true, result };
      }
      case 'put':
        this.#learn(key, answer.revision, invocation.value ?? '');
        return { ok: true };
      case 'delete':
        this.#learn(key, 0, null);
        return invocation.op === 'delete' ? { ok: true, existed: answer.deleted } : { ok: true };
      case 'program':
      case 'list':
        throw new Error('no program or list was sent');
      case 'refused': {
        if (answer.code === 'precondition-failed') {
          const revision = answer.details.currentRevision ?? 0;
          if (revision === 0) return { ok: false, existed: false };
          const result = history.valueAt(key, revision);
          return result === undefined ? { ok: false } : { ok: false, result };
        }
        if (invocation.op === 'get') return { ok: false, error: answer.code };
        return outcomeUnknown || answer.outcome === 'unknown' ? { ok: null } : { ok: false, error: answer.code };
      }
    }
  }

  #learn(key: string, revision: number, value: string | null): void {
    this.#known.set(key, { revision, value });
    if (value !== null) this.#options.history.learn(key, revision, value);
  }
}

const LANES_APART = 1_000;
const UNNAMED = new Uint8Array(16);
const NO_ENDPOINT: Answer = {
  type: 'refused',
  code: 'no-leader',
  outcome: 'not_applied',
  message: 'no process to ask',
  details: {},
};

const conditionOf = ({ revision, value }: Known): Condition =>
  value === null ? { type: 'absent' } : { type: 'revision', revision };

/** The answer may differ when the request is repeated. */
const answerIsOpen = (answer: Extract<Answer, { type: 'refused' }>): boolean => answer.code !== 'precondition-failed';

/** As a router does for a client that sent no id: stamped by its own clock. */
function withIdOf(write: KvWrite, clock: MachineClock, random: Random): KvWrite {
  return write.operationId === UNNAMED ? { ...write, operationId: makeId(clock, random) } : write;
}

/** A version 7 UUID (RFC 9562). */
function makeId(clock: MachineClock, random: Random): Uint8Array {
  const id = Buffer.alloc(16);
  for (let at = 6; at < 16; at++) id[at] = random.integer(0, 255);
  id.writeUIntBE(Math.max(0, Math.floor(clock.wall())), 0, 6);
  id[6] = 0x70 | ((id[6] ?? 0) & 0x0f);
  id[8] = 0x80 | ((id[8] ?? 0) & 0x3f);
  return id;
}

const short = (value: string | null | undefined): string => (value ?? 'absent').replace(/\.+$/, '');

function describeInvocation({ op, key, value, expected }: Invocation): string {
  switch (op) {
    case 'get':
    case 'delete':
      return `${op} ${key}`;
    case 'cas':
      return `cas ${key} ${short(expected)} -> ${short(value)}`;
    case 'put':
    case 'append':
    case 'increment':
      return `${op} ${key} ${short(value)}`;
    case 'touch':
      return `touch ${key}`;
  }
}

function describeCompletion({ ok, result, existed, error }: Completion): string {
  const seen = result === undefined ? '' : ` ${short(result)}`;
  const there = existed === undefined ? '' : existed ? ' (it was there)' : ' (it was not there)';
  if (ok === null) return 'is unknown';
  if (ok) return `ok${seen}${there}`;
  return error === undefined ? `failed, it is${seen}${there}` : `refused: ${error}`;
}
