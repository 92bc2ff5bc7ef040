import { describe, expect, it } from 'vitest';
import { append, of, FROM_LEADER } from './harness/by-hand.js';
import { Cluster } from './harness/cluster.js';
import { bytes, logOf, text } from './harness/entries.js';
import { Single } from './harness/single.js';

describe('sending entries', () => {
  it('many proposals before one ready are one append for each follower', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    expect(cluster.node(1).raft.propose(['a', 'b'].map(bytes))).toEqual({ type: 'appended', firstIndex: 2, term: 1 });
    expect(cluster.node(1).raft.propose(['c'].map(bytes))).toEqual({ type: 'appended', firstIndex: 4, term: 1 });
    const { messages, write } = cluster.node(1).take();
    expect(of(messages, 'append').map((m) => [m.to, m.entries.length])).toEqual([
      [2, 3],
      [3, 3],
    ]);
    expect(write?.entries).toHaveLength(3);
  });

  it('a large proposal is split into appends of the allowed size', () => {
    const cluster = new Cluster({ voters: [1, 2], timing: { maxAppendBytes: 4 } });
    cluster.elect(1);
    cluster.node(1).raft.propose(['aa', 'bb', 'cc', 'ddddddd', 'e'].map(bytes));
    const sent = of(cluster.node(1).take().messages, 'append');
    expect(sent.map((m) => m.entries.map((e) => e.index))).toEqual([[2, 3], [4], [5], [6]]);
  });

  it('s36 the window bounds what is under way, and acknowledgements open it', () => {
    const cluster = new Cluster({ voters: [1, 2], timing: { maxAppendBytes: 1, maxInflight: 2 } });
    cluster.elect(1);
    cluster.node(1).raft.propose(['a', 'b', 'c', 'd', 'e'].map(bytes));
    expect(of(cluster.node(1).take().messages, 'append')).toHaveLength(2);
    cluster.node(1).raft.step({ type: 'append-ok', from: 2, to: 1, term: 1, index: 2 });
    expect(of(cluster.node(1).take().messages, 'append').map((m) => m.prevIndex)).toEqual([3]);
  });

  it('s36 a wide window counts right after many acknowledgements', () => {
    const cluster = new Cluster({ voters: [1, 2], timing: { maxAppendBytes: 1, maxInflight: 150 } });
    cluster.elect(1);
    cluster.node(1).raft.propose(Array.from({ length: 400 }, () => bytes('x')));
    expect(of(cluster.node(1).take().messages, 'append')).toHaveLength(150);
    cluster.node(1).raft.step({ type: 'append-ok', from: 2, to: 1, term: 1, index: 101 });
    expect(of(cluster.node(1).take().messages, 'append').map((m) => m.prevIndex)).toEqual(
      Array.from({ length: 100 }, (_, i) => 151 + i),
    );
    cluster.node(1).raft.step({ type: 'append-ok', from: 2, to: 1, term: 1, index: 251 });
    expect(of(cluster.node(1).take().messages, 'append')).toHaveLength(150);
  });

  it('s36 a lost append is noticed by heartbeats, and sent again', () => {
    const cluster = new Cluster({ voters: [1, 2] });
    cluster.elect(1);
    cluster.network.passes = (message) => message.type !== 'append';
    cluster.node(1).raft.propose([bytes('lost')]);
    cluster.settle();
    cluster.heal();
    cluster.run(8, [1]);
    expect(cluster.eventsOf('applied', 2).map(({ entry }) => text(entry.data))).toEqual(['', 'lost']);
  });

  it('s36 a lost acknowledgement is recovered by a delivery check, without resending the entries', () => {
    const cluster = new Cluster({ voters: [1, 2] });
    cluster.elect(1);
    cluster.network.passes = (message) => message.type !== 'append-ok';
    cluster.node(1).raft.propose([bytes('once')]);
    cluster.settle();
    expect(cluster.node(1).raft.log.commit).toBe(1);
    cluster.heal();
    cluster.clearEvents();
    for (let i = 0; i < 8; i++) {
      cluster.node(1).raft.tick();
      cluster.settle();
    }
    expect(cluster.node(1).raft.log.commit).toBe(2);
    expect(cluster.sent('append').every((m) => m.entries.length === 0)).toBe(true);
  });

  it('s36 an unreachable follower gets one append at a time, once it answers a heartbeat', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.isolate(2);
    cluster.node(1).raft.propose([bytes('a')]);
    cluster.settle();
    cluster.node(1).raft.reportUnreachable(2);
    expect(cluster.node(1).raft.status().peers[0]).toMatchObject({ state: 'probe', match: 1, next: 2 });
    cluster.node(1).raft.propose([bytes('b')]);
    cluster.clearEvents();
    cluster.settle();
    expect(cluster.sent('append', { to: 2 })).toEqual([]);
    cluster.heal();
    cluster.run(4, [1]);
    expect(cluster.node(1).raft.status().peers[0]).toMatchObject({ state: 'replicate', match: 3 });
  });

  it('s37 more uncommitted bytes than allowed are refused, and nothing is appended', () => {
    const cluster = new Cluster({ timing: { maxUncommittedBytes: 10 } });
    cluster.elect(1);
    cluster.isolate(1);
    expect(cluster.node(1).raft.propose([bytes('x'.repeat(20))]).type).toBe('appended');
    expect(cluster.node(1).raft.propose([bytes('y')])).toEqual({ type: 'refused', reason: 'overloaded', leader: 1 });
    expect(cluster.node(1).raft.log.lastIndex).toBe(2);
    cluster.settle();
    cluster.heal();
    cluster.run(6, [1]);
    expect(cluster.node(1).raft.propose([bytes('y')]).type).toBe('appended');
  });

  it('an empty proposal appends nothing', () => {
    const cluster = new Cluster({ voters: [1] });
    cluster.elect(1);
    expect(cluster.node(1).raft.propose([])).toEqual({ type: 'appended', firstIndex: 2, term: 1 });
    expect(cluster.node(1).raft.hasReady()).toBe(false);
  });

  it('s44 a proposal or read elsewhere is refused, with the leader’s name', () => {
    const cluster = new Cluster();
    cluster.elect(2);
    expect(cluster.node(1).raft.propose([bytes('a')])).toEqual({ type: 'refused', reason: 'not-leader', leader: 2 });
    expect(cluster.read(1)).toEqual({ type: 'refused', leader: 2 });
  });

  it('followers get the commit index with the next tick when no append carries it', () => {
    const cluster = new Cluster({ timing: { heartbeatTicks: 9 } });
    cluster.elect(1);
    cluster.node(1).raft.propose([bytes('a')]);
    cluster.settle();
    expect(cluster.node(2).raft.log.commit).toBe(1);
    cluster.run(1, [1]);
    expect(cluster.node(2).raft.log.commit).toBe(2);
    cluster.node(1).raft.tick();
    expect(cluster.node(1).raft.hasReady()).toBe(false);
  });
});

