/**
 * The properties of the Raft paper (figure 3, §5.2–§5.4, §8) and thesis, in our own words.
 * Each is shown on a group that went through crashes and partitions with many seeds; what `harness/history.ts` asserts
 * at every step is asserted here once more, on the final state.
 */
import { describe, expect, it } from 'vitest';
import { EntryKind } from '../../src/raft/index.js';
import { seededRandom } from '../../src/random.js';
import { below } from './harness/pick.js';
import { Cluster } from './harness/cluster.js';
import { logOf } from './harness/entries.js';

const T = 10;
const IDS = [1, 2, 3, 4, 5];

interface Run {
  readonly cluster: Cluster;
  readonly leaders: [term: number, node: number][];
}

/** A group that loses and regains nodes and links, with proposals throughout. */
function run(seed: number): Run {
  const random = seededRandom(seed);
  const leaders: [number, number][] = [];
  const cluster: Cluster = new Cluster({
    voters: IDS,
    seed,
    observe: (happening) => {
      if (happening.type === 'role' && happening.role === 'leader') leaders.push([happening.term, happening.node]);
    },
  });
  for (let round = 0; round < 25; round++) {
    const leader = cluster.leader();
    const chosen = leader !== 0 && random() < 0.5 ? leader : IDS[below(random, IDS.length)]!;
    if (!cluster.node(chosen).up) cluster.restart(chosen);
    else if (random() < 0.4) cluster.crash(chosen);
    else if (random() < 0.5) cluster.isolate(chosen);
    else cluster.heal();
    cluster.run(below(random, 3 * T));
    for (const { id, raft } of cluster.running()) if (raft.role === 'leader') cluster.propose(id, `${round}.${id}`);
    for (let turn = below(random, 4); turn > 0; turn--) {
      for (const { id } of cluster.running()) if (random() < 0.5) cluster.sync(id, 1);
      cluster.deliver();
    }
  }
  return { cluster, leaders };
}

const SEEDS = Array.from({ length: 15 }, (_, seed) => seed + 1);

describe('safety (figure 3)', () => {
  it.each(SEEDS)('a term has at most one leader (seed %i)', (seed) => {
    const { leaders } = run(seed);
    expect(leaders.length).toBeGreaterThan(1);
    const terms = leaders.map(([term]) => term);
    expect(new Set(terms).size).toBe(terms.length);
  });

  it.each(SEEDS)('two logs that agree on an entry agree on all before it (seed %i)', (seed) => {
    const { cluster } = run(seed);
    const disks = IDS.map((id) => cluster.node(id).disk.entries);
    for (const one of disks)
      for (const other of disks) {
        let agreeAbove = false;
        for (let at = Math.min(one.length, other.length) - 1; at >= 0; at--) {
          const same = one[at]?.term === other[at]?.term;
          if (agreeAbove) expect(same).toBe(true);
          if (same) expect(one[at]?.data).toEqual(other[at]?.data);
          agreeAbove ||= same;
        }
      }
  });

  it.each(SEEDS)('what one node has applied at an index, no other applies differently (seed %i)', (seed) => {
    const { cluster } = run(seed);
    const states = IDS.map((id) => cluster.state(id));
    const longest = states.reduce((a, b) => (b.length > a.length ? b : a));
    expect(longest.length).toBeGreaterThan(0);
    for (const state of states) expect(state).toEqual(longest.slice(0, state.length));
  });

  it.each(SEEDS)('what was committed is in the log of every later leader (seed %i)', (seed) => {
    const { cluster } = run(seed);
    const committed = cluster.history!.ledger.map(({ entry }) => entry.term);
    cluster.heal();
    for (const replica of cluster.replicas.values()) if (!replica.up) cluster.restart(replica.id);
    cluster.run(6 * T);
    const leader = cluster.leader();
    expect(leader).not.toBe(0);
    expect(cluster.terms(leader).slice(0, committed.length)).toEqual(committed);
  });
});

describe('elections (§5.2)', () => {
  it('a follower stays one as long as it gets messages from a leader', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.clearEvents();
    cluster.run(20 * T);
    expect(cluster.eventsOf('role')).toEqual([]);
  });

  it('a leader asserts itself to all others as soon as it is elected', () => {
    const cluster = new Cluster({ voters: IDS });
    cluster.campaign(1);
    while (cluster.node(1).raft.role !== 'leader') {
      cluster.syncAll();
      cluster.deliver();
    }
    const sent = cluster.network.inFlight.filter(
      ({ from, type }) => from === 1 && (type === 'append' || type === 'heartbeat'),
    );
    expect(new Set(sent.map(({ to }) => to))).toEqual(new Set([2, 3, 4, 5]));
  });

  it('a group without a majority elects no leader', () => {
    const cluster = new Cluster({ voters: IDS });
    for (const id of [3, 4, 5]) cluster.crash(id);
    cluster.run(20 * T);
    expect(cluster.leader()).toBe(0);
    expect(cluster.status(1).term).toBe(0);
  });

  it('a group of any size up to seven elects one leader and all follow it', () => {
    for (let size = 1; size <= 7; size++) {
      const voters = Array.from({ length: size }, (_, at) => at + 1);
      const cluster = new Cluster({ voters, seed: size });
      cluster.run(6 * T);
      const leader = cluster.leader();
      expect(leader).not.toBe(0);
      for (const id of voters) expect(cluster.status(id).leader).toBe(leader);
    }
  });
});

