/**
 * Transactions along time, and the edges of a cycle between them, as SVG.
 *
 * The axis is not to scale: every start and end has a place of its own at the same distance from the last. What matters is
 * which came first, and the transactions of a cycle can be an hour apart and a millisecond long.
 */
import { AXIS, drawGrid, escapeText, fit, frameChart, packLanes, round } from '../page/index.js';
import { timeSince } from '../time.js';
import type { CycleEdge } from './explain.js';
import { describeTransaction, formatScalar, nameOf, type TransactionRecord } from './transaction.js';

/** A transaction with its index in the history. */
export interface Shown {
  readonly index: number;
  readonly record: TransactionRecord;
}

interface Bar extends Shown {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

const LANE = 92;
const BAR = 26;
const BAR_TOP = 34;
const MIN_BAR = 40;
const MARGIN = 24;
const WIDTH = 1100;
const MIN_STEP = 70;
const MAX_STEP = 240;
/** How far an edge bends aside, so that two edges between the same bars do not cover each other. */
const BEND = 22;
const HEAD = 9;

export function drawTransactions(shown: readonly Shown[], cycle: readonly CycleEdge[]): string {
  const times = distinctTimes(shown);
  const step = Math.min(Math.max((WIDTH - 2 * MARGIN) / Math.max(times.length - 0.5, 1), MIN_STEP), MAX_STEP);
  const place = (time: number | bigint): number => times.findIndex((one) => timeSince(one, time) === 0);
  const spans = shown.map(({ record: { client, start, end, ok } }) => ({
    ...{ client, from: place(start), to: ok === true ? place(end) : times.length - 0.5 },
  }));
  const { rows, rowOf } = packLanes(spans, MIN_BAR / step);
  const bars = shown.map((one, i): Bar => {
    const { from, to } = spans[i] ?? { from: 0, to: 0 };
    const y = AXIS + (rowOf[i] ?? 0) * LANE + BAR_TOP;
    return { ...one, x: MARGIN + from * step, y, width: Math.max((to - from) * step, MIN_BAR) };
  });
  const grid = {
    ...{ width: Math.max(WIDTH, 2 * MARGIN + (times.length - 0.5) * step), rows, lane: LANE, top: AXIS },
    ...{ height: AXIS + rows.length * LANE + 8 },
    ticks: times.map((time, i) => ({ x: MARGIN + i * step, offset: timeSince(times[0] ?? 0, time) })),
  };
  const barOf = new Map(bars.map((bar) => [bar.index, bar]));
  const svg = [
    `<svg width="${grid.width}" height="${grid.height}" role="img" aria-label="transactions by client along time">`,
    drawGrid(grid),
    ...bars.map((bar, i) => drawBar(bar, i)),
    ...cycle.map((edge) => drawEdge(edge, barOf.get(edge.from), barOf.get(edge.to))),
    '</svg>',
  ];
  return frameChart(svg.join('\n'), grid);
}

function distinctTimes(shown: readonly Shown[]): (number | bigint)[] {
  const times = shown.flatMap(({ record: { start, end, ok } }) => (ok === true ? [start, end] : [start]));
  times.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return times.filter((time, i) => i === 0 || timeSince(times[i - 1] ?? 0, time) !== 0);
}

function drawBar({ index, record, x, y, width }: Bar, i: number): string {
  const onlyReads = record.ops.every(([op]) => op === 'r');
  const classes = ['bar', ...(onlyReads ? ['get'] : []), ...(record.ok === null ? ['unknown'] : [])];
  const name = nameOf(index);
  const rest = fit(describeTransaction(record), width - 24 - name.length * 8);
  return [
    `<g class="${classes.join(' ')}" data-i="${i}" tabindex="0" style="--tint:var(--order)">`,
    `<title>${escapeText(`${name}: ${describeTransaction(record)}`)}</title>`,
    `<rect class="body" x="${round(x)}" y="${y}" width="${round(width)}" height="${BAR}" rx="4"/>`,
    `<rect class="chip" x="${round(x)}" y="${y}" width="5" height="${BAR}" rx="2"/>`,
    `<text x="${round(x) + 9}" y="${y + 17}"><tspan font-weight="700">${name}</tspan> ${escapeText(rest)}</text></g>`,
  ].join('');
}

/** A curve from one bar to another, bent to its left; between bars of one lane it goes above them. */
function drawEdge({ kind, key, text }: CycleEdge, from: Bar | undefined, to: Bar | undefined): string {
  if (from === undefined || to === undefined) return '';
  const [x1, x2] = [from.x + from.width / 2, to.x + to.width / 2];
  const [y1, y2] = [from.y < to.y ? from.y + BAR : from.y, to.y < from.y ? to.y + BAR : to.y];
  const length = Math.max(Math.hypot(x2 - x1, y2 - y1), 1);
  const [dx, dy] = from.y === to.y ? [0, -1] : [(y2 - y1) / length, (x1 - x2) / length];
  const [cx, cy] = [(x1 + x2) / 2 + dx * 2 * BEND, (y1 + y2) / 2 + dy * 2 * BEND];
  const style = kind === 'real time' ? 'time' : kind;
  const label = key === undefined ? kind : `${kind} ${formatScalar(key)}`;
  // The middle of the curve.
  const [lx, ly] = [(x1 + x2) / 4 + cx / 2, (y1 + y2) / 4 + cy / 2];
  return [
    `<g><title>${escapeText(text)}</title>`,
    `<path class="edge ${style}" d="M${round(x1)} ${round(y1)} Q${round(cx)} ${round(cy)} ${round(x2)} ${round(y2)}"/>`,
    drawHead(style, x2 - cx, y2 - cy, x2, y2),
    `<text class="edge-label" x="${round(lx)}" y="${round(ly + 4)}">${escapeText(label)}</text></g>`,
  ].join('');
}

/** The head of an arrow that arrives at x, y in the given direction. */
function drawHead(style: string, dx: number, dy: number, x: number, y: number): string {
  const length = Math.max(Math.hypot(dx, dy), 1);
  const [ux, uy] = [(dx / length) * HEAD, (dy / length) * HEAD];
  const points = [
    [x, y],
    [x - ux - uy / 2, y - uy + ux / 2],
    [x - ux + uy / 2, y - uy - ux / 2],
  ];
  const list = points.map(([px = 0, py = 0]) => `${round(px)},${round(py)}`).join(' ');
  return `<polygon class="edge-head ${style}" points="${list}"/>`;
}
