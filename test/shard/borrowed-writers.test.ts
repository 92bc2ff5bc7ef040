/** Bytes that stay on their own have a buffer of exactly their length, which nothing writes to afterwards. */
import { describe, expect, it } from 'vitest';
import { borrowWriter, finish } from '../../src/shard/byte-buffer.js';
import { encodeOutcome, encodeProgram } from '../../src/shard/program-codec.js';
import type { Step } from '../../src/shard/index.js';

const put = (body: Uint8Array): Step => ({
  ...{ type: 'put', key: Buffer.from('\u0001a'), contentType: 'a/b', expiry: { type: 'none' }, body },
  ...{ condition: { type: 'none' }, returning: 'nothing' },
});
const programOf = (bytes: number, fill: number): Uint8Array =>
  encodeProgram({
    ...{ comparisons: [], otherwise: [], onError: 'fail', valueLimit: 1_000_000 },
    then: [put(Buffer.alloc(bytes, fill))],
  });

describe('a borrowed writer', () => {
  it("gives short bytes in Node's pool, long ones in a buffer of their length, and none in its own chunk", () => {
    const short = [1, 2].map(() => encodeOutcome({ succeeded: true, results: [], lastDeletion: 0, omitted: false }));
    for (const { buffer } of short) expect(buffer.byteLength).toBe(Buffer.poolSize);
    const long = programOf(10_000, 1);
    expect([long.buffer.byteLength, long.byteOffset]).toEqual([long.length, 0]);
    const out = borrowWriter();
    out.u8(7);
    expect(finish(out).buffer).not.toBe(out.bytes.buffer);
  });

  it('is used again, but never for bytes that were given', () => {
    const texts = [1, 2, 3].map((fill) => [fill, programOf(100 * fill, fill)] as const);
    for (const [fill, bytes] of texts) expect(Buffer.from(bytes)).toEqual(Buffer.from(programOf(100 * fill, fill)));
    const out = borrowWriter();
    out.u8(7);
    expect([...finish(out)]).toEqual([7]);
    expect(borrowWriter()).toBe(out);
  });

  it('is another one while it is in use', () => {
    const outer = borrowWriter();
    outer.u8(1);
    const inner = borrowWriter();
    inner.u8(2);
    outer.raw(finish(inner));
    expect([...finish(outer)]).toEqual([1, 2]);
  });

  it('is left with what an encoder wrote that failed', () => {
    expect(() =>
      encodeProgram({ ...{ comparisons: [], then: [], otherwise: [] }, onError: 'fail', valueLimit: -1 }),
    ).toThrow();
    const [wrong] = [put(Buffer.alloc(1))].map((step) => ({ ...step, key: new Uint8Array(0) }));
    const program = { comparisons: [], then: [put(Buffer.alloc(1)), wrong as Step], otherwise: [], valueLimit: 1 };
    expect(() => encodeProgram({ ...program, onError: 'fail' })).toThrow();
    expect(Buffer.from(programOf(50, 9))).toEqual(Buffer.from(programOf(50, 9)));
    const out = borrowWriter();
    expect(out.length).toBe(0);
    finish(out);
  });

  it('that has grown large is not kept', () => {
    programOf(500_000, 1);
    expect(borrowWriter().bytes.length).toBeLessThan(500_000);
  });
});
