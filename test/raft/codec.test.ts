import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ENTRY_HEADER_BYTES,
  MalformedBytes,
  configurationSize,
  entrySize,
  readConfiguration,
  readEntry,
  readSnapshotMeta,
  readUint53,
  snapshotMetaSize,
  spanOf,
  writeConfiguration,
  writeEntry,
  writeSnapshotMeta,
  writeUint53,
} from '../../src/raft/codec.js';
import type { Entry, SnapshotMeta } from '../../src/raft/types.js';

const uint53 = fc.maxSafeNat();
const nodes = fc.array(fc.integer({ min: 1, max: 65_535 }), { maxLength: 7 });
const configuration = fc.record({ voters: nodes, votersOutgoing: nodes, learners: nodes });
const entry: fc.Arbitrary<Entry> = fc.record({
  index: uint53,
  term: uint53,
  kind: fc.constantFrom(0 as const, 1 as const, 2 as const),
  data: fc.uint8Array({ maxLength: 64, size: 'max' }),
});

describe('codec', () => {
  it('round-trips entries, one after another, at any offset', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 5 }), fc.nat(9), (entries, lead) => {
        const span = spanOf(new Uint8Array(lead + entries.reduce((sum, e) => sum + entrySize(e), 0)));
        let at = lead;
        for (const e of entries) at = writeEntry(span, at, e);
        expect(at).toBe(span.bytes.length);
        at = lead;
        for (const e of entries) {
          const back = readEntry(span, at);
          expect({ ...back, data: [...back.data] }).toEqual({ ...e, data: [...e.data] });
          at += entrySize(back);
        }
      }),
    );
  });

  it('keeps its layout', () => {
    const span = spanOf(new Uint8Array(ENTRY_HEADER_BYTES + 2));
    writeEntry(span, 0, { index: 2 ** 32 + 5, term: 3, kind: 1, data: Uint8Array.of(0xaa, 0xbb) });
    expect(Buffer.from(span.bytes).toString('hex')).toBe(
      '0500000001000000' + '0300000000000000' + '01' + '02000000' + 'aabb',
    );
  });

  it('round-trips metas and configurations', () => {
    fc.assert(
      fc.property(fc.record({ index: uint53, term: uint53, configuration }), (meta: SnapshotMeta) => {
        const span = spanOf(new Uint8Array(snapshotMetaSize(meta)));
        expect(writeSnapshotMeta(span, 0, meta)).toBe(span.bytes.length);
        expect(readSnapshotMeta(span, 0)).toEqual(meta);
        const alone = spanOf(new Uint8Array(configurationSize(meta.configuration)));
        expect(writeConfiguration(alone, 0, meta.configuration)).toBe(alone.bytes.length);
        expect(readConfiguration(alone, 0)).toEqual(meta.configuration);
      }),
    );
  });

  it('refuses every truncation of an entry and of a meta', () => {
    const whole = spanOf(new Uint8Array(ENTRY_HEADER_BYTES + 3));
    writeEntry(whole, 0, { index: 1, term: 1, kind: 1, data: new Uint8Array(3) });
    const meta: SnapshotMeta = {
      index: 9,
      term: 2,
      configuration: { voters: [1, 2], votersOutgoing: [], learners: [3] },
    };
    const metaSpan = spanOf(new Uint8Array(snapshotMetaSize(meta)));
    writeSnapshotMeta(metaSpan, 0, meta);
    for (let length = 0; length < whole.bytes.length; length++) {
      expect(() => readEntry(spanOf(whole.bytes.subarray(0, length)), 0)).toThrow(MalformedBytes);
    }
    for (let length = 0; length < metaSpan.bytes.length; length++) {
      expect(() => readSnapshotMeta(spanOf(metaSpan.bytes.subarray(0, length)), 0)).toThrow(MalformedBytes);
    }
  });

  it('refuses integers beyond 2^53 - 1 and kinds that do not exist', () => {
    const span = spanOf(new Uint8Array(ENTRY_HEADER_BYTES));
    writeUint53(span, 0, Number.MAX_SAFE_INTEGER);
    expect(readUint53(span, 0)).toBe(Number.MAX_SAFE_INTEGER);
    span.view.setUint32(4, 0x20_0000, true);
    expect(() => readUint53(span, 0)).toThrow(MalformedBytes);
    expect(() => readEntry(span, 0)).toThrow(MalformedBytes);
    writeEntry(span, 0, { index: 1, term: 1, kind: 0, data: new Uint8Array(0) });
    span.view.setUint8(16, 3);
    expect(() => readEntry(span, 0)).toThrow('kind 3');
  });
});
