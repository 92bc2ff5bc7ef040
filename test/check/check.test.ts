import { describe, expect, it } from 'vitest';
import { checkHistory, formatOperation, type Operation } from '../../src/check/index.js';
import { isLinearizable } from './brute-force.js';
import { smallHistory } from './small-histories.js';
import { seededRandom } from '../../src/random.js';

type Draft = Partial<Operation> & Pick<Operation, 'op' | 'start' | 'end'>;
const one = (draft: Draft): Operation => ({ client: 0, key: 'k', ok: true, ...draft });
const put = (value: string, start: number, end: number, more: Partial<Operation> = {}) =>
  one({ op: 'put', value, start, end, ...more });
const get = (result: string | null, start: number, end: number, more: Partial<Operation> = {}) =>
  one({ op: 'get', result, start, end, ...more });
const verdict = (operations: Operation[], init: string | null = null) => checkHistory(operations, { init }).verdict;

describe('the format, sentence by sentence', () => {
  it('a key starts absent, or with the value of --init', () => {
    expect(verdict([get(null, 0, 1)])).toBe('LINEARIZABLE');
    expect(verdict([get('a', 0, 1)], 'a')).toBe('LINEARIZABLE');
    expect(verdict([get(null, 0, 1)], 'a')).toBe('ILLEGAL');
  });
  it('an operation with ok: false never takes effect', () => {
    expect(verdict([put('a', 0, 1, { ok: false }), get('a', 2, 3)])).toBe('ILLEGAL');
    expect(verdict([put('a', 0, 1, { ok: false, error: 'refused' }), get(null, 2, 3)])).toBe('LINEARIZABLE');
  });
  it('an operation with an unknown outcome may take effect long after its end, or never, but not before its start', () => {
    const unknown = put('a', 10, 11, { ok: null });
    expect(verdict([unknown, get(null, 20, 21), get('a', 30, 31), get('a', 40, 41)])).toBe('LINEARIZABLE');
    expect(verdict([unknown, get(null, 20, 21)])).toBe('LINEARIZABLE');
    expect(verdict([unknown, get('a', 20, 21), get(null, 30, 31)])).toBe('ILLEGAL');
    expect(verdict([get('a', 5, 9), unknown])).toBe('ILLEGAL');
  });
  it('a get that failed or is unknown constrains nothing', () => {
    expect(verdict([get('z', 0, 1, { ok: null }), get('z', 0, 1, { ok: false })])).toBe('LINEARIZABLE');
  });
  it('a delete may report whether the key existed', () => {
    const found = (existed: boolean) => one({ op: 'delete', existed, start: 2, end: 3 });
    expect(verdict([put('a', 0, 1), found(true), get(null, 4, 5)])).toBe('LINEARIZABLE');
    expect(verdict([put('a', 0, 1), found(false)])).toBe('ILLEGAL');
    expect(verdict([found(true)])).toBe('ILLEGAL');
  });
  it('a failed cas observes the value; a refused one does not', () => {
    const failed = (more: Partial<Operation>) =>
      one({ op: 'cas', expected: 'a', value: 'b', ok: false, start: 2, end: 3, ...more });
    expect(verdict([put('a', 0, 1), failed({ result: null })])).toBe('ILLEGAL');
    expect(verdict([put('a', 0, 1), failed({ error: '' })])).toBe('ILLEGAL');
    expect(verdict([put('a', 0, 1), failed({ error: 'no leader' })])).toBe('LINEARIZABLE');
    expect(verdict([put('c', 0, 1), failed({ result: 'c' })])).toBe('LINEARIZABLE');
    expect(verdict([put('c', 0, 1), failed({ result: 'd' })])).toBe('ILLEGAL');
    expect(verdict([put('c', 0, 1), failed({ existed: false })])).toBe('ILLEGAL');
    expect(verdict([failed({ existed: false })])).toBe('LINEARIZABLE');
    expect(verdict([failed({ result: 'a' })], 'c')).toBe('ILLEGAL');
  });
  it('a cas can expect absence and can make the key absent', () => {
    const cas = (expected: string | null, value: string | null, start: number) =>
      one({ op: 'cas', expected, value, start, end: start + 1 });
    expect(verdict([cas(null, 'a', 0), cas('a', null, 2), get(null, 4, 5)])).toBe('LINEARIZABLE');
    expect(verdict([cas(null, 'a', 0), cas(null, 'b', 2)])).toBe('ILLEGAL');
  });
  it('an append extends the value, or creates it', () => {
    const append = (value: string, start: number) => one({ op: 'append', value, start, end: start + 1 });
    expect(verdict([append('a', 0), append('b', 2), get('ab', 4, 5)])).toBe('LINEARIZABLE');
    expect(verdict([append('a', 0), append('b', 2), get('ba', 4, 5)])).toBe('ILLEGAL');
    // A lost append, an append twice.
    expect(verdict([append('a', 0), append('b', 2), get('b', 4, 5)])).toBe('ILLEGAL');
    expect(verdict([append('a', 0), get('aa', 4, 5)])).toBe('ILLEGAL');
  });
  it('operations of which one ends as the other starts are concurrent', () => {
    expect(verdict([put('a', 0, 10), put('b', 10, 20), get('a', 30, 40)])).toBe('LINEARIZABLE');
    expect(verdict([put('a', 0, 9), put('b', 10, 20), get('a', 30, 40)])).toBe('ILLEGAL');
  });
  it('times may be bigints beyond 2^53', () => {
    const base = 2n ** 60n;
    const at = (offset: bigint) => ({ start: base + offset, end: base + offset });
    const history = [
      one({ op: 'put', value: 'a', ...at(0n) }),
      one({ op: 'put', value: 'b', ...at(1n) }),
      one({ op: 'get', result: 'a', ...at(2n) }),
    ];
    expect(verdict(history)).toBe('ILLEGAL');
  });
  it('keys are independent', () => {
    expect(verdict([put('a', 0, 1, { key: 'x' }), get(null, 2, 3, { key: 'y' })])).toBe('LINEARIZABLE');
    expect(checkHistory([put('a', 0, 1, { key: 'x' }), get('b', 2, 3, { key: 'y' })]).failure?.key).toBe('y');
  });
});

