/** Scenarios 62 and 67: a follower that is too far behind gets the state instead of the log. */
import { describe, expect, it } from 'vitest';
import { append } from './harness/by-hand.js';
import { Cluster } from './harness/cluster.js';
import { encodeState } from './harness/disk.js';
import { OPENING_MESSAGES } from '../../src/raft/snapshot-sender.js';

const T = 10;
const ENTRIES = ['a', 'b', 'c', 'd'];

/** n3 lacks four entries that the leader has compacted away. */
function behind(chunkBytes = 1_000, learners: number[] = []): Cluster {
  const cluster = new Cluster({ learners });
  for (const replica of cluster.replicas.values()) replica.chunkBytes = chunkBytes;
  cluster.elect(1);
  cluster.isolate(3);
  for (const data of ENTRIES) cluster.propose(1, data);
  cluster.settle();
  cluster.compact(1);
  expect(cluster.status(1).firstIndex).toBe(6);
  cluster.clearEvents();
  return cluster;
}

const peer = (cluster: Cluster, id: number) => cluster.status(1).peers.find((one) => one.id === id)!;

/** Runs until the leader has begun a snapshot for n3. */
function untilSnapshot(cluster: Cluster): void {
  for (let tick = 0; tick < 2 * T && peer(cluster, 3).state !== 'snapshot'; tick++) {
    cluster.tickAll();
    while (peer(cluster, 3).state !== 'snapshot' && cluster.network.inFlight.length > 0) {
      cluster.deliverAt(0);
      cluster.syncAll();
    }
  }
  expect(peer(cluster, 3).state).toBe('snapshot');
}

