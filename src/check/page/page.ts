/**
 * The verdict on a history of operations as one self-contained page (`document.ts`).
 *
 * Shows one key: of an illegal history the impossible one, at first the window around the failure; of a linearizable
 * history the busiest one, with the order that proves it.
 */
import type { CheckResult } from '../check.js';
import type { HistoryFailure, Placed } from '../explain.js';
import { relevance } from '../model.js';
import { describeOperation, formatValue, type Operation } from '../operation.js';
import { count, number, offset } from '../text.js';
import { formatDuration, timeSince } from '../time.js';
import { drawChart, type Chart } from './chart.js';
import { code, renderDocument, renderHeader, type Tip } from './document.js';
import { escapeText } from './markup.js';

/** One key of a history with a legal order of it, as far as one was found. */
export interface KeyPicture {
  readonly key: string;
  readonly history: readonly Operation[];
  readonly order: readonly Placed[];
}

export interface PageOptions {
  /** Name of the history; the file's. */
  readonly name: string;
  /** The key to show if there is no failure. */
  readonly picture?: KeyPicture;
}

/** More bars than this make a browser slow. */
const MAX_BARS = 5_000;
const MAX_TOOLTIP_VALUE = 300;

interface View {
  readonly id: 'window' | 'all';
  readonly label: string;
  readonly chart: Chart;
  /** Start of its time axis. */
  readonly start: number | bigint;
  readonly note: string;
}

export function renderPage(result: CheckResult, { name, picture }: PageOptions): string {
  const { failure } = result;
  const shown = failure ?? picture;
  const views = shown === undefined ? [] : viewsOf(shown, failure);
  const tips = Object.fromEntries(
    views.map(({ id, chart, start }) => [id, chart.operations.map(tooltipFormatter(start, shown, failure))]),
  );
  const body = [
    renderHeader(name, count(result.operations, 'operation'), result),
    finding(result, shown),
    viewer(views),
    failure === undefined ? '' : orderTable(failure),
  ];
  return renderDocument({ title: `${result.verdict} · ${name}`, body: body.join('\n'), tips });
}

function finding({ verdict, failure, undecided }: CheckResult, shown: KeyPicture | undefined): string {
  if (failure !== undefined) {
    const { key, operation, reason, order, first } = failure;
    const which = first ? 'is the first operation that cannot be placed' : 'cannot be placed';
    return `<div class="finding"><p class="what">Key ${code(formatValue(key, MAX_TOOLTIP_VALUE))}: client ${escapeText(String(operation.client))}, ${code(describeOperation(operation, MAX_TOOLTIP_VALUE))} ${which}</p>
<p>${escapeText(upper(reason))}.</p>
<p class="soft">The numbers are a legal order of the ${count(order.length, 'operation')} that could be placed before it; the line follows it.</p></div>`;
  }
  if (verdict === 'UNKNOWN') {
    const names = undecided.slice(0, 20).map((key) => code(formatValue(key, 60)));
    return `<div class="finding plain"><p class="what">No verdict in time</p><p>On ${count(undecided.length, 'key')}: ${names.join(', ')}</p></div>`;
  }
  const about =
    shown === undefined
      ? ''
      : `<p>Shown is the busiest key, ${code(formatValue(shown.key, MAX_TOOLTIP_VALUE))}, with an order that explains every answer.</p>`;
  return `<div class="finding plain"><p class="what">Every operation has a place between its start and its end.</p>${about}</div>`;
}

const upper = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function viewsOf(shown: KeyPicture, failure: HistoryFailure | undefined): View[] {
  const all = wholeKey(shown, failure);
  if (failure === undefined) return [all];
  const { window, order, operation } = failure;
  const chart = drawChart({
    operations: window.operations,
    order,
    failed: operation,
    start: window.start,
    end: window.end,
  });
  const note = window.selfContained
    ? 'These operations are impossible by themselves, whatever the key held before. What began before the window is cut at its left edge.'
    : 'Only the whole history up to the failure is impossible, together with what the key held at the beginning.';
  const label = `Window around the failure (${number(window.operations.length)})`;
  return [{ id: 'window', label, chart, start: window.start, note }, all];
}

