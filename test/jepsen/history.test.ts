/** The record: spans, lanes, and what each outcome looks like in it. */
import { describe, expect, it } from 'vitest';
import { checkHistory } from '../../src/check/index.js';
import type { Invocation } from '../../src/check/index.js';
import { History } from '../../scripts/jepsen/history.js';
import type { ClientOutcome } from '../../scripts/jepsen/outcome.js';
import { Revisions } from '../../scripts/jepsen/revisions.js';

function recorder() {
  let time = 1_000n;
  const lines: string[] = [];
  const history = new History({ now: () => (time += 10n), onLine: (line) => lines.push(line) });
  return { history, lines };
}

function recorded(invocation: Invocation, outcome: ClientOutcome, actual?: string | null) {
  const { history } = recorder();
  history.begin(history.lane(), invocation)({ outcome, actual });
  const [operation] = history.operations;
  const { ok, result, existed, error } = operation!;
  return { ok, result, existed, error };
}

const cas: Invocation = { op: 'cas', key: 'k', expected: 'a', value: 'b' };
const failed = (revision: number): ClientOutcome => ({
  ok: false,
  error: 'precondition-failed',
  observed: { revision },
});

describe('a history', () => {
  it('takes start and end on one clock, before sending and after the answer', () => {
    const { history, lines } = recorder();
    const finish = history.begin(history.lane(), { op: 'put', key: 'k', value: 'v' });
    finish({ outcome: { ok: true, revision: 1, replayed: false } });
    expect(history.operations).toMatchObject([
      { client: 0, op: 'put', key: 'k', value: 'v', ok: true, start: 10, end: 20 },
    ]);
    expect(JSON.parse(lines[0]!)).toMatchObject({ client: 0, op: 'put', ok: true, start: 10, end: 20 });
  });

  it('allows a client one operation at a time, completed once', () => {
    const { history } = recorder();
    const lane = history.lane();
    const finish = history.begin(lane, { op: 'get', key: 'k' });
    expect(() => history.begin(lane, { op: 'get', key: 'k' })).toThrow(/under way already/);
    finish({ outcome: { ok: null, error: 'x' } });
    expect(() => {
      finish({ outcome: { ok: null, error: 'x' } });
    }).toThrow(/no operation/);
  });

  it('gives a client a fresh number after an unknown outcome', () => {
    const { history } = recorder();
    const [first, second] = [history.lane(), history.lane()];
    history.begin(first, { op: 'put', key: 'k', value: 'v' })({ outcome: { ok: null, error: 'timeout' } });
    history.begin(first, { op: 'get', key: 'k' })({ outcome: { ok: false, error: 'no-leader' } });
    history.begin(first, { op: 'get', key: 'k' })({ outcome: { ok: true, result: null, replayed: false } });
    expect(history.operations.map(({ client }) => client)).toEqual([0, 2, 2]);
    expect(second.client).toBe(1);
  });

  it('records what each outcome observed, and no more', () => {
    const put: Invocation = { op: 'put', key: 'k', value: 'v' };
    expect(recorded({ op: 'get', key: 'k' }, { ok: true, result: 'x', replayed: false })).toEqual({
      ok: true,
      result: 'x',
    });
    expect(recorded({ op: 'delete', key: 'k' }, { ok: true, existed: false, replayed: false })).toEqual({
      ...{ ok: true, existed: false },
    });
    // A refusal: not an observation, so it has an error.
    expect(recorded(cas, { ok: false, error: 'no-leader' })).toEqual({ ok: false, error: 'no-leader' });
    expect(recorded(put, failed(3))).toEqual({ ok: false, error: 'precondition-failed' });
    // A cas that failed observed something, so it has none.
    expect(recorded(cas, failed(3))).toEqual({ ok: false });
    expect(recorded(cas, failed(3), 'c')).toEqual({ ok: false, result: 'c' });
    expect(recorded(cas, failed(0), null)).toEqual({ ok: false, existed: false });
    expect(recorded(cas, { ok: null, error: 'timeout' })).toEqual({ ok: null, error: 'timeout' });
  });

  it('records a touch that failed as one that found nothing, and the number after an increment', () => {
    const touch: Invocation = { op: 'touch', key: 'k', ttl: 5 };
    expect(recorded(touch, failed(0))).toEqual({ ok: false });
    expect(recorded(touch, { ok: false, error: 'no-leader' })).toEqual({ ok: false, error: 'no-leader' });
    const increment: Invocation = { op: 'increment', key: 'k', value: '2' };
    expect(recorded(increment, { ok: true, number: '7', replayed: false })).toEqual({ ok: true, result: '7' });
  });

  it('has one request as several operations at once, or as a transaction', () => {
    const { history, lines } = recorder();
    const lane = history.lane();
    const operations = ['a', 'b'].map((key) => ({ op: 'get', key, ok: true, result: null }) as const);
    history.open(lane)({ op: 'read-all', ok: true, operations });
    history.open(lane)({ op: 'txn', ok: null, error: 'timeout', transaction: [['append', 'k', 1]] });
    history.open(lane)({ op: 'txn', ok: false, error: 'conflict' });
    const span = { client: 0, start: 10, end: 20 };
    expect(history.operations).toMatchObject([
      { key: 'a', ...span },
      { key: 'b', ...span },
    ]);
    expect(history.transactions).toEqual([{ client: 0, ops: [['append', 'k', 1]], ok: null, start: 30, end: 40 }]);
    expect(JSON.parse(lines[2]!)).toMatchObject({ ops: [['append', 'k', 1]], ok: null, start: 30, end: 40 });
    expect(history.asked.map(({ op, error }) => [op, error])).toEqual([
      ['read-all', undefined],
      ['txn', 'timeout'],
      ['txn', 'conflict'],
    ]);
    expect(lane.client).toBe(1);
  });

  it('is judged: a cas that fails although the value was the expected one is illegal', () => {
    for (const [found, verdict] of [
      ['z', 'ILLEGAL'],
      ['a', 'LINEARIZABLE'],
    ] as const) {
      const { history } = recorder();
      const lane = history.lane();
      history.begin(lane, { op: 'put', key: 'k', value: 'a' })({ outcome: { ok: true, replayed: false } });
      const expected = found === 'z' ? 'a' : 'other';
      history.begin(lane, { op: 'cas', key: 'k', expected, value: 'b' })({ outcome: failed(9), actual: found });
      expect(checkHistory(history.operations).verdict).toBe(verdict);
    }
  });
});

describe('revisions', () => {
  it('identify one value each', () => {
    const revisions = new Revisions();
    revisions.saw('k', 1, 'a');
    revisions.saw('k', 1, 'a');
    revisions.saw('other', 1, 'b');
    expect(revisions.problems).toEqual([]);
    expect(revisions.valueAt('k', 1)).toBe('a');
    expect(revisions.valueAt('k', 0)).toBeNull();
    expect(revisions.valueAt('k', 2)).toBeUndefined();
    revisions.saw('k', 1, 'c');
    expect(revisions.problems).toEqual(['revision 1 of k was "a" and then "c"']);
  });
  it('show a write that was applied twice', () => {
    const revisions = new Revisions();
    revisions.saw('k', 4, 'a');
    revisions.saw('k', 9, 'a');
    expect(revisions.problems).toEqual(['"a" of k was written twice, at revisions 4 and 9']);
  });
});
