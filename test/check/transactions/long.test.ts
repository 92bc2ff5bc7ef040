/** Long histories of transactions whose verdict is known because they were made. */
import { describe, expect, it } from 'vitest';
import {
  checkTransactions,
  formatTransactionReport,
  renderTransactionPage,
  type TransactionRecord,
} from '../../../src/check/index.js';
import { correctTransactions } from '../../support/transactions.js';

const plan = { seed: 1, transactions: 20_000, clients: 20, keys: 10, operations: 4, length: 30, unknownShare: 0.05 };
const history = correctTransactions(plan);

/** A read of a list of at least two elements, of which the last one was appended by somebody else. */
const isRead = ([op, , list]: TransactionRecord['ops'][number]): boolean =>
  op === 'r' && Array.isArray(list) && list.length > 1;
const readIn = ({ ops, ok }: TransactionRecord): TransactionRecord['ops'][number] | undefined =>
  ok === true && ops.every(([op]) => op === 'r') ? ops.find(isRead) : undefined;

describe('20,000 transactions of 20 clients', () => {
  it('are strictly serializable as a correct store made them, in whatever order they are recorded', () => {
    expect(checkTransactions(history)).toMatchObject({
      verdict: 'STRICTLY SERIALIZABLE',
      others: [],
      transactions: 20_000,
      concurrency: 20,
    });
    expect(checkTransactions(history.toReversed()).verdict).toBe('STRICTLY SERIALIZABLE');
  });

  it('with a stale read far behind, are a cycle of two', () => {
    const reader = history.find((one) => readIn(one) !== undefined)!;
    const [, key, list] = readIn(reader)! as ['r', number, number[]];
    const stale: TransactionRecord = { ...reader, ops: [['r', key, list.slice(0, -1)]], start: 1e9, end: 1e9 + 1 };
    const { failure } = checkTransactions([...history, stale]);
    expect(failure?.anomaly).toBe('G-single-realtime');
    expect(failure?.cycle.map(({ kind }) => kind)).toEqual(['rw', 'real time']);
    expect(failure?.transactions[0]).toBe(history.length);
  });

  it('with read skew over half of the history, are G-single though nothing is known of the times', () => {
    const timeless = history.map((one) => ({ ...one, start: 0, end: 1 }));
    const readers = history.filter((one) => readIn(one) !== undefined);
    const [early, late] = [readers[100]!, readers.at(-100)!].map((one) => readIn(one)! as ['r', number, number[]]);
    const skewed: TransactionRecord = {
      ...{ client: 0, ok: true, start: 0, end: 1 },
      ops: [['r', early![1], early![2].slice(0, -1)], late!],
    };
    expect(checkTransactions(timeless)).toMatchObject({ verdict: 'STRICTLY SERIALIZABLE' });
    const { failure } = checkTransactions([...timeless, skewed]);
    expect(failure?.anomaly).toBe('G-single');
    expect(failure?.cycle.filter(({ kind }) => kind === 'rw')).toHaveLength(1);
    // Each edge begins where the one before ended.
    const { cycle } = failure!;
    expect(cycle.map(({ from }) => from)).toEqual(cycle.map((_, i) => cycle.at(i - 1)!.to));
  });

  it('need no deep stack, in one chain', () => {
    const chain = Array.from({ length: 20_000 }, (_, i): TransactionRecord => ({
      ...{ client: 0, ok: true, start: 0, end: 1 },
      ops: [
        ['r', i, [0]],
        ['append', i + 1, 0],
      ],
    }));
    const first: TransactionRecord = { client: 0, ops: [['append', 0, 0]], ok: true, start: 0, end: 1 };
    expect(checkTransactions([...chain, first]).verdict).toBe('STRICTLY SERIALIZABLE');
    const round: TransactionRecord = {
      ...first,
      ops: [
        ['append', 0, 0],
        ['r', chain.length, [0]],
      ],
    };
    const result = checkTransactions([...chain, round]);
    expect(result.failure).toMatchObject({ anomaly: 'G1c' });
    expect(result.failure?.cycle).toHaveLength(20_001);
    // What is read by people stays short.
    expect(formatTransactionReport(result, [...chain, round]).split('\n').length).toBeLessThan(100);
    const page = renderTransactionPage(result, { name: 'chain', history: [...chain, round] });
    expect(page.length).toBeLessThan(200_000);
  });
});
