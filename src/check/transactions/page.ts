/**
 * The verdict on transactions as a page: the cycle as a drawing, in words and as a table.
 *
 * Of a history that is strictly serializable it shows the beginning, so that there is something to look at.
 */
import { code, escapeText, renderDocument, renderHeader, type Tip } from '../page/index.js';
import { count, number, offset } from '../text.js';
import { drawTransactions, type Shown } from './chart.js';
import type { TransactionFailure, TransactionCheckResult } from './check.js';
import { earliest } from './report.js';
import { describeTransaction, nameOf, type TransactionRecord } from './transaction.js';

export interface TransactionPageOptions {
  /** Name of the history; the file's. */
  readonly name: string;
  readonly history: readonly TransactionRecord[];
}

/** As many are drawn at the most. */
const MAX_SHOWN = 60;

export function renderTransactionPage(
  result: TransactionCheckResult,
  { name, history }: TransactionPageOptions,
): string {
  const { failure, verdict, transactions } = result;
  const indexes = failure?.transactions ?? history.keys();
  const shown = [...indexes].slice(0, MAX_SHOWN).flatMap((index): Shown[] => {
    const record = history[index];
    return record === undefined ? [] : [{ index, record }];
  });
  const first = earliest(shown.map(({ record }) => record.start));
  const body = [
    renderHeader(name, count(transactions, 'transaction'), result),
    failure === undefined ? finding(result) : failureFinding(failure, result.others),
    LEGEND,
    `<section data-view="all">${drawTransactions(shown, failure?.cycle ?? [])}</section>`,
    `<p class="note">${note(shown.length, failure, transactions)} Time is not to scale.</p>`,
    table(shown, first),
  ];
  return renderDocument({ title: `${verdict} · ${name}`, body: body.join('\n'), tips: { all: shown.map(tip) } });

  function tip({ index, record }: Shown): Tip {
    const { client, start } = record;
    return {
      what: `${nameOf(index)}: ${describeTransaction(record, 40)}`,
      facts: [
        ['client', String(client), false],
        ['time', `${offset(start, first)} to ${endOf(record, first)}`, false],
      ],
    };
  }
}

const endOf = ({ ok, end }: TransactionRecord, first: number | bigint): string =>
  ok === null ? 'open' : offset(end, first);

function note(shown: number, failure: TransactionFailure | undefined, all: number): string {
  const concerned = failure === undefined ? all : failure.transactions.length;
  if (shown < concerned) return `${number(shown)} of ${count(concerned, 'transaction')} are drawn.`;
  return failure === undefined ? 'All transactions are drawn.' : 'Only the transactions concerned are drawn.';
}

function finding({ verdict }: TransactionCheckResult): string {
  const what =
    verdict === 'UNKNOWN'
      ? 'No verdict in time'
      : 'There is an order of all transactions, each between its start and its end, in which every read is correct.';
  return `<div class="finding plain"><p class="what">${what}</p></div>`;
}

function failureFinding(failure: TransactionFailure, others: readonly TransactionFailure[]): string {
  const { anomaly, meaning, text, cycle } = failure;
  const edges = cycle.slice(0, MAX_SHOWN).map((edge) => `<li><b>${edge.kind}</b> ${escapeText(edge.text)}</li>`);
  const also = others.map((one) => `<p class="soft">Also ${one.anomaly}: ${escapeText(one.text)}</p>`);
  return [
    `<div class="finding"><p class="what">${anomaly}: ${meaning}</p><p>${escapeText(text)}</p>`,
    edges.length === 0 ? '' : `<ul>${edges.join('')}</ul>`,
    `${also.join('')}</div>`,
  ].join('');
}

const LEGEND = `<div class="bar-tools"><div class="legend"><span><i class="key write"></i>appends</span><span><i class="key read"></i>reads only</span>
<span><i class="key unknown"></i>unknown outcome</span><span>arrows: what comes before what (ww append before append, wr append before a read of it, rw read before an append that it missed)</span></div></div>`;

function table(shown: readonly Shown[], first: number | bigint): string {
  const rows = shown.map(({ index, record }) => {
    const cells = [String(record.client), offset(record.start, first), endOf(record, first)].map(
      (text) => `<td class="number">${escapeText(text)}</td>`,
    );
    return `<tr><td>${nameOf(index)}</td>${cells.join('')}<td>${code(describeTransaction(record, 40))}</td></tr>`;
  });
  return `<details open><summary>The transactions</summary><table><tr><th>name</th><th>client</th><th>start</th><th>end</th><th>transaction</th></tr>${rows.join('')}</table></details>`;
}
