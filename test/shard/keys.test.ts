import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_KEY_BYTES } from '../../src/shard/bounds.js';
import { bytesKey, decodeKey, encodeKey, MAX_KEY_DEPTH, stringKey } from '../../src/shard/keys/index.js';
import { codeOf } from '../support/error-code.js';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const text = fc.string({ unit: 'binary', maxLength: 12, size: 'max' });
const bytes = fc.uint8Array({ maxLength: 12, size: 'max' });
const time = fc.date({ noInvalidDate: false });
const scalar = fc.oneof(
  fc.constantFrom(undefined, null, false, true, NaN, Infinity, -Infinity, 0, 5e-324, Number.MAX_VALUE, 0n),
  fc.double().map((value) => value + 0),
  fc.integer(),
  fc.bigInt(),
  fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }),
  time,
  text,
  text.map((value) => `${value}\u0000`),
  bytes,
);
const key = fc.letrec<{ any: unknown }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(text, fc.constantFrom('__proto__', 'constructor', 'toString', '')), tie('any'), {
      maxKeys: 4,
      noNullPrototype: true,
    }),
    fc
      .uniqueArray(fc.tuple(scalar, tie('any')), { maxLength: 4, selector: identity })
      .map((entries) => new Map(entries)),
    fc
      .uniqueArray(scalar, { maxLength: 4, selector: (member) => identity([member]) })
      .map((members) => new Set(members)),
  ),
})).any;

/** What makes members of a Map or Set equal as keys. */
function identity([member]: readonly [unknown, ...unknown[]]): string {
  return hex(encodeKey([member]));
}

/** The documented order, independent of the encoding. */
function compare(a: unknown, b: unknown): number {
  const rank = typeRank(a) - typeRank(b);
  if (rank !== 0) return rank;
  if (typeof a === 'number' || a instanceof Date) return compareNumbers(Number(a), Number(b));
  if (typeof a === 'bigint') return a < (b as bigint) ? -1 : Number(a > (b as bigint));
  if (typeof a === 'string') return compareLists(Array.from(a, codePoint), Array.from(b as string, codePoint));
  if (a instanceof Uint8Array) return compareLists([...a], [...(b as Uint8Array)]);
  if (Array.isArray(a)) return compareLists(a, b as unknown[]);
  if (a instanceof Map) return compareLists(sortedEntries([...a]), sortedEntries([...(b as Map<unknown, unknown>)]));
  if (a instanceof Set) return compareLists(sortedMembers([...a]), sortedMembers([...(b as Set<unknown>)]));
  if (typeof a === 'object' && a !== null) {
    return compareLists(sortedEntries(Object.entries(a)), sortedEntries(Object.entries(b as object)));
  }
  return 0;
}
const codePoint = (character: string): number => character.codePointAt(0)!;
const sortedEntries = (entries: [unknown, unknown][]): unknown[] => entries.sort((x, y) => compare(x[0], y[0])).flat(1);
/** Boxed, for `sort` puts undefined last without calling the comparator. */
const sortedMembers = (members: unknown[]): unknown[] =>
  members.map((member) => [member]).sort((x, y) => compare(x[0], y[0]));
