/** A layout as SVG: axis, the key's value, lanes, bars, and the legal order as a line through them. */
import { describeOperation, formatValue, type Operation } from '../operation.js';
import { AXIS, drawGrid, fit, frameChart } from './grid.js';
import { layOut, type Bar, type ChartInput, type Pin, type Reign } from './layout.js';
import { escapeText, round } from './markup.js';

const VALUE = 44;
const LANE = 44;
const BAR = 24;
const TOP = AXIS + VALUE;

export interface Chart {
  readonly html: string;
  /** The operations shown, indexed by the `data-i` of their bars. */
  readonly operations: readonly Operation[];
}

export function drawChart(input: ChartInput): Chart {
  const layout = layOut(input);
  const height = TOP + layout.rows.length * LANE + 8;
  const failed = layout.bars.find(({ operation }) => operation === input.failed);
  const svg = [
    `<svg width="${layout.width}" height="${height}" role="img" aria-label="operations by client along time">`,
    drawGrid({ ...layout, top: TOP, lane: LANE, height }),
    failed === undefined ? '' : drawFailureBand(failed, height),
    ...layout.reigns.map(drawReign),
    drawOrder(layout.bars),
    ...layout.bars.map((bar, index) => drawBar(bar, index, input.failed)),
    '</svg>',
  ];
  const above = `<div class="value-label" style="height:${VALUE}px">value of the key</div>`;
  const html = frameChart(svg.join('\n'), { rows: layout.rows, lane: LANE }, above);
  return { html, operations: layout.bars.map(({ operation }) => operation) };
}

/** The same colour for the same value, wherever it is written or read. */
function hueOf(value: string | null | undefined): number | undefined {
  if (value === null || value === undefined) return undefined;
  let hash = 7;
  for (let i = 0; i < value.length; i++) hash = Math.imul(hash ^ value.charCodeAt(i), 0x9e3779b1) >>> 0;
  // Golden-angle steps keep neighbours apart; red is reserved for errors.
  return 25 + (((hash % 997) * 137.5) % 310);
}

function tint(value: string | null | undefined): string {
  const hue = hueOf(value);
  return hue === undefined ? 'var(--absent)' : `hsl(${Math.round(hue)} 62% 55%)`;
}

function drawFailureBand({ x, width }: Bar, height: number): string {
  return `<rect class="failure-band" x="${round(x)}" y="${AXIS}" width="${round(width)}" height="${height - AXIS}"/>`;
}

function drawReign({ value, x, width }: Reign): string {
  const text = fit(formatValue(value, 80), width - 10);
  const at = `x="${round(x)}" y="${AXIS + 8}" width="${round(width)}" height="26"`;
  const style = `style="--tint:${tint(value)}"`;
  const label =
    text === '' ? '' : `<text class="reign-label" x="${round(x) + 6}" y="${AXIS + 25}">${escapeText(text)}</text>`;
  return `<g class="reign${value === null ? ' absent' : ''}" ${style}><rect ${at} rx="3"/>${label}<title>${escapeText(formatValue(value, 200))}</title></g>`;
}

function drawOrder(bars: readonly Bar[]): string {
  const points = bars
    .flatMap(({ placed, row }) => (placed?.inside === true ? [{ ...placed, y: pinY(row) }] : []))
    .sort((a, b) => a.place - b.place);
  if (points.length < 2) return '';
  return `<polyline class="order" points="${points.map(({ x, y }) => `${round(x)},${y}`).join(' ')}"/>`;
}

const barY = (row: number): number => TOP + row * LANE + 5;
const pinY = (row: number): number => barY(row) + BAR + 2;

function drawBar(bar: Bar, index: number, failed: Operation | undefined): string {
  const { operation, row, x, width, placed } = bar;
  const wrong = operation === failed;
  const classes = ['bar', operation.op, ...statesOf(bar), ...(wrong ? ['wrong'] : [])];
  const y = barY(row);
  const label = fit(shortLabel(operation), width - 14);
  const parts = [
    `<g class="${classes.join(' ')}" data-i="${index}" tabindex="0" style="--tint:${tint(subjectOf(operation))}">`,
    `<title>${escapeText(describeOperation(operation, 200))}</title>`,
    `<rect class="body" x="${round(x)}" y="${y}" width="${round(width)}" height="${BAR}" rx="4"/>`,
    `<rect class="chip" x="${round(x)}" y="${y}" width="5" height="${BAR}" rx="2"/>`,
    label === '' ? '' : `<text x="${round(x) + 9}" y="${y + 16}">${escapeText(label)}</text>`,
    placed?.inside === true ? drawPin(bar, placed) : '',
    wrong ? drawCross(x + width / 2, pinY(row)) : '',
    '</g>',
  ];
  return parts.join('');
}

function statesOf({ operation, placed, truncated }: Bar): string[] {
  const { ok } = operation;
  const states = ok === null ? ['unknown'] : ok ? [] : ['failed'];
  if (placed === undefined) states.push('unplaced');
  if (truncated) states.push('cut');
  return states;
}

function drawPin({ row, x, width }: Bar, placed: Pin): string {
  const y = pinY(row);
  const end = x + width;
  // The operation took effect after its client had given up.
  const tail =
    placed.x > end ? `<line class="tail" x1="${round(end)}" x2="${round(placed.x)}" y1="${y}" y2="${y}"/>` : '';
  const digits = String(placed.place);
  const half = Math.max(8, digits.length * 3.4 + 4);
  return `${tail}<rect class="pin" x="${round(placed.x - half)}" y="${y - 8}" width="${round(2 * half)}" height="16" rx="8"/><text class="pin-label" x="${round(placed.x)}" y="${y + 3.5}">${digits}</text>`;
}

function drawCross(x: number, y: number): string {
  return `<circle class="cross" cx="${round(x)}" cy="${y}" r="9"/><text class="cross-label" x="${round(x)}" y="${y + 4}">✗</text>`;
}

/** The value that an operation concerns: what it wrote, or what it read. */
function subjectOf({ op, ok, value, result }: Operation): string | null | undefined {
  if (op === 'get' || (op === 'cas' && ok === false)) return result;
  if (op === 'increment') return result;
  if (op === 'touch') return undefined;
  return op === 'delete' ? null : value;
}

function shortLabel(operation: Operation): string {
  const { op, ok, error } = operation;
  if (op === 'get' && ok === true) return `get ${formatValue(operation.result)}`;
  if (op === 'cas')
    return `cas ${formatValue(operation.expected)}→${formatValue(operation.value)}${ok === null ? ' ?' : ok ? '' : error ? ' refused' : ' failed'}`;
  return describeOperation(operation).replace(/: unknown$/, ' ?');
}
