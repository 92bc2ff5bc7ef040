import { describe, expect, it } from 'vitest';
import type { Answer } from '../../src/shard/index.js';
import { FailureDetector } from '../../src/shard/node/failure-detector.js';
import { PendingReads, PendingWrites, type Waiter } from '../../src/shard/node/pending.js';

const waiter = (name: string, deadline = 100): Waiter & { name: string } => ({
  name,
  deadline,
  read: undefined,
  done: () => undefined,
});
const names = (waiters: readonly Waiter[]): string[] => waiters.map((w) => (w as Waiter & { name: string }).name);

describe('pending writes', () => {
  it('are answered when their own entry is applied, once', () => {
    const writes = new PendingWrites();
    const got: Answer[] = [];
    writes.add(7, { ...waiter('w'), done: (answer) => got.push(answer) });
    const answer: Answer = { type: 'put', revision: 7, version: 1, created: true, replayed: false };
    writes.take(6)?.done(answer);
    expect(got).toEqual([]);
    writes.take(7)?.done(answer);
    writes.take(7)?.done(answer);
    expect(got).toEqual([answer]);
    expect(writes.size).toBe(0);
  });

  it('are answered even if no apply was reported for an earlier entry', () => {
    const writes = new PendingWrites();
    let answered = 0;
    for (const index of [3, 5, 8]) writes.add(index, { ...waiter('w'), done: () => answered++ });
    const answer: Answer = { type: 'put', revision: 5, version: 1, created: true, replayed: false };
    writes.take(5)?.done(answer);
    expect([answered, writes.size]).toEqual([1, 2]);
    writes.take(4)?.done(answer);
    writes.take(9)?.done(answer);
    expect([answered, writes.size]).toEqual([1, 2]);
  });

  it('can be taken when their deadline has passed, or all at once', () => {
    const writes = new PendingWrites();
    writes.add(1, waiter('early', 50));
    writes.add(2, waiter('late', 150));
    expect(names(writes.takeExpired(100))).toEqual(['early']);
    expect(names(writes.takeAll())).toEqual(['late']);
    expect(writes.size).toBe(0);
  });
});

describe('pending reads', () => {
  it('s49 join no round that was started before they arrived', () => {
    const reads = new PendingReads();
    reads.gather(waiter('first'));
    expect(reads.wantsRound).toBe(true);
    reads.roundStarted(1);
    reads.gather(waiter('second'));
    // One round at a time; the second read waits for its own.
    expect(reads.wantsRound).toBe(false);
    reads.confirmed(1, 10);
    expect(names(reads.takeReady(10))).toEqual(['first']);
    expect(reads.wantsRound).toBe(true);
    reads.roundStarted(2);
    reads.confirmed(1, 10);
    expect(reads.takeReady(10)).toEqual([]);
    reads.confirmed(2, 10);
    expect(names(reads.takeReady(10))).toEqual(['second']);
  });

  it('s46 wait until their index is applied (M2)', () => {
    const reads = new PendingReads();
    reads.gather(waiter('read'));
    reads.roundStarted(1);
    reads.confirmed(1, 10);
    reads.awaitIndex(12, waiter('lease'));
    expect(reads.takeReady(9)).toEqual([]);
    expect(names(reads.takeReady(10))).toEqual(['read']);
    expect(names(reads.takeReady(12))).toEqual(['lease']);
    expect(reads.size).toBe(0);
  });

  it('expire in every stage', () => {
    const reads = new PendingReads();
    reads.gather(waiter('asked', 50));
    reads.gather(waiter('asked late', 150));
    reads.roundStarted(1);
    reads.gather(waiter('gathered', 50));
    reads.awaitIndex(12, waiter('confirmed', 50));
    expect(names(reads.takeExpired(100)).sort()).toEqual(['asked', 'confirmed', 'gathered']);
    expect(reads.size).toBe(1);
    expect(names(reads.takeContext(1))).toEqual(['asked late']);
    expect(names(reads.takeContext(1))).toEqual([]);
  });
});

describe('the failure detector', () => {
  it('applies the timeout only to peers that are expected to send pings', () => {
    const detector = new FailureDetector(500);
    detector.recordHeartbeat(1, 0);
    detector.recordHeartbeat(2, 0);
    expect(detector.takeSilent([1], 400)).toEqual([]);
    expect(detector.takeSilent([1], 501)).toEqual([1]);
    expect(detector.takeSilent([1], 502)).toEqual([]);
    expect(detector.isDead(1)).toBe(true);
    expect(detector.isDead(2)).toBe(false);
    expect(detector.alive()).toEqual([2]);
  });

  it('does not consider a peer without a heartbeat dead until its link breaks', () => {
    const detector = new FailureDetector(500);
    expect(detector.isDead(9)).toBe(false);
    expect(detector.markUnreachable(9, true)).toBe(false);
    expect(detector.isDead(9)).toBe(true);
    detector.recordHeartbeat(9, 10);
    expect(detector.isDead(9)).toBe(false);
    expect(detector.markUnreachable(9, true)).toBe(true);
  });

  it('reports a death once: at the broken link, or after the silence that must follow it', () => {
    const detector = new FailureDetector(500);
    detector.recordHeartbeat(1, 0);
    detector.recordHeartbeat(2, 0);
    expect(detector.markUnreachable(1, true)).toBe(true);
    expect(detector.markUnreachable(2, false)).toBe(false);
    expect(detector.isDead(2)).toBe(true);
    expect(detector.takeSilent([1, 2], 500)).toEqual([]);
    expect(detector.takeSilent([1, 2], 501)).toEqual([2]);
    expect(detector.takeSilent([1, 2], 1_002)).toEqual([]);
    detector.recordHeartbeat(2, 1_100);
    expect(detector.takeSilent([1, 2], 1_601)).toEqual([2]);
  });

  it('considers a peer settled after heartbeats for a while, unless it is stopping', () => {
    const detector = new FailureDetector(500);
    detector.recordHeartbeat(1, 0);
    expect(detector.isSettled(1, 499)).toBe(false);
    expect(detector.isSettled(1, 500)).toBe(true);
    detector.recordStopping(1, true);
    expect(detector.isSettled(1, 600)).toBe(false);
    detector.recordStopping(1, false);
    detector.markUnreachable(1, true);
    detector.recordHeartbeat(1, 700);
    expect(detector.isSettled(1, 1_000)).toBe(false);
    expect(detector.isSettled(2, 1_000)).toBe(false);
  });
});