describe('bounds', () => {
  const hard = Array.from({ length: 40 }, (_, i) => put(String(i), 0, 100, { client: i }));
  const history = [...hard, get('1', 200, 201), get('2', 300, 301)];

  it('give UNKNOWN, with the keys that remain', () => {
    expect(checkHistory(history, { steps: 3 })).toMatchObject({ verdict: 'UNKNOWN', undecided: ['k'], steps: 3 });
    expect(checkHistory(history, { steps: 100_000 }).verdict).toBe('ILLEGAL');
  });
  it('may be a time limit, on an injected clock', () => {
    let now = 0;
    const result = checkHistory(history, { timeoutMs: 5, now: () => (now += 10) });
    expect(result).toMatchObject({ verdict: 'UNKNOWN', undecided: ['k'], steps: 0 });
  });
  it('of steps are deterministic', () => {
    const run = () => checkHistory(history, { steps: 5000, now: () => 0 });
    expect(run()).toEqual(run());
  });
});

describe('counts', () => {
  it('are of what was recorded', () => {
    const operations = [
      put('a', 0, 10),
      put('b', 5, 15, { client: 1 }),
      get('b', 10, 30, { client: 'x' }),
      put('c', 20, 99, { ok: null }),
    ];
    expect(checkHistory(operations)).toMatchObject({ operations: 4, keys: 1, clients: 3, concurrency: 3, unknown: 1 });
  });
});

describe('the explanation of an illegal history', () => {
  const history = [
    ...[put('a', 0, 10), get('a', 11, 12), put('b', 20, 30), put('c', 20, 35, { client: 1 }), get('c', 50, 55)],
    ...[
      put('d', 60, 70),
      get('d', 61, 69, { client: 1 }),
      get('c', 80, 90, { client: 2 }),
      get('a', 95, 99),
      put('e', 100, 101),
    ],
  ];

  it('names the first operation that cannot be placed, and a legal order of those that ended before it', () => {
    const { failure } = checkHistory(history);
    expect(failure).toMatchObject({ key: 'k', first: true, operation: { op: 'get', result: 'c', start: 80 } });
    expect(failure?.order.map(({ operation, after }) => [operation.start, after])).toEqual([
      [0, 'a'],
      [11, 'a'],
      [20, 'b'],
      [20, 'c'],
      [50, 'c'],
      [60, 'd'],
      [61, 'd'],
    ]);
    expect(failure?.reason).toBe(
      'it read "c"; no legal order of the operations leaves the key like that (in the one shown it holds "d")',
    );
  });
  it('names the smallest window that is impossible by itself', () => {
    const { failure } = checkHistory(history);
    expect(failure?.window).toMatchObject({ start: 61, end: 90, selfContained: true });
    // What was under way at its beginning is in it, as something that may have happened before.
    expect(failure?.window.operations.map(({ start }) => start)).toEqual([60, 61, 80]);
  });
  it('says when no operation can have written the value, or only a later one', () => {
    expect(checkHistory([put('a', 0, 1), get('z', 2, 3)]).failure?.reason).toContain(
      'which no operation of this history can have made',
    );
    expect(checkHistory([get('a', 2, 3), put('a', 4, 5)]).failure?.reason).toContain(
      'nothing that had begun by then can have made',
    );
  });

  it('holds on random histories: illegal with that operation, legal without it, and impossible in the window', () => {
    let illegal = 0;
    for (let seed = 3_000_001; illegal < 600; seed++) {
      const { operations, init } = smallHistory(seededRandom(seed), seed % 2 === 0);
      const { failure } = checkHistory(operations, { init, steps: 100_000 });
      if (failure === undefined) continue;
      illegal++;
      const { operation: failed, window } = failure;
      const context = `seed ${seed} ${JSON.stringify(init)}\n${operations.map(formatOperation).join('\n')}\nfailed ${formatOperation(failed)}`;
      const ofKey = operations.filter(({ key }) => key === failure.key);
      const open = (one: Operation): Operation => ({ ...one, ok: one.ok === false ? false : null, error: 'cut' });
      const stood = (isDone: (one: Operation) => boolean) =>
        ofKey
          .filter(({ start }) => start <= failed.end)
          .map((one) => (one.ok === null || isDone(one) ? one : open(one)));
      expect(
        isLinearizable(
          stood(({ end }) => end <= failed.end),
          init,
        ),
        context,
      ).toBe(false);
      expect(
        isLinearizable(
          stood(({ end }) => end < failed.end),
          init,
        ),
        context,
      ).toBe(true);
      if (!window.selfContained) continue;
      const inWindow = ofKey
        .filter(({ start, end, ok }) => start <= failed.end && (ok === null || end >= window.start))
        .map((one) => (one.ok === null || (one.start >= window.start && one.end <= failed.end) ? one : open(one)));
      for (const before of [null, '', 'a', 'b', 'ab', 'aa', 'ba', 'bb', 'aab', 'aba', 'other']) {
        expect(
          isLinearizable(inWindow, before),
          `${context}\nfrom ${String(window.start)} with ${String(before)}`,
        ).toBe(false);
      }
    }
  });
});