describe('finding where the logs match', () => {
  /** Leader 1 with one log and follower 2 with the other: the number of appends refused until they are equal. */
  const refusals = (leader: number[], follower: number[]): number => {
    const hardState = { term: Math.max(...leader, ...follower), vote: 0, commit: 0 };
    const cluster = new Cluster({
      voters: [1, 2],
      disks: { 1: { hardState, entries: logOf(leader) }, 2: { hardState, entries: logOf(follower) } },
    });
    // Both votes are needed, so the follower's log must not be newer.
    cluster.node(1).raft.campaign();
    cluster.settle();
    const refused = cluster.sent('append-refused').length;
    expect(cluster.node(1).raft.role).toBe('leader');
    cluster.run(4);
    expect(cluster.node(2).raft.log.lastIndex).toBe(leader.length + 1);
    for (let i = 1; i <= leader.length; i++) expect(cluster.node(2).raft.termAt(i)).toBe(leader[i - 1]);
    return refused;
  };

  it('s30 takes one round for each conflicting term at most', () => {
    expect(refusals([1, 1, 1, 5, 5, 5, 5], [1, 1, 1, 2, 2, 2, 3, 3, 3])).toBeLessThanOrEqual(2);
    expect(refusals([1, 1, 1, 1, 1, 1, 1, 4], [1, 1, 2, 2, 2, 2])).toBeLessThanOrEqual(2);
    expect(refusals([1, 2, 2, 2, 2, 2, 2, 6], [1])).toBe(1);
    expect(refusals([3, 3, 3, 3], [1, 1, 1, 1, 2, 2, 2])).toBe(1);
  });

  it('s26 a refusal names the last index that may match, and its term', () => {
    const replica = new Single(2, [1, 2], { hardState: { term: 5, vote: 0, commit: 0 }, entries: logOf([1, 2, 2, 4, 4]) }); // prettier-ignore
    replica.raft.step(append({ ...FROM_LEADER, term: 5, prevIndex: 9, prevTerm: 3 }));
    expect(replica.run()).toMatchObject([
      { type: 'append-refused', rejectedIndex: 9, hintIndex: 3, hintTerm: 2, lastIndex: 5 },
    ]);
  });

  it('s31 a late refusal of an older probe is ignored', () => {
    const cluster = new Cluster({ voters: [1, 2] });
    cluster.elect(1);
    cluster.node(1).raft.propose(['a', 'b'].map(bytes));
    cluster.settle();
    const refused = {
      type: 'append-refused',
      from: 2,
      to: 1,
      term: 1,
      hintIndex: 0,
      hintTerm: 0,
      lastIndex: 0,
    } as const;
    cluster.node(1).raft.step({ ...refused, rejectedIndex: 1 });
    cluster.node(1).raft.step({ ...refused, rejectedIndex: 7 });
    expect(cluster.node(1).raft.status().peers[0]).toMatchObject({ state: 'replicate', match: 3, next: 4 });
  });

  it('an acknowledgement beyond the leader’s log is ignored', () => {
    const cluster = new Cluster({ voters: [1, 2] });
    cluster.elect(1);
    cluster.node(1).raft.step({ type: 'append-ok', from: 2, to: 1, term: 1, index: 99 });
    expect(cluster.node(1).raft.status().peers[0]?.match).toBe(1);
  });
});
