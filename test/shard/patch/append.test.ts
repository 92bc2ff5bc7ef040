import { describe, expect, it } from 'vitest';
import { applyAppend } from '../../../src/shard/machine/index.js';

const append = (current: string | undefined, bytes: string, valueBytes = 8) => {
  const result = applyAppend(current === undefined ? undefined : Buffer.from(current), Buffer.from(bytes), {
    valueBytes,
  });
  return 'fault' in result ? result.fault : Buffer.from(result.value).toString();
};

describe('append', () => {
  it('adds bytes behind those that are there, and creates', () => {
    expect(append('abc', 'de')).toBe('abcde');
    expect(append('abc', '')).toBe('abc');
    expect(append('', 'abc')).toBe('abc');
    expect(append(undefined, 'abc')).toBe('abc');
    expect(append(undefined, '')).toBe('');
  });

  it('allows the limit, and not a byte more', () => {
    expect(append('abc', 'defgh')).toBe('abcdefgh');
    expect(append('abc', 'defghi')).toMatchObject({ code: 'value-too-large', limit: 8 });
    expect(append(undefined, '123456789')).toMatchObject({ code: 'value-too-large', limit: 8 });
  });

  it('leaves its arguments alone', () => {
    const current = Buffer.from('abc');
    const result = applyAppend(current, Buffer.from('d'), { valueBytes: 8 });
    expect(current.toString()).toBe('abc');
    expect('value' in result && result.value.buffer === current.buffer && result.value.byteOffset).not.toBe(
      current.byteOffset,
    );
  });
});
