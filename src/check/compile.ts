/**
 * One key's operations, prepared for the search: effects on numbered states, and the order of calls and returns; and where
 * there are times to live, what each operation does to the key's deadline (`deadlines.ts`).
 *
 * Irrelevant operations are left out here: refusals, failed writes, unanswered reads, and unknown operations that
 * cannot matter (see `withoutUselessUnknowns`). Of two events at the same time, a call comes before a return, so that
 * an operation that ends at t and one that starts at t are concurrent: a checker that reports an error must be able
 * to prove it.
 */
import { deadlinesOf, type Deadlines } from './deadlines.js';
import { Kind, type Effect } from './effect.js';
import { bindSoleWriters, type Unbound } from './possible-writers.js';
import { apply, relevance, type Value } from './model.js';
import type { Operation } from './operation.js';
import { ABSENT, States, UNSEEN, type Distinct, type State } from './states.js';

export interface CompiledKey {
  readonly states: States;
  readonly initial: State;
  /** The operations to order; all arrays below are indexed like it. */
  readonly operations: readonly Operation[];
  readonly effects: readonly Effect[];
  /** Operations with the same effect have the same number. */
  readonly effectClass: Int32Array;
  /** 1 for operations that must have happened: answered ones, and those whose effect was observed. */
  readonly required: Uint8Array;
  /** All calls, and the returns of answered operations, by time: index of the operation; −1 − index for its return. */
  readonly events: Int32Array;
  readonly unbound: Unbound;
  /** Undefined if nothing has a time to live. */
  readonly deadlines: Deadlines | undefined;
}

/** @param initExpires the initial value may become absent by itself at any time. */
export function compileKey(all: readonly Operation[], init: Value, initExpires = false): CompiledKey {
  const bearingOnes = all.filter((operation) => relevance(operation) !== 'drop');
  const appends = bearingOnes.some(({ op }) => op === 'append');
  const compared = comparedValues(bearingOnes);
  const unbound = {
    absent: initExpires || bearingOnes.some(({ ttl }) => ttl !== undefined),
    integers: bearingOnes.some(({ op, ok }) => op === 'increment' && ok === null),
  };
  const distinct: Distinct = !unbound.integers ? 'compared' : appends ? 'all' : 'integers';
  const states = new States(compared, appends, distinct);
  const initial = states.of(init);
  const effectByOperation = bearingOnes.map((operation) => effectOf(operation, states, unbound.absent));
  const { operations, effects } =
    distinct === 'all'
      ? { operations: bearingOnes, effects: effectByOperation }
      : withoutUselessUnknowns(bearingOnes, effectByOperation, compared);
  const answered = Uint8Array.from(operations, (operation) => (relevance(operation) === 'must' ? 1 : 0));
  const required = answered.slice();
  bindSoleWriters(effects, required, states, initial, unbound);
  const events = eventsOf(operations, answered);
  const deadlines = unbound.absent ? deadlinesOf(operations, events, initExpires) : undefined;
  const effectClass = classesOf(effects, deadlines);
  return { states, initial, operations, effects, effectClass, required, events, unbound, deadlines };
}

function classesOf(effects: readonly Effect[], deadlines: Deadlines | undefined): Int32Array {
  const classes = new Map<string, number>();
  return Int32Array.from(effects, ({ kind, from, to }, operation) => {
    const name = `${kind} ${from} ${to} ${deadlines?.after[operation] ?? 0}`;
    const number = classes.get(name) ?? classes.size;
    classes.set(name, number);
    return number;
  });
}

/** Every value that some operation would recognise. */
export function comparedValues(operations: readonly Operation[]): Set<string> {
  const values = new Set<string>();
  const add = (value: Value | undefined): void => {
    if (typeof value === 'string') values.add(value);
  };
  for (const { op, value, expected, result, ok } of operations) {
    if (op === 'get') add(result);
    if (op === 'increment' && ok === true) add(String(numberBefore(value, result)));
    if (op !== 'cas') continue;
    add(expected);
    if (ok === false) add(result);
  }
  return values;
}

const seen = (from: State): Effect => ({ kind: Kind.seen, from, to: from });
const NEVER: Effect = { kind: Kind.never, from: 0, to: 0 };
const UNSEEN_PUT: Effect = { kind: Kind.put, from: 0, to: UNSEEN };

const numberBefore = (amount: Value | undefined, result: Value | undefined): bigint =>
  BigInt(result ?? 0) - BigInt(amount ?? 0);

/** @param expires the key may have a deadline. */
function effectOf(operation: Operation, states: States, expires: boolean): Effect {
  const { op, ok, value = null, result = null, existed } = operation;
  switch (op) {
    case 'get':
      return seen(states.of(result));
    case 'put':
      return { kind: Kind.put, from: 0, to: states.of(value) };
    case 'append':
      return { kind: Kind.append, from: states.appendix(value ?? ''), to: 0 };
    case 'delete':
      // A delete that found nothing is a read of ABSENT. What an unanswered one found is unknown.
      if (ok === true && existed === false) return seen(ABSENT);
      return { kind: ok === true && existed === true ? Kind.deletePresent : Kind.delete, from: 0, to: ABSENT };
    case 'increment':
      return ok === true ? increment(operation, states) : { kind: Kind.add, from: states.amount(value ?? '0'), to: 0 };
    case 'touch':
      return ok === false ? seen(ABSENT) : { kind: Kind.touch, from: 0, to: 0 };
    case 'cas':
      return ok === false ? failedCas(operation, states) : cas(operation, states, expires);
  }
}

