/** Which views share a read transaction, and when it ends. */
import { describe, expect, it } from 'vitest';
import { OpenViews } from '../../../src/raft/storage/open-views.js';
import { EMPTY_PAGE, EVERYTHING, MAX_PINNED_STATES, NO_BOUNDS, ViewClosed } from '../../../src/raft/storage/index.js';
import type { StateView } from '../../../src/raft/storage/index.js';

class Lab {
  now = 0;
  readonly placements = new Map([1, 2, 3].map((group) => [group, { slot: group * 10 }]));
  /** Every transaction so far. */
  readonly pins: { readSlots: number[]; isOpen: boolean }[] = [];
  readonly views = new OpenViews(() => this.now);

  open(group: number): StateView {
    return this.views.openPinned(group, this.placements, () => {
      const pin = { readSlots: [] as number[], isOpen: true };
      this.pins.push(pin);
      return {
        range: (slot) => {
          pin.readSlots.push(slot);
          return EMPTY_PAGE;
        },
        walBytes: this.pins.length,
        close: () => {
          expect(pin.isOpen).toBe(true);
          pin.isOpen = false;
        },
      };
    });
  }

  checkpoint(group: number, slot = group * 10): void {
    this.placements.set(group, { slot });
  }
}

describe('views', () => {
  it('that are opened one soon after the other share a transaction, which ends with the last of them', () => {
    const lab = new Lab();
    const views = [lab.open(1), lab.open(2), lab.open(1)];
    for (const view of views) view.range(EVERYTHING, NO_BOUNDS);
    expect(lab.pins).toEqual([{ readSlots: [10, 20, 10], isOpen: true }]);
    views[0]?.close();
    views[0]?.close();
    views[2]?.close();
    expect(lab.pins[0]?.isOpen).toBe(true);
    views[1]?.close();
    expect(lab.pins[0]?.isOpen).toBe(false);
    lab.open(1);
    expect(lab.pins.length).toBe(2);
  });

  it('of a group share none from before its last checkpoint or installation', () => {
    const lab = new Lab();
    const before = lab.open(1);
    lab.checkpoint(2);
    lab.open(2);
    expect(lab.pins.length).toBe(2);
    // Both fit this group.
    lab.open(3);
    lab.checkpoint(1, 40);
    const after = lab.open(1);
    expect(lab.pins.length).toBe(3);
    before.range(EVERYTHING, NO_BOUNDS);
    after.range(EVERYTHING, NO_BOUNDS);
    expect(lab.pins.map(({ readSlots }) => readSlots)).toEqual([[10], [], [40]]);
    expect([before.walBytes, after.walBytes]).toEqual([1, 3]);
  });

  it('do not keep an old transaction open', () => {
    const lab = new Lab();
    const first = lab.open(1);
    lab.now = 999;
    const second = lab.open(1);
    first.close();
    lab.now = 1_000;
    lab.open(1);
    expect(lab.pins.map(({ isOpen }) => isOpen)).toEqual([true, true]);
    second.close();
    expect(lab.pins.map(({ isOpen }) => isOpen)).toEqual([false, true]);
  });

  it('all end together, with the reason, and leave room for others', () => {
    const lab = new Lab();
    const views = Array.from({ length: MAX_PINNED_STATES }, () => {
      lab.now += 5_000;
      return [lab.open(1), lab.open(4)];
    }).flat();
    lab.now += 5_000;
    expect(() => lab.open(1)).toThrow('too many views');
    lab.views.closeAll('the disk is gone');
    for (const view of views)
      expect(() => view.range(EVERYTHING, NO_BOUNDS)).toThrow(new ViewClosed('the disk is gone'));
    expect(lab.pins.map(({ isOpen }) => isOpen)).toEqual(lab.pins.map(() => false));
    lab.open(1);
  });
});
