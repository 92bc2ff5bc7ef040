/** Allocation order of slots, compared with a simple queue. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SlotMap } from '../../../src/raft/storage/journal/slot-map.js';

type Step =
  { readonly place: number } | { readonly truncate: number } | { readonly drop: number } | { readonly add: number };

const amount = fc.nat(6);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ place: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ truncate: amount }) },
  fc.record({ drop: amount }),
  fc.record({ add: fc.integer({ min: 1, max: 12 }) }),
);

test('slots are allocated from the front of the free list and returned to its end', () => {
  let placed = 0;
  const property = fc.property(fc.array(step, { minLength: 60, maxLength: 120, size: 'max' }), (steps) => {
    const slots = new SlotMap();
    const free: number[] = [];
    const rows = new Map<number, readonly number[]>();
    const giveBack = (seqs: readonly number[]): void => {
      for (const seq of seqs) free.push(...rows.get(seq)!);
      for (const seq of seqs) rows.delete(seq);
    };
    for (const one of steps) {
      const first = Math.min(...rows.keys());
      if ('add' in one) free.push(...slots.add(one.add));
      else if ('place' in one && one.place <= free.length) {
        const seq = slots.last + 1;
        rows.set(seq, free.splice(0, one.place));
        const got = slots.place(seq, { batch: seq, rowBytes: 1, rowCrc: 0 }, one.place);
        expect(got).toEqual(rows.get(seq));
        placed++;
      } else if ('truncate' in one) {
        slots.freeUpTo(first + one.truncate);
        giveBack([...rows.keys()].filter((seq) => seq <= first + one.truncate));
      } else if ('drop' in one) {
        const dropped = [...rows.keys()].filter((seq) => seq >= slots.last - one.drop + 1);
        const before = free.length;
        giveBack(dropped);
        expect(slots.dropFrom(slots.last - one.drop + 1)).toEqual(free.slice(before));
      }
      expect(slots.free).toBe(free.length);
    }
  });
  fc.assert(property, { seed: 1, numRuns: 500 });
  expect(placed).toBeGreaterThan(1_000);
});