describe('replication (§5.3)', () => {
  it('a proposal is committed once a majority holds it, and the slowest minority does not delay it', () => {
    const cluster = new Cluster({ voters: IDS });
    cluster.elect(1);
    cluster.partition([1, 2, 3]);
    cluster.propose(1, 'a');
    cluster.settle();
    expect(cluster.state(1)).toEqual(['a']);
    expect(cluster.state(5)).toEqual([]);
  });

  it('a minority commits nothing', () => {
    const cluster = new Cluster({ voters: IDS });
    cluster.elect(1);
    const { commit } = cluster.status(1);
    cluster.partition([1, 2]);
    cluster.propose(1, 'a');
    cluster.run(T);
    expect(cluster.status(1).commit).toBe(commit);
    expect(cluster.status(2).commit).toBeLessThanOrEqual(commit);
  });

  it('a leader keeps resending until a follower has stored everything', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.propose(1, 'a');
    for (let time = 0; time < 60; time++) {
      cluster.syncAll();
      cluster.drop({ to: 3, type: 'append' });
      cluster.deliver();
      cluster.tickAll();
    }
    expect(cluster.state(3)).toEqual([]);
    cluster.run(5);
    expect(cluster.state(3)).toEqual(['a']);
  });
});

describe('safety of commitment (§5.4)', () => {
  it('a candidate whose log lacks a committed entry is not elected', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.isolate(3);
    cluster.propose(1, 'a');
    cluster.settle();
    cluster.crash(1);
    cluster.heal();
    cluster.clearEvents();
    cluster.forgetLeader(2);
    cluster.campaign(3);
    cluster.settle();
    expect(cluster.status(3).role).not.toBe('leader');
    cluster.run(6 * T);
    expect(cluster.leader()).toBe(2);
    expect(cluster.state(3)).toEqual(['a']);
  });

  it('an entry of an older term on a majority may still be overwritten, so it is not committed by that (figure 8)', () => {
    // (c) of the figure: S1 leads term 4 and has brought its entry 2@2 to S3; S5 holds 2@3.
    const disk = (terms: number[], term: number) => ({
      entries: logOf(terms),
      hardState: { term, vote: 0, commit: 1 },
    });
    const cluster = new Cluster({
      voters: IDS,
      disks: { 1: disk([1, 2], 3), 2: disk([1, 2], 2), 3: disk([1], 2), 4: disk([1], 3), 5: disk([1, 3], 3) },
      unchecked: true,
    });
    cluster.partition([1, 2, 3], [4, 5]);
    cluster.campaign(1);
    // Its old entry reaches S3; the no-op of its term reaches no node.
    for (let round = 0; round < 20; round++) {
      cluster.syncAll();
      for (const message of cluster.network.inFlight) {
        if (message.type !== 'append') continue;
        const old = message.entries.filter(({ term }) => term < 4);
        cluster.network.take({ from: message.from, to: message.to, type: 'append' });
        cluster.network.send({ ...message, entries: old });
      }
      cluster.deliver();
    }
    expect(cluster.status(1).role).toBe('leader');
    expect(cluster.terms(3)).toEqual([1, 2]);
    expect([1, 2, 3].map((id) => cluster.terms(id)[1])).toEqual([2, 2, 2]);
    for (const id of [1, 2, 3]) expect(cluster.status(id).commit).toBeLessThanOrEqual(1);
    // (d): S5 wins with the votes of S3 and S4 and overwrites.
    cluster.crash(1);
    cluster.heal();
    cluster.drop();
    for (const id of [2, 3, 4]) cluster.forgetLeader(id);
    for (let attempt = 0; attempt < 5 && cluster.status(5).role !== 'leader'; attempt++) {
      cluster.campaign(5);
      cluster.settle();
    }
    expect(cluster.status(5).role).toBe('leader');
    expect(cluster.terms(3).slice(0, 2)).toEqual([1, 3]);
  });
});

describe('clients (§8)', () => {
  it('a new leader learns what is committed by a no-op of its own term', () => {
    const cluster = new Cluster({
      disks: { 1: { entries: logOf([1, 1]), hardState: { term: 1, vote: 1, commit: 0 } } },
    });
    cluster.elect(1);
    const last = cluster.history!.ledger.at(-1)!.entry;
    expect(last).toMatchObject({ index: 3, term: 2, kind: EntryKind.noop });
    expect(last.data).toHaveLength(0);
  });

  it('a read-only request writes nothing to any log', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.run(3);
    cluster.clearEvents();
    cluster.read(1);
    cluster.settle();
    expect(cluster.eventsOf('read-confirmed')).toHaveLength(1);
    expect(cluster.eventsOf('written').flatMap(({ write }) => write.entries)).toEqual([]);
    expect(cluster.status(1).lastIndex).toBe(1);
  });
});
