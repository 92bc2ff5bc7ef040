/**
 * One client of the run: does operations one at a time over HTTP and has them recorded.
 *
 * With `retries` an operation is sent again, with the same idempotency key and body, to changing endpoints, until the
 * answer is definite or its time is over; it stays one operation in the history. Some values are sent large
 * (`padding.ts`), which neither the workload nor the history sees.
 */
import { v7 as freshUuid } from 'uuid';
import type { Invocation } from '../../src/check/index.js';
import type { History, Lane, Recorded } from './history.js';
import type { HttpClient, Request } from './http.js';
import { Attempts, outcomeOf, type Method, type ClientOutcome, type OperationResult } from './outcome.js';
import { padded, unpadded } from './padding.js';
import type { Random } from '../../src/random.js';
import type { Revisions } from './revisions.js';

export interface Task {
  readonly method: Exclude<Method, 'POST' | 'LIST' | 'CREATE'>;
  readonly key: string;
  readonly namespace?: string | undefined;
  readonly body?: string;
  /** Of the body; by default text. */
  readonly contentType?: string;
  /** Of a put. */
  readonly ttlMs?: number | undefined;
  /** The value is sent large, not only by chance. */
  readonly large?: boolean;
  /** Revision of the key before the write; 0 = absent. Undefined: unconditional. */
  readonly ifRevision?: number | undefined;
  /** Retries under one idempotency key. */
  readonly retries: boolean;
  /** How it is recorded in the history. */
  readonly invocation: Invocation;
}

/** An operation or a comparison of a transaction, as the API takes it. */
export type Part = Readonly<Record<string, unknown>>;

export interface Transaction {
  readonly namespace?: string | undefined;
  readonly comparisons?: readonly Part[];
  readonly then: readonly Part[];
  /** Retries under one idempotency key. */
  readonly retries: boolean;
  /** What it is in the history. `results` has one for each operation if the transaction succeeded, and they are known. */
  readonly record: (outcome: ClientOutcome) => Recorded;
}

/** Reads all keys of a namespace that begin with `prefix`. */
export interface Scan {
  readonly namespace: string;
  readonly prefix: string;
  /** As lines of JSON, instead of a page. */
  readonly isStream: boolean;
  /** What it is in the history. */
  readonly record: (outcome: ClientOutcome) => Recorded;
}

/** What the run counts besides the history. */
export class Tally {
  attempts = 0;
  replays = 0;
  /** Large values that were acknowledged. */
  large = 0;
  readonly surprises: string[] = [];
}

/** What all sessions of a run share. */
export interface Stage {
  readonly endpoints: readonly string[];
  readonly http: Pick<HttpClient, 'ask'>;
  readonly history: History;
  readonly revisions: Revisions;
  readonly tally: Tally;
  readonly pause: (ms: number) => Promise<void>;
  /** Share of the written values. */
  readonly largeShare: number;
}

/** The server's deadline, chosen at random for each operation: short ones expire while a fault is active. */
const SERVER_LIMITS_MS = [500, 1_000, 2_000];
/** How much longer the client waits: a node that is stopped does not keep to its deadline. */
const GRACE_MS = 1_000;
/** For an operation with retries; longer than the longest pause of a node. */
const RETRY_LIMIT_MS = 12_000;
const BACKOFF_MS = [20, 200] as const;
const ELSEWHERE_SHARE = 0.1;
/** One of these occupies a link of 16 to 128 kbit/s for seconds. */
const LARGE_BYTES = [20_000, 60_000] as const;

/** Makes a transaction large, by another write in it; no client reads it. */
const FILLER_KEY = 'filler';
const SHOWN = 200;

type Asking = Omit<Task, 'method' | 'invocation'> & { readonly method: Method; readonly accept?: string };

export class Session {
  readonly random: Random;
  readonly #stage: Stage;
  readonly #lane: Lane;
  #endpoint: string;

  constructor(stage: Stage, random: Random) {
    this.#stage = stage;
    this.random = random;
    this.#lane = stage.history.lane();
    this.#endpoint = random.pick(stage.endpoints);
  }

  pause(ms: number): Promise<void> {
    return this.#stage.pause(ms);
  }

  get(key: string, namespace?: string): Promise<ClientOutcome> {
    return this.perform({ method: 'GET', key, namespace, retries: false, invocation: { op: 'get', key } });
  }

  /** Creates the namespace, unless it is there. In the report only: no key is changed. */
  async createNamespace(namespace: string): Promise<ClientOutcome> {
    const task = { method: 'CREATE', key: '', namespace, body: '{}', retries: true } as const;
    const request = this.#request({ ...task, contentType: 'application/json' });
    const finish = this.#stage.history.open(this.#lane);
    const outcome = await this.#settled(task, request);
    finish({ op: 'namespace', ok: outcome.ok, error: outcome.ok === true ? undefined : outcome.error });
    return outcome;
  }

