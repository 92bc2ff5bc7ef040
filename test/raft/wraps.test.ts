/** Logs that begin just before indexes exceed 30, 31, 32 or 48 bits: behaviour must not change there. */
import { describe, expect, it } from 'vitest';
import { Lease } from '../../src/raft/lease.js';
import { Log } from '../../src/raft/log.js';
import { ReadIndexQueue } from '../../src/raft/read-index.js';
import { entrySize, readEntry, readUint53, spanOf, writeEntry, writeUint53 } from '../../src/raft/codec.js';
import { Cluster } from './harness/cluster.js';
import { bytes, command, logOf } from './harness/entries.js';

/** `>>` of a sum fails at the first already. */
const EDGES = [2 ** 30, 2 ** 31, 2 ** 32, 2 ** 47, 2 ** 48];

describe.each(EDGES)('across %d', (edge) => {
  const base = edge - 8;

  it('the codec round-trips numbers and entries', () => {
    for (let value = edge - 3; value <= edge + 3; value++) {
      const span = spanOf(new Uint8Array(8));
      writeUint53(span, 0, value);
      expect(readUint53(span, 0)).toBe(value);
      const written = command(value, value - 1, 'x');
      const room = spanOf(new Uint8Array(entrySize(written)));
      writeEntry(room, 0, written);
      expect(readEntry(room, 0)).toEqual(written);
    }
  });

  it('a log finds the last entry of a term like a linear search', () => {
    const terms = [5, 5, 6, 6, 6, 8, 8, 9, 9, 9, 9, 12, 12, 13, 13, 13];
    const log = new Log({ index: base, term: 4 }, logOf(terms, base + 1), base);
    for (let index = base; index <= log.lastIndex; index++) {
      for (let term = 4; term <= 14; term++) {
        let plain = index;
        while (plain > base && log.termAt(plain)! > term) plain--;
        expect(log.lastWithTermAtMost(index, term)).toBe(plain);
      }
    }
  });

  it('three replicas elect, replicate, confirm reads, compact, and go on', () => {
    const disk = { start: { index: base, term: base - 1 }, hardState: { term: base - 1, vote: 0, commit: base } };
    const cluster = new Cluster({ unchecked: true, disks: { 1: disk, 2: disk, 3: disk } });
    cluster.elect(1);
    for (let i = 0; i < 12; i++) {
      expect(cluster.node(1).raft.propose([bytes(`${i}`)])).toMatchObject({
        type: 'appended',
        firstIndex: base + 2 + i,
      });
      cluster.settle();
    }
    cluster.run(4);
    expect(cluster.node(1).raft.term).toBe(base);
    expect([1, 2, 3].map((id) => cluster.eventsOf('applied', id).map(({ entry }) => entry.index - base))).toEqual(
      [1, 2, 3].map(() => Array.from({ length: 13 }, (_, i) => i + 1)),
    );
    cluster.read(1);
    cluster.settle();
    expect(cluster.eventsOf('read-confirmed', 1).map(({ index }) => index)).toEqual([base + 13]);
    cluster.node(1).raft.compact(base + 9);
    expect(cluster.node(1).raft.log).toMatchObject({ firstIndex: base + 10, lastIndex: base + 13 });
    expect(cluster.node(1).raft.log.termAt(base + 13)).toBe(base);
  });

  it('a follower with other entries needs only those where the logs differ, and no snapshot', () => {
    const start = (term: number, more: readonly number[]) => ({
      start: { index: base, term: 7 },
      hardState: { term, vote: 0, commit: base },
      entries: logOf([7, 7, 7, 7, 7, 7, ...more], base + 1),
    });
    const disk = start(9, [9, 9, 9]);
    const disks = { 1: disk, 2: start(8, [8, 8, 8, 8, 8]), 3: disk };
    const cluster = new Cluster({ unchecked: true, disks });
    const sent: number[] = [];
    cluster.network.passes = (message) => {
      if (message.type === 'append' && message.to === 2 && message.entries.length > 0) sent.push(message.prevIndex);
      expect(message.type).not.toBe('snapshot');
      return true;
    };
    cluster.elect(1);
    cluster.run(10);
    expect(cluster.node(2).raft.log.lastIndex).toBe(cluster.node(1).raft.log.lastIndex);
    // From the last entry that both have on, not from the beginning of the log.
    expect(Math.min(...sent) - base).toBe(6);
  });

  it('read contexts confirm those up to them, and leases run from the round that they name', () => {
    const reads = new ReadIndexQueue();
    const lease = new Lease();
    const contexts = [-2, -1, 0, 1, 2].map((step) => edge + step);
    for (const [i, context] of contexts.entries()) {
      reads.add(context, 1);
      lease.sent(context, 100 * i);
    }
    expect(reads.context).toBe(edge + 2);
    const confirmed: number[] = [];
    reads.confirm(edge, (read) => confirmed.push(read.context));
    expect(confirmed).toEqual([edge - 2, edge - 1, edge]);
    expect(reads.contexts()).toEqual([edge + 1, edge + 2]);
    lease.confirmed(edge, 1_000);
    expect([199, 200, 1_099, 1_100].map((now) => lease.validAt(now))).toEqual([false, true, true, false]);
  });
});
