/** A verdict as text for a terminal, and as a value for JSON. The text begins with the verdict. */
import type { CheckResult } from './check.js';
import type { HistoryFailure } from './explain.js';
import { formatOperation, describeOperation, type Operation } from './operation.js';
import { columns, count, number, since, took } from './text.js';
import { formatSpan } from './time.js';

/** Rows of the window that are printed; the page (`--html`) and the JSON contain all. */
const MAX_ROWS = 40;

export function formatReport(result: CheckResult): string {
  const lines = [summary(result)];
  if (result.failure !== undefined) lines.push('', ...failureLines(result.failure));
  if (result.undecided.length > 0) lines.push('', undecidedLine(result.undecided));
  return `${lines.join('\n')}\n`;
}

function summary(result: CheckResult): string {
  const { verdict, operations, keys, clients, concurrency, unknown, tookMs } = result;
  return [
    `${verdict}  ${count(operations, 'operation')}`,
    count(keys, 'key'),
    count(clients, 'client'),
    `concurrency ${number(concurrency)}`,
    `${number(unknown)} unknown`,
    took(tookMs),
  ].join(', ');
}

function failureLines(failure: HistoryFailure): string[] {
  const { key, operation, first, reason, order, window } = failure;
  const { start, end, operations, selfContained } = window;
  const which = first ? 'the first operation that cannot be placed' : 'an operation that cannot be placed';
  const alone = selfContained ? 'impossible whatever the key held before' : 'from the beginning of the history';
  return [
    `key        ${JSON.stringify(key)}`,
    `operation  client ${String(operation.client)}, ${describeOperation(operation)}`,
    `           ${which}: ${reason}`,
    `order      ${count(order.length, 'operation')} of the key before it in the longest legal order`,
    `window     ${formatSpan(start, end)}, ${count(operations.length, 'operation')}, ${alone}`,
    '',
    ...windowTable(failure),
  ];
}

function windowTable({ operation: failed, window, order }: HistoryFailure): string[] {
  const places = new Map(order.map(({ operation }, index) => [operation, index + 1]));
  const all = window.operations;
  // The operations that began last are nearest to the failure, which is shown in any case.
  const shown = all.filter((operation, index) => operation === failed || index >= all.length - MAX_ROWS + 1);
  const left = all.length - shown.length;
  const rows = shown.map((operation) => [
    operation === failed ? '✗' : String(places.get(operation) ?? '·'),
    String(operation.client),
    since(operation.start, window.start),
    endOf(operation, window.start),
    describeOperation(operation),
  ]);
  const lines = columns([['order', 'client', 'start', 'end', 'operation'], ...rows]).map((line) => `  ${line}`);
  if (left > 0) lines.splice(1, 0, `  … ${count(left, 'operation')} before these`);
  return lines;
}

function endOf({ ok, end }: Operation, from: number | bigint): string {
  return ok === null ? '?' : since(end, from);
}

function undecidedLine(keys: readonly string[]): string {
  const names = keys.slice(0, 5).map((key) => JSON.stringify(key));
  const more = keys.length > names.length ? `, and ${number(keys.length - names.length)} more` : '';
  return `no verdict in time on ${count(keys.length, 'key')}: ${names.join(', ')}${more}`;
}

/** The document that `--json` prints. Operations look as in a history; `place` is the place in the legal order. */
export function reportJson(result: CheckResult): unknown {
  const { verdict, operations, keys, clients, concurrency, unknown, tookMs, steps, failure, undecided } = result;
  const counts = { verdict, operations, keys, clients, concurrency, unknown, tookMs: Math.round(tookMs), steps };
  return { ...counts, undecided, failure: failure === undefined ? null : failureJson(failure) };
}

function failureJson({ key, operation, first, reason, order, window }: HistoryFailure): unknown {
  const places = new Map(order.map((placed, index) => [placed.operation, { ...placed, place: index + 1 }]));
  const asLine = (one: Operation): Record<string, unknown> =>
    JSON.parse(formatOperation(one)) as Record<string, unknown>;
  return {
    key,
    operation: asLine(operation),
    first,
    reason,
    placed: order.length,
    window: {
      ...{ start: String(window.start), end: String(window.end), selfContained: window.selfContained },
      operations: window.operations.map((one) => {
        const placed = places.get(one);
        return {
          ...asLine(one),
          place: placed?.place ?? null,
          ...(placed && { before: placed.before, after: placed.after }),
        };
      }),
    },
  };
}
