/** Scenario 74, and 75 and 76 as far as one group is concerned: an idle group costs nothing and wakes when it must. */
import { describe, expect, it } from 'vitest';
import { alone, answers, answersOf, heartbeat, vote } from './harness/by-hand.js';
import { seededRandom } from '../../src/random.js';
import { Cluster } from './harness/cluster.js';

const T = 10;
const QUIET = 5;

function idle(): Cluster {
  const cluster = new Cluster({ timing: { quiesceTicks: QUIET } });
  cluster.elect(1);
  cluster.propose(1, 'a');
  cluster.settle();
  cluster.run(QUIET + 6);
  return cluster;
}

const quiet = (cluster: Cluster): boolean[] => cluster.running().map(({ raft }) => raft.quiesced);

describe('an idle group', () => {
  it('s74 goes quiescent: no message, no write, no election, however long it ticks', () => {
    const cluster = idle();
    expect(quiet(cluster)).toEqual([true, true, true]);
    cluster.clearEvents();
    cluster.run(50 * T);
    expect(cluster.events).toEqual([]);
    expect(cluster.status(1)).toMatchObject({ role: 'leader', term: 1 });
    expect(cluster.status(2)).toMatchObject({ role: 'follower', leader: 1, quiesced: true });
  });

  it('s74 does not go quiescent unless enabled', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.run(20 * T);
    expect(quiet(cluster)).toEqual([false, false, false]);
  });

  it.each([
    [
      'a follower is behind',
      (cluster: Cluster) => {
        cluster.network.hold({ to: 3, type: 'append' });
      },
    ],
    [
      'a follower is down',
      (cluster: Cluster) => {
        cluster.crash(3);
      },
    ],
    [
      'a follower is cut off',
      (cluster: Cluster) => {
        cluster.isolate(3);
      },
    ],
    [
      'the leader has not applied all',
      (cluster: Cluster) => {
        cluster.applySlowly(1, true);
      },
    ],
  ])('s74 does not while %s', (_, spoil) => {
    const cluster = new Cluster({ timing: { quiesceTicks: QUIET } });
    cluster.elect(1);
    cluster.run(2);
    cluster.applySlowly(1, false);
    cluster.propose(1, 'a');
    if (_.includes('applied')) spoil(cluster);
    else {
      spoil(cluster);
    }
    cluster.run(1);
    if (_.includes('behind')) cluster.network.cut(1, 3);
    cluster.run(4 * QUIET + 4 * T);
    expect(cluster.node(1).raft.quiesced).toBe(false);
  });

  it('s74 wakes on a proposal, and replicates it to every member', () => {
    const cluster = idle();
    cluster.propose(1, 'b');
    expect(cluster.node(1).raft.quiesced).toBe(false);
    cluster.settle();
    expect(cluster.node(2).raft.quiesced).toBe(false);
    cluster.run(3);
    for (const id of [1, 2, 3]) expect(cluster.state(id)).toEqual(['a', 'b']);
    cluster.run(QUIET + 6);
    expect(quiet(cluster)).toEqual([true, true, true]);
  });

  it('s74 wakes on a read, a campaign and a transfer', () => {
    const reading = idle();
    reading.read(1);
    expect(reading.node(1).raft.quiesced).toBe(false);
    reading.settle();
    expect(reading.eventsOf('read-confirmed')).toHaveLength(1);
    const handing = idle();
    handing.transfer(1, 2);
    handing.settle();
    expect(handing.leader()).toBe(2);
    const standing = idle();
    standing.campaign(3);
    expect(standing.node(3).raft.quiesced).toBe(false);
  });

  it('s74 a follower wakes on any message but a quiescing heartbeat', () => {
    const quieted = (): Cluster => {
      const cluster = alone({ timing: { quiesceTicks: QUIET } });
      cluster.inject(heartbeat({ from: 2, term: 1, quiesce: true }));
      cluster.sync(1);
      expect(cluster.node(1).raft.quiesced).toBe(true);
      answers(cluster);
      return cluster;
    };
    for (const message of [
      heartbeat({ from: 2, term: 1 }),
      vote({ from: 3, term: 2, preVote: true }),
      vote({ from: 3, term: 2 }),
    ]) {
      const cluster = quieted();
      cluster.inject(message);
      expect(cluster.node(1).raft.quiesced).toBe(false);
      cluster.tick(1, 2 * T);
      expect(cluster.status(1).role).toBe('pre-candidate');
    }
    const still = quieted();
    still.tick(1, 5 * T);
    expect(still.status(1)).toMatchObject({ role: 'follower', leader: 2 });
  });

  it('s74 a follower that is behind stays awake', () => {
    const cluster = alone({ log: [1, 1], timing: { quiesceTicks: QUIET } });
    cluster.inject(heartbeat({ from: 2, term: 1, commit: 1, quiesce: true }));
    cluster.sync(1);
    expect(cluster.node(1).raft.quiesced).toBe(false);
    expect(answersOf(cluster, 'heartbeat-ok')).toHaveLength(1);
  });

  it('s74 one follower that missed the message wakes the group, which then goes quiescent again', () => {
    const cluster = new Cluster({ timing: { quiesceTicks: QUIET } });
    cluster.elect(1);
    cluster.propose(1, 'a');
    cluster.settle();
    for (let tick = 0; tick < 8 * QUIET && !cluster.node(1).raft.quiesced; tick++) {
      cluster.tickAll();
      const quiesces = cluster.network.inFlight.some((message) => message.type === 'heartbeat' && message.quiesce);
      if (quiesces) cluster.drop({ to: 3 });
      cluster.settle();
    }
    expect(quiet(cluster)).toEqual([true, true, false]);
    cluster.run(6 * T);
    expect(cluster.leader()).not.toBe(0);
    expect(new Set(cluster.running().map(({ raft }) => raft.leader))).toEqual(new Set([cluster.leader()]));
    cluster.propose(cluster.leader(), 'b');
    cluster.run(3);
    for (const id of [1, 2, 3]) expect(cluster.state(id)).toEqual(['a', 'b']);
  });
});

