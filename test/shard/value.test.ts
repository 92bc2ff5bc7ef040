import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { serialize } from 'node:v8';
import { decodeValue, encodeValue, V8_CONTENT_TYPE } from '../../src/shard/value.js';
import { codeOf } from '../support/error-code.js';

const roundTrip = (value: unknown): unknown => decodeValue(encodeValue(value));
const read = (contentType: string, body: string | Uint8Array): unknown =>
  decodeValue({ contentType, body: typeof body === 'string' ? Buffer.from(body) : body });

describe('values of the embedded store', () => {
  it('round-trip, of whatever type', () => {
    const any = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withSparseArray: true,
      stringUnit: 'binary',
    });
    fc.assert(
      fc.property(any, (value) => {
        fc.pre(value !== undefined);
        expect(roundTrip(value)).toStrictEqual(structuredClone(value));
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['null', null],
    ['minus zero', -0],
    ['NaN', NaN],
    ['a bigint', 12345678901234567890n],
    ['a lone surrogate', 'a\ud800'],
    ['a byte order mark', '\ufeffa'],
    ['an empty string', ''],
    ['a NUL', '\u0000'],
    ['a regular expression', /a+/giu],
    ['an array with a hole', [1, undefined, 3]],
    ['undefined inside', { a: undefined }],
    ['a field called __proto__', JSON.parse('{"__proto__":{"polluted":1}}')],
    ['an ArrayBuffer', Uint8Array.of(1, 2).buffer],
    ['floats', { f: new Float64Array([1.5, NaN]) }],
    ['a DataView', new DataView(Uint8Array.of(1, 2, 3).buffer, 1)],
  ])('%s', (_what, value) => {
    expect(roundTrip(value)).toStrictEqual(value);
  });

  it('keep errors and cycles', () => {
    const cycle: { self?: unknown } = {};
    cycle.self = cycle;
    const back = roundTrip(cycle) as { self?: unknown };
    expect(back.self).toBe(back);
    expect(roundTrip(new RangeError('far'))).toMatchObject({ name: 'RangeError', message: 'far' });
  });

  it('are copied on the way in', () => {
    for (const wrap of [(bytes: Uint8Array): unknown => bytes, (bytes: Uint8Array): unknown => ({ bytes })]) {
      const bytes = Uint8Array.of(1, 2, 3);
      const encoded = encodeValue(wrap(bytes));
      bytes.fill(9);
      expect(decodeValue(encoded)).toStrictEqual(wrap(Uint8Array.of(1, 2, 3)));
    }
  });

  it('are copied on the way out: a caller cannot modify what is stored', () => {
    const stored = encodeValue({
      list: [Uint8Array.of(1, 2, 3), new Uint16Array([4, 5]), new DataView(new ArrayBuffer(4))],
    });
    const { list } = decodeValue(stored) as { list: ArrayBufferView[] };
    for (const view of list) {
      // Each has memory of its own.
      expect([view.byteOffset, view.buffer.byteLength]).toEqual([0, view.byteLength]);
      new Uint8Array(view.buffer).fill(9);
    }
    expect(decodeValue(stored)).toStrictEqual({
      list: [Uint8Array.of(1, 2, 3), new Uint16Array([4, 5]), new DataView(new ArrayBuffer(4))],
    });
    const plain = encodeValue(Uint8Array.of(1, 2));
    (decodeValue(plain) as Uint8Array).fill(9);
    expect(decodeValue(plain)).toStrictEqual(Uint8Array.of(1, 2));
  });

  it('are read from a row in the middle of a larger buffer', () => {
    const value = { floats: new Float64Array([1, 2]), bytes: Uint8Array.of(7) };
    const { contentType, body } = encodeValue(value);
    for (let offset = 0; offset < 9; offset += 1) {
      const memory = new Uint8Array(body.length + 20).fill(0xee);
      memory.set(body, offset);
      expect(decodeValue({ contentType, body: memory.subarray(offset, offset + body.length) })).toStrictEqual(value);
    }
  });

  it('have a Buffer as Uint8Array and an instance as plain object, as structuredClone has them', () => {
    class Point {
      x = 1;
    }
    expect(roundTrip(Buffer.from('ab'))).toStrictEqual(Uint8Array.of(97, 98));
    expect(roundTrip([Buffer.from('ab')])).toStrictEqual([Uint8Array.of(97, 98)]);
    expect(roundTrip(new Point())).toStrictEqual({ x: 1 });
  });

  it('are stored so that HTTP clients can read text and bytes', () => {
    expect(encodeValue('héllo')).toEqual({ contentType: 'text/plain; charset=utf-8', body: Buffer.from('héllo') });
    expect(encodeValue(Uint8Array.of(1))).toEqual({ contentType: 'application/octet-stream', body: Uint8Array.of(1) });
    expect(encodeValue({ a: [1, 'é', null] })).toEqual({
      contentType: 'application/json',
      body: Buffer.from('{"a":[1,"é",null]}'),
    });
    expect(encodeValue(7)).toEqual({ contentType: 'application/json', body: Buffer.from('7') });
  });
});

describe('what JSON does not hold exactly is stored in another form', () => {
  const shared = { a: 1 };
  class Point {
    x = 1;
  }
  const wide = Object.fromEntries(Array.from({ length: 100_001 }, (_, i) => [`m${i}`, 0]));
  let deep: unknown = 1;
  for (let level = 0; level < 129; level += 1) deep = [deep];
  it.each<[string, unknown]>([
    ['−0', -0],
    ['−0 inside', [-0]],
    ['NaN', { n: NaN }],
    ['an integer that would come back as a bigint', 2 ** 60],
    ['a bigint', 5n],
    ['an undefined member', { a: undefined }],
    ['a hole', Array.from({ length: 2, 0: 1 }).concat(new Array(1))],
    ['a member of an array', Object.assign([1], { extra: 1 })],
    ['a part that occurs twice', [shared, shared]],
    ['an instance', new Point()],
    ['a date', { at: new Date(0) }],
    ['a lone surrogate', ['a\ud800']],
    ['a name with a lone surrogate', { 'a\ud800': 1 }],
    ['too many members', wide],
    ['too much nesting', deep],
  ])('%s', (_what, value) => {
    expect(encodeValue(value).contentType).toBe(V8_CONTENT_TYPE);
    expect(roundTrip(value)).toStrictEqual(structuredClone(value));
  });

  it('and so is what is too long as JSON only', () => {
    const numbers = Array.from({ length: 900_000 }, (_, i) => 1 / (i + 3));
    const { contentType, body } = encodeValue(numbers);
    expect(contentType).toBe(V8_CONTENT_TYPE);
    expect(body.length).toBeLessThan(16 * 1024 * 1024);
  });

  it('a getter is called once', () => {
    let calls = 0;
    const value = Object.defineProperty({}, 'a', { enumerable: true, get: () => (calls += 1) });
    expect(roundTrip(value)).toEqual({ a: 1 });
    expect(calls).toBe(1);
  });
});

describe('what cannot be stored is a TypeError that names it', () => {
  const deep = (depth: number): unknown => {
    let value: unknown = 1;
    for (let level = 0; level < depth; level += 1) value = [value];
    return value;
  };
  it.each([
    [undefined, /undefined cannot be stored/],
    [() => 1, /^value is a function/],
    [Symbol('s'), /^value is a symbol/],
    [{ user: { tags: ['a', () => 1] } }, /^value\.user\.tags\[1\] is a function/],
    [new Map([['k', Symbol('s')]]), /^value\.get\(k\) is a symbol/],
    [new Map([[Symbol('s'), 1]]), /^a key of value is a symbol/],
    [new Set([() => 1]), /^a member of value is a function/],
    [{ later: Promise.resolve(1) }, /^value\.later is a Promise/],
    [[new WeakMap()], /^value\[0\] is a WeakMap/],
    [[new WeakSet()], /^value\[0\] is a WeakSet/],
    [new Proxy({}, {}), /^value is a Proxy/],
    [{ shared: new SharedArrayBuffer(1) }, /^value\.shared is a SharedArrayBuffer/],
    [{ ref: new WeakRef({}) }, /cannot be stored/],
    [deep(1_000_000), /cannot be stored/],
    [Object.defineProperty({}, 'a', { enumerable: true, get: () => { throw new Error('no'); } }), /no/],
  ] as [unknown, RegExp][])('case %#', (value, message) => {
    expect(() => encodeValue(value)).toThrow(TypeError);
    expect(() => encodeValue(value)).toThrow(message);
  }); // prettier-ignore

  it('even in a cycle', () => {
    const cycle: unknown[] = [];
    cycle.push(cycle, () => 1);
    expect(() => encodeValue(cycle)).toThrow(/^value\[1\] is a function/);
  });
});

describe('what was written over HTTP', () => {
  it('is read by its content type', () => {
    expect(read('application/json', '{"a":[1,null]}')).toStrictEqual({ a: [1, null] });
    expect(read('Application/JSON; charset=utf-8', 'null')).toBeNull();
    expect(read('text/html', '<p>é</p>')).toBe('<p>é</p>');
    expect(read('text/plain; charset="UTF-8"', '\ufeffa')).toBe('\ufeffa');
    expect(read('text/plain; charset=us-ascii', 'a')).toBe('a');
    expect(read('application/x-www-form-urlencoded', 'hello')).toStrictEqual(new Uint8Array(Buffer.from('hello')));
    expect(read('', 'hello')).toStrictEqual(new Uint8Array(Buffer.from('hello')));
  });

  it('is a bigint where it is one integer that a number cannot hold', () => {
    expect(read('application/json', '9007199254740991')).toBe(9007199254740991);
    expect(read('application/json', '9007199254740993')).toBe(9007199254740993n);
    expect(read('application/json', '-9223372036854775808')).toBe(-(2n ** 63n));
    expect(read('application/json', '123456789012345678901234567890')).toBe(123456789012345678901234567890);
    expect(read('text/plain', '9007199254740993')).toBe('9007199254740993');
  });

  it('loses nothing if it is not UTF-8', () => {
    const latin1 = Uint8Array.of(0xe9);
    expect(read('text/plain', latin1)).toStrictEqual(latin1);
    expect(read('text/plain; charset=iso-8859-1', latin1)).toStrictEqual(latin1);
    expect(read('text/plain; charset=iso-8859-1', 'a')).toStrictEqual(Uint8Array.of(97));
  });

  it('does not reach the prototype of anything', () => {
    const value = read('application/json', '{"__proto__":{"polluted":true}}') as { polluted?: boolean };
    expect(value.polluted).toBeUndefined();
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('is refused if it does not match its content type', () => {
    expect(codeOf(() => read('application/json', '{'))).toBe('invalid-request');
    expect(codeOf(() => read('application/json', Uint8Array.of(0x22, 0xff, 0x22)))).toBe('invalid-request');
    expect(codeOf(() => read(V8_CONTENT_TYPE, 'hello'))).toBe('invalid-request');
    expect(codeOf(() => read(V8_CONTENT_TYPE, ''))).toBe('invalid-request');
  });

  it('may be any bytes that claim to be V8’s, without harm', () => {
    const honest = serialize({ a: [new Uint8Array(8), 'text', new Map([[1, 2n]])], d: new Date(0) });
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 4 }), fc.nat(), (changes, cut) => {
        const body = Uint8Array.from(honest);
        for (const [at, byte] of changes) body[at % body.length] = byte;
        const cutBody = body.subarray(0, 2 + (cut % body.length));
        expect(['none', 'invalid-request']).toContain(codeOf(() => read(V8_CONTENT_TYPE, cutBody)));
      }),
      { numRuns: 500 },
    );
  });
});
