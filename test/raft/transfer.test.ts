/** Scenarios 52 and 53: leadership is transferred only to a caught-up voter; a transfer that fails is abandoned. */
import { describe, expect, it } from 'vitest';
import { alone, answers, answersOf, heartbeat } from './harness/by-hand.js';
import { Cluster } from './harness/cluster.js';

const T = 10;

function led(options = {}): Cluster {
  const cluster = new Cluster(options);
  cluster.elect(1);
  cluster.run(2);
  cluster.clearEvents();
  return cluster;
}

describe('leadership transfer', () => {
  it('s52 to a follower that is level happens at once, in the next term', () => {
    const cluster = led();
    expect(cluster.transfer(1, 3)).toBe('started');
    expect(cluster.sent('timeout-now')).toMatchObject([{ to: 3 }]);
    cluster.settle();
    expect(cluster.status(3)).toMatchObject({ role: 'leader', term: 2 });
    expect(cluster.status(1)).toMatchObject({ role: 'follower', leader: 3 });
    expect(cluster.sent('vote').every(({ preVote, forced }) => !preVote && forced)).toBe(true);
  });

  it('s52 to a slow follower waits until it has caught up', () => {
    const cluster = led();
    cluster.isolate(3);
    cluster.propose(1, 'a', 'b');
    cluster.settle();
    expect(cluster.transfer(1, 3)).toBe('started');
    cluster.settle();
    expect(cluster.sent('timeout-now')).toEqual([]);
    cluster.heal();
    cluster.run(4);
    expect(cluster.leader()).toBe(3);
    expect(cluster.state(3)).toEqual(['a', 'b']);
  });

  it('s52 to a follower that needs a snapshot waits for it', () => {
    const cluster = led();
    cluster.isolate(3);
    cluster.propose(1, 'a', 'b');
    cluster.settle();
    cluster.compact(1);
    cluster.heal();
    cluster.transfer(1, 3);
    cluster.run(9);
    expect(cluster.eventsOf('installed', 3)).toHaveLength(1);
    expect(cluster.leader()).toBe(3);
    expect(cluster.state(3)).toEqual(['a', 'b']);
  });

  it('s52 no proposal is accepted meanwhile', () => {
    const cluster = led();
    cluster.isolate(3);
    cluster.transfer(1, 3);
    expect(cluster.propose(1, 'a')).toMatchObject({ type: 'refused', reason: 'transferring' });
    expect(cluster.status(1).lastIndex).toBe(1);
  });

  it('s52 is given up after an election timeout; the old leader goes on', () => {
    const cluster = led();
    cluster.isolate(3);
    cluster.transfer(1, 3);
    cluster.run(T - 2);
    expect(cluster.propose(1, 'early').type).toBe('refused');
    cluster.run(3);
    expect(cluster.propose(1, 'late').type).toBe('appended');
    cluster.settle();
    cluster.heal();
    cluster.run(3 * T);
    expect(cluster.status(1)).toMatchObject({ role: 'leader', term: 1, commit: 2 });
  });

  it('s52 when the message to the target is lost it is sent again, until the transfer is given up', () => {
    const cluster = led();
    cluster.transfer(1, 3);
    for (let tick = 0; tick <= T; tick++) {
      cluster.drop({ type: 'timeout-now' });
      cluster.syncAll();
      cluster.deliver();
      cluster.tickAll();
    }
    cluster.drop({ type: 'timeout-now' });
    expect(cluster.sent('timeout-now').length).toBeGreaterThan(1);
    cluster.settle();
    expect(cluster.leader()).toBe(1);
    expect(cluster.propose(1, 'a').type).toBe('appended');
    cluster.transfer(1, 3);
    cluster.drop({ type: 'timeout-now' });
    cluster.run(4);
    expect(cluster.leader()).toBe(3);
  });

  it('s53 to itself is nothing to do', () => {
    const cluster = led();
    expect(cluster.transfer(1, 1)).toBe('already-leader');
    expect(cluster.propose(1, 'a').type).toBe('appended');
  });

  it('s53 to an unknown node or a learner is refused', () => {
    const cluster = led({ learners: [4] });
    expect(cluster.transfer(1, 9)).toBe('no-such-voter');
    expect(cluster.transfer(1, 4)).toBe('no-such-voter');
    expect(cluster.propose(1, 'a').type).toBe('appended');
    expect(cluster.sent('timeout-now')).toEqual([]);
  });

  it('s53 asked of a follower is refused', () => {
    expect(led().transfer(2, 3)).toBe('not-leader');
  });

  it('s53 to itself while one is under way does not disturb the group', () => {
    const cluster = led();
    cluster.isolate(3);
    cluster.transfer(1, 3);
    cluster.transfer(1, 1);
    cluster.heal();
    cluster.run(2 * T);
    expect([1, 3]).toContain(cluster.leader());
    expect(cluster.propose(cluster.leader(), 'a').type).toBe('appended');
  });

  it('s53 a second one takes the place of the first', () => {
    const cluster = led();
    cluster.isolate(3);
    cluster.propose(1, 'a');
    cluster.settle();
    cluster.transfer(1, 3);
    expect(cluster.transfer(1, 2)).toBe('started');
    cluster.heal();
    cluster.settle();
    expect(cluster.leader()).toBe(2);
    cluster.run(2 * T);
    expect(cluster.leader()).toBe(2);
  });

  it('s53 repeated to the same target does not extend its time', () => {
    const cluster = led();
    cluster.isolate(3);
    cluster.transfer(1, 3);
    cluster.run(T - 3);
    cluster.transfer(1, 3);
    cluster.run(T - 3);
    expect(cluster.propose(1, 'a').type).toBe('appended');
  });

  it('s53 a timeout-now of an older term, or to a node that leads, does nothing', () => {
    const cluster = led();
    cluster.inject({ type: 'timeout-now', from: 2, to: 1, term: 1 });
    expect(cluster.status(1)).toMatchObject({ role: 'leader', term: 1 });
    const follower = alone({ hardState: { term: 4 } });
    follower.inject(heartbeat({ from: 2, term: 4 }));
    follower.sync(1);
    answers(follower);
    follower.inject({ type: 'timeout-now', from: 3, to: 1, term: 3 });
    follower.sync(1);
    expect(follower.status(1)).toMatchObject({ role: 'follower', term: 4, leader: 2 });
    expect(answersOf(follower, 'vote')).toEqual([]);
  });
});