describe('a dead leader of a quiescent group', () => {
  it('s74 is replaced within an election timeout once its death is known', () => {
    const cluster = idle();
    cluster.crash(1);
    cluster.run(3 * T);
    expect(quiet(cluster)).toEqual([true, true]);
    cluster.forgetLeader(2);
    cluster.forgetLeader(3);
    expect(cluster.status(2).leader).toBe(0);
    cluster.run(T);
    expect([2, 3]).toContain(cluster.leader());
    cluster.propose(cluster.leader(), 'b');
    cluster.run(3);
    for (const id of [2, 3]) expect(cluster.state(id)).toEqual(['a', 'b']);
  });

  it('s74 a follower votes at once after forgetLeader, and campaigns soon', () => {
    const cluster = alone({ hardState: { term: 4 } });
    cluster.inject(heartbeat({ from: 2, term: 4 }));
    cluster.sync(1);
    answers(cluster);
    cluster.forgetLeader(1);
    expect(cluster.status(1).leader).toBe(0);
    cluster.inject(vote({ from: 3, term: 5 }));
    cluster.sync(1);
    expect(answersOf(cluster, 'vote-answer')).toMatchObject([{ to: 3, granted: true }]);
    for (const fraction of [0, 0.5, 0.99]) {
      const other = alone({ timing: { random: () => fraction } });
      other.inject(heartbeat({ from: 2, term: 1 }));
      other.forgetLeader(1);
      other.tick(1, T / 2);
      expect(other.status(1).role).toBe('pre-candidate');
    }
  });

  it('s74 one follower that wrongly presumes it dead does not disturb the others', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.run(2);
    cluster.forgetLeader(3);
    cluster.run(3 * T);
    expect(cluster.status(1)).toMatchObject({ role: 'leader', term: 1 });
    expect(cluster.status(3)).toMatchObject({ role: 'follower', leader: 1, term: 1 });
  });

  it('s74 forgetLeader has no effect on a leader', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.forgetLeader(1);
    expect(cluster.status(1)).toMatchObject({ role: 'leader', leader: 1 });
  });
});

describe('after healing', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])(
    's76 there is a leader within a few timeouts and all are equal (seed %i)',
    (seed) => {
      const random = seededRandom(seed);
      const cluster = new Cluster({ voters: [1, 2, 3, 4, 5], seed });
      cluster.run(4 * T);
      for (let round = 0; round < 6; round++) {
        cluster.partition([1, 2, 3, 4, 5].filter(() => random() < 0.5));
        const leader = cluster.leader();
        if (leader !== 0) cluster.propose(leader, `v${round}`);
        cluster.run(2 * T);
        cluster.heal();
      }
      cluster.run(5 * T);
      const leader = cluster.leader();
      expect(leader).not.toBe(0);
      const { commit, lastIndex } = cluster.status(leader);
      expect(commit).toBe(lastIndex);
      for (const id of [1, 2, 3, 4, 5]) {
        expect(cluster.node(id).disk.entries).toEqual(cluster.node(leader).disk.entries);
        expect(cluster.state(id)).toEqual(cluster.state(leader));
        expect(cluster.status(id)).toMatchObject({ commit, applied: commit, leader });
      }
    },
  );
});
