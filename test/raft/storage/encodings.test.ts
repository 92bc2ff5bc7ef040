/** The bytes of journal rows and state rows, and their checksum. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MalformedBytes } from '../../../src/raft/codec.js';
import { crc32c } from '../../../src/raft/storage/journal/crc32c.js';
import { decodeRow, encodeRow, rowSize } from '../../../src/raft/storage/journal/row.js';
import type { JournalRecord } from '../../../src/raft/storage/journal/row.js';
import {
  StateRowWriter,
  checkSnapshotChunk,
  decodeStateRows,
  prefixEnd,
} from '../../../src/raft/storage/state/state-rows.js';
import type { Entry } from '../../../src/raft/types.js';
import { bytes, entries, meta } from './support/builders.js';

const uint53 = fc.maxSafeNat();
const node = fc.integer({ min: 0, max: 65_535 });
const nodes = fc.array(node, { maxLength: 4 });
const run: fc.Arbitrary<Entry[]> = fc
  .tuple(fc.nat(2 ** 40), fc.array(fc.tuple(uint53, fc.uint8Array({ maxLength: 20, size: 'max' })), { maxLength: 4 }))
  .map(([first, list]) => list.map(([term, data], i) => ({ index: first + i, term, kind: 1 as const, data })));
const record: fc.Arbitrary<JournalRecord> = fc.record({
  group: fc.nat(0xffff_ffff),
  hardState: fc.option(fc.record({ term: uint53, vote: node, commit: uint53 }), { nil: undefined }),
  reset: fc.option(
    fc.record({
      slot: uint53,
      meta: fc.record({
        index: uint53,
        term: uint53,
        configuration: fc.record({ voters: nodes, votersOutgoing: nodes, learners: nodes }),
      }),
    }),
    { nil: undefined },
  ),
  entries: run,
});

/** Bit by bit, as the polynomial says. */
function slowCrc(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

describe('crc32c', () => {
  it('gives the check value and the vectors of RFC 3720', () => {
    expect(crc32c(bytes('123456789'))).toBe(0xe3069283);
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(new Uint8Array(0))).toBe(0);
  });

  it('equals a bitwise implementation at every length and offset', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70, size: 'max' }), fc.nat(9), (data, skip) => {
        const view = data.subarray(skip);
        expect(crc32c(view)).toBe(slowCrc(view));
      }),
    );
  });
});

describe('journal row', () => {
  it('round-trips', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 5 }), (records) => {
        const row = encodeRow(records);
        expect(row.length).toBe(rowSize(records));
        expect(row.buffer.byteLength).toBe(row.length);
        expect(decodeRow(row)).toEqual(records);
      }),
    );
  });

  it('keeps its layout', () => {
    const row = encodeRow([{ group: 258, hardState: { term: 3, vote: 2, commit: 1 }, entries: entries(7, 7, 3) }]);
    expect(Buffer.from(row).toString('hex')).toBe(
      ['01', '01000000', '02010000', '05'].join('') +
        ['0300000000000000', '0200', '0100000000000000'].join('') +
        ['01000000', '0700000000000000', '0300000000000000', '01', '03000000', '374033'].join(''),
    );
  });

  it('is refused when it is truncated, has extra bytes, leaves a gap or is of another version', () => {
    const reset = { slot: 3, meta: meta(4) };
    const row = encodeRow([
      { group: 1, hardState: { term: 1, vote: 1, commit: 1 }, reset, entries: entries(5, 6) },
      { group: 2, hardState: undefined, entries: entries(1, 1) },
    ]);
    for (let length = 0; length < row.length; length++) {
      expect(() => decodeRow(row.subarray(0, length)), `${length} bytes`).toThrow(MalformedBytes);
    }
    expect(() => decodeRow(Uint8Array.of(...row, 0))).toThrow('left over');
    const gap = encodeRow([{ group: 1, hardState: undefined, entries: [...entries(1, 1), ...entries(3, 3)] }]);
    expect(() => decodeRow(gap)).toThrow('entry 3 follows entry 1');
    expect(() => decodeRow(row.with(0, 2))).toThrow('version 2');
  });
});

describe('state rows', () => {
  const key = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)), maxLength: 9 });
  const rows = fc.array(fc.tuple(key, fc.option(fc.uint8Array({ maxLength: 9 }), { nil: undefined })));

  it('round-trip', () => {
    fc.assert(
      fc.property(rows, (list) => {
        const writer = new StateRowWriter();
        for (const [k, value] of list) writer.add(k, value);
        expect(writer.rows).toBe(list.length);
        const size = writer.bytes;
        const data = writer.take();
        expect(data.length).toBe(size);
        expect(writer.bytes + writer.rows).toBe(0);
        const back = [...decodeStateRows(data)].map((raw) => [raw.key.toString('latin1'), raw.value && [...raw.value]]);
        expect(back).toEqual(list.map(([k, value]) => [k, value && [...value]]));
      }),
    );
  });

  it('are refused when they are truncated anywhere but between two rows', () => {
    const writer = new StateRowWriter();
    writer.add('key', bytes('value'));
    writer.add('k', bytes(''));
    const data = writer.take();
    const whole = new Set([0, 14, data.length]);
    for (let length = 0; length <= data.length; length++) {
      const check = (): void => {
        checkSnapshotChunk(data.subarray(0, length));
      };
      if (whole.has(length)) check();
      else expect(check, `${length} bytes`).toThrow(MalformedBytes);
    }
  });

  it('have a key for the end of a prefix', () => {
    expect(prefixEnd('')).toBeUndefined();
    expect(prefixEnd('\xff\xff')).toBeUndefined();
    expect(prefixEnd('a')).toBe('b');
    expect(prefixEnd('a\xfe')).toBe('a\xff');
    expect(prefixEnd('a\xff')).toBe('b');
  });
});