function wholeKey({ history, order }: KeyPicture, failure: HistoryFailure | undefined): View {
  const sorted = [...history].sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  const at = failure === undefined ? 0 : sorted.indexOf(failure.operation);
  const from = Math.max(0, Math.min(at - MAX_BARS / 2, sorted.length - MAX_BARS));
  const operations = sorted.slice(from, from + MAX_BARS);
  let end = operations[0]?.start ?? 0;
  for (const one of operations) if (one.end > end) end = one.end;
  const start = operations[0]?.start ?? 0;
  const chart = drawChart({ operations, order, failed: failure?.operation, start, end });
  const note =
    operations.length < sorted.length
      ? `${number(operations.length)} of ${number(sorted.length)} operations are drawn.`
      : '';
  return { id: 'all', label: `All of the key (${number(history.length)})`, chart, start, note };
}

const LEGEND = `<div class="legend"><span><i class="key write"></i>put, append, cas</span><span><i class="key read"></i>get</span>
<span><i class="key delete"></i>delete</span><span><i class="key unknown"></i>unknown outcome</span>
<span><i class="key pin">12</i>place in the legal order</span><span><i class="key wrong"></i>cannot be placed</span></div>`;

function viewer(views: readonly View[]): string {
  if (views.length === 0) return '';
  const inputs = views.map(
    ({ id }, index) => `<input class="tab" type="radio" name="view" id="show-${id}"${index === 0 ? ' checked' : ''}>`,
  );
  const labels = views.map(({ id, label }) => `<label for="show-${id}">${label}</label>`);
  const tools = `<div class="bar-tools"><div class="tabs">${labels.join('')}</div>${LEGEND}</div>`;
  const sections = views.map(
    ({ id, chart, note }) =>
      `<section class="view-${id}" data-view="${id}">${chart.html}${note === '' ? '' : `<p class="note">${note}</p>`}</section>`,
  );
  return [...inputs, tools, ...sections].join('\n');
}

function tooltipFormatter(
  start: number | bigint,
  shown: KeyPicture | undefined,
  failure: HistoryFailure | undefined,
): (operation: Operation) => Tip {
  const places = new Map(shown?.order.map((placed, index) => [placed.operation, { ...placed, place: index + 1 }]));
  const at = (time: number | bigint): string => offset(time, start);
  return (operation) => {
    const { client, start: began, end, ok } = operation;
    const placed = places.get(operation);
    const until = ok === null ? 'open' : `${at(end)} (${formatDuration(timeSince(began, end))})`;
    const facts: [string, string, boolean][] = [
      ['client', String(client), false],
      ['time', `${at(began)} to ${until}`, false],
    ];
    if (placed === undefined) facts.push(['order', whyUnplaced(operation, failure), false]);
    else {
      facts.push(['order', `${number(placed.place)} of ${number(places.size)}`, false]);
      facts.push(
        ['before', formatValue(placed.before, MAX_TOOLTIP_VALUE), true],
        ['after', formatValue(placed.after, MAX_TOOLTIP_VALUE), true],
      );
    }
    return { what: describeOperation(operation, MAX_TOOLTIP_VALUE), facts };
  };
}

function whyUnplaced(operation: Operation, failure: HistoryFailure | undefined): string {
  if (operation === failure?.operation) return `cannot be placed: ${failure.reason}`;
  if (relevance(operation) === 'drop') return 'none: it did nothing and says nothing';
  if (failure !== undefined && operation.start > failure.operation.end) return 'none: it began after the failure';
  if (operation.ok === null) return 'none: unknown, and not needed';
  return 'none: it was under way when the failure showed';
}

function orderTable({ order, window, operation, reason }: HistoryFailure): string {
  const inWindow = new Set(window.operations);
  const rows = order.flatMap((placed, index) =>
    inWindow.has(placed.operation)
      ? [
          `<tr><td class="number">${index + 1}</td><td>${escapeText(String(placed.operation.client))}</td><td>${code(describeOperation(placed.operation, 120))}</td><td>${code(formatValue(placed.before, 120))}</td><td>${code(formatValue(placed.after, 120))}</td></tr>`,
        ]
      : [],
  );
  const failed = `<tr class="wrong"><td class="number">✗</td><td>${escapeText(String(operation.client))}</td><td>${code(describeOperation(operation, 120))}</td><td colspan="2">${escapeText(reason)}</td></tr>`;
  return `<details><summary>The legal order in the window, as a table</summary><table><tr><th>place</th><th>client</th><th>operation</th><th>before</th><th>after</th></tr>${rows.join('')}${failed}</table></details>`;
}
