/**
 * What an answer, or its absence, says about an operation: it happened, it did not, or nobody knows.
 *
 * The error table's `outcome` decides. What is not an answer of the API as documented is unknown, and a surprise: a
 * run with surprises fails, whatever the checker says. Knows no history and no connection.
 */

/** What came back for one request. */
export type Reply =
  | { readonly type: 'answer'; readonly status: number; readonly body: string; readonly headers: ReplyHeaders }
  /** It never left: nobody took the connection. */
  | { readonly type: 'not-sent'; readonly reason: string }
  /** The connection broke, or time was up, before the answer was in. */
  | { readonly type: 'broken'; readonly reason: string };

export interface ReplyHeaders {
  readonly etag: string | undefined;
  readonly replayed: boolean;
}

export type Method = 'GET' | 'PUT' | 'DELETE';

export type Outcome =
  | {
      readonly ok: true;
      /** Of the key after a put, or as read; undefined for an absent key and for a delete. */
      readonly revision?: number;
      /** get: the value, null = absent. */
      readonly result?: string | null;
      /** delete: whether there was something. */
      readonly existed?: boolean;
      /** The answer was remembered from an earlier attempt. */
      readonly replayed: boolean;
    }
  /** A condition did not hold: the state itself says so. `revision` 0 = the key is absent. */
  | { readonly ok: false; readonly error: string; readonly observed?: { readonly revision: number } }
  | { readonly ok: null; readonly error: string }
  /** Something that the API does not do: unknown, and a defect of Kvorum or of this program. */
  | { readonly ok: null; readonly error: string; readonly surprise: string };

/** Refusals that no fault explains: this program asked wrongly, or Kvorum has a defect. */
const NEVER_EXPECTED = new Set([
  'invalid-request',
  'value-too-large',
  'key-too-long',
  'idempotency-key-reused',
  'internal',
  'route-not-found',
  'method-not-allowed',
  'length-required',
  'unsupported-media-type',
  'expectation-failed',
  'misdirected-request',
  'headers-too-large',
  'loop-detected',
]);

export function outcomeOf(method: Method, reply: Reply): Outcome {
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

function success(method: Method, reply: Extract<Reply, { type: 'answer' }>): Outcome {
  const { body, headers } = reply;
  const { replayed } = headers;
  if (method === 'GET') {
    const tag = /^"(\d+)"$/.exec(headers.etag ?? '')?.[1];
    if (tag === undefined) return surprise(reply, 'has no ETag');
    return { ok: true, revision: Number(tag), result: body, replayed };
  }
  const answer = parsed(body);
  if (method === 'DELETE') {
    const existed = answer?.['deleted'];
    return typeof existed === 'boolean' ? { ok: true, existed, replayed } : surprise(reply, 'does not say deleted');
  }
  const revision = answer?.['revision'];
  return isRevision(revision) ? { ok: true, revision, replayed } : surprise(reply, 'has no revision');
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

function surprise(reply: Extract<Reply, { type: 'answer' }>, what: string): Outcome {
  const text = `${reply.status} ${reply.body.slice(0, SHOWN_BYTES)} ${what}`;
  return { ok: null, error: 'surprise', surprise: text };
}

/** Whether the next attempt of the same operation, under the same idempotency key, is due, and what was learned so far. */
export class Attempts {
  #inDoubt = false;

  /**
   * @param retries whether the client asks again. @returns the outcome of the whole operation if this ends it;
   * undefined if it is to be asked again, while there is time.
   *
   * Once an attempt is in doubt, only an answer of the replicated state ends the doubt: that a later attempt was not
   * applied says nothing about the earlier one. A failed condition does end it, because the state remembers its answer
   * under the idempotency key: had the earlier attempt been applied, its success would have been answered again, and if
   * it still arrives, it gets this refusal.
   */
  settle(outcome: Outcome, retries: boolean): Outcome | undefined {
    if (outcome.ok === true || 'surprise' in outcome) return outcome;
    if (outcome.ok === false && outcome.observed !== undefined) return outcome;
    if (outcome.error === 'idempotency-key-expired') return { ok: null, error: outcome.error };
    if (outcome.ok === null) this.#inDoubt = true;
    return retries ? undefined : this.lastWord(outcome);
  }

  /** Time is up: what is known after the last attempt. */
  lastWord(outcome: Outcome): Outcome {
    return outcome.ok === false && this.#inDoubt ? { ok: null, error: outcome.error } : outcome;
  }
}