  async scan({ namespace, prefix, isStream, record }: Scan): Promise<ClientOutcome> {
    const task = { method: 'LIST', key: '', namespace, retries: false } as const;
    const accept = isStream ? 'application/x-ndjson' : 'application/json';
    const query = `?prefix=${encodeURIComponent(prefix)}`;
    const request = { ...this.#request({ ...task, accept }), query };
    const finish = this.#stage.history.open(this.#lane);
    const outcome = await this.#settled(task, request);
    finish(record(outcome));
    return outcome;
  }

  /** A read that is recorded in another way than as an operation. */
  async look(key: string, record: (outcome: ClientOutcome) => Recorded): Promise<ClientOutcome> {
    const task = { method: 'GET', key, retries: false } as const;
    const request = this.#request(task);
    const finish = this.#stage.history.open(this.#lane);
    const outcome = await this.#settled(task, request);
    finish(record(outcome));
    return outcome;
  }

  async transact({ namespace, comparisons = [], then, retries, record }: Transaction): Promise<ClientOutcome> {
    const { history, tally, largeShare } = this.#stage;
    const isLarge = this.random.chance(largeShare);
    const filler = { op: 'put', key: FILLER_KEY, value: 'x'.repeat(LARGE_BYTES[0]) };
    const body = JSON.stringify({ if: comparisons, then: isLarge ? [...then, filler] : then });
    const asked = { method: 'POST', key: '', namespace, body, contentType: 'application/json', retries } as const;
    const request = this.#request(asked);
    const finish = history.open(this.#lane);
    const outcome = await this.#settled({ method: 'POST', retries }, request);
    const wrong = misfit(outcome, isLarge ? [...then, filler] : then);
    if (wrong !== undefined) tally.surprises.push(`POST ${body.slice(0, SHOWN)}: ${wrong}`);
    if (isLarge && outcome.ok === true && outcome.succeeded === true) tally.large += 1;
    finish(record(outcome));
    return outcome;
  }

  async perform(task: Task): Promise<ClientOutcome> {
    const { revisions, history } = this.#stage;
    const request = this.#request(task);
    const finish = history.begin(this.#lane, task.invocation);
    const outcome = await this.#settled(task, request);
    const { key, body } = task;
    if (outcome.ok === true && (request.body?.length ?? 0) >= LARGE_BYTES[0]) this.#stage.tally.large += 1;
    // A touch gives a value another revision.
    if (outcome.ok === true && outcome.revision !== undefined && task.invocation.op !== 'touch') {
      const written = outcome.number ?? body ?? '';
      revisions.saw(key, outcome.revision, task.method === 'GET' ? (outcome.result ?? '') : written);
    }
    const seen = outcome.ok === false ? outcome.observed : undefined;
    finish({ outcome, actual: seen === undefined ? undefined : revisions.valueAt(key, seen.revision) });
    return outcome;
  }

  async #settled(task: Pick<Task, 'retries'> & { readonly method: Method }, request: Request): Promise<ClientOutcome> {
    const attempts = new Attempts();
    const giveUpAt = performance.now() + RETRY_LIMIT_MS;
    for (;;) {
      const outcome = await this.#attempt(task.method, request);
      const end = attempts.settle(outcome, task.retries);
      if (end !== undefined) return end;
      if (performance.now() > giveUpAt) return attempts.finalOutcome(outcome);
      await this.pause(this.random.integer(...BACKOFF_MS));
    }
  }

  async #attempt(method: Method, request: Request): Promise<ClientOutcome> {
    const { endpoints, http, tally } = this.#stage;
    const elsewhere = this.random.chance(ELSEWHERE_SHARE);
    const reply = await http.ask(elsewhere ? this.random.pick(endpoints) : this.#endpoint, request);
    // An endpoint that answers is asked again, even after an error: a stale leader must get the chance to answer
    // wrongly.
    if (reply.type !== 'answer' && !elsewhere) this.#endpoint = this.random.pick(endpoints);
    const received = outcomeOf(method, reply);
    const outcome =
      received.ok === true && typeof received.result === 'string'
        ? { ...received, result: unpadded(received.result) }
        : received;
    tally.attempts += 1;
    if (outcome.ok === true && outcome.replayed) tally.replays += 1;
    if ('surprise' in outcome) tally.surprises.push(`${method} ${request.key}: ${outcome.surprise}`);
    return outcome;
  }

  #request(task: Asking): Request {
    const { method, key, namespace, body, ifRevision, retries, ttlMs, accept, contentType = 'text/plain' } = task;
    const serverLimitMs = this.random.pick(SERVER_LIMITS_MS);
    const headers: Record<string, string> = { 'kv-timeout': `${serverLimitMs}ms` };
    if (retries) headers['idempotency-key'] = freshUuid();
    if (accept !== undefined) headers['accept'] = accept;
    if (ifRevision === 0) headers['if-none-match'] = '*';
    else if (ifRevision !== undefined) headers['if-match'] = `"${ifRevision}"`;
    const limitMs = serverLimitMs + GRACE_MS;
    const query = ttlMs === undefined ? {} : { query: `?ttl=${ttlMs}ms` };
    if (body === undefined) return { method, key, namespace, headers, limitMs };
    headers['content-type'] = contentType;
    const isLarge = method === 'PUT' && (task.large === true || this.random.chance(this.#stage.largeShare));
    const sent = isLarge ? padded(body, this.random.integer(...LARGE_BYTES)) : body;
    return { method, key, namespace, ...query, headers, limitMs, body: sent };
  }
}

/** Why the results of a transaction do not fit its operations; undefined: they do, or are not known. */
function misfit(outcome: ClientOutcome, then: readonly Part[]): string | undefined {
  if (outcome.ok !== true || outcome.succeeded !== true || outcome.results === undefined) return undefined;
  const { results } = outcome;
  if (results.length !== then.length) return `${results.length} results of ${then.length} operations`;
  const index = results.findIndex((result, place) => !isDone(result, then[place]?.['op'] === 'get'));
  return index < 0 ? undefined : `operation ${index} answered ${JSON.stringify(results[index]).slice(0, SHOWN)}`;
}

const isDone = ({ status, code }: OperationResult, isGet: boolean): boolean =>
  status === 200 || (isGet ? status === 404 && code === 'key-not-found' : status === 201);
