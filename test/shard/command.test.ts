import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeCommand, encodeCommand, MalformedCommand, viewCommand } from '../../src/shard/machine/command.js';
import { loadHash } from '../../src/shard/keys/hash.js';
import type { Attempt, Condition, PlainWrite } from '../../src/shard/operation.js';
import { codeOf } from '../support/error-code.js';

beforeAll(loadHash);

const bytesOf = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength, size: 'max' });
const condition: fc.Arbitrary<Condition> = fc.oneof(
  fc.constantFrom<Condition>({ type: 'none' }, { type: 'absent' }, { type: 'exists' }),
  fc.record({ type: fc.constant('revision' as const), revision: fc.integer({ min: 0, max: 2 ** 48 - 1 }) }),
);
const attempt = fc.constantFrom<Attempt>('initial', 'client-keyed', 'retry', 'keyed', 'keyed-retry');
const contentType = fc.string({
  unit: fc.integer({ min: 0x20, max: 0x7e }).map((c) => String.fromCharCode(c)),
  maxLength: 255,
  size: 'max',
});
const base = { key: fc.oneof(bytesOf(1, 20), bytesOf(4000, 4097)), condition, operationId: bytesOf(16, 16), attempt };
const put = fc.record({ type: fc.constant('put' as const), ...base, contentType, body: bytesOf(0, 200) });
const remove = fc.record({ type: fc.constant('delete' as const), ...base });
const write: fc.Arbitrary<PlainWrite> = fc.oneof(put, remove);
const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });

/** Ignores the difference between Buffer and Uint8Array. */
const plain = (any: PlainWrite): unknown =>
  Object.fromEntries(
    Object.entries(any).map(([name, field]) => [name, field instanceof Uint8Array ? [...field] : field]),
  );

const sample: PlainWrite = {
  type: 'put',
  key: Buffer.from('40616263', 'hex'),
  body: Buffer.from('hello'),
  contentType: 'text/plain',
  condition: { type: 'revision', revision: 43 },
  operationId: Buffer.from('018f0000000070008000000000000001', 'hex'),
  attempt: 'client-keyed',
};

describe('the encoding of a command', () => {
  it('round-trips every write', () => {
    fc.assert(
      fc.property(write, time, (any, timeMs) => {
        const data = encodeCommand(any, timeMs);
        const command = decodeCommand(data);
        expect(plain(command.write)).toEqual(plain(any));
        expect(command.timeMs).toBe(timeMs);
      }),
    );
  });

  it('is pinned', () => {
    expect(Buffer.from(encodeCommand(sample, 1_700_000_000_000)).toString('hex')).toBe(
      '02018bcfe56800018f000000007000800000000000000101e4e6cfb5d9796246010300000000002b00040a0040616263746578742f706c61696e68656c6c6f',
    );
  });

  it('has the body last, and decodes it as a view', () => {
    const data = encodeCommand(sample, 1);
    const { write: decoded } = decodeCommand(data);
    expect(decoded.type === 'put' && decoded.body.buffer === data.buffer).toBe(true);
    expect(Buffer.from(data.subarray(viewCommand(data).bodyAt)).toString()).toBe('hello');
  });

  it('is exactly as large as it has to be', () => {
    fc.assert(
      fc.property(put, (any) => {
        expect(encodeCommand(any, 0)).toHaveLength(44 + any.key.length + any.contentType.length + any.body.length);
      }),
    );
  });

  it('takes any clock', () => {
    const timeOf = (ms: number): number => decodeCommand(encodeCommand(sample, ms)).timeMs;
    expect([1.9, -5, 1e300, Infinity, NaN].map(timeOf)).toEqual([1, 0, 2 ** 48 - 1, 2 ** 48 - 1, 0]);
  });
});

