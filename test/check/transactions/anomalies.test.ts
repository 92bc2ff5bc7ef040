/**
 * One history per anomaly, written by hand: each is illegal by brute force, is named as the literature names it, and is
 * explained in words.
 */
import { describe, expect, it } from 'vitest';
import {
  type Anomaly,
  checkTransactions,
  formatTransactionReport,
  type TransactionRecord,
} from '../../../src/check/index.js';
import { isStrictlySerializable } from './brute-force.js';

type Ops = TransactionRecord['ops'];
type Outcome = Partial<Pick<TransactionRecord, 'ok'>>;

/** All at the same time, in any order, unless it says otherwise. */
const txn = (ops: Ops, start = 0, end = 100, { ok = true }: Outcome = {}): TransactionRecord => ({
  ...{ client: 0, ops, ok, start, end },
});
const append = (key: string, element: number): Ops[number] => ['append', key, element];
const r = (key: string, ...list: number[]): Ops[number] => ['r', key, list];

const HISTORIES: Record<Anomaly, { history: TransactionRecord[]; words: (string | RegExp)[] }> = {
  garbage: {
    history: [txn([append('x', 1)]), txn([r('x', 1, 7)])],
    words: ['T2 read 7 in "x", which no transaction appended'],
  },
  'duplicate-element': {
    history: [txn([append('x', 1)]), txn([r('x', 1, 1)])],
    words: ['T2 read 1 twice in "x": [1, 1]'],
  },
  internal: {
    history: [txn([append('x', 1), r('x')])],
    words: ['T1 read "x" as [], after it had itself appended [1]'],
  },
  'incompatible-order': {
    history: [txn([append('x', 1)]), txn([append('x', 2)]), txn([r('x', 1, 2)]), txn([r('x', 2, 1)])],
    words: ['T3 read "x" as [1, 2], T4 as [2, 1]: neither list is a beginning of the other'],
  },
  G1a: {
    history: [txn([append('x', 1)], 0, 100, { ok: false }), txn([r('x', 1)])],
    words: ['T2 read 1 in "x", which only T1 appended, and that did not happen'],
  },
  G1b: {
    history: [txn([append('x', 1), append('x', 2)]), txn([r('x', 1)])],
    words: ['T2 read "x" as [1], in the middle of T1, which appended more after 1'],
  },
  G0: {
    history: [
      txn([append('x', 1), append('y', 1)]),
      txn([append('x', 2), append('y', 2)]),
      txn([r('x', 1, 2)]),
      txn([r('y', 2, 1)]),
    ],
    words: [
      'T1 → T2 → T1',
      'T1 appended 1 to "x" before T2 appended 2, in the order in which they were read',
      'T2 appended 2 to "y" before T1 appended 1, in the order in which they were read',
    ],
  },
  G1c: {
    history: [txn([append('x', 1), r('y', 1)]), txn([append('y', 1), r('x', 1)])],
    words: ['T1 appended 1 to "x", which T2 read', 'T2 appended 1 to "y", which T1 read'],
  },
  'G-single': {
    // Read skew: T2 saw one of two appends of T1.
    history: [txn([append('x', 1), append('y', 1)]), txn([r('x', 1), r('y')]), txn([r('y', 1)])],
    words: ['T2 read "y" as [], without 1, which T1 appended', 'T1 appended 1 to "x", which T2 read'],
  },
  G2: {
    // Write skew.
    history: [txn([r('x'), append('y', 1)]), txn([r('y'), append('x', 1)])],
    words: ['T1 read "x" as [], without 1, which T2 appended', 'T2 read "y" as [], without 1, which T1 appended'],
  },
  'G0-realtime': {
    history: [txn([append('x', 1)], 0, 10), txn([append('x', 2)], 20, 30), txn([r('x', 2, 1)], 20, 30)],
    words: ['T2 appended 2 to "x" before T1 appended 1', 'T1 had ended when T2 started, 10 later'],
  },
  'G1c-realtime': {
    history: [txn([r('x', 1)], 0, 10), txn([append('x', 1)], 20, 30)],
    words: ['T2 appended 1 to "x", which T1 read', 'T1 had ended when T2 started, 10 later'],
  },
  'lost-append': {
    history: [txn([append('x', 1)], 0, 10), txn([append('x', 2)], 0, 10), txn([r('x', 1)], 20, 30)],
    words: ['T3 read "x" as [1], without 2, which T2 appended', 'T2 had ended when T3 started, 10 later'],
  },
  'G-single-realtime': {
    history: [txn([append('x', 1)], 0, 10), txn([r('x')], 20, 30), txn([r('x', 1)], 40, 50)],
    words: ['T2 read "x" as [], without 1, which T1 appended', 'T1 had ended when T2 started, 10 later'],
  },
  'G2-realtime': {
    history: [txn([append('y', 1)], 0, 10), txn([append('x', 1), r('y')], 0, 30), txn([r('x')], 20, 30)],
    words: ['T2 read "y" as [], without 1, which T1 appended', 'T1 had ended when T3 started, 10 later'],
  },
};

describe.each(Object.entries(HISTORIES))('%s', (anomaly, { history, words }) => {
  it('is illegal, is named, and is explained', () => {
    expect(isStrictlySerializable(history)).toBe(false);
    const result = checkTransactions(history);
    expect(result.failure?.anomaly).toBe(anomaly);
    const report = formatTransactionReport(result, history);
    for (const word of words) expect(report).toContain(word);
    expect(report).toContain(`anomaly    ${anomaly}: `);
  });
});

