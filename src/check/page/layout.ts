/**
 * The layout of a chart: a lane per client, bars along the time axis, and for each operation of the legal order a
 * moment at which it may have happened. Computes numbers only, no markup.
 */
import type { Placed } from '../explain.js';
import type { Value } from '../model.js';
import type { Operation } from '../operation.js';
import { timeSince } from '../time.js';
import { packLanes, type Span } from './lanes.js';

export interface ChartInput {
  /** The operations to draw. */
  readonly operations: readonly Operation[];
  /** The legal order of the whole key. */
  readonly order: readonly Placed[];
  readonly failed: Operation | undefined;
  /** The time range shown: bars are cut where they leave it. */
  readonly start: number | bigint;
  readonly end: number | bigint;
}

export interface Bar {
  readonly operation: Operation;
  /** Row of the chart, from 0. */
  readonly row: number;
  readonly x: number;
  readonly width: number;
  /** It began before the chart does. */
  readonly truncated: boolean;
  /** Its place in the legal order. */
  readonly placed: Pin | undefined;
}

/** A place in the legal order, with a moment at which the operation may have happened. */
export interface Pin {
  readonly place: number;
  readonly x: number;
  /** Whether the chart shows that moment. */
  readonly inside: boolean;
  readonly before: Value;
  readonly after: Value;
}

/** A period during which the key holds one value, in the legal order. */
export interface Reign {
  readonly value: Value;
  readonly x: number;
  readonly width: number;
}

export interface Layout {
  readonly width: number;
  /** Labels of the rows; a client with concurrent operations has more than one row. */
  readonly rows: readonly string[];
  readonly bars: readonly Bar[];
  readonly reigns: readonly Reign[];
  readonly ticks: readonly { readonly x: number; readonly offset: number }[];
}

const MIN_WIDTH = 1180;
const MAX_WIDTH = 40_000;
/** Width of a bar of median length. */
const TYPICAL_BAR = 96;
const MIN_BAR = 10;
const MARGIN = 18;
const TICK_EVERY = 110;

/** Times relative to the beginning: small enough for floating point, whatever the clock. */
interface OperationSpan extends Span {
  readonly operation: Operation;
}

export function layOut(input: ChartInput): Layout {
  const offset = (time: number | bigint): number => timeSince(input.start, time);
  const length = Math.max(offset(input.end), 1);
  const spans = input.operations.map((operation) => spanOf(operation, offset, length));
  const width = widthFor(spans, length);
  const scale = (width - 2 * MARGIN) / length;
  const xOf = (at: number): number => MARGIN + Math.min(Math.max(at, 0), length) * scale;
  const moments = momentsOf(input.order, offset);
  // Beyond the failure the value of the key is not known.
  const lastMoment = input.failed === undefined ? length : offset(input.failed.end);
  const { rows, rowOf } = packLanes(spans, MIN_BAR / scale);
  const bars = spans.map(({ operation, from, to }, index): Bar => {
    const x = xOf(from);
    const moment = moments.get(operation);
    const placed = moment && { ...moment, x: xOf(moment.at), inside: moment.at >= 0 && moment.at <= length };
    return { operation, row: rowOf[index] ?? 0, x, width: Math.max(xOf(to) - x, MIN_BAR), truncated: from < 0, placed };
  });
  return { width, rows, bars, reigns: reignsOf(moments, xOf, xOf(lastMoment)), ticks: ticksOf(length, xOf, width) };
}

/** An operation with an unknown outcome is drawn until its client gave up, though it may take effect later. */
function spanOf(operation: Operation, offset: (time: number | bigint) => number, length: number): OperationSpan {
  const from = offset(operation.start);
  const to = Math.min(Math.max(offset(operation.end), from), length);
  return { operation, client: operation.client, from, to };
}

function widthFor(spans: readonly Span[], length: number): number {
  const lengths = spans.map(({ from, to }) => to - from).sort((a, b) => a - b);
  const median = Math.max(lengths[lengths.length >> 1] ?? length, length / 1e6);
  return Math.round(Math.min(Math.max((length / median) * TYPICAL_BAR, MIN_WIDTH), MAX_WIDTH));
}

interface Moment {
  readonly place: number;
  readonly at: number;
  readonly before: Value;
  readonly after: Value;
}

/**
 * A moment for each operation of the order, ascending, between its start and its end: halfway between the earliest and
 * the latest that the other operations allow.
 */
function momentsOf(order: readonly Placed[], offset: (time: number | bigint) => number): Map<Operation, Moment> {
  const earliest: number[] = [];
  let floor = -Infinity;
  for (const { operation } of order) earliest.push((floor = Math.max(floor, offset(operation.start))));
  const latest = new Array<number>(order.length).fill(0);
  let ceiling = floor;
  for (const { operation } of order) if (operation.ok !== null) ceiling = Math.max(ceiling, offset(operation.end));
  for (let i = order.length - 1; i >= 0; i--) {
    const operation = order[i]?.operation;
    // An operation that never returned may take effect at any time.
    if (operation !== undefined && operation.ok !== null) ceiling = Math.min(ceiling, offset(operation.end));
    latest[i] = ceiling;
  }
  return new Map(
    order.map(({ operation, before, after }, i) => {
      const at = ((earliest[i] ?? 0) + (latest[i] ?? 0)) / 2;
      return [operation, { place: i + 1, at, before, after }];
    }),
  );
}

function reignsOf(moments: ReadonlyMap<Operation, Moment>, xOf: (at: number) => number, end: number): Reign[] {
  const reigns: { value: Value; x: number; width: number }[] = [];
  const begin = (value: Value, x: number): void => {
    const last = reigns.at(-1);
    if (last?.value === value) return;
    if (last !== undefined) last.width = x - last.x;
    if (last?.width === 0) reigns.pop();
    reigns.push({ value, x, width: end - x });
  };
  for (const { at, before, after } of moments.values()) {
    if (reigns.length === 0) begin(before, xOf(-1));
    begin(after, xOf(at));
  }
  return reigns.filter(({ width }) => width > 0);
}

function ticksOf(length: number, xOf: (at: number) => number, width: number): { x: number; offset: number }[] {
  const rough = length / Math.max(width / TICK_EVERY, 2);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10, 1) * power;
  const ticks: { x: number; offset: number }[] = [];
  for (let at = 0; at <= length; at += Math.max(step, 1)) ticks.push({ x: xOf(at), offset: at });
  return ticks;
}
