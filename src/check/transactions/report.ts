/** A verdict on transactions as text for a terminal, and as a value for JSON. The text begins with the verdict. */
import { columns, count, number, offset, took } from '../text.js';
import type { TransactionFailure, TransactionCheckResult } from './check.js';
import { describeTransaction, formatTransaction, nameOf, type TransactionRecord } from './transaction.js';

/** Edges, and transactions, that are printed; the JSON contains all. */
const MAX_ROWS = 40;

export function formatTransactionReport(result: TransactionCheckResult, history: readonly TransactionRecord[]): string {
  const lines = [summary(result)];
  if (result.failure !== undefined) lines.push('', ...failureLines(result.failure, history));
  for (const { anomaly, text } of result.others) lines.push('', `also       ${anomaly}: ${text}`);
  if (result.verdict === 'UNKNOWN') lines.push('', 'no verdict in time');
  return `${lines.join('\n')}\n`;
}

function summary({
  verdict,
  transactions,
  keys,
  clients,
  concurrency,
  unknown,
  tookMs,
}: TransactionCheckResult): string {
  return [
    `${verdict}  ${count(transactions, 'transaction')}`,
    count(keys, 'key'),
    count(clients, 'client'),
    `concurrency ${number(concurrency)}`,
    `${number(unknown)} unknown`,
    took(tookMs),
  ].join(', ');
}

function failureLines(failure: TransactionFailure, history: readonly TransactionRecord[]): string[] {
  const { anomaly, meaning, text, cycle } = failure;
  return [
    `anomaly    ${anomaly}: ${meaning}`,
    `${cycle.length === 0 ? 'found   ' : 'cycle   '}   ${text}`,
    ...cycle.slice(0, MAX_ROWS).map(({ kind, text: words }) => `${kind.padStart(9)}  ${words}`),
    ...(cycle.length > MAX_ROWS ? [`        …  ${count(cycle.length - MAX_ROWS, 'edge')} more`] : []),
    '',
    ...transactionTable(failure, history),
  ];
}

function transactionTable({ transactions }: TransactionFailure, history: readonly TransactionRecord[]): string[] {
  const shown = transactions.slice(0, MAX_ROWS).flatMap((index) => {
    const record = history[index];
    return record === undefined ? [] : [{ index, record }];
  });
  const first = earliest(shown.map(({ record }) => record.start));
  const rows = shown.map(({ index, record }) => [
    nameOf(index),
    String(record.client),
    offset(record.start, first),
    record.ok === null ? '?' : offset(record.end, first),
    describeTransaction(record),
  ]);
  const lines = columns([['name', 'client', 'start', 'end', 'transaction'], ...rows]).map((line) => `  ${line}`);
  const left = transactions.length - shown.length;
  return left > 0 ? [...lines, `  … ${count(left, 'transaction')} more`] : lines;
}

/** Zero if there are none. */
export function earliest(times: readonly (number | bigint)[]): number | bigint {
  return times.reduce((least, time) => (time < least ? time : least), times[0] ?? 0);
}

/** The document that `--json` prints. Transactions look as in a history, with their names. */
export function transactionReportJson(result: TransactionCheckResult, history: readonly TransactionRecord[]): unknown {
  const { failure, others, tookMs, ...counts } = result;
  return {
    ...{ ...counts, tookMs: Math.round(tookMs) },
    failure: failure === undefined ? null : failureJson(failure, history),
    others: others.map((other) => failureJson(other, history)),
  };
}

function failureJson(
  { transactions, cycle, ...rest }: TransactionFailure,
  history: readonly TransactionRecord[],
): unknown {
  return {
    ...rest,
    cycle: cycle.map((edge) => ({ ...edge, from: nameOf(edge.from), to: nameOf(edge.to) })),
    transactions: transactions.map((index) => {
      const record = history[index];
      const line = record === undefined ? {} : (JSON.parse(formatTransaction(record)) as Record<string, unknown>);
      return { name: nameOf(index), ...line };
    }),
  };
}