describe('sending', () => {
  it('s62 a follower behind the first index gets a snapshot, then the entries behind it', () => {
    const cluster = behind();
    cluster.propose(1, 'e');
    cluster.heal();
    cluster.run(5);
    expect(cluster.eventsOf('installed', 3).map((installed) => installed.meta.index)).toEqual([5]);
    expect(cluster.state(3)).toEqual([...ENTRIES, 'e']);
    expect(peer(cluster, 3)).toMatchObject({ match: 6, state: 'replicate' });
  });

  it('s62 in chunks, each requested by the answer to the one before', () => {
    const cluster = behind(4);
    cluster.heal();
    cluster.run(8);
    const sequences = cluster.sent('snapshot').map(({ sequence, done }) => [sequence, done]);
    // Two without data open the transfer.
    const count = OPENING_MESSAGES + Math.ceil(encodeState(ENTRIES).length / 4);
    expect(sequences).toEqual(Array.from({ length: count }, (_, at) => [at, at === count - 1]));
    expect(cluster.sent('snapshot').map(({ data }) => data.length > 0)).toEqual(
      Array.from({ length: count }, (_, at) => at >= OPENING_MESSAGES),
    );
    expect(cluster.state(3)).toEqual(ENTRIES);
  });

  it('s62 nothing else is sent to that follower until it has answered', () => {
    const cluster = behind();
    cluster.heal();
    untilSnapshot(cluster);
    cluster.network.hold({ to: 3, type: 'snapshot' });
    cluster.clearEvents();
    cluster.propose(1, 'e');
    cluster.run(4);
    expect(cluster.sent('append', { to: 3 })).toEqual([]);
    expect(cluster.status(1).commit).toBe(6);
    cluster.network.release({});
    cluster.run(4);
    expect(cluster.state(3)).toEqual([...ENTRIES, 'e']);
  });

  it('s62 the answer waits until the snapshot is durable', () => {
    const cluster = behind();
    cluster.heal();
    untilSnapshot(cluster);
    for (let opening = 0; opening < OPENING_MESSAGES; opening++) {
      cluster.deliver({ to: 3, type: 'snapshot' });
      cluster.sync(3);
      cluster.deliver({ from: 3, to: 1 });
    }
    cluster.clearEvents();
    cluster.deliver({ to: 3, type: 'snapshot' });
    expect(cluster.sent('snapshot-answer')).toEqual([]);
    expect(cluster.node(3).disk.lastIndex).toBeLessThan(5);
    cluster.sync(3);
    expect(cluster.node(3).disk.checkpoint.meta).toMatchObject({ index: 5, term: 1 });
    expect(cluster.sent('snapshot-answer')).toMatchObject([{ from: 3, to: 1, index: 5, wanted: -1 }]);
  });

  it('s62 a lost chunk or answer is made up for', () => {
    const cluster = behind(4);
    cluster.heal();
    for (let tick = 0; tick < 30 * T && cluster.state(3).length === 0; tick++) {
      cluster.tickAll();
      cluster.syncAll();
      if (tick % 2 === 0) cluster.drop({ type: tick % 4 === 0 ? 'snapshot' : 'snapshot-answer' });
      cluster.deliver();
    }
    expect(cluster.state(3)).toEqual(ENTRIES);
  });

  it('s62 a follower that crashes half way restarts and gets it', () => {
    const cluster = behind(4);
    cluster.heal();
    untilSnapshot(cluster);
    for (let round = 0; round < 4; round++) {
      cluster.deliver();
      cluster.syncAll();
    }
    expect(cluster.sent('snapshot').length).toBeGreaterThan(1);
    cluster.crash(3);
    cluster.restart(3);
    cluster.run(3 * T);
    expect(cluster.state(3)).toEqual(ENTRIES);
  });

  it('s62 an owner without a snapshot yet is asked again', () => {
    const cluster = behind();
    cluster.node(1).snapshotsReady = false;
    cluster.heal();
    cluster.run(2 * T);
    expect(cluster.sent('snapshot')).toEqual([]);
    expect(peer(cluster, 3).state).toBe('snapshot');
    cluster.node(1).snapshotsReady = true;
    cluster.run(2 * T);
    expect(cluster.state(3)).toEqual(ENTRIES);
  });

  it('s62 a follower that got the entries by other means ends the snapshot by its acknowledgement', () => {
    const cluster = behind();
    cluster.heal();
    untilSnapshot(cluster);
    cluster.drop({ type: 'snapshot' });
    // What it was sent before the log was compacted arrives late.
    const { term } = cluster.status(1);
    cluster.inject(
      append({
        from: 1,
        to: 3,
        term,
        prevIndex: 1,
        prevTerm: 1,
        entries: cluster.node(2).shadow.slice(1, 5),
        commit: 5,
      }),
    );
    cluster.sync(3);
    cluster.deliver({ from: 3, to: 1 });
    expect(peer(cluster, 3)).toMatchObject({ state: 'replicate', match: 5 });
    expect(cluster.state(3)).toEqual(ENTRIES);
  });

  it('s67 the log is compacted while a slow follower still reads it: it falls back to a snapshot', () => {
    const cluster = new Cluster({ timing: { maxAppendBytes: 1, maxInflight: 1 } });
    cluster.elect(1);
    cluster.isolate(3);
    for (const data of ENTRIES) cluster.propose(1, data);
    cluster.settle();
    cluster.heal();
    for (let tick = 0; cluster.status(3).lastIndex < 3 && tick < 100; tick++) {
      if (tick % 10 === 0) cluster.tick(1);
      cluster.deliver();
      cluster.syncAll();
    }
    expect(cluster.status(3).lastIndex).toBe(3);
    cluster.compact(1);
    cluster.run(2 * T);
    expect(cluster.eventsOf('installed', 3)).toHaveLength(1);
    expect(cluster.state(3)).toEqual(ENTRIES);
  });

  it('s67 the log is compacted while an acknowledgement is missing: the follower is not left waiting', () => {
    const cluster = new Cluster({ timing: { maxInflight: 1 } });
    cluster.elect(1);
    cluster.run(2);
    cluster.propose(1, 'a');
    cluster.deliver({ to: 3 });
    cluster.sync(3);
    cluster.drop({ from: 3, type: 'append-ok' });
    cluster.propose(1, 'b');
    cluster.propose(1, 'c');
    cluster.settle();
    expect(peer(cluster, 3)).toMatchObject({ match: 1, state: 'replicate' });
    expect(cluster.status(1).commit).toBe(4);
    cluster.compact(1);
    cluster.run(2 * T);
    expect(peer(cluster, 3)).toMatchObject({ match: 4, state: 'replicate' });
    expect(cluster.state(3)).toEqual(['a', 'b', 'c']);
  });

  it('s67 a compaction that leaves what the follower needs sends no snapshot', () => {
    const cluster = new Cluster();
    cluster.elect(1);
    cluster.settle();
    cluster.isolate(3);
    for (const data of ENTRIES) cluster.propose(1, data);
    cluster.settle();
    cluster.compact(1, 1);
    expect(cluster.status(1).firstIndex).toBe(2);
    cluster.heal();
    cluster.run(5);
    expect(cluster.sent('snapshot')).toEqual([]);
    expect(cluster.state(3)).toEqual(ENTRIES);
  });

  it('s62 a learner gets one as well', () => {
    const cluster = new Cluster({ voters: [1, 2], learners: [3] });
    cluster.elect(1);
    cluster.isolate(3);
    for (const data of ENTRIES) cluster.propose(1, data);
    cluster.settle();
    cluster.compact(1);
    cluster.heal();
    cluster.run(5);
    expect(cluster.eventsOf('installed', 3)).toHaveLength(1);
    expect(cluster.state(3)).toEqual(ENTRIES);
  });
});
