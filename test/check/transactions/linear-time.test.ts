/**
 * The check takes time that grows as the history does: four times the transactions take about four times as long.
 *
 * What is quadratic takes sixteen times as long. The bound lies between them; a machine that is busy may exceed it, so
 * the best of several runs counts, and the last of three tries.
 */
import { expect, it } from 'vitest';
import { checkTransactions, type TransactionRecord } from '../../../src/check/index.js';
import { correctTransactions } from '../../support/transactions.js';

const SMALL = 12_500;
const FACTOR = 4;
const BOUND = 9;
/** Less is too little to compare with; all pairs of what is in the large history would take seconds. */
const FLOOR_MS = 60;

const plan = { seed: 2, clients: 20, keys: 10, operations: 4, length: 30, unknownShare: 0.05 };
const one = (ops: TransactionRecord['ops'], start: number, end: number, client = 0): TransactionRecord => ({
  ...{ client, ops, ok: true, start, end },
});

/** All of them concurrent, or one after the other; many readers of one state, many appends that nobody read. */
const SHAPES: [string, (count: number) => TransactionRecord[]][] = [
  ['what a correct store did', (transactions) => correctTransactions({ ...plan, transactions })],
  [
    'all transactions at the same time',
    (transactions) => correctTransactions({ ...plan, transactions }).map((each) => ({ ...each, start: 0, end: 1 })),
  ],
  [
    'a stale read across the whole history, which makes all of it one component',
    (count) => [
      one([['append', 'k', 0]], 0, 1),
      ...Array.from({ length: count }, (_, i) => one([['append', i, i]], 2 * i + 2, 2 * i + 3)),
      one([['r', 'k', []]], 2 * count + 2, 2 * count + 3),
    ],
  ],
  [
    'readers of an empty list, and appends to it that nobody read',
    (count) => Array.from({ length: count }, (_, i) => one([i % 2 === 0 ? ['r', 'k', []] : ['append', 'k', i]], 0, 1)),
  ],
  [
    'readers and appends that nobody read, with one lost append',
    (count) =>
      Array.from({ length: count }, (_, i) =>
        i % 2 === 0 ? one([['r', 'k', []]], 0, i === 0 ? 9 : 1) : one([['append', 'k', i]], i === 1 ? 2 : 0, 9),
      ).concat(one([['r', 'k', []]], 10, 11)),
  ],
];

const timeOf = (history: readonly TransactionRecord[]): number => {
  const startedAt = performance.now();
  checkTransactions(history);
  return performance.now() - startedAt;
};

const best = (history: readonly TransactionRecord[]): number =>
  Math.min(...Array.from({ length: 3 }, () => timeOf(history)));

it.each(SHAPES)('linear: %s', (_, make) => {
  const [small, large] = [make(SMALL), make(SMALL * FACTOR)];
  timeOf(small);
  expect([1, 2, 3].some(() => best(large) < BOUND * Math.max(best(small), FLOOR_MS))).toBe(true);
});
