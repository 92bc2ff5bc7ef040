/** Scenarios 26–37: logs become equal, durably, and no matching entry is truncated on the way. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alone, answers, answersOf, append, appendOk, appendRefused, heartbeat, lead } from './harness/by-hand.js';
import { Cluster } from './harness/cluster.js';
import { command, logOf } from './harness/entries.js';

const T = 10;

describe('a follower', () => {
  it.each([
    { log: [1, 2, 2], prevIndex: 7, prevTerm: 3, hint: 3 },
    { log: [1, 2, 2], prevIndex: 3, prevTerm: 3, hint: 3 },
    { log: [1, 2, 2, 5], prevIndex: 4, prevTerm: 3, hint: 3 },
    { log: [1, 4, 4, 4], prevIndex: 3, prevTerm: 2, hint: 1 },
    { log: [], prevIndex: 2, prevTerm: 1, hint: 0 },
  ])('s26 with log $log refuses an append after $prevIndex@$prevTerm with a hint', (row) => {
    const cluster = alone({ log: row.log, hardState: { term: 6 } });
    const { prevIndex, prevTerm } = row;
    cluster.inject(append({ from: 2, term: 6, prevIndex, prevTerm, entries: [command(prevIndex + 1, 6)] }));
    cluster.sync(1);
    expect(cluster.terms(1)).toEqual(row.log);
    expect(answers(cluster)).toEqual([
      {
        type: 'append-refused',
        from: 1,
        to: 2,
        term: 6,
        rejectedIndex: prevIndex,
        // The highest index whose term is not newer than the leader's there.
        hintIndex: row.hint,
        hintTerm: row.log[row.hint - 1] ?? 0,
        lastIndex: row.log.length,
      },
    ]);
  });

  it.each([
    { log: [1, 1], after: 2, sent: [2, 2], result: [1, 1, 2, 2], firstWritten: 3 },
    { log: [1, 1, 1], after: 1, sent: [1, 2], result: [1, 1, 2], firstWritten: 3 },
    { log: [1, 1, 1, 1], after: 0, sent: [1, 2], result: [1, 2], firstWritten: 2 },
    { log: [1, 1, 2, 2, 2], after: 2, sent: [2, 3], result: [1, 1, 2, 3], firstWritten: 4 },
  ])('s27 with log $log appends $sent after $after from the first conflict on, syncs, then acknowledges', (row) => {
    const cluster = alone({ log: row.log, hardState: { term: 3 } });
    cluster.inject(
      append({
        from: 2,
        term: 3,
        prevIndex: row.after,
        prevTerm: row.log[row.after - 1] ?? 0,
        entries: logOf(row.sent, row.after + 1),
      }),
    );
    expect(cluster.terms(1)).toEqual(row.result);
    expect(cluster.node(1).disk.queue.flatMap(({ entries }) => entries)[0]?.index).toBe(row.firstWritten);
    expect(answers(cluster)).toEqual([]);
    cluster.sync(1);
    expect(cluster.node(1).disk.entries).toEqual(logOf(row.result));
    expect(answers(cluster)).toEqual([appendOk({ from: 1, to: 2, term: 3, index: row.result.length })]);
  });

  it.each([
    { after: 0, sent: [1] },
    { after: 1, sent: [1, 2] },
    { after: 2, sent: [] },
    { after: 0, sent: [1, 1, 2, 2] },
  ])('s28 an old append of $sent after $after, a prefix of the log, cuts nothing away', ({ after, sent }) => {
    const log = [1, 1, 2, 2];
    const cluster = alone({ log, hardState: { term: 2 } });
    cluster.inject(
      append({ from: 2, term: 2, prevIndex: after, prevTerm: log[after - 1] ?? 0, entries: logOf(sent, after + 1) }),
    );
    cluster.sync(1);
    expect(cluster.terms(1)).toEqual(log);
    expect(cluster.node(1).disk.entries).toEqual(logOf(log));
    const [answer] = answersOf(cluster, 'append-ok');
    expect(answer?.index).toBe(after + sent.length);
  });

  it('s28 appends in any order, some duplicated, result in the leader’s log', () => {
    const pieces = [
      append({ from: 2, term: 1, entries: logOf([1, 1]) }),
      append({ from: 2, term: 1, prevIndex: 2, prevTerm: 1, entries: logOf([1, 1], 3) }),
      append({ from: 2, term: 1, prevIndex: 4, prevTerm: 1, entries: logOf([1], 5) }),
    ];
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 8 }), (order) => {
        const cluster = alone();
        let reached = 0;
        for (const piece of order) {
          if (piece.prevIndex <= reached) reached = Math.max(reached, piece.prevIndex + piece.entries.length);
          cluster.inject(piece);
          expect(cluster.status(1).lastIndex).toBe(reached);
        }
        cluster.sync(1);
        expect(cluster.node(1).disk.lastIndex).toBe(reached);
        for (const { index } of answersOf(cluster, 'append-ok')) expect(index).toBeLessThanOrEqual(reached);
      }),
    );
  });

  it('s35 acknowledges an append only after the sync, and nothing after a crash before it', () => {
    const cluster = alone();
    cluster.inject(append({ from: 2, term: 1, entries: logOf([1]) }));
    cluster.inject(append({ from: 2, term: 1, prevIndex: 1, prevTerm: 1, entries: logOf([1], 2) }));
    expect(answers(cluster)).toEqual([]);
    cluster.sync(1, 1);
    expect(cluster.node(1).disk.lastIndex).toBe(1);
    expect(answersOf(cluster, 'append-ok').map(({ index }) => index)).toEqual([1]);
    expect(cluster.status(1)).toMatchObject({ stableIndex: 1, lastIndex: 2 });
    cluster.crash(1);
    cluster.restart(1);
    expect(cluster.status(1)).toMatchObject({ lastIndex: 1, term: 1 });
    expect(answers(cluster)).toEqual([]);
  });

  it('s35 a repeated append that is in memory only is not acknowledged before its sync', () => {
    const cluster = alone();
    cluster.inject(append({ from: 2, term: 1, entries: logOf([1]) }));
    cluster.inject(append({ from: 2, term: 1, entries: logOf([1]) }));
    cluster.inject(heartbeat({ from: 2, term: 1 }));
    expect(answersOf(cluster, 'append-ok')).toEqual([]);
    cluster.sync(1);
    const acknowledged = answersOf(cluster, 'append-ok').map(({ index }) => index);
    expect(new Set(acknowledged)).toEqual(new Set([1]));
  });

  it('s33 a write completes after its entries were overwritten: nothing newer is taken for durable (ABA)', () => {
    const cluster = alone({ log: [1] });
    // 2@1 is written, overwritten by 2@2, and comes back as 2@1 from a leader of term 3 that has it.
    cluster.inject(append({ from: 2, term: 1, prevIndex: 1, prevTerm: 1, entries: logOf([1, 1], 2) }));
    cluster.inject(append({ from: 3, term: 2, prevIndex: 1, prevTerm: 1, entries: logOf([2], 2) }));
    cluster.inject(append({ from: 2, term: 3, prevIndex: 1, prevTerm: 1, entries: logOf([1, 1], 2), commit: 3 }));
    expect(cluster.terms(1)).toEqual([1, 1, 1]);
    cluster.sync(1, 1);
    expect(cluster.node(1).disk.entries).toEqual(logOf([1, 1, 1]));
    expect(cluster.status(1).stableIndex).toBe(1);
    expect(cluster.node(1).machine.appliedIndex).toBeLessThanOrEqual(1);
    cluster.sync(1, 1);
    expect(cluster.node(1).disk.entries).toEqual(logOf([1, 2]));
    expect(cluster.status(1).stableIndex).toBe(1);
    expect(answersOf(cluster, 'append-ok').filter(({ term }) => term === 3)).toEqual([]);
    cluster.sync(1);
    expect(cluster.status(1).stableIndex).toBe(3);
    expect(cluster.node(1).machine.appliedIndex).toBe(3);
    expect(answersOf(cluster, 'append-ok').filter(({ term }) => term === 3)).toMatchObject([{ to: 2, index: 3 }]);
  });
});

describe('a leader', () => {
  const LEADER = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
  const FIGURE_7: [name: string, log: number[]][] = [
    ['a, one entry short', [1, 1, 1, 4, 4, 5, 5, 6, 6]],
    ['b, far behind', [1, 1, 1, 4]],
    ['c, one too many', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
    ['d, entries of a newer term', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
    ['e, entries that no other node has', [1, 1, 1, 4, 4, 4, 4]],
    ['f, two terms that no other node has', [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]],
  ];
  it.each(FIGURE_7)('s29 makes the log of figure 7 (%s) equal to its own', (_, log) => {
    const voted = { term: 7, vote: 9, commit: 0 };
    const cluster = new Cluster({
      disks: {
        1: { entries: logOf(LEADER), hardState: voted },
        2: { entries: logOf(log), hardState: voted },
        3: { hardState: voted },
      },
    });
    cluster.elect(1);
    cluster.run(2);
    for (const id of [1, 2, 3]) {
      expect(cluster.terms(id)).toEqual([...LEADER, 8]);
      expect(cluster.node(id).disk.entries).toEqual(cluster.node(1).disk.entries);
      expect(cluster.status(id).commit).toBe(11);
    }
  });

  /** Two logs as two leaders may have left them: equal up to some point, then different, with terms that never fall. */
  const logs = fc
    .record({
      shared: fc.array(fc.integer({ min: 1, max: 3 }), { maxLength: 6 }),
      mine: fc.array(fc.constantFrom(4, 6, 8), { maxLength: 10, size: 'max' }),
      theirs: fc.array(fc.constantFrom(5, 7, 9), { maxLength: 10, size: 'max' }),
    })
    .map(({ shared, mine, theirs }) => {
      const rising = (terms: number[]): number[] => [...terms].sort((a, b) => a - b);
      return { mine: [...rising(shared), ...rising(mine)], theirs: [...rising(shared), ...rising(theirs)] };
    });

  it('s30 finds the match in at most one round per conflicting term, whatever the logs', () => {
    fc.assert(
      fc.property(logs, ({ mine, theirs }) => {
        const voted = { term: 9, vote: 0, commit: 0 };
        const cluster = new Cluster({
          disks: {
            1: { entries: logOf(mine), hardState: voted },
            2: { entries: logOf(theirs), hardState: voted },
            3: { hardState: voted },
          },
        });
        cluster.elect(1);
        expect(cluster.terms(2)).toEqual([...mine, 10]);
        const conflicting = new Set([...mine, ...theirs].filter((term) => term > 3)).size;
        expect(cluster.sent('append-refused', { from: 2 }).length).toBeLessThanOrEqual(conflicting + 1);
        // It never goes further back than the hint requires.
        const shared = mine.findIndex((term, at) => term !== theirs[at]);
        const matching = shared === -1 ? mine.length : shared;
        const lowest = Math.min(...cluster.sent('append', { to: 2 }).map(({ prevIndex }) => prevIndex));
        const firstOfTerm = mine.findIndex((term) => term === mine[matching - 1]);
        expect(lowest).toBeGreaterThanOrEqual(Math.min(firstOfTerm, matching));
      }),
      { numRuns: 150 },
    );
  });

  it('s30 a long conflicting tail of one term costs one refusal', () => {
    const cluster = new Cluster({
      disks: {
        1: { entries: logOf([1, 1, ...Array<number>(50).fill(3)]), hardState: { term: 3, vote: 0, commit: 0 } },
        2: { entries: logOf([1, 1, ...Array<number>(60).fill(2)]), hardState: { term: 3, vote: 0, commit: 0 } },
      },
    });
    cluster.elect(1);
    expect(cluster.sent('append-refused', { from: 2 })).toHaveLength(1);
    expect(cluster.terms(2)).toEqual(cluster.terms(1));
  });

  it('s31 a late refusal of an older probe is ignored: match and next do not fall', () => {
    const cluster = alone({ log: [1, 1, 1] });
    lead(cluster);
    cluster.inject(appendOk({ from: 2, term: 2, index: 4 }));
    const before = cluster.status(1).peers;
    expect(before.find(({ id }) => id === 2)).toMatchObject({ match: 4, next: 5, state: 'replicate' });
    answers(cluster);
    cluster.inject(appendRefused({ from: 2, term: 2, rejectedIndex: 3, hintIndex: 1, hintTerm: 1, lastIndex: 3 }));
    cluster.inject(appendRefused({ from: 2, term: 2, rejectedIndex: 4, hintIndex: 1, hintTerm: 1, lastIndex: 3 }));
    cluster.inject(appendOk({ from: 2, term: 2, index: 2 }));
    expect(cluster.status(1).peers).toEqual(before);
    expect(answersOf(cluster, 'append').filter(({ to, prevIndex }) => to === 2 && prevIndex < 4)).toEqual([]);
  });

  it('s31 an old refusal while still probing does not mislead the probe', () => {
    const cluster = alone({ log: [1, 1, 1, 1] });
    lead(cluster);
    cluster.inject(appendRefused({ from: 2, term: 2, rejectedIndex: 4, hintIndex: 2, hintTerm: 1, lastIndex: 2 }));
    const { next } = cluster.status(1).peers.find(({ id }) => id === 2)!;
    expect(next).toBe(3);
    answers(cluster);
    cluster.inject(appendRefused({ from: 2, term: 2, rejectedIndex: 4, hintIndex: 0, hintTerm: 0, lastIndex: 0 }));
    expect(cluster.status(1).peers.find(({ id }) => id === 2)).toMatchObject({ next: 3, match: 0 });
  });

  it('s31 an acknowledgement beyond the log or of another term proves nothing', () => {
    const cluster = alone({ log: [1, 1] });
    lead(cluster);
    cluster.inject(appendOk({ from: 2, term: 1, index: 3 }));
    expect(cluster.status(1)).toMatchObject({ commit: 0 });
    expect(cluster.status(1).peers.find(({ id }) => id === 2)?.match).toBe(0);
  });

  it('s32 only appends: messages of older terms do not change its log', () => {
    const cluster = alone({ log: [1, 2] });
    lead(cluster);
    cluster.propose(1, 'a');
    cluster.inject(append({ from: 2, term: 2, prevIndex: 1, prevTerm: 1, entries: logOf([2, 2, 2], 2), commit: 4 }));
    cluster.inject(append({ from: 2, term: 1, entries: logOf([1, 1]), commit: 2 }));
    expect(cluster.terms(1)).toEqual([1, 2, 3, 3]);
    expect(cluster.status(1)).toMatchObject({ role: 'leader', commit: 0 });
  });

  it('s34 counts its own entry only after its own sync', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.crash(3);
    cluster.propose(1, 'a');
    cluster.deliver();
    cluster.sync(2);
    cluster.deliver();
    expect(cluster.status(1).peers.find(({ id }) => id === 2)?.match).toBe(2);
    expect(cluster.status(1).commit).toBe(1);
    cluster.sync(1);
    expect(cluster.status(1).commit).toBe(2);
    expect(cluster.state(1)).toEqual(['a']);
  });

  it('s34 may commit by its followers’ disks alone, and applies after its own sync', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.propose(1, 'a');
    cluster.deliver();
    cluster.sync(2);
    cluster.sync(3);
    cluster.deliver();
    expect(cluster.status(1)).toMatchObject({ commit: 2, stableIndex: 1 });
    expect(cluster.state(1)).toEqual([]);
    cluster.sync(1);
    expect(cluster.state(1)).toEqual(['a']);
  });
});

