/** A disk of one replica hangs without failing: the group continues without it (s70). */
import { describe, expect, it } from 'vitest';
import { Lag } from '../../src/raft/lag.js';
import { Cluster } from './harness/cluster.js';

const T = 10;

function led(voters: readonly number[] = [1, 2, 3]): Cluster {
  const cluster = new Cluster({ voters });
  cluster.elect(1);
  cluster.run(2);
  cluster.clearEvents();
  return cluster;
}

/** The leader's disk hangs with a write that the others have. */
function hung(voters?: readonly number[]): Cluster {
  const cluster = led(voters);
  cluster.hangDisk(1);
  cluster.propose(1, 'a');
  cluster.settle();
  return cluster;
}

describe('a leader whose disk hangs', () => {
  it('s70 transfers leadership to a follower that has all, an election timeout after a quorum had what it lacks', () => {
    const cluster = hung();
    expect(cluster.status(1)).toMatchObject({ commit: 2, stableIndex: 1 });
    cluster.run(T);
    expect(cluster.leader()).toBe(1);
    cluster.run(2);
    expect([2, 3]).toContain(cluster.leader());
    expect(cluster.status(cluster.leader()).term).toBe(2);
    // At once, without waiting for an election timeout.
    cluster.propose(cluster.leader(), 'b');
    cluster.run(2);
    expect(cluster.state(2)).toEqual(cluster.state(3));
    expect(cluster.state(cluster.leader())).toEqual(['a', 'b']);
  });

  it('s70 prefers a transfer target that answers', () => {
    const cluster = hung([1, 2, 3, 4, 5]);
    cluster.crash(2);
    cluster.run(T + 2);
    expect(new Set(cluster.sent('timeout-now').map(({ to }) => to))).toEqual(new Set([3]));
    expect(cluster.leader()).toBe(3);
  });

  it('s70 steps down when the transfer fails, and does not campaign while its disk hangs', () => {
    const cluster = led();
    cluster.hangDisk(1);
    cluster.propose(1, 'a');
    cluster.settle();
    for (let tick = 0; tick <= 2 * T; tick++) {
      expect(cluster.status(1).role).toBe('leader');
      cluster.tickAll();
      cluster.settle({ type: 'timeout-now' });
      cluster.drop({ type: 'timeout-now' });
    }
    expect(cluster.status(1)).toMatchObject({ role: 'follower', term: 1, leader: 0 });
    cluster.tick(1, 10 * T);
    cluster.campaign(1);
    expect(cluster.status(1)).toMatchObject({ role: 'follower', term: 1 });
    cluster.run(3 * T);
    expect([2, 3]).toContain(cluster.leader());
    expect(cluster.state(cluster.leader())).toEqual(['a']);
  });

  it('s70 stays leader when its disk answers in time, however often it is slow', () => {
    const cluster = led();
    for (let round = 0; round < 4; round++) {
      cluster.hangDisk(1);
      cluster.propose(1, `v${round}`);
      cluster.run(T - 1);
      cluster.hangDisk(1, false);
      cluster.run(1);
    }
    expect(cluster.status(1)).toMatchObject({ role: 'leader', term: 1 });
    expect(cluster.sent('timeout-now')).toEqual([]);
  });

  it('s70 stays under writes that never stop, when its disk is always behind and always at work', () => {
    const cluster = led();
    cluster.hangDisk(1);
    cluster.propose(1, 'first');
    cluster.settle();
    for (let tick = 0; tick < 6 * T; tick++) {
      cluster.propose(1, `v${tick}`);
      cluster.tickAll();
      cluster.settle();
      // One write a tick, the last but two.
      if (cluster.node(1).disk.queue.length > 3) cluster.sync(1, 1);
      expect(cluster.status(1).commit).toBeGreaterThan(cluster.status(1).stableIndex);
    }
    expect(cluster.status(1)).toMatchObject({ role: 'leader', term: 1 });
  });

  it('s70 stays leader when there is no quorum without it: no other could commit either', () => {
    const cluster = led([1, 2]);
    cluster.hangDisk(1);
    cluster.propose(1, 'a');
    cluster.run(6 * T);
    expect(cluster.status(1)).toMatchObject({ role: 'leader', term: 1, commit: 1 });
    cluster.hangDisk(1, false);
    cluster.run(2);
    expect(cluster.state(2)).toEqual(['a']);
  });

  it('s70 comes back as a follower that catches up when its disk does', () => {
    const cluster = hung();
    cluster.run(2 * T);
    cluster.propose(cluster.leader(), 'b');
    cluster.run(T);
    cluster.hangDisk(1, false);
    cluster.run(2 * T);
    expect(cluster.state(1)).toEqual(['a', 'b']);
    expect(cluster.status(1)).toMatchObject({ role: 'follower', leader: cluster.leader() });
  });
});

