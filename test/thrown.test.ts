/** What was thrown, as an error and as text (`src/thrown.ts`). */
import { describe, expect, it } from 'vitest';
import { asError, messageOf, stackOf } from '../src/thrown.js';

describe('what was thrown', () => {
  it('is itself if it is an error', () => {
    const error = new TypeError('no');
    expect(asError(error)).toBe(error);
    expect(messageOf(error)).toBe('no');
    expect(stackOf(error)).toContain('thrown.test.ts');
  });

  it('is its text if it is none', () => {
    expect(asError('text')).toEqual(new Error('text'));
    expect([messageOf(undefined), stackOf(5)]).toEqual(['undefined', '5']);
  });

  it('has its message where it has no stack', () => {
    expect(stackOf(Object.assign(new Error('no'), { stack: undefined }))).toBe('no');
  });
});
