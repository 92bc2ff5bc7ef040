import { describe, expect, it } from 'vitest';
import type { Replica } from '../../src/shard/node/replica.js';
import { ENTRY_OVERHEAD_BYTES, LogRetention } from '../../src/shard/node/log-retention.js';

const ENTRY_BYTES = 1_000 + ENTRY_OVERHEAD_BYTES;

/** A leader's group with entries 1 to `last` of 1,000 bytes each, of which `needed` are what followers need first. */
function group(id: number, last: number, needed: number[]): { group: Replica; needed: number[] } {
  const entry = { index: 1, term: 1, kind: 1 as const, data: new Uint8Array(1_000) };
  const entryAt = (index: number) => (index >= 1 && index <= last ? entry : undefined);
  const raft = { log: { firstIndex: 1, lastIndex: last, entryAt }, entriesNeeded: () => needed };
  return { group: { id, raft } as unknown as Replica, needed };
}

const limits = {
  keepEntries: 2,
  keepBytes: 10_000,
  followerBytes: 50 * ENTRY_BYTES,
  nodeFollowerBytes: 70 * ENTRY_BYTES,
};

describe('what a log keeps behind a checkpoint', () => {
  it('is a few entries, if no follower needs more', () => {
    const retention = new LogRetention(limits);
    expect(retention.compactTo(group(1, 100, []).group, 90)).toBe(88);
    expect(retention.compactTo(group(1, 100, [101, 95]).group, 90)).toBe(88);
    expect(retention.bytes).toBe(0);
  });

  it('is what the slowest follower needs that fits the bound of the group', () => {
    const retention = new LogRetention(limits);
    expect(retention.compactTo(group(1, 100, [60, 101]).group, 90)).toBe(59);
    expect(retention.bytes).toBe(31 * ENTRY_BYTES);
    expect(retention.compactTo(group(1, 100, [10, 60]).group, 90)).toBe(59);
    expect(retention.compactTo(group(1, 100, [10]).group, 90)).toBe(88);
    expect(retention.bytes).toBe(0);
  });

  it('of all groups stays within the bound of the node', () => {
    const retention = new LogRetention(limits);
    expect(retention.compactTo(group(1, 100, [51]).group, 100)).toBe(50);
    expect(retention.compactTo(group(2, 100, [81]).group, 100)).toBe(80);
    expect(retention.compactTo(group(3, 100, [81]).group, 100)).toBe(98);
    expect(retention.bytes).toBe(70 * ENTRY_BYTES);
  });

  it('is dropped once no follower needs it, even without another checkpoint', () => {
    const retention = new LogRetention(limits);
    const { group: late, needed } = group(1, 100, [51]);
    retention.compactTo(late, 90);
    expect(retention.review()).toEqual([]);
    needed[0] = 91;
    expect(retention.review()).toEqual([{ group: late, index: 88 }]);
    expect(retention.bytes).toBe(0);
    expect(retention.review()).toEqual([]);
  });
});
