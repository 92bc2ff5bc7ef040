/**
 * Small random histories for the comparison with brute force: every kind of operation and answer, many of them wrong.
 *
 * Nothing here tries to be realistic. Values are few, so that they repeat; times are few, so that they coincide.
 */
import type { Operation } from '../../src/check/index.js';
import type { Random } from '../support/histories.js';

type Value = string | null;

export interface SmallHistory {
  readonly operations: Operation[];
  readonly init: Value;
}

const VALUES = ['a', 'b', 'ab', ''];
const KINDS = ['put', 'get', 'delete', 'cas', 'append'] as const;

/** @param unknowns whether some outcomes are unknown. */
export function smallHistory(random: Random, unknowns: boolean): SmallHistory {
  const below = (count: number): number => Math.floor(random() * count);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const chance = (probability: number): boolean => random() < probability;
  const init = chance(0.6) ? null : pick(VALUES);
  const kinds = chance(0.5) ? KINDS : [pick(KINDS), pick(KINDS), 'get' as const];
  const values = VALUES.slice(0, 1 + below(VALUES.length));
  const value = (): Value => (chance(0.15) ? null : pick(values));
  // An operation takes effect at a moment of its own, and its answer is true or, sometimes, false.
  const keys = chance(0.2) ? ['x', 'y'] : ['x'];
  const calls = Array.from({ length: 3 + below(5) }, (_, client) => {
    const start = below(20);
    const end = start + below(8);
    const call = { client: client % 3, op: pick(kinds), key: pick(keys), start, end };
    return { call, at: start + random() * (end - start) };
  }).sort((a, b) => a.at - b.at);
  const falseShare = chance(unknowns ? 0.95 : 0.8) ? (unknowns ? 0.6 : 0.5) : 0;
  const store = new Map<string, Value>(keys.map((key) => [key, init]));
  const operations = calls.map(({ call }): Operation => {
    const before = store.get(call.key) ?? null;
    const ok = unknowns && chance(0.25) ? null : true;
    const happens = ok === true || chance(0.5);
    const written = call.op === 'cas' ? value() : pick(values);
    const expected = chance(0.6) ? before : value();
    if (happens) store.set(call.key, next(call.op, before, written, expected));
    if (chance(0.04))
      return { ...call, value: pick(values), expected, ok: false, ...(chance(0.5) ? { error: 'no' } : {}) };
    const isFalse = chance(falseShare);
    switch (call.op) {
      case 'get':
        return { ...call, ok, result: isFalse ? value() : before };
      case 'put':
      case 'append':
        return { ...call, ok, value: written };
      case 'delete':
        return { ...call, ok, ...(chance(0.5) ? { existed: (before !== null) !== isFalse } : {}) };
      case 'cas': {
        const cas = { ...call, value: written, expected };
        if (ok === null) return { ...cas, ok };
        if ((before === expected) !== isFalse) return { ...cas, ok };
        return { ...cas, ok: false, ...seenByFailure(isFalse ? value() : before) };
      }
    }
  });
  return { operations: chance(0.5) ? operations : operations.reverse(), init };

  function seenByFailure(actual: Value): Partial<Operation> {
    if (chance(0.4)) return { result: null };
    if (actual === null) return { existed: false };
    return chance(0.5) ? { result: actual } : { existed: true };
  }
}

function next(op: Operation['op'], before: Value, value: Value, expected: Value): Value {
  if (op === 'get') return before;
  if (op === 'delete') return null;
  if (op === 'append') return (before ?? '') + (value ?? '');
  return op === 'put' || before === expected ? value : before;
}