describe('a follower whose disk hangs', () => {
  it('s70 does not campaign, answers pre-votes, and campaigns again when its disk works', () => {
    const cluster = led();
    cluster.hangDisk(2);
    cluster.propose(1, 'a');
    cluster.run(T + 2);
    cluster.crash(1);
    cluster.isolate(2);
    cluster.tick(2, 5 * T);
    expect(cluster.status(2)).toMatchObject({ role: 'follower', term: 1 });
    cluster.heal();
    cluster.clearEvents();
    cluster.campaign(3);
    cluster.settle();
    const answered = cluster.sent('vote-answer').filter(({ from }) => from === 2);
    expect(answered).toMatchObject([{ to: 3, preVote: true, granted: true }]);
    cluster.hangDisk(2, false);
    cluster.run(4 * T);
    expect([2, 3]).toContain(cluster.leader());
  });

  it('s70 ignores a leadership transfer to it', () => {
    const cluster = led();
    cluster.hangDisk(2);
    cluster.propose(1, 'a');
    cluster.run(T + 2);
    cluster.inject({ type: 'timeout-now', from: 1, to: 2, term: 1 });
    expect(cluster.status(2)).toMatchObject({ role: 'follower', term: 1, leader: 1 });
  });
});

describe('a lag', () => {
  it('counts from when a position was requested, not from when it was last reached', () => {
    const lag = new Lag();
    expect([lag.tick(5, 0), lag.tick(6, 4), lag.tick(7, 4), lag.tick(8, 5)]).toEqual([0, 1, 2, 0]);
    expect([lag.tick(9, 7), lag.tick(9, 8), lag.tick(9, 8)]).toEqual([1, 0, 1]);
    expect([lag.tick(9, 9), lag.tick(9, 9), lag.tick(9, 9)]).toEqual([0, 0, 0]);
  });
});

describe('a leader that is held up by the disks of others', () => {
  const isHeldUp = (cluster: Cluster): boolean => cluster.node(1).raft.isHeldUpByDisksOfOthers;

  /** Both followers' disks hang, with a proposal uncommitted. */
  function heldUp(): Cluster {
    const cluster = led();
    for (const id of [2, 3]) cluster.hangDisk(id);
    cluster.propose(1, 'a');
    return cluster;
  }

  it('is, once a quorum has received the uncommitted entry and its own disk has it', () => {
    const cluster = heldUp();
    cluster.hangDisk(1);
    cluster.run(3);
    // The leader's own disk lacks it as well.
    expect(isHeldUp(cluster)).toBe(false);
    cluster.hangDisk(1, false);
    cluster.run(3);
    expect(isHeldUp(cluster)).toBe(true);
    cluster.hangDisk(2, false);
    cluster.run(3);
    expect([isHeldUp(cluster), cluster.status(1).commit]).toEqual([false, 2]);
  });

  it('is not while its followers have not received the entry', () => {
    const cluster = heldUp();
    for (let tick = 0; tick < 5; tick++) {
      cluster.tickAll();
      cluster.settle({ type: 'append' });
      cluster.drop({ type: 'append' });
    }
    expect(isHeldUp(cluster)).toBe(false);
  });

  it('is not once they no longer answer: its own links may be why', () => {
    const cluster = heldUp();
    cluster.run(3);
    expect(isHeldUp(cluster)).toBe(true);
    cluster.isolate(1);
    cluster.run(6);
    expect([cluster.status(1).role, isHeldUp(cluster)]).toEqual(['leader', false]);
  });

  it('is not when a link broke, until the followers answer again', () => {
    const cluster = heldUp();
    cluster.run(3);
    for (const id of [2, 3]) cluster.unreachable(1, id);
    expect(isHeldUp(cluster)).toBe(false);
    cluster.run(3);
    expect(isHeldUp(cluster)).toBe(true);
  });

  it('is not as a follower, nor with nothing to commit', () => {
    const cluster = led();
    expect([1, 2, 3].map((id) => cluster.node(id).raft.isHeldUpByDisksOfOthers)).toEqual([false, false, false]);
  });
});