function increment({ value = null, result = null }: Operation, states: States): Effect {
  const before = numberBefore(value, result);
  const [from, to] = [states.of(String(before)), states.of(result)];
  if (before === 0n) return { kind: Kind.count, from, to };
  return from === to ? seen(from) : { kind: Kind.cas, from, to };
}

function cas({ expected = null, value = null }: Operation, states: States, expires: boolean): Effect {
  const [from, to] = [states.of(expected), states.of(value)];
  // Where there are deadlines, writing the same value changes something.
  return expected === value && !expires ? seen(from) : { kind: Kind.cas, from, to };
}

function failedCas(operation: Operation, states: States): Effect {
  const { expected = null, result, existed } = operation;
  const actual = typeof result === 'string' ? result : existed === false ? null : undefined;
  if (actual === undefined) return { kind: Kind.notSeen, from: states.of(expected), to: existed === true ? 1 : 0 };
  // The model detects an answer that contradicts itself ("it was not a, it was a").
  return apply(operation, actual) === undefined ? NEVER : seen(states.of(actual));
}

/**
 * Drops unknown operations that no legal order needs.
 *
 * An unknown operation that can only lead to UNSEEN can be taken out of any legal order, if no operation on this key
 * notices a difference without recognising a value (a failed compare that does not say what was there, a delete or
 * compare that says only that something was). Proof: take it out. Until the next operation that sets the value (put,
 * delete, compare), the order holds only appends, which are always legal, and operations that recognise no value: in
 * UNSEEN a get or a compare would have failed. So all that was legal before is legal after, and from that next one on
 * the values are the same. An append leads only to UNSEEN if no value that is ever compared with contains its text.
 *
 * An unknown compare that would change nothing is left out, too.
 *
 * With deadlines: what has a time to live stays, because the key may become absent by it. Taking out another one leaves a
 * key that may keep its deadline, and then simply does not expire before the next operation that sets the value. A touch
 * notices that the key is there. Increments: an integer leads to UNSEEN only if all increments say what they compared
 * with, which is then recognised.
 */
function withoutUselessUnknowns(
  all: readonly Operation[],
  effectByOperation: readonly Effect[],
  compared: ReadonlySet<string>,
): { operations: Operation[]; effects: Effect[] } {
  const noticed = effectByOperation.some(
    ({ kind }) => kind === Kind.notSeen || kind === Kind.deletePresent || kind === Kind.touch,
  );
  // All values in one text, long ones first: nearly every append is found early, without a search value by value.
  const everything = [...compared].sort((a, b) => b.length - a.length).join('\n');
  const recognised = (value: string): boolean => everything.includes(value);
  const operations: Operation[] = [];
  const effects: Effect[] = [];
  for (const [index, operation] of all.entries()) {
    let effect = effectByOperation[index] ?? NEVER;
    // An append of a text that was never observed is equivalent to a put of it.
    if (effect.kind === Kind.append && !recognised(operation.value ?? '')) effect = UNSEEN_PUT;
    const leadsNowhere =
      effect.to === UNSEEN && (effect.kind === Kind.put || effect.kind === Kind.cas) && operation.ttl === undefined;
    if (relevance(operation) === 'may' && (effect.kind === Kind.seen || (leadsNowhere && !noticed))) continue;
    operations.push(operation);
    effects.push(effect);
  }
  return { operations, effects };
}

const byTime = (a: number | bigint, b: number | bigint): number => (a < b ? -1 : a > b ? 1 : 0);

/** Calls and returns by time, ties by place in the history; a call precedes a return at the same time. */
function eventsOf(operations: readonly Operation[], answered: Uint8Array): Int32Array {
  const start = operations.map((operation) => operation.start);
  const end = operations.map((operation) => operation.end);
  const calls = operations.map((_, index) => index);
  const returns = calls.filter((index) => answered[index] === 1);
  calls.sort((a, b) => byTime(start[a] ?? 0, start[b] ?? 0) || a - b);
  returns.sort((a, b) => byTime(end[a] ?? 0, end[b] ?? 0) || a - b);
  const events = new Int32Array(calls.length + returns.length);
  let called = 0;
  for (const [returned, index] of returns.entries()) {
    const until = end[index] ?? 0;
    for (; called < calls.length && (start[calls[called] ?? 0] ?? 0) <= until; called++) {
      events[called + returned] = calls[called] ?? 0;
    }
    events[called + returned] = -1 - index;
  }
  for (; called < calls.length; called++) events[called + returns.length] = calls[called] ?? 0;
  return events;
}