describe('the format, sentence by sentence', () => {
  const verdict = (...history: TransactionRecord[]): string => {
    const { verdict: found } = checkTransactions(history);
    expect(found === 'STRICTLY SERIALIZABLE').toBe(isStrictlySerializable(history));
    return found;
  };

  it('an unknown transaction may happen late, or never, but not before its start', () => {
    const unknown = txn([append('x', 1)], 10, 11, { ok: null });
    expect(verdict(unknown, txn([r('x')], 20, 30))).toBe('STRICTLY SERIALIZABLE');
    expect(verdict(unknown, txn([r('x')], 20, 30), txn([r('x', 1)], 40, 50))).toBe('STRICTLY SERIALIZABLE');
    expect(verdict(unknown, txn([r('x', 1)], 20, 30), txn([r('x')], 40, 50))).toBe('ILLEGAL');
    expect(verdict(unknown, txn([r('x', 1)], 0, 5))).toBe('ILLEGAL');
  });
  it('an unknown transaction whose append was read happened as a whole, with what it read', () => {
    const unknown = txn([append('x', 1), append('y', 1)], 0, 5, { ok: null });
    expect(verdict(unknown, txn([r('x', 1), r('y')]))).toBe('ILLEGAL');
    const reader = txn([append('z', 1), r('x', 1)], 0, 5, { ok: null });
    expect(verdict(unknown, reader, txn([r('z', 1), r('y')]))).toBe('ILLEGAL');
    expect(verdict(unknown, reader, txn([r('y')]))).toBe('STRICTLY SERIALIZABLE');
  });
  it('what a failed transaction read says nothing, and its element may be appended again', () => {
    const failed = txn([append('x', 1), r('y', 5)], 0, 5, { ok: false });
    expect(verdict(failed, txn([append('x', 1)]), txn([r('x', 1)]))).toBe('STRICTLY SERIALIZABLE');
  });
  it('an end and a start at the same time are concurrent, whatever the types of the times', () => {
    const writer = txn([append('x', 1)], 0, 10);
    expect(verdict(writer, txn([r('x')], 10, 20))).toBe('STRICTLY SERIALIZABLE');
    expect(verdict(writer, txn([r('x')], 11, 20))).toBe('ILLEGAL');
    expect(verdict(writer, { ...txn([r('x')]), start: 10n, end: 20n })).toBe('STRICTLY SERIALIZABLE');
    expect(verdict(writer, { ...txn([r('x')]), start: 11n, end: 2n ** 70n })).toBe('ILLEGAL');
  });
  it('a read whose result is not known says nothing', () => {
    expect(verdict(txn([append('x', 1)], 0, 10), txn([['r', 'x', null]], 20, 30))).toBe('STRICTLY SERIALIZABLE');
    expect(verdict(txn([append('x', 1)], 0, 10), txn([['r', 'x']], 20, 30))).toBe('STRICTLY SERIALIZABLE');
  });
  it('1 and "1" are different elements, and different keys', () => {
    expect(
      verdict(
        txn([['append', 1, '1']]),
        txn([
          ['r', 1, ['1']],
          ['r', '1', []],
        ]),
      ),
    ).toBe('STRICTLY SERIALIZABLE');
    expect(verdict(txn([['append', 1, '1']]), txn([['r', 1, [1]]]))).toBe('ILLEGAL');
  });
  it('appends of one transaction stay together and in their order', () => {
    const both = txn([append('x', 1), append('x', 2)]);
    expect(verdict(both, txn([r('x', 2, 1)]))).toBe('ILLEGAL');
    expect(verdict(both, txn([r('x', 2)]))).toBe('ILLEGAL');
    expect(verdict(both, txn([append('x', 3)]), txn([r('x', 1, 3, 2)]))).toBe('ILLEGAL');
    expect(verdict(both, txn([append('x', 3)]), txn([r('x', 3, 1, 2)]))).toBe('STRICTLY SERIALIZABLE');
  });
  it('no element may be appended twice by what may have happened', () => {
    const twice = [txn([append('x', 1)], 0, 5, { ok: null }), txn([append('x', 1)])];
    expect(() => checkTransactions(twice)).toThrow('T1 and T2 both append 1 to "x"');
  });
  it('a lost update is a cycle with one anti-dependency, though nobody read what was lost', () => {
    const history = [txn([r('x'), append('x', 1)]), txn([r('x'), append('x', 2)])];
    expect(verdict(...history)).toBe('ILLEGAL');
    expect(checkTransactions(history).failure).toMatchObject({ anomaly: 'G-single', transactions: [0, 1] });
  });
  it('UNKNOWN only when the time is over', () => {
    let at = 0;
    const now = (): number => (at += 10);
    expect(checkTransactions([txn([r('x')])], { now, timeoutMs: 10 }).verdict).toBe('UNKNOWN');
    expect(checkTransactions([txn([r('x')])], { now, timeoutMs: 1000 }).verdict).toBe('STRICTLY SERIALIZABLE');
    // What is certain is said although time is over.
    expect(checkTransactions([txn([r('x', 1)])], { now, timeoutMs: 20 }).verdict).toBe('ILLEGAL');
  });
});
