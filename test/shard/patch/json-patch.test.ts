import { describe, expect, it } from 'vitest';
import { parseJsonPatch } from '../../../src/shard/machine/index.js';
import { BOUNDS, patch, patchText } from './harness.js';

const add = (path: string, value: unknown) => ({ op: 'add', path, value });
const test = (path: string, value: unknown) => ({ op: 'test', path, value });
const copy = (from: string, path: string) => ({ op: 'copy', from, path });
const failed = (position: number) => ({ code: 'patch-failed', position });

describe('JSON patch', () => {
  /** RFC 6902, appendix A; A.11 is about unknown members. */
  it.each<[string, string, readonly object[], unknown]>([
    ['A.1', '{"foo":"bar"}', [add('/baz', 'qux')], '{"foo":"bar","baz":"qux"}'],
    ['A.2', '{"foo":["bar","baz"]}', [add('/foo/1', 'qux')], '{"foo":["bar","qux","baz"]}'],
    ['A.3', '{"baz":"qux","foo":"bar"}', [{ op: 'remove', path: '/baz' }], '{"foo":"bar"}'],
    ['A.4', '{"foo":["bar","qux","baz"]}', [{ op: 'remove', path: '/foo/1' }], '{"foo":["bar","baz"]}'],
    ['A.5', '{"baz":"qux","foo":"bar"}', [{ op: 'replace', path: '/baz', value: 'boo' }], '{"baz":"boo","foo":"bar"}'],
    [
      'A.6',
      '{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}',
      [{ op: 'move', from: '/foo/waldo', path: '/qux/thud' }],
      '{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}',
    ],
    [
      'A.7',
      '{"foo":["all","grass","cows","eat"]}',
      [{ op: 'move', from: '/foo/1', path: '/foo/3' }],
      '{"foo":["all","cows","eat","grass"]}',
    ],
    [
      'A.8',
      '{"baz":"qux","foo":["a",2,"c"]}',
      [test('/baz', 'qux'), test('/foo/1', 2)],
      '{"baz":"qux","foo":["a",2,"c"]}',
    ],
    ['A.9', '{"baz":"qux"}', [test('/baz', 'bar')], failed(0)],
    ['A.10', '{"foo":"bar"}', [add('/child', { grandchild: {} })], '{"foo":"bar","child":{"grandchild":{}}}'],
    ['A.11', '{"foo":"bar"}', [{ ...add('/baz', 'qux'), xyz: 123 }], '{"foo":"bar","baz":"qux"}'],
    ['A.12', '{"foo":"bar"}', [add('/baz/bat', 'qux')], failed(0)],
    ['A.14', '{"/":9,"~1":10}', [test('/~01', 10)], '{"/":9,"~1":10}'],
    ['A.15', '{"/":9,"~1":10}', [test('/~01', '10')], failed(0)],
    ['A.16', '{"foo":["bar"]}', [add('/foo/-', ['abc', 'def'])], '{"foo":["bar",["abc","def"]]}'],
  ])('of RFC 6902, %s', (_, value, operations, result) => {
    if (typeof result === 'string') expect(patch(value, operations)).toBe(result);
    else expect(patch(value, operations)).toMatchObject(result as object);
  });

  it('of RFC 6902, A.13: a member twice is refused', () => {
    const body = '[{"op":"add","path":"/baz","value":"qux","op":"remove"}]';
    expect(patchText('{"foo":"bar"}', body)).toMatchObject({ code: 'invalid-request', field: 'body' });
  });

  it('resolves the pointers of RFC 6901, section 5', () => {
    const value = '{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\\\j":5,"k\\"l":6," ":7,"m~n":8}';
    const pointers = ['/', '/a~1b', '/c%d', '/e^f', '/g|h', '/i\\j', '/k"l', '/ ', '/m~0n'];
    const tests = pointers.map((path, number) => test(path, number));
    expect(patch(value, [...tests, test('/foo/0', 'bar'), test('/foo', ['bar', 'baz'])])).toBe(value);
  });

  it.each<[string, string | undefined, readonly object[], string]>([
    ['nothing to do', ' [ 1 ] ', [], ' [ 1 ] '],
    ['tests only: the text stays', ' { "a" : [ { "b" : 1 } ] } ', [test('/a/0/b', 1)], ' { "a" : [ { "b" : 1 } ] } '],
    [
      'what is beside a change stays',
      '{ "a": [ 1, 2 ], "b": { "c": [ ] } }',
      [add('/b/d', 1)],
      '{"a":[ 1, 2 ],"b":{"c":[ ],"d":1}}',
    ],
    ['add replaces a member in its place', '{"a":1,"b":2}', [add('/a', 3)], '{"a":3,"b":2}'],
    ['add to the end by index', '[1]', [add('/1', 2)], '[1,2]'],
    ['add to the front', '[1]', [add('/0', 2)], '[2,1]'],
    ['add to an empty array', '[]', [add('/-', 2), add('/0', 1)], '[1,2]'],
    ['add to an empty object', '{}', [add('/', 2)], '{"":2}'],
    ['add the whole', '[1]', [add('', { a: 1 })], '{"a":1}'],
    ['add the whole of an absent value', undefined, [add('', {}), add('/a', 1)], '{"a":1}'],
    ['replace the whole', '1', [{ op: 'replace', path: '', value: null }], 'null'],
    ['replace an element', '[1,22,3]', [{ op: 'replace', path: '/1', value: [] }], '[1,[],3]'],
    ['replace keeps the name as written', '{"\\u0061":1}', [{ op: 'replace', path: '/a', value: 2 }], '{"\\u0061":2}'],
    [
      'remove the last member, and the only element',
      '{"a":1,"b":[0]}',
      [
        { op: 'remove', path: '/b/0' },
        { op: 'remove', path: '/a' },
      ],
      '{"b":[]}',
    ],
    [
      'an array element by its index only, a member by any name',
      '{"-":1,"01":2}',
      [
        { op: 'remove', path: '/-' },
        { op: 'remove', path: '/01' },
      ],
      '{}',
    ],
    ['move to itself', '{"a":1,"b":2}', [{ op: 'move', from: '/a', path: '/a' }], '{"a":1,"b":2}'],
    ['move up to the whole', '{"a":[1.0]}', [{ op: 'move', from: '/a', path: '' }], '[1.0]'],
    ['move to a name that begins with its own', '{"a":1}', [{ op: 'move', from: '/a', path: '/ab' }], '{"ab":1}'],
    [
      'copy the whole into itself',
      '{"a":1}',
      [copy('', '/b'), copy('', '/c')],
      '{"a":1,"b":{"a":1},"c":{"a":1,"b":{"a":1}}}',
    ],
    [
      'a copy changes by itself',
      '{"a":{"x":[1]}}',
      [add('/a/y', 0), copy('/a', '/b'), add('/a/x/-', 2), add('/b/x/0', 3), add('/b/z', 9)],
      '{"a":{"x":[1,2],"y":0},"b":{"x":[3,1],"y":0,"z":9}}',
    ],
    [
      'a copy of a copy changes by itself',
      '[[1]]',
      [add('/0/-', [2]), copy('/0', '/1'), copy('/1', '/-'), add('/2/1/-', 3), add('/0/1/0', 0)],
      '[[1,[0,2]],[1,[2]],[1,[2,3]]]',
    ],
    [
      'numbers keep their digits, copied and moved',
      '{"a":1.0,"b":[12345678901234567890,-0,1E2]}',
      [copy('/a', '/c'), { op: 'move', from: '/b/2', path: '/b/0' }],
      '{"a":1.0,"b":[1E2,12345678901234567890,-0],"c":1.0}',
    ],
    ['values are written as in the patch', '{}', [], '{}'],
    [
      '__proto__ is a name like any other',
      '{"__proto__":{}}',
      [add('/__proto__/x', 1), add('/constructor', 2)],
      '{"__proto__":{"x":1},"constructor":2}',
    ],
    ['new names are escaped', '{}', [add('/a"\\\n~1~0ä', 1)], '{"a\\"\\\\\\n/~ä":1}'],
    [
      'large for a moment',
      '{}',
      [
        add('/a', 'x'.repeat(80)),
        add('/b', 'y'.repeat(80)),
        { op: 'remove', path: '/a' },
        { op: 'remove', path: '/b' },
      ],
      '{}',
    ],
  ])('%s', (_, value, operations, result) => {
    expect(patch(value, operations, { ...BOUNDS, valueBytes: 100 })).toBe(result);
  });

  it('writes values as in the patch', () => {
    expect(patchText('{ }', '[{"op":"add","path":"/a","value":{ "b" : 1.0 }}]')).toBe('{"a":{ "b" : 1.0 }}');
  });

  it.each<[string, string | undefined, object]>([
    ['a missing member', '{"a":{}}', { op: 'remove', path: '/a/b' }],
    ['a missing parent', '{}', add('/a/b', 1)],
    ['an index at the end', '[1]', { op: 'remove', path: '/1' }],
    ['an index behind the end', '[1]', add('/2', 0)],
    ['an index with a leading zero', '[1,2]', test('/01', 2)],
    ['an index with a leading zero, to add', '[1,2]', add('/01', 2)],
    ['an index with a sign', '[1,2]', test('/+1', 2)],
    ['a negative index', '[1,2]', test('/-1', 2)],
    ['an index with an exponent', '[1,2]', test('/1e0', 2)],
    ['an index with a fraction', '[1,2]', test('/1.0', 2)],
    ['an index in other digits', '[1,2]', test('/١', 2)],
    ['an index that is empty', '[1,2]', test('/', 1)],
    ['an index of a thousand digits', '[1]', { op: 'replace', path: `/${'9'.repeat(1000)}`, value: 0 }],
    ['length of an array', '[1]', test('/length', 1)],
    ['a member of a prototype', '{}', test('/toString', 1)],
    ['the prototype', '{}', test('/__proto__', {})],
    ['- in a test', '[1]', test('/-', 1)],
    ['- in a removal', '[1]', { op: 'remove', path: '/-' }],
    ['- in a replacement', '[1]', { op: 'replace', path: '/-', value: 1 }],
    ['- in the middle', '[[1]]', add('/-/0', 1)],
    ['a part of a string', '"abc"', test('/0', 'a')],
    ['a part of a member that is a number', '{"a":1}', add('/a/b', 1)],
    ['a copy from nowhere', '{}', copy('/a', '/b')],
    ['a move to nowhere', '{"a":1}', { op: 'move', from: '/a', path: '/b/c' }],
    ['a move into what it leaves', '{"a":[[1]]}', { op: 'move', from: '/a/0', path: '/a/1' }],
    ['a replacement of nothing', '{}', { op: 'replace', path: '/a', value: 1 }],
    ['a test of an absent value', undefined, test('', null)],
    ['a replacement of an absent value', undefined, { op: 'replace', path: '', value: 1 }],
    ['a member of an absent value', undefined, add('/a', 1)],
    ['a removal in an absent value', undefined, { op: 'remove', path: '/a' }],
  ])('fails, and says where: %s', (_, value, operation) => {
    expect(patch(value, [operation])).toMatchObject(failed(0));
    if (value === undefined) return;
    expect(patch(value, [test('', JSON.parse(value)), operation, add('/x', 1)])).toMatchObject(failed(1));
  });

  it('creates nothing from no operations', () => {
    expect(patch(undefined, [])).toMatchObject({ code: 'patch-failed' });
  });

  it('refuses a value that is no JSON', () => {
    for (const value of ['', 'hello', '{"a":1}{', '{"a":1,"a":1}']) {
      expect(patch(value, [add('', 1)])).toMatchObject({ code: 'wrong-type' });
    }
  });

  it.each<[unknown, string]>([
    [{}, 'body'],
    [null, 'body'],
    [[1], 'body[0]'],
    [[add('/a', 1), null], 'body[1]'],
    [[{}], 'body[0].op'],
    [[{ op: 'spam', path: '' }], 'body[0].op'],
    [[{ op: 'ADD', path: '', value: 1 }], 'body[0].op'],
    [[{ op: ['add'], path: '', value: 1 }], 'body[0].op'],
    [[{ op: 'add', value: 1 }], 'body[0].path'],
    [[{ op: 'add', path: null, value: 1 }], 'body[0].path'],
    [[{ op: 'add', path: 'a', value: 1 }], 'body[0].path'],
    [[{ op: 'add', path: '/~', value: 1 }], 'body[0].path'],
    [[{ op: 'add', path: '/a~2b', value: 1 }], 'body[0].path'],
    [[{ op: 'add', path: '/a'.repeat(257), value: 1 }], 'body[0].path'],
    [[{ op: 'add', path: '/a' }], 'body[0].value'],
    [[{ op: 'test', path: '/a' }], 'body[0].value'],
    [[{ op: 'replace', path: '/a' }], 'body[0].value'],
    [[{ op: 'remove', path: '' }], 'body[0].path'],
    [[{ op: 'copy', path: '/a' }], 'body[0].from'],
    [[{ op: 'move', path: '/a', from: 'b' }], 'body[0].from'],
    [[{ op: 'move', path: '/a/b', from: '/a' }], 'body[0].path'],
    [[{ op: 'move', path: '/a', from: '' }], 'body[0].path'],
    [[add('/a', 1), add('/a', 1), add('/a', 1), { op: 'add', path: 'x', value: 1 }], 'body[3].path'],
  ])('the front and apply refuse %j alike', (body, field) => {
    const text = JSON.stringify(body);
    const parsed = parseJsonPatch(Buffer.from(text), BOUNDS);
    expect(parsed).toMatchObject({ fault: { code: 'invalid-request', field } });
    expect(patchText('{"a":1}', text)).toEqual('fault' in parsed ? parsed.fault : '');
  });

  it('the front passes on what it was given', () => {
    const body = Buffer.from('[ {"op":"remove","path":"/a"} ]');
    expect(parseJsonPatch(body, BOUNDS)).toEqual({ patch: body });
    expect(parseJsonPatch(Buffer.from('[{"op":"add"'), BOUNDS)).toMatchObject({ fault: { field: 'body' } });
  });

  it('allows a patch to carry any value that can be stored', () => {
    const deep = '['.repeat(256) + ']'.repeat(256);
    expect(patchText('0', `[{"op":"add","path":"","value":${deep}}]`)).toBe(deep);
    expect(patchText('0', `[{"op":"add","path":"","value":[${deep}]}]`)).toMatchObject({ code: 'invalid-request' });
    expect(patchText('[]', `[{"op":"add","path":"/0","value":${deep}}]`)).toMatchObject({ code: 'patch-failed' });
  });

  it('holds the result to its bounds', () => {
    const bounds = { valueBytes: 12, depth: 3, members: 6 };
    expect(patch('[1]', [add('/-', 'abcdef')], bounds)).toBe('[1,"abcdef"]');
    expect(patch('[1]', [add('/-', 'abcdefg')], bounds)).toMatchObject({ code: 'value-too-large', limit: 12 });
    const twice = patch('[1]', [add('/0', 1), add('/-', 'a'.repeat(20))], bounds);
    // Twice the size is allowed between operations.
    expect(twice).toMatchObject({ code: 'value-too-large', limit: 12, position: 1 });
    const copies = Array.from({ length: 7 }, (_, at) => copy('/a', `/${at}`));
    const members = { ...BOUNDS, members: 22 };
    expect(patchText('{"a":{"b":{"c":1},"d":2}}', JSON.stringify(copies.slice(0, 4)), members)).toHaveLength(121);
    expect(patch('{"a":{"b":{"c":1},"d":2}}', copies.slice(0, 6), members)).toMatchObject({ code: 'patch-failed' });
  });
});
