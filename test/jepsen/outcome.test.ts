/** What an answer says about an operation, and when a doubt is over. */
import { describe, expect, it } from 'vitest';
import { Attempts, outcomeOf, type ClientOutcome, type Method, type Reply } from '../../scripts/jepsen/outcome.js';

const answer = (status: number, body: unknown, etag?: string, replayed = false): Reply => ({
  type: 'answer',
  status,
  body: typeof body === 'string' ? body : JSON.stringify(body),
  headers: { etag, replayed },
});
const problem = (status: number, code: string, outcome: string, more: object = {}): Reply =>
  answer(status, { code, outcome, ...more });

describe('an answer', () => {
  it('to a read: the value with its revision, or absence', () => {
    expect(outcomeOf('GET', answer(200, 'hello', '"42"'))).toEqual({
      ...{ ok: true, revision: 42, result: 'hello', replayed: false },
    });
    const absent = problem(404, 'key-not-found', 'not_applied');
    expect(outcomeOf('GET', absent)).toEqual({ ok: true, result: null, replayed: false });
  });
  it('to a put and a delete', () => {
    const put = answer(201, { revision: 7, version: 1, created: true }, '"7"', true);
    expect(outcomeOf('PUT', put)).toEqual({ ok: true, revision: 7, replayed: true });
    expect(outcomeOf('DELETE', answer(200, { deleted: false, revision: 8 }))).toEqual({
      ...{ ok: true, existed: false, replayed: false },
    });
  });
  it('to an increment and a touch', () => {
    const increment = answer(200, { revision: 7, version: 2, created: false, value: -3, applied: -5 });
    expect(outcomeOf('PATCH', increment)).toEqual({ ok: true, revision: 7, number: '-3', replayed: false });
    expect(outcomeOf('PATCH', answer(200, { revision: 8 }))).toEqual({ ok: true, revision: 8, replayed: false });
  });
  it('to a transaction: whether its comparisons held, and results unless they are left out', () => {
    const results = [{ status: 201, revision: 4 }];
    const done = answer(200, { succeeded: true, results, revisions: { 0: 4 } });
    expect(outcomeOf('POST', done)).toEqual({ ok: true, succeeded: true, results, replayed: false });
    const omitted = answer(200, { succeeded: false, results_omitted: true, revisions: {} }, undefined, true);
    expect(outcomeOf('POST', omitted)).toEqual({ ok: true, succeeded: false, replayed: true });
    expect(outcomeOf('POST', problem(409, 'conflict', 'not_applied'))).toEqual({ ok: false, error: 'conflict' });
  });
  describe('to a scan', () => {
    const items = [{ key: 'a', value: 1 }, { key: 'b', value: 2 }]; // prettier-ignore
    const lines = (...all: object[]) => answer(200, all.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const end = (count: number) => ({ end: true, count, revisions: {} });
    it.each([
      ['a page that holds all', answer(200, { items, cursor: null, revisions: {} }), items],
      ['a stream that ended', lines(...items, end(2)), items],
      ['an empty stream', lines(end(0)), []],
    ])('all that is in it: %s', (_, reply, found) => {
      expect(outcomeOf('LIST', reply)).toEqual({ ok: true, items: found, replayed: false });
    });
    it('nothing, if its moment is gone', () => {
      const gone = lines(...items, { end: false, code: 'snapshot-expired', cursor: 'x' });
      expect(outcomeOf('LIST', gone)).toEqual({ ok: false, error: 'snapshot-expired' });
    });
    it.each([
      ['a page with more behind it', answer(200, { items, cursor: 'x', revisions: {} })],
      ['a stream that does not end', lines(...items)],
      ['a stream that counts otherwise', lines(...items, end(3))],
      ['a line that is no JSON', answer(200, `{"key":\n${JSON.stringify(end(1))}\n`)],
      ['nothing', answer(200, '')],
    ])('a surprise: %s', (_, reply) => {
      expect(outcomeOf('LIST', reply)).toMatchObject({ ok: null, error: 'surprise' });
    });
  });
  it('to the creation of a namespace; that one is gone then is a surprise', () => {
    expect(outcomeOf('CREATE', answer(201, { name: 'n' }))).toEqual({ ok: true, replayed: false });
    const gone = problem(404, 'namespace-not-found', 'not_applied');
    expect(outcomeOf('POST', gone)).toMatchObject({ ok: null, error: 'surprise' });
  });
  it('a failed condition observes the revision that is there, 0 for none', () => {
    const failed = problem(412, 'precondition-failed', 'not_applied', { current_revision: 9 });
    expect(outcomeOf('PUT', failed)).toEqual({ ok: false, error: 'precondition-failed', observed: { revision: 9 } });
  });
  it.each([
    [503, 'no-leader', 'not_applied', false],
    [503, 'no-quorum', 'not_applied', false],
    [429, 'overloaded', 'not_applied', false],
    [504, 'timeout', 'unknown', null],
    // The outcome decides, whatever the code or status usually means.
    [503, 'no-leader', 'unknown', null],
    [504, 'timeout', 'not_applied', false],
  ])('%i %s with outcome %s', (status, code, outcome, ok) => {
    expect(outcomeOf('PUT', problem(status, code, outcome))).toEqual({ ok, error: code });
  });
  it('missing: a request that was not sent failed, a broken one is unknown', () => {
    expect(outcomeOf('PUT', { type: 'not-sent', reason: 'ECONNREFUSED' }).ok).toBe(false);
    expect(outcomeOf('PUT', { type: 'broken', reason: 'ECONNRESET' }).ok).toBeNull();
  });
  it.each<[string, Method, Reply]>([
    ['a page of somebody else', 'PUT', answer(502, '<html>')],
    ['a problem without outcome', 'PUT', answer(503, { code: 'no-leader' })],
    ['an outcome that there is not', 'PUT', problem(503, 'no-leader', 'perhaps')],
    ['a defect', 'PUT', problem(500, 'internal', 'unknown')],
    ['a refusal of what was asked rightly', 'PUT', problem(400, 'invalid-request', 'not_applied')],
    ['a key reused that was not', 'PUT', problem(422, 'idempotency-key-reused', 'not_applied')],
    ['404 to a write', 'DELETE', problem(404, 'key-not-found', 'not_applied')],
    ['a value without revision', 'GET', answer(200, 'x')],
    ['a put without revision', 'PUT', answer(200, {})],
    ['a delete that does not say', 'DELETE', answer(200, { revision: 1 })],
    ['a transaction that does not say', 'POST', answer(200, { results: [] })],
    ['a transaction without results', 'POST', answer(200, { succeeded: true })],
    ['a list that holds no text', 'POST', problem(409, 'wrong-type', 'not_applied')],
    ['a failed condition without revision', 'PUT', problem(412, 'precondition-failed', 'not_applied')],
  ])('%s is unknown, and a surprise', (_, method, reply) => {
    const outcome = outcomeOf(method, reply);
    expect(outcome.ok).toBeNull();
    expect(outcome).toHaveProperty('surprise');
  });
});

describe('attempts of one operation', () => {
  const success: ClientOutcome = { ok: true, revision: 1, replayed: true };
  const refused: ClientOutcome = { ok: false, error: 'no-leader' };
  const failed: ClientOutcome = { ok: false, error: 'precondition-failed', observed: { revision: 3 } };
  const unknown: ClientOutcome = { ok: null, error: 'timeout' };

  it('end with the first one without retries', () => {
    for (const outcome of [success, refused, failed, unknown]) {
      expect(new Attempts().settle(outcome, false)).toEqual(outcome);
    }
  });
  it('with retries continue until success or a refusal by the replicated state', () => {
    const attempts = new Attempts();
    expect(attempts.settle(refused, true)).toBeUndefined();
    expect(attempts.settle(unknown, true)).toBeUndefined();
    expect(attempts.settle(success, true)).toEqual(success);
    expect(new Attempts().settle(failed, true)).toEqual(failed);
  });
  it('a definite refusal does not resolve an earlier unknown attempt', () => {
    const attempts = new Attempts();
    attempts.settle(unknown, true);
    expect(attempts.settle(refused, true)).toBeUndefined();
    expect(attempts.finalOutcome(refused)).toEqual({ ok: null, error: 'no-leader' });
  });
  it('that are all refused are a refusal', () => {
    const attempts = new Attempts();
    attempts.settle(refused, true);
    expect(attempts.finalOutcome(refused)).toEqual(refused);
  });
  it('a failed condition resolves an unknown attempt, because the dedup table keeps the answer', () => {
    const attempts = new Attempts();
    attempts.settle(unknown, true);
    expect(attempts.settle(failed, true)).toEqual(failed);
  });
  it('an expired idempotency key leaves the outcome unknown for good', () => {
    const expired: ClientOutcome = { ok: false, error: 'idempotency-key-expired' };
    expect(new Attempts().settle(expired, true)).toEqual({ ok: null, error: 'idempotency-key-expired' });
  });
});
