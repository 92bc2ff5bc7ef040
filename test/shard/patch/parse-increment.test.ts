import { describe, expect, it } from 'vitest';
import { parseIncrement } from '../../../src/shard/machine/index.js';

const parse = (text: string) => parseIncrement(Buffer.from(text));

describe('the body of an increment', () => {
  it('has everything but `by` as an option', () => {
    expect(parse('{"by":1}')).toEqual({ spec: { by: 1n, initial: 0n, clamp: false } });
    expect(parse('{ "clamp":true,"min":-5, "max":10,"initial":3,"by":-2,"ttl":"60s"}')).toEqual({
      spec: { by: -2n, initial: 3n, min: -5n, max: 10n, clamp: true },
      ttl: '60s',
    });
  });

  it('is exact to the ends of the range', () => {
    expect(parse('{"by":9223372036854775807,"min":-9223372036854775808}')).toEqual({
      spec: { by: 2n ** 63n - 1n, initial: 0n, min: -(2n ** 63n), clamp: false },
    });
    expect(parse('{"by":9007199254740993}')).toMatchObject({ spec: { by: 9007199254740993n } });
  });

  it.each([
    ['', 'body'],
    ['1', 'body'],
    ['[]', 'body'],
    ['{"by":1', 'body'],
    ['{"by":1,"by":2}', 'body'],
    ['{"by":{}}', 'body'],
    ['{}', 'body.by'],
    ['{"by":null}', 'body.by'],
    ['{"by":"1"}', 'body.by'],
    ['{"by":1.0}', 'body.by'],
    ['{"by":1e2}', 'body.by'],
    ['{"by":9223372036854775808}', 'body.by'],
    ['{"by":1,"min":-9223372036854775809}', 'body.min'],
    [`{"by":${'9'.repeat(300)}}`, 'body.by'],
    ['{"by":1,"min":2,"max":1}', 'body.min'],
    ['{"by":1,"max":-1}', 'body.initial'],
    ['{"by":1,"initial":4,"min":5}', 'body.initial'],
    ['{"by":1,"clamp":1}', 'body.clamp'],
    ['{"by":1,"ttl":60}', 'body.ttl'],
    ['{"by":1,"ttl":null}', 'body.ttl'],
    ['{"by":1,"By":2}', 'body.By'],
    ['{"by":1,"__proto__":2}', 'body.__proto__'],
    [`{"by":1,"${'x'.repeat(1000)}":2}`, 'body'],
  ])('refuses %s and names the field', (text, field) => {
    expect(parse(text)).toMatchObject({ fault: { code: 'invalid-request', field } });
  });
});