describe('the fingerprint', () => {
  const of = (any: PlainWrite, timeMs = 0): string => decodeCommand(encodeCommand(any, timeMs)).fingerprint;

  it('depends on the request, not on the attempt', () => {
    expect(of({ ...sample, operationId: new Uint8Array(16), attempt: 'retry' }, 5)).toBe(of(sample, 9));
  });

  it('differs with every part of the request', () => {
    const others: PlainWrite[] = [
      { ...sample, key: Buffer.from('40616264', 'hex') },
      { ...sample, body: Buffer.from('hellp') },
      { ...sample, contentType: 'text/plaim' },
      { ...sample, condition: { type: 'revision', revision: 44 } },
      { ...sample, condition: { type: 'exists' } },
      {
        type: 'delete',
        key: sample.key,
        condition: sample.condition,
        operationId: sample.operationId,
        attempt: 'initial',
      },
      // The same bytes, divided differently between fields.
      { ...sample, key: Buffer.from('406162', 'hex'), contentType: 'ctext/plain' },
      { ...sample, contentType: 'text/plainh', body: Buffer.from('ello') },
    ];
    expect(new Set([sample, ...others].map((any) => of(any))).size).toBe(others.length + 1);
  });
});

describe('what is out of bounds is refused by the encoder', () => {
  it.each([
    ['an empty key', { key: new Uint8Array(0) }, 'invalid-request'],
    ['a long key', { key: new Uint8Array(4098) }, 'key-too-long'],
    ['a short id', { operationId: new Uint8Array(15) }, 'invalid-request'],
    ['a long content type', { contentType: 'a'.repeat(256) }, 'invalid-request'],
    ['a line break in the content type', { contentType: 'text/plain\r\nx: y' }, 'invalid-request'],
    ['a content type outside ASCII', { contentType: 'téxt' }, 'invalid-request'],
    ['a negative revision', { condition: { type: 'revision', revision: -1 } }, 'invalid-request'],
    ['a broken revision', { condition: { type: 'revision', revision: 1.5 } }, 'invalid-request'],
    ['a huge revision', { condition: { type: 'revision', revision: 2 ** 48 } }, 'invalid-request'],
    ['no number as revision', { condition: { type: 'revision', revision: NaN } }, 'invalid-request'],
  ] as [string, Partial<PlainWrite>, string][])('%s', (_what, change, code) => {
    expect(codeOf(() => encodeCommand({ ...sample, ...change }, 0))).toBe(code);
  });
});

describe('what is malformed is refused by the decoder', () => {
  const altered = (at: number, value: number, from: PlainWrite = sample): Uint8Array => {
    const data = Uint8Array.from(encodeCommand(from, 0));
    data[at] = value;
    return data;
  };
  const removal: PlainWrite = {
    type: 'delete',
    key: sample.key,
    condition: { type: 'none' },
    operationId: sample.operationId,
    attempt: 'initial',
  };
  it.each([
    ['nothing', new Uint8Array(0)],
    ['another layout', () => altered(0, 1)],
    ['another attempt', () => altered(23, 9)],
    ['another kind', () => altered(32, 3)],
    ['no kind', () => altered(32, 0)],
    ['another condition', () => altered(33, 4)],
    ['a revision without its condition', () => altered(33, 1)],
    ['a key of no bytes', () => altered(41, 0)],
    ['a key longer than any', () => altered(40, 0x20)],
    ['no zero before the key', () => altered(43, 1)],
    ['a content type longer than the entry', () => altered(42, 200)],
    ['a content type outside ASCII', () => altered(48, 0x0a)],
    ['a delete with a body', () => Uint8Array.from([...encodeCommand(removal, 0), 1])],
    ['a delete with a content type', () => altered(42, 1, removal)],
    ['a delete cut short', () => encodeCommand(removal, 0).subarray(0, -1)],
  ] as [string, Uint8Array | (() => Uint8Array)][])('%s', (_what, data) => {
    expect(() => decodeCommand(typeof data === 'function' ? data() : data)).toThrow(MalformedCommand);
  });

  it('any bytes at all are either a command or malformed', () => {
    fc.assert(
      fc.property(write, fc.nat(), fc.nat(), fc.integer({ min: 0, max: 255 }), (any, cut, at, value) => {
        const data = Uint8Array.from(encodeCommand(any, 7)).subarray(0, cut % 400);
        if (data.length > 0) data[at % Math.min(data.length, 49)] = value;
        let command;
        try {
          command = decodeCommand(data);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedCommand);
          return;
        }
        const again = encodeCommand(command.write, command.timeMs);
        // All but the fingerprint, which the decoder does not verify.
        for (const [from, to] of [
          [0, 24],
          [32, data.length],
        ]) {
          expect([...again.subarray(from, to)]).toEqual([...data.subarray(from, to)]);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
