/** The ring of slots: what its rows hold, however often they were written. */
import { describe, expect, it } from 'vitest';
import { readU48, writeU48 } from '../../src/shard/big-endian.js';
import { FORMATS } from '../../src/shard/formats.js';
import { SlotRing } from '../../src/shard/machine/slot-ring.js';
import { MapStateStore } from '../support/map-state-store.js';

const SPACE = '\u000a';
const PAGE_SLOTS = 128;

describe('a ring of slots', () => {
  it.each([1, 7, 60, 128, 200, 500])('has rows for its live pages and no others, flushed after every %i', (every) => {
    const store = new MapStateStore();
    const options = { space: SPACE, slotBytes: 6, layout: FORMATS.deletionPage };
    const ring = new SlotRing(store, options);
    for (let number = 0; number < 2_000; number++) {
      ring.reserve();
      writeU48(ring.bytes, ring.at(number), number);
      ring.tail += 1;
      if (ring.size > 300) ring.head += 1;
      if (number % every > 0) continue;
      ring.flush();
      const pages = Math.ceil(ring.tail / PAGE_SLOTS) - Math.floor(ring.head / PAGE_SLOTS);
      expect([...store.scan(SPACE)]).toHaveLength(pages);
    }
    ring.flush();
    const loaded = new SlotRing(store, options);
    const numbers: number[] = [];
    loaded.load(ring.head, (at) => numbers.push(readU48(loaded.bytes, at)));
    expect(numbers).toEqual(Array.from({ length: 300 }, (_, at) => 1_700 + at));
    expect([loaded.head, loaded.tail]).toEqual([ring.head, ring.tail]);
  });
});
