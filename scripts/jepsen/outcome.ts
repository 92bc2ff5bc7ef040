/**
 * What an answer, or its absence, says about an operation: it took effect, it did not, or that is unknown.
 *
 * The error table's `outcome` decides. An answer that the API does not document is unknown, and a surprise: a run with
 * surprises fails, whatever the checker finds.
 */

/** The result of one request. */
export type Reply =
  | { readonly type: 'answer'; readonly status: number; readonly body: string; readonly headers: ReplyHeaders }
  /** It was not sent: no connection could be made. */
  | { readonly type: 'not-sent'; readonly reason: string }
  /** The connection broke, or the time limit passed, before the answer was complete. */
  | { readonly type: 'broken'; readonly reason: string };

export interface ReplyHeaders {
  readonly etag: string | undefined;
  readonly replayed: boolean;
}

/** PATCH is an increment or a touch, POST a transaction, LIST a GET of a range, CREATE a PUT of a namespace. */
export type Method = 'GET' | 'PUT' | 'DELETE' | 'PATCH' | 'POST' | 'LIST' | 'CREATE';

/** Of one operation of a transaction, as in the answer. */
export type OperationResult = Readonly<Record<string, unknown>>;

/** What a client knows of an operation, or of one attempt at it. */
export type ClientOutcome =
  | {
      readonly ok: true;
      /** Revision of the key after a put, or as read; undefined for an absent key and for a delete. */
      readonly revision?: number;
      /** get: the value, null = absent. */
      readonly result?: string | null;
      /** delete: whether the key existed. */
      readonly existed?: boolean;
      /** increment: the number after it. */
      readonly number?: string;
      /** Transaction: whether its comparisons held. */
      readonly succeeded?: boolean;
      /** Transaction: of its operations; undefined: left out of a replayed answer. */
      readonly results?: readonly OperationResult[];
      /** Range: all that is in it, in the order of the answer. */
      readonly items?: readonly OperationResult[];
      /** The recorded answer to an earlier attempt was replayed. */
      readonly replayed: boolean;
    }
  /** A condition did not hold, according to the replicated state. `revision` 0 = the key is absent. */
  | { readonly ok: false; readonly error: string; readonly observed?: { readonly revision: number } }
  | { readonly ok: null; readonly error: string }
  /** Something that the API does not do: unknown, and a defect of Kvorum or of this program. */
  | { readonly ok: null; readonly error: string; readonly surprise: string };

/** Refusals that no fault explains: this program sent a wrong request, or Kvorum has a defect. */
const NEVER_EXPECTED = new Set([
  'invalid-request',
  'value-too-large',
  'key-too-long',
  'idempotency-key-reused',
  'internal',
  // The keys of a workload hold what its operations work on.
  'wrong-type',
  'patch-failed',
  // A namespace is used once its creation was acknowledged, and never removed.
  'namespace-not-found',
  'route-not-found',
  'method-not-allowed',
  'length-required',
  'unsupported-media-type',
  'expectation-failed',
  'misdirected-request',
  'headers-too-large',
  'loop-detected',
]);

export function outcomeOf(method: Method, reply: Reply): ClientOutcome {
  if (reply.type === 'not-sent') return { ok: false, error: reply.reason };
  if (reply.type === 'broken') return { ok: null, error: reply.reason };
  const { status } = reply;
  if (status === 200 || status === 201) return success(method, reply);
  const problem = parsed(reply.body);
  const code = problem?.['code'];
  const outcome = problem?.['outcome'];
  if (typeof code !== 'string' || (outcome !== 'not_applied' && outcome !== 'unknown')) {
    return surprise(reply, 'is no problem document with code and outcome');
  }
  if (NEVER_EXPECTED.has(code)) return surprise(reply, 'was not to be expected');
  if (code === 'key-not-found') {
    return method === 'GET' ? { ok: true, result: null, replayed: false } : surprise(reply, 'refuses a write');
  }
  if (outcome === 'unknown') return { ok: null, error: code };
  if (code !== 'precondition-failed') return { ok: false, error: code };
  const revision = problem?.['current_revision'];
  if (!isRevision(revision)) return surprise(reply, 'has no current_revision');
  return { ok: false, error: code, observed: { revision } };
}

