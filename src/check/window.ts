/**
 * The smallest window before a failure that is impossible by itself, whatever the key's value at its beginning.
 *
 * For a window that begins at some moment, operations that ended before are left out, and those under way at that
 * moment may have happened before it, in it, or not at all: they count as unknown. If no possible initial
 * value makes the rest legal, nothing outside the window can. What is impossible from a moment on is also impossible
 * from every earlier one, so the latest such moment can be found by bisection.
 */
import type { Budget } from './budget.js';
import { comparedValues } from './compile.js';
import { judge, mayHappen } from './truncate.js';
import type { Placed } from './explain.js';
import { relevance, type Value } from './model.js';
import type { Operation } from './operation.js';

/** A part of a key's history around the operation that cannot be placed, from a moment to the end of that operation. */
export interface Window {
  /** When the first operation that must be placed in it starts, in the unit of `Operation.start`. */
  readonly start: number | bigint;
  /** When the operation that cannot be placed ends, in the unit of `Operation.start`. */
  readonly end: number | bigint;
  /** Operations under way in it that are relevant to the verdict, by start. */
  readonly operations: readonly Operation[];
  /** Whether these operations are impossible for every initial value of the key. */
  readonly selfContained: boolean;
}

interface Scene {
  /** All operations of the key. */
  readonly history: readonly Operation[];
  /** The operations to be placed, by their end; the last one cannot be. */
  readonly answered: readonly Operation[];
  /** A legal order without the last one. */
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

/** The first of `starts` (the latest comes first) from which nothing is legal; undefined if there is none. */
function latestImpossible(starts: readonly Time[], scene: Scene, budget: Budget): number | undefined {
  const impossible = (index: number): boolean => isImpossible(starts[index] ?? 0, scene, budget);
  let possible = -1;
  let reach = 0;
  // Most windows are small: go back in growing strides, and only then bisect.
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
  // From any number an increment that answered nothing leads to another one: there are too many values to try.
  if (operations.some(({ op, ok }) => op === 'increment' && ok === null)) return false;
  // A deadline may have been set before the window.
  const expires = history.some(({ ttl }) => ttl !== undefined);
  return valuesBefore(operations).every((value) => judge(operations, value, budget, expires) === 'illegal');
}

/**
 * Every initial value that could make a difference: absent, one that no operation recognises, and every value that is
 * compared with, also without any of the window's appends at its end.
 */
function valuesBefore(operations: readonly Operation[]): Value[] {
  const compared = comparedValues(operations.filter((operation) => relevance(operation) !== 'drop'));
  const appended = new Set(operations.filter(({ op }) => op === 'append').map(({ value }) => value ?? ''));
  const values = new Set(compared);
  // Values added during the iteration are visited, too.
  for (const value of values) {
    for (const tail of appended) {
      if (tail !== '' && value.endsWith(tail)) values.add(value.slice(0, value.length - tail.length));
    }
  }
  let other = 'something else';
  while ([...compared].some((value) => value.startsWith(other))) other += '!';
  return [null, other, ...values];
}

/** Operations under way between `start` and the end of `failed`; of earlier ones still unknown, those in the order. */
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
