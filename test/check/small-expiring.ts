/**
 * Small random histories with increments and times to live, for the comparison with brute force. As in
 * `small-histories.ts`, they are run by a store that is correct, and then some answers are made false.
 */
import type { Operation } from '../../src/check/index.js';
import type { Random } from '../support/histories.js';
import type { SmallHistory } from './small-histories.js';

type Value = string | null;

const INTEGERS = ['0', '1', '2', '3', '-1'];
const KINDS = ['put', 'get', 'delete', 'cas', 'append', 'increment', 'touch'] as const;
const MIXES: readonly (readonly Operation['op'][])[] = [
  KINDS,
  ['put', 'get', 'touch', 'cas'],
  ['increment', 'get', 'put'],
  ['increment', 'append', 'get', 'put'],
  ['put', 'get'],
];

/** @param unknowns whether some outcomes are unknown. */
export function smallExpiring(random: Random, unknowns: boolean): SmallHistory {
  const below = (count: number): number => Math.floor(random() * count);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const chance = (probability: number): boolean => random() < probability;
  const kinds = pick(MIXES);
  const texts = chance(0.3) ? ['a', '', ...INTEGERS] : INTEGERS;
  const value = (): Value => (chance(0.15) ? null : pick(texts));
  const init = chance(0.6) ? null : pick(texts);
  const store: { value: Value; until: number } = { value: init, until: Infinity };
  const falseShare = chance(0.75) ? 0.4 : 0;
  const calls = Array.from({ length: 3 + below(5) }, (_, client) => {
    const start = below(20);
    const end = start + below(8);
    const call = { client: client % 3, op: pick(kinds), key: 'x', start, end };
    return { call, at: start + random() * (end - start) };
  }).sort((a, b) => a.at - b.at);
  const operations = calls.map(({ call, at }): Operation => {
    if (store.until <= at && chance(0.7)) Object.assign(store, { value: null, until: Infinity });
    const ok = unknowns && chance(0.25) ? null : true;
    const written = call.op === 'cas' ? value() : pick(call.op === 'increment' ? INTEGERS : texts);
    const expected = chance(0.6) ? store.value : value();
    const ttl = chance(0.5) && ['put', 'cas', 'touch'].includes(call.op) ? { ttl: below(10) } : {};
    const before = store.value;
    const after = outcome(call.op, before, written, expected);
    if (after === undefined) return refused(call, before, written, expected, ok, ttl);
    if (ok === true || chance(0.5)) {
      const keeps = call.op === 'get' || ((call.op === 'append' || call.op === 'increment') && before !== null);
      const until = 'ttl' in ttl ? at + ttl.ttl! : Infinity;
      Object.assign(store, { value: after, until: keeps ? store.until : until });
    }
    const isFalse = chance(falseShare);
    switch (call.op) {
      case 'get':
        return { ...call, ok, result: isFalse ? value() : before };
      case 'increment':
        return { ...call, ok, value: written!, ...(ok === true ? { result: isFalse ? pick(INTEGERS) : after } : {}) };
      case 'delete':
        return { ...call, ok, ...(chance(0.5) ? { existed: (before !== null) !== isFalse } : {}) };
      case 'cas':
        return { ...call, ok, value: written, expected: isFalse ? value() : expected, ...ttl };
      case 'touch':
        return { ...call, ok: isFalse && ok === true ? false : ok, ...ttl };
      case 'put':
      case 'append':
        return { ...call, ok, value: written, ...ttl };
    }
  });
  return { operations: chance(0.5) ? operations : operations.reverse(), init };

  function refused(
    call: Pick<Operation, 'client' | 'op' | 'key' | 'start' | 'end'>,
    before: Value,
    written: Value,
    expected: Value,
    ok: true | null,
    ttl: Pick<Operation, 'ttl'>,
  ): Operation {
    const content = { value: written, expected, ...ttl };
    if (ok === null || call.op === 'increment') return { ...call, ...content, ok: ok === null ? null : false };
    if (call.op === 'touch') return { ...call, ok: chance(falseShare), ...ttl };
    const known = chance(0.5) ? { result: chance(falseShare) ? value() : before } : { existed: before !== null };
    return { ...call, ...content, ok: false, ...known };
  }
}

/** The value after it; undefined: it is refused. */
function outcome(op: Operation['op'], before: Value, written: Value, expected: Value): Value | undefined {
  switch (op) {
    case 'get':
      return before;
    case 'put':
      return written;
    case 'delete':
      return null;
    case 'append':
      return (before ?? '') + (written ?? '');
    case 'increment':
      return /^(0|-?[1-9]\d*)$/.test(before ?? '0') ? String(Number(before) + Number(written)) : undefined;
    case 'touch':
      return before ?? undefined;
    case 'cas':
      return before === expected ? written : undefined;
  }
}