function typeRank(any: unknown): number {
  const tests = [
    any === undefined,
    any === null,
    any === false,
    any === true,
    typeof any === 'number',
    typeof any === 'bigint',
    any instanceof Date,
    typeof any === 'string',
    any instanceof Uint8Array,
    Array.isArray(any),
    !(any instanceof Map || any instanceof Set),
    any instanceof Map,
  ];
  const rank = tests.indexOf(true);
  return rank === -1 ? tests.length : rank;
}
function compareNumbers(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  return a < b ? -1 : Number(a > b);
}
function compareLists(a: readonly unknown[], b: readonly unknown[]): number {
  for (let at = 0; at < Math.min(a.length, b.length); at += 1) {
    const order = compare(a[at], b[at]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

describe('the encoding of keys', () => {
  it('keeps the order of a simple comparator', () => {
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(Math.sign(Buffer.compare(encodeKey(a), encodeKey(b)))).toBe(Math.sign(compare(a, b)));
      }),
      { numRuns: 3000 },
    );
  });

  it('keeps the order among near neighbours of one type', () => {
    const near = fc.oneof(
      fc.tuple(fc.double(), fc.double()),
      fc.tuple(fc.bigInt(), fc.bigInt()),
      fc.tuple(text, text),
      fc.tuple(text, text).map(([a, b]) => [a, a + b] as const),
      fc.tuple(bytes, bytes),
      fc.tuple(fc.array(scalar, { maxLength: 3 }), fc.array(scalar, { maxLength: 3 })),
    );
    fc.assert(
      fc.property(near, ([a, b]) => {
        // In an array: the inner, escaped form.
        expect(Math.sign(Buffer.compare(encodeKey([a, 1]), encodeKey([b, 1])))).toBe(
          Math.sign(compare([a, 1], [b, 1])),
        );
      }),
      { numRuns: 3000 },
    );
  });

  it('has the empty string before every other string, and after all of the types before', () => {
    const others = key.filter((any) => any !== '');
    fc.assert(
      fc.property(
        fc.oneof(
          others,
          text.filter((any) => any !== ''),
          bytes,
        ),
        (any) => {
          expect(Math.sign(Buffer.compare(encodeKey(''), encodeKey(any)))).toBe(Math.sign(compare('', any)));
        },
      ),
      { numRuns: 2000 },
    );
    for (const first of ['\u0000', '\u0000\u0000', ' ', 'a']) {
      expect(Buffer.compare(encodeKey(''), encodeKey(first))).toBe(-1);
    }
  });

  it('has empty bytes before all other bytes, and after every string', () => {
    fc.assert(
      fc.property(fc.oneof(bytes, text, key), (any) => {
        const none = new Uint8Array(0);
        expect(Math.sign(Buffer.compare(encodeKey(none), encodeKey(any)))).toBe(Math.sign(compare(none, any)));
      }),
      { numRuns: 2000 },
    );
    expect(Buffer.compare(encodeKey(new Uint8Array(0)), encodeKey(Uint8Array.of(0)))).toBe(-1);
  });

  it('round-trips the empty string and empty bytes', () => {
    expect(decodeKey(stringKey(''))).toBe('');
    expect(decodeKey(encodeKey(''))).toBe('');
    expect(decodeKey(bytesKey(new Uint8Array(0)))).toStrictEqual(new Uint8Array(0));
    expect(decodeKey(encodeKey(['', {}, new Uint8Array(0)]))).toStrictEqual(['', {}, new Uint8Array(0)]);
  });

  it('round-trips every key', () => {
    fc.assert(
      fc.property(key, (any) => {
        const encoded = encodeKey(any);
        const decoded = decodeKey(encoded);
        expect(hex(encodeKey(decoded))).toBe(hex(encoded));
        expect(compare(decoded, any)).toBe(0);
      }),
      { numRuns: 2000 },
    );
  });

  it('decodes to the very same structure', () => {
    const any = {
      list: [1, 'a\u0000b', null, undefined, [new Uint8Array([0, 255, 0])]],
      map: new Map<unknown, unknown>([
        [1, 'one'],
        ['two', 2n],
      ]),
      set: new Set([-5n, new Date(7)]),
      ['__proto__']: { polluted: true },
    };
    expect(decodeKey(encodeKey(any))).toStrictEqual(any);
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it('refuses to decode what the encoder does not produce', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24, size: 'max' }), (any) => {
        let decoded: unknown;
        try {
          decoded = decodeKey(any);
        } catch (error) {
          expect(error).toMatchObject({ code: 'invalid-request' });
          return;
        }
        expect(hex(encodeKey(decoded))).toBe(hex(any));
      }),
      { numRuns: 3000 },
    );
  });

  it('refuses to decode an encoding that was cut or altered', () => {
    fc.assert(
      fc.property(key, fc.nat(), fc.integer({ min: 1, max: 255 }), (any, position, flip) => {
        const encoded = encodeKey(any);
        const altered = Uint8Array.from(encoded);
        altered[position % altered.length]! ^= flip;
        for (const candidate of [altered, encoded.subarray(0, position % encoded.length)]) {
          if (codeOf(() => decodeKey(candidate)) === 'none') {
            expect(hex(encodeKey(decodeKey(candidate)))).toBe(hex(candidate));
          } else expect(codeOf(() => decodeKey(candidate))).toBe('invalid-request');
        }
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['nothing', ''],
    ['an unknown tag', '7f'],
    ['minus zero', '207fffffffffffffff'],
    ['another NaN', '20fff8000000000001'],
    ['a bigint with a leading zero', '280200020001'],
    ['a bigint of no digits', '28020000'],
    ['a bigint with an unknown sign', '2803'],
    ['an object whose name is a number', '6820bff00000000000001000'],
    ['an object with a name and no value', '6840610000'],
    ['names out of order', '68406200104061001000'],
    ['a Set with one member twice', '78101000'],
    ['invalid UTF-8', '40ff'],
    ['a string key with an end mark that belongs inside only', '40ff00'],
    ['deeper nesting than can be encoded', '60'.repeat(40) + '00'.repeat(40)],
  ])('refuses to decode %s', (_what, encoded) => {
    expect(codeOf(() => decodeKey(Buffer.from(encoded, 'hex')))).toBe('invalid-request');
  });

  it.each([
    ['', '40'],
    ['a', '4061'],
    [[''], '60400000'],
    [[], '6000'],
    [new Uint8Array(0), '50'],
    ['a\u0000', '406100'],
    [['a\u0000'], '60406100ff0000'],
    [1, '20bff0000000000000'],
    [0, '208000000000000000'],
    [-1, '20400fffffffffffff'],
    [NaN, '20fff8000000000000'],
    [1n, '2802000101'],
    [-256n, '2800fffdfeff'],
    [null, '10'],
    [new Date(0), '308000000000000000'],
    [Uint8Array.of(97), '5061'],
    [{ b: true, a: [] }, '6840610060004062001900'],
  ])('pins the encoding of %o', (any, encoded) => {
    expect(hex(encodeKey(any))).toBe(encoded);
  });

  it('does not confuse values of different types', () => {
    const all: unknown[] = [
      1,
      1n,
      '1',
      Uint8Array.of(0x31),
      [1],
      { 1: 1 },
      new Map([[1, 1]]),
      new Set([1]),
      true,
      new Date(1),
    ];
    all.push('', new Uint8Array(0), '\u0000', Uint8Array.of(0), [''], [new Uint8Array(0)], { '': '' }, ['', '']);
    all.push([], {}, new Map(), new Set(), [null], [undefined], [[]], { a: undefined });
    expect(new Set(all.map((any) => hex(encodeKey(any)))).size).toBe(all.length);
  });

  it('gives equal keys the same encoding', () => {
    const same = (a: unknown, b: unknown): void => {
      expect(hex(encodeKey(a))).toBe(hex(encodeKey(b)));
    };
    same(-0, 0);
    same([-0], [0]);
    same(NaN, Number('x'));
    same({ a: 1, b: 2 }, { b: 2, a: 1 });
    same(Object.assign(Object.create(null), { a: 1 }), { a: 1 });
    same(new Set([1, 2]), new Set([2, 1]));
    same(Buffer.from('ab'), Uint8Array.of(97, 98).buffer);
    same(new ArrayBuffer(0), Buffer.alloc(0));
    same([Buffer.from('ab')], [Uint8Array.of(97, 98)]);
    same([, 1], [undefined, 1]);
  });

  it('keeps prefixes of string keys as prefixes', () => {
    const prefix = hex(stringKey('user:'));
    expect(hex(stringKey('user:\u0000é')).startsWith(prefix)).toBe(true);
    expect(hex(stringKey('users')).startsWith(prefix)).toBe(false);
  });

  it('does not share memory with what it is given', () => {
    const given = Uint8Array.of(1, 2);
    const encoded = bytesKey(given);
    given[0] = 9;
    expect(hex(encoded)).toBe('500102');
    const decoded = decodeKey(encoded) as Uint8Array;
    decoded[0] = 7;
    expect(hex(encoded)).toBe('500102');
  });
});

describe('what cannot be a key', () => {
  class Point {
    x = 1;
  }
  const cycle: unknown[] = [];
  cycle.push([cycle]);
  it.each([
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a function inside', { a: [() => 1] }],
    ['a symbol as name', { [Symbol('s')]: 1 }],
    ['a class instance', new Point()],
    ['a boxed string', new String('a')],
    ['a regular expression', /a/],
    ['a promise', Promise.resolve()],
    ['a DataView', new DataView(new ArrayBuffer(1))],
    ['other typed arrays', [new Uint16Array(1)]],
    ['a cycle', cycle],
    ['an object with an odd prototype', Object.create(Object.create(null) as object)],
    ['a Map with members that are equal as keys', new Map([[[1], 1], [[1], 2]])], // prettier-ignore
    ['a Set with members that are equal as keys', new Set([{ a: 1 }, { a: 1 }])],
  ])('%s is a TypeError', (_what, any) => {
    expect(() => encodeKey(any)).toThrow(TypeError);
  });

  it('names the class of an instance', () => {
    expect(() => encodeKey(new Point())).toThrow(/Point/);
  });

  it('an object may occur twice, as long as it does not hold itself', () => {
    const shared = [1];
    expect(decodeKey(encodeKey([shared, shared]))).toStrictEqual([[1], [1]]);
  });

  const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
  it('limits nesting', () => {
    expect(decodeKey(encodeKey(nested(MAX_KEY_DEPTH)))).toStrictEqual(nested(MAX_KEY_DEPTH));
    expect(codeOf(() => encodeKey(nested(MAX_KEY_DEPTH + 1)))).toBe('TypeError');
    expect(codeOf(() => encodeKey(nested(3000)))).toBe('TypeError');
  });

  it('takes 4,096 bytes and not one more', () => {
    for (const character of ['a', 'é', '€', '😀']) {
      const size = Buffer.byteLength(character);
      const full = character.repeat(Math.floor(MAX_KEY_BYTES / size)).padEnd(0) + 'x'.repeat(MAX_KEY_BYTES % size);
      expect(Buffer.byteLength(full)).toBe(MAX_KEY_BYTES);
      expect(decodeKey(stringKey(full))).toBe(full);
      expect(codeOf(() => stringKey(`${full}a`))).toBe('key-too-long');
    }
    expect(decodeKey(bytesKey(new Uint8Array(MAX_KEY_BYTES)))).toStrictEqual(new Uint8Array(MAX_KEY_BYTES));
    expect(codeOf(() => bytesKey(new Uint8Array(MAX_KEY_BYTES + 1)))).toBe('key-too-long');
    // Tag and end mark of the string, end mark of the array.
    expect(encodeKey(['a'.repeat(MAX_KEY_BYTES - 3)])).toHaveLength(MAX_KEY_BYTES + 1);
    expect(codeOf(() => encodeKey(['a'.repeat(MAX_KEY_BYTES - 2)]))).toBe('key-too-long');
    expect(codeOf(() => encodeKey(['a'.repeat(MAX_KEY_BYTES + 1)]))).toBe('key-too-long');
    expect(codeOf(() => encodeKey([new Uint8Array(MAX_KEY_BYTES + 1)]))).toBe('key-too-long');
  });

  it('is refused cheaply if it is far too large', () => {
    expect(codeOf(() => encodeKey('a'.repeat(100_000_000)))).toBe('key-too-long');
    expect(codeOf(() => encodeKey(new Array(4_000_000_000)))).toBe('key-too-long');
    expect(codeOf(() => encodeKey(1n << 10_000_000n))).toBe('key-too-long');
    expect(codeOf(() => encodeKey(-(1n << 32_760n)))).toBe('key-too-long');
    expect(decodeKey(encodeKey(-(1n << 32_000n)))).toBe(-(1n << 32_000n));
    expect(codeOf(() => encodeKey(new Map(Array.from({ length: 5000 }, (_, at) => [at, at]))))).toBe('key-too-long');
  });

  it('a detached ArrayBuffer is a TypeError, not the key of no bytes', () => {
    const bytes = Uint8Array.of(1, 2);
    structuredClone(bytes, { transfer: [bytes.buffer] });
    expect(bytes).toHaveLength(0);
    expect(codeOf(() => encodeKey(bytes))).toBe('TypeError');
    expect(codeOf(() => encodeKey(bytes.buffer))).toBe('TypeError');
    expect(codeOf(() => encodeKey(new Uint8Array(Uint8Array.of(1).buffer, 1)))).toBe('none');
  });

  it('a string without UTF-8 is an invalid request', () => {
    for (const any of ['\ud800', 'a\udc00b', ['\ud83d'], { '\udead': 1 }]) {
      expect(codeOf(() => encodeKey(any))).toBe('invalid-request');
    }
    expect(codeOf(() => stringKey('x'.repeat(100) + '\ud800'))).toBe('invalid-request');
  });
});