function success(method: Method, reply: Extract<Reply, { type: 'answer' }>): ClientOutcome {
  const { body, headers } = reply;
  const { replayed } = headers;
  if (method === 'GET') {
    const tag = /^"(\d+)"$/.exec(headers.etag ?? '')?.[1];
    if (tag === undefined) return surprise(reply, 'has no ETag');
    return { ok: true, revision: Number(tag), result: body, replayed };
  }
  if (method === 'LIST') return listed(reply);
  if (method === 'CREATE') return { ok: true, replayed };
  const answer = parsed(body);
  if (method === 'DELETE') {
    const existed = answer?.['deleted'];
    return typeof existed === 'boolean' ? { ok: true, existed, replayed } : surprise(reply, 'does not say deleted');
  }
  if (method === 'POST') return transacted(reply, answer);
  const revision = answer?.['revision'];
  if (!isRevision(revision)) return surprise(reply, 'has no revision');
  const number = answer?.['value'];
  return { ok: true, revision, replayed, ...(Number.isSafeInteger(number) ? { number: String(number) } : {}) };
}

function transacted(reply: Extract<Reply, { type: 'answer' }>, answer: OperationResult | undefined): ClientOutcome {
  const { replayed } = reply.headers;
  const succeeded = answer?.['succeeded'];
  if (typeof succeeded !== 'boolean') return surprise(reply, 'does not say succeeded');
  if (answer?.['results_omitted'] === true) return { ok: true, succeeded, replayed };
  const results = answer?.['results'];
  if (!Array.isArray(results)) return surprise(reply, 'has no results');
  return { ok: true, succeeded, results: results as OperationResult[], replayed };
}

/** A page that holds the whole range, or a stream that says at its end whether it does. */
function listed(reply: Extract<Reply, { type: 'answer' }>): ClientOutcome {
  const { replayed } = reply.headers;
  const page = parsed(reply.body);
  if (page !== undefined && Array.isArray(page['items'])) {
    if (page['cursor'] !== null) return surprise(reply, 'is not the whole range');
    return { ok: true, items: page['items'] as OperationResult[], replayed };
  }
  const lines = reply.body.split('\n').filter((line) => line !== '');
  const items = lines.slice(0, -1).map(parsed);
  const { end, count, code } = parsed(lines.at(-1) ?? '') ?? {};
  if (end === false && typeof code === 'string') return { ok: false, error: code };
  const isWhole = end === true && count === items.length && items.every((item) => item !== undefined);
  return isWhole ? { ok: true, items, replayed } : surprise(reply, 'is neither a page nor a whole stream');
}

const isRevision = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

function parsed(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

const SHOWN_BYTES = 200;

function surprise(reply: Extract<Reply, { type: 'answer' }>, what: string): ClientOutcome {
  const text = `${reply.status} ${reply.body.slice(0, SHOWN_BYTES)} ${what}`;
  return { ok: null, error: 'surprise', surprise: text };
}

/**
 * Decides whether an operation is retried under the same idempotency key, and remembers what earlier attempts showed.
 */
export class Attempts {
  #isOutcomeUnknown = false;

  /**
   * @param retries whether the client retries. @returns the outcome of the whole operation if this ends it; undefined
   * if it is to be retried, while there is time
   *
   * Once the outcome of an attempt is unknown, only an answer of the replicated state resolves it: that a later attempt
   * was not applied says nothing about the earlier one. A failed condition does resolve it, because the state keeps its
   * answer under the idempotency key: had the earlier attempt been applied, its success would have been replayed, and
   * if it still arrives, it gets this refusal.
   */
  settle(outcome: ClientOutcome, retries: boolean): ClientOutcome | undefined {
    if (outcome.ok === true || 'surprise' in outcome) return outcome;
    if (outcome.ok === false && outcome.observed !== undefined) return outcome;
    if (outcome.error === 'idempotency-key-expired') return { ok: null, error: outcome.error };
    if (outcome.ok === null) this.#isOutcomeUnknown = true;
    return retries ? undefined : this.finalOutcome(outcome);
  }

  /** The time limit has passed: what is known after the last attempt. */
  finalOutcome(outcome: ClientOutcome): ClientOutcome {
    return outcome.ok === false && this.#isOutcomeUnknown ? { ok: null, error: outcome.error } : outcome;
  }
}
