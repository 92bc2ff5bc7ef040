import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseMergePatch } from '../../../src/shard/machine/index.js';
import { BOUNDS, merge } from './harness.js';

describe('merge patch', () => {
  /** RFC 7396, appendix A: original, patch, result. */
  it.each([
    ['{"a":"b"}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'],
    ['{"a":"b"}', '{"a":null}', '{}'],
    ['{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'],
    ['{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'],
    ['{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'],
    ['{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'],
    ['{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'],
    ['["a","b"]', '["c","d"]', '["c","d"]'],
    ['{"a":"b"}', '["c"]', '["c"]'],
    ['{"a":"foo"}', 'null', 'null'],
    ['{"a":"foo"}', '"bar"', '"bar"'],
    ['{"e":null}', '{"a":1}', '{"e":null,"a":1}'],
    ['[1,2]', '{"a":"b","c":null}', '{"a":"b"}'],
    ['{}', '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'],
  ])('of RFC 7396: %s and %s', (value, patch, result) => {
    expect(merge(value, patch)).toBe(result);
  });

  it('does the example of RFC 7396, section 3', () => {
    const value = `{"title":"Goodbye!","author":{"givenName":"John","familyName":"Doe"},
      "tags":["example","sample"],"content":"This will be unchanged"}`;
    const patch = '{"title":"Hello!","phoneNumber":"+01-123-456-7890","author":{"familyName":null},"tags":["example"]}';
    expect(merge(value, patch)).toBe(
      '{"title":"Hello!","author":{"givenName":"John"},"tags":["example"],"content":"This will be unchanged",' +
        '"phoneNumber":"+01-123-456-7890"}',
    );
  });

  it.each([
    ['creates from nothing', undefined, '{"a":1,"b":null}', '{"a":1}'],
    ['creates what is no object', undefined, ' [1, 2] ', '[1, 2]'],
    ['an array keeps its nulls', '{}', '{"a":[null,{"b":null}]}', '{"a":[null,{"b":null}]}'],
    [
      'numbers keep their digits',
      '{"a":1.0,"b":12345678901234567890}',
      '{"c":1e2}',
      '{"a":1.0,"b":12345678901234567890,"c":1e2}',
    ],
    [
      'members that look like indexes keep their order',
      '{"b":1,"2":2,"1":3}',
      '{"0":4,"b":5}',
      '{"b":5,"2":2,"1":3,"0":4}',
    ],
    [
      '__proto__ is a name like any other',
      '{"__proto__":{"a":1}}',
      '{"__proto__":{"b":2},"constructor":3}',
      '{"__proto__":{"a":1,"b":2},"constructor":3}',
    ],
    ['__proto__ can be removed', '{"__proto__":{"a":1}}', '{"__proto__":null}', '{}'],
    ['names are equal by their characters', '{"\\u0061":1}', '{"a":2}', '{"\\u0061":2}'],
    ['what is removed and added again in another patch goes last', '{"b":1}', '{"a":1}', '{"b":1,"a":1}'],
    [
      'an object takes the place of a number',
      '{"a":1,"b":2}',
      '{"a":{"x":{"y":null,"z":0}}}',
      '{"a":{"x":{"z":0}},"b":2}',
    ],
    [
      'containers beside the change keep white space',
      '{ "a" : [ 1, 2 ] , "b" : { "c" : 1 } }',
      '{"b":{"d":2}}',
      '{"a":[ 1, 2 ],"b":{"c":1,"d":2}}',
    ],
    [
      'a patch that changes nothing changes nothing',
      ' { "a" : { "b" : 1 } }\n',
      '{"x":null,"a":{"y":null}}',
      ' { "a" : { "b" : 1 } }\n',
    ],
    ['text beyond ASCII', '{"ä":"é"}', '{"😀":"\\ud83d\\ude00"}', '{"ä":"é","😀":"\\ud83d\\ude00"}'],
  ])('%s', (_, value, patch, result) => {
    expect(merge(value, patch)).toBe(result);
  });

  it('refuses values that are no JSON, and patches that are none', () => {
    for (const value of ['', 'hello', '{"a":1', '{"a":1,"a":2}', '[1e400]', '\ufeff{}']) {
      expect(merge(value, '{}')).toMatchObject({ code: 'wrong-type' });
    }
    expect(merge('{}', '{"a":1,"a":2}')).toMatchObject({ code: 'invalid-request', field: 'body' });
    expect(merge('hello', '{')).toMatchObject({ code: 'invalid-request', field: 'body' });
    expect(parseMergePatch(Buffer.from('{"a":'), BOUNDS)).toMatchObject({ fault: { field: 'body' } });
    const body = Buffer.from('{"a":null}');
    expect(parseMergePatch(body, BOUNDS)).toEqual({ patch: body });
  });

  it('holds the result to its bounds', () => {
    const bounds = { valueBytes: 15, depth: 3, members: 3 };
    expect(merge('{"a":1}', '{"b":234}', bounds)).toBe('{"a":1,"b":234}');
    expect(merge('{"a":1}', '{"b":2345}', bounds)).toMatchObject({ code: 'value-too-large', limit: 15 });
    expect(merge('{"a":2345678901}', '{"c":null}', bounds)).toMatchObject({ code: 'value-too-large', limit: 15 });
    expect(merge('{"a":2345678901}', '{"a":0}', bounds)).toBe('{"a":0}');
    expect(merge('{"a":0,"b":0}', '{"c":{"d":0}}', { ...bounds, valueBytes: 99 })).toMatchObject({
      code: 'patch-failed',
    });
    expect(merge('{"a":{}}', '{"a":{"b":[0]}}', bounds)).toBe('{"a":{"b":[0]}}');
    expect(merge('{}', '{"a":[[[0]]]}', bounds)).toMatchObject({ code: 'invalid-request' });
  });

  it('agrees with the algorithm of the RFC', () => {
    const key = fc.constantFrom('a', 'b', 'c', '__proto__', '1', '0', 'ä"\\', 'toString');
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom<unknown>(null, 1, 'x', true, 2.5),
        tie('list'),
        tie('object'),
        tie('object'),
      ),
      list: fc.array(tie('tree'), { maxLength: 3 }),
      object: fc.array(fc.tuple(key, tie('tree')), { maxLength: 4 }).map((members) => new Map(members)),
    }));
    fc.assert(
      fc.property(tree, tree, fc.constantFrom(undefined, 2), (value, change, indent) => {
        const result = merge(textOf(value, indent), textOf(change, indent));
        // White space is another test's subject.
        const compact = typeof result === 'string' ? result.replaceAll(/\s/g, '') : result;
        expect(compact).toBe(textOf(merged(value, change)));
      }),
      { numRuns: 500 },
    );
  });
});

/** MergePatch of RFC 7396, section 2, with a `Map` for each object. */
function merged(target: unknown, change: unknown): unknown {
  if (!(change instanceof Map)) return change;
  const result = new Map<unknown, unknown>(target instanceof Map ? target : []);
  for (const [name, value] of change as Map<unknown, unknown>) {
    if (value === null) result.delete(name);
    else result.set(name, merged(result.get(name), value));
  }
  return result;
}

function textOf(value: unknown, indent?: number): string {
  const blank = indent === undefined ? '' : '\n  ';
  if (value instanceof Map) {
    const members = [...(value as Map<string, unknown>)].map(
      ([name, each]) => `${JSON.stringify(name)}:${blank}${textOf(each, indent)}`,
    );
    return `{${blank}${members.join(`,${blank}`)}}`;
  }
  if (Array.isArray(value)) return `[${value.map((each) => textOf(each, indent)).join(`${blank},`)}]`;
  return JSON.stringify(value);
}
