/**
 * The smallest window before a failure that is impossible by itself, whatever the key held when it begins.
 *
 * In a window that begins at a moment, what ended before is left out, and what was under way at that moment may have
 * happened before it, in it, or not at all: it counts as unknown. If no value that the key can have held makes
 * the rest legal, nothing outside of the window can. What is impossible from a moment on is so from every earlier one,
 * too, so that the latest such moment can be searched for in halves.
 */
import type { Budget } from './budget.js';
import { comparedValues } from './compile.js';
import { judge, mayHappen } from './truncate.js';
import type { Placed } from './explain.js';
import { relevance, type Value } from './model.js';
import type { Operation } from './operation.js';

export interface Window {
  readonly start: number | bigint;
  readonly end: number | bigint;
  /** What was under way in it and bears on the verdict, by start. */
  readonly operations: readonly Operation[];
  /** Whether these operations are impossible whatever the key held before. */
  readonly selfContained: boolean;
}

interface Scene {
  /** All of the key. */
  readonly history: readonly Operation[];
  /** What is to be placed, by its end; the last one cannot be. */
  readonly answered: readonly Operation[];
  /** A legal order without it. */
  readonly order: readonly Placed[];
}

type Time = number | bigint;

export function smallestWindow(scene: Scene, budget: Budget): Window {
  const failed = scene.answered.at(-1);
  if (failed === undefined) throw new Error('a window is around something');
  const starts = [...new Set(scene.answered.map(({ start }) => start))]
    .filter((start) => start <= failed.start)
    .sort((a, b) => (a > b ? -1 : a < b ? 1 : 0));
  const at = latestImpossible(starts, scene, budget);
  const start = starts[at ?? starts.length - 1] ?? failed.start;
  return { start, end: failed.end, operations: under(scene, start, failed), selfContained: at !== undefined };
}

/** The first of `starts` (the latest comes first) from which on nothing is legal; undefined if there is none. */
function latestImpossible(starts: readonly Time[], scene: Scene, budget: Budget): number | undefined {
  const impossible = (index: number): boolean => isImpossible(starts[index] ?? 0, scene, budget);
  let possible = -1;
  let reach = 0;
  // Most windows are small: go back in growing strides, and only then halve.
  while (!impossible(reach)) {
    possible = reach;
    if (reach === starts.length - 1 || budget.exhausted) return undefined;
    reach = Math.min(2 * reach + 1, starts.length - 1);
  }
  while (reach - possible > 1) {
    const middle = (possible + reach) >> 1;
    if (impossible(middle)) reach = middle;
    else possible = middle;
  }
  return reach;
}

function isImpossible(from: Time, { history, answered }: Scene, budget: Budget): boolean {
  const failed = answered.at(-1);
  const end = failed?.end ?? 0;
  const settled = new Set(answered);
  const operations: Operation[] = [];
  for (const operation of history) {
    if (operation.start > end) continue;
    const whole = settled.has(operation) && operation.start >= from;
    if (whole) operations.push(operation);
    else if (mayHappen(operation) && (operation.ok === null || operation.end >= from)) {
      operations.push({ ...operation, ok: null });
    }
  }
  return valuesBefore(operations).every((value) => judge(operations, value, budget) === 'illegal');
}

/**
 * Every value that could make a difference at the beginning: absent, one that nobody recognises, and what somebody
 * compares with, less any of the window's appends at its end.
 */
function valuesBefore(operations: readonly Operation[]): Value[] {
  const compared = comparedValues(operations.filter((operation) => relevance(operation) !== 'drop'));
  const appended = new Set(operations.filter(({ op }) => op === 'append').map(({ value }) => value ?? ''));
  const values = new Set(compared);
  // What is added while it is walked through is walked through, too.
  for (const value of values) {
    for (const tail of appended) {
      if (tail !== '' && value.endsWith(tail)) values.add(value.slice(0, value.length - tail.length));
    }
  }
  let other = 'something else';
  while ([...compared].some((value) => value.startsWith(other))) other += '!';
  return [null, other, ...values];
}

/** What was under way between `start` and the end of `failed`; of what is still unknown from before, what was placed. */
function under({ history, order }: Scene, start: Time, failed: Operation): Operation[] {
  const placed = new Set(order.map(({ operation }) => operation));
  return history
    .filter((operation) => {
      if (relevance(operation) === 'drop' || operation.start > failed.end) return false;
      if (operation.ok === null && operation.start < start) return placed.has(operation);
      return operation.ok === null || operation.end >= start;
    })
    .sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
}