describe('flow', () => {
  const inFlightTo = (cluster: Cluster, to: number): number =>
    cluster.network.inFlight.filter((m) => m.to === to && m.type === 'append').length;

  it('s36 a full window pauses sending to that follower, its answers resume it', () => {
    const cluster = new Cluster({ timing: { maxInflight: 3 } });
    cluster.elect(1);
    for (let at = 0; at < 20; at++) cluster.propose(1, `v${at}`);
    expect(inFlightTo(cluster, 3)).toBe(3);
    cluster.network.hold({ to: 3 });
    cluster.settle();
    expect(cluster.status(1).commit).toBe(21);
    expect(cluster.network.held.filter(({ type }) => type === 'append')).toHaveLength(3);
    cluster.network.release({});
    cluster.settle();
    expect(cluster.state(3)).toHaveLength(20);
  });

  it('s36 all of a window is lost: a heartbeat’s answer starts it again', () => {
    const cluster = new Cluster({ timing: { maxInflight: 2 } });
    cluster.elect(1);
    for (let at = 0; at < 10; at++) cluster.propose(1, `v${at}`);
    cluster.drop({ to: 3 });
    cluster.settle();
    expect(cluster.state(3)).toEqual([]);
    cluster.run(5);
    expect(cluster.state(3)).toHaveLength(10);
  });

  it('s36 to an unreachable follower goes at most one probe between heartbeats', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.isolate(3);
    cluster.unreachable(1, 3);
    expect(cluster.status(1).peers.find(({ id }) => id === 3)?.state).toBe('probe');
    cluster.clearEvents();
    for (let at = 0; at < 10; at++) cluster.propose(1, `v${at}`);
    cluster.settle();
    expect(cluster.sent('append', { to: 3 }).length).toBeLessThanOrEqual(1);
    cluster.heal();
    cluster.run(5);
    expect(cluster.state(3)).toHaveLength(10);
    expect(cluster.status(1).peers.find(({ id }) => id === 3)?.state).toBe('replicate');
  });

  it('s36 an append holds no more bytes than allowed, one entry at least', () => {
    const cluster = new Cluster({ timing: { maxAppendBytes: 10 } });
    cluster.elect(1);
    cluster.clearEvents();
    cluster.isolate(3);
    for (let at = 0; at < 12; at++) cluster.propose(1, at === 5 ? 'a long entry beyond the limit' : `v${at}`);
    cluster.run(3);
    cluster.heal();
    cluster.run(5);
    expect(cluster.state(3)).toHaveLength(12);
    for (const { entries } of cluster.sent('append', { to: 3 })) {
      const size = entries.reduce((sum, { data }) => sum + data.length, 0);
      expect(entries.length <= 1 || size <= 10).toBe(true);
    }
  });

  it('s37 beyond the limit of uncommitted bytes proposals are refused, not silently dropped', () => {
    const cluster = new Cluster({ timing: { maxUncommittedBytes: 100 } });
    cluster.elect(1);
    cluster.isolate(1);
    expect(cluster.propose(1, 'x'.repeat(40), 'y'.repeat(40))).toMatchObject({
      type: 'appended',
      firstIndex: 2,
      term: 1,
    });
    expect(cluster.propose(1, 'z'.repeat(40))).toMatchObject({ type: 'refused', reason: 'overloaded' });
    expect(cluster.status(1).lastIndex).toBe(3);
    expect(cluster.propose(1, 'z'.repeat(10)).type).toBe('appended');
    cluster.heal();
    cluster.run(5);
    expect(cluster.status(1)).toMatchObject({ role: 'leader', commit: 4 });
    expect(cluster.propose(1, 'z'.repeat(90)).type).toBe('appended');
  });

  it('s37 bytes left uncommitted by a former term do not block proposals once they are committed', () => {
    const cluster = new Cluster({ timing: { maxUncommittedBytes: 100 } });
    cluster.elect(1);
    cluster.isolate(1);
    cluster.propose(1, 'x'.repeat(90));
    cluster.sync(1);
    cluster.run(3 * T);
    cluster.heal();
    cluster.run(5 * T);
    const leader = cluster.leader();
    for (let at = 0; at < 5; at++) {
      expect(cluster.propose(leader, 'y'.repeat(90)).type).toBe('appended');
      cluster.settle();
    }
    cluster.run(2);
    expect(cluster.state(1)).toHaveLength(5);
  });
});
