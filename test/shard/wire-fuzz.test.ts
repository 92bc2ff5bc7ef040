/** Any bytes, and corrupted frames, decode to a message or a `WireError`, never anything else (bad-inputs row 25). */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WireError, WireReader } from '../../src/shard/transport/wire-buffer.js';
import { decodeHello, encodeHello } from '../../src/shard/transport/wire-hello.js';
import { decodeFrame, encodeFrame } from '../../src/shard/transport/wire.js';
import { frame, u8 } from './crafted.js';
import { peerMessages } from './peer-messages.js';
import { helloOf } from './ws-lab.js';

const NODES = { from: 1, to: 2 };

describe('row 25: any bytes', () => {
  /** Decodes, or throws a WireError; anything else fails the property. What decodes can be encoded again. */
  const judge = (bytes: Uint8Array): void => {
    try {
      const frame = decodeFrame(bytes);
      expect(decodeFrame(encodeFrame(frame))).toEqual(frame);
    } catch (error) {
      expect(error).toBeInstanceOf(WireError);
    }
  };

  test('random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200, size: 'max' }), judge), { numRuns: 3000 });
  });

  test('random bytes behind a right header and type', () => {
    const types = fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 32, 33, 34, 35, 36, 37);
    fc.assert(
      fc.property(types, fc.uint8Array({ maxLength: 120, size: 'max' }), (type, rest) => {
        judge(frame(u8(type), [...rest]));
      }),
      { numRuns: 5000 },
    );
  });

  test('valid frames with bytes changed', () => {
    const mutation = fc.record({ where: fc.nat(), value: fc.integer({ min: 0, max: 255 }) });
    fc.assert(
      fc.property(
        fc.array(peerMessages(NODES), { minLength: 1, maxLength: 3 }),
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        (messages, mutations) => {
          const bytes = encodeFrame({ ...NODES, messages }).slice();
          for (const { where, value } of mutations) bytes[where % bytes.length] = value;
          judge(bytes);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('a truncated frame never yields a message that it does not contain completely', () => {
    fc.assert(
      fc.property(fc.array(peerMessages(NODES), { minLength: 1, maxLength: 3 }), fc.nat(), (messages, where) => {
        const bytes = encodeFrame({ ...NODES, messages });
        const cut = bytes.subarray(0, where % bytes.length);
        try {
          const got = decodeFrame(cut).messages;
          expect(got).toEqual(messages.slice(0, got.length));
          expect(got.length).toBeLessThan(messages.length);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 500 },
    );
  });

  test('a reader never reads outside its part of a buffer', () => {
    const whole = new Uint8Array(64).fill(1);
    const reader = new WireReader(whole.subarray(10, 14));
    expect(reader.u32()).toBe(0x01010101);
    expect(() => reader.u8()).toThrow(WireError);
    expect(() => new WireReader(whole.subarray(10, 14)).u48()).toThrow(WireError);
    expect(() => new WireReader(whole.subarray(10, 14)).longBytes()).toThrow(WireError);
  });

  test('a hello of random or changed bytes', () => {
    const good = encodeHello(
      helloOf({ extension: { clusterUid: 'u', known: { boot: 1, position: 2, process: 5, accused: 0 } } }),
    );
    const changed = fc
      .tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 }), fc.nat(good.length))
      .map(([where, value, length]) => good.slice(0, length).fill(value, where, where + 1));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 40, size: 'max' }), changed), (bytes) => {
        try {
          const { hello, layout } = decodeHello(bytes);
          if (hello !== undefined) expect(decodeHello(encodeHello(hello, layout)).hello).toEqual(hello);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
