import { describe, expect, it } from 'vitest';
import { isTtl, parseDuration, parseTtl } from '../../src/shard/duration.js';
import { MAX_TTL_MS } from '../../src/shard/program-codec.js';

describe('durations', () => {
  it.each([
    ['1ms', 1],
    ['250ms', 250],
    ['30s', 30_000],
    ['15m', 900_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
  ])('%s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
    expect(parseTtl(text)).toBe(ms);
  });

  it.each([
    '',
    '0s',
    '-1s',
    '+1s',
    '1',
    's',
    '1.5s',
    '1e3s',
    '0x1s',
    ' 1s',
    '1s ',
    '1S',
    '01s',
    '1w',
    '1ss',
    '1s1ms',
    '１s',
  ])('refuses %j', (text) => {
    expect([parseDuration(text), parseTtl(text)]).toEqual([undefined, undefined]);
  });

  it('of a time to live end at ten years', () => {
    expect(parseTtl('3660d')).toBe(MAX_TTL_MS);
    expect(parseTtl('3661d')).toBeUndefined();
    expect(parseTtl('999999999999d')).toBeUndefined();
    expect([0, 1, 1.5, MAX_TTL_MS, MAX_TTL_MS + 1, NaN, Infinity].filter(isTtl)).toEqual([1, MAX_TTL_MS]);
  });
});
