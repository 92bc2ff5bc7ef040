import { describe, expect, it } from 'vitest';
import type { Message, SnapshotMeta } from '../../src/raft/index.js';
import { append, FROM_LEADER } from './harness/by-hand.js';
import { Cluster } from './harness/cluster.js';
import { bytes, command, logOf, text } from './harness/entries.js';
import { Single } from './harness/single.js';

describe('snapshots', () => {
  const configuration = { voters: [1, 2, 3], votersOutgoing: [], learners: [] };
  const meta: SnapshotMeta = { index: 5, term: 1, configuration };
  /** Data of a snapshot of four commands, in two chunks or three, and in one. */
  const [ONE, TWO, END, ALL] = ['["a","b"', ',"c"', ',"d"]', '["a","b","c","d"]'];

  /** The chunks that leader 1 wants: each test offers them itself. */
  const wanted = (cluster: Cluster) => cluster.node(1).chunksWanted!;

  /** Leader 1 has compacted what follower 3 lacks, and 3 is reachable again. */
  const behind = (): Cluster => {
    const cluster = new Cluster();
    cluster.node(1).chunksWanted = [];
    cluster.elect(1);
    cluster.isolate(3);
    cluster.node(1).raft.propose(['a', 'b', 'c', 'd', 'e'].map(bytes));
    cluster.settle();
    cluster.node(1).raft.compact(5);
    cluster.heal();
    cluster.run(6, [1]);
    return cluster;
  };

  it('s62 a follower that needs what is compacted gets it in chunks, then the entries after', () => {
    const cluster = behind();
    expect(wanted(cluster)).toEqual([{ to: 3, sequence: 0 }]);
    expect(cluster.node(1).raft.status().peers[1]).toMatchObject({ state: 'snapshot' });
    cluster.node(1).raft.offerChunk(3, meta, 0, bytes(ONE), false);
    cluster.settle();
    expect(wanted(cluster)[1]).toEqual({ to: 3, sequence: 1 });
    cluster.node(1).raft.offerChunk(3, meta, 1, bytes(END), true);
    cluster.settle();
    const chunks = cluster.eventsOf('written', 3).flatMap(({ write }) => write.chunk ?? []);
    expect(chunks.map((c) => [c.sequence, text(c.data), c.done])).toEqual([
      [0, '', false],
      [1, '', false],
      [2, ONE, false],
      [3, END, true],
    ]);
    expect(cluster.node(3).raft.status()).toMatchObject({ firstIndex: 6, lastIndex: 6, commit: 6, applied: 6 });
    expect(cluster.node(1).raft.status().peers[1]).toMatchObject({ state: 'replicate', match: 6 });
  });

  it('an unavailable chunk is requested again; a lost one is resent', () => {
    const cluster = behind();
    cluster.node(1).raft.chunkUnavailable(3);
    cluster.run(2);
    expect(wanted(cluster)).toEqual([
      { to: 3, sequence: 0 },
      { to: 3, sequence: 0 },
    ]);
    cluster.network.passes = (message) => message.type !== 'snapshot';
    cluster.node(1).raft.offerChunk(3, meta, 0, bytes(ALL), true);
    cluster.settle();
    cluster.heal();
    cluster.run(12);
    expect(cluster.node(3).raft.log.commit).toBe(6);
  });

  it('when the rest of a snapshot is unavailable, or of another snapshot, the transfer starts over', () => {
    const cluster = behind();
    const sequences = () => wanted(cluster).map(({ sequence }) => sequence);
    cluster.node(1).raft.offerChunk(3, meta, 0, bytes(ONE), false);
    cluster.settle();
    cluster.node(1).raft.chunkUnavailable(3);
    cluster.run(2);
    expect(sequences()).toEqual([0, 1, 0]);
    cluster.node(1).raft.offerChunk(3, meta, 0, bytes(ONE), false);
    cluster.settle();
    cluster.node(1).raft.offerChunk(3, { ...meta, index: 6 }, 1, bytes(END), true);
    cluster.run(2);
    expect(sequences()).toEqual([0, 1, 0, 1, 0]);
    cluster.node(1).raft.offerChunk(3, { ...meta, index: 6 }, 0, bytes(ALL), true);
    cluster.settle();
    expect(cluster.node(3).raft.status()).toMatchObject({ firstIndex: 7, commit: 6 });
  });

  /** What leader 1 sends to 3 waits in order, as on a slow link: the first chunk with data is in flight. */
  const slow = (): { cluster: Cluster; queue: Message[]; sent: () => Message[] } => {
    const cluster = behind();
    cluster.node(1).raft.offerChunk(3, meta, 0, bytes(ONE), false);
    const queue: Message[] = [];
    const all: Message[] = [];
    cluster.network.passes = (message) => {
      if (message.type !== 'snapshot') return true;
      all.push(message);
      if (message.data.length === 0 && queue.length === 0) return true;
      queue.push(message);
      return false;
    };
    cluster.settle();
    expect(queue).toMatchObject([{ sequence: 2, done: false }]);
    return { cluster, queue, sent: () => all.filter((m) => m.type === 'snapshot' && m.data.length > 0) };
  };

  it('a chunk that takes long is sent once, however many delivery checks follow it', () => {
    const { cluster, queue, sent } = slow();
    cluster.run(100);
    expect(queue.length).toBeGreaterThan(10);
    expect(sent()).toHaveLength(1);
    const [chunk, ...questions] = queue.splice(0);
    cluster.node(3).raft.step(chunk!);
    cluster.settle();
    expect(wanted(cluster).at(-1)).toEqual({ to: 3, sequence: 1 });
    cluster.node(1).raft.offerChunk(3, meta, 1, bytes(TWO), false);
    cluster.settle();
    // Their answers want chunk 3, which was sent meanwhile: they are ignored, and so are later ones for a while.
    for (const question of questions) {
      cluster.node(3).raft.step(question);
      cluster.settle();
    }
    cluster.run(40);
    expect(sent().map((m) => m.type === 'snapshot' && text(m.data))).toEqual([ONE, TWO]);
    cluster.heal();
    for (const message of queue.splice(0)) cluster.node(3).raft.step(message);
    cluster.settle();
    cluster.node(1).raft.offerChunk(3, meta, 2, bytes(END), true);
    cluster.run(3);
    expect(cluster.node(3).raft.log.commit).toBe(6);
    const chunks = cluster.eventsOf('written', 3).flatMap(({ write }) => write.chunk ?? []);
    expect(chunks.map(({ data }) => text(data))).toEqual(['', '', ONE, TWO, END]);
  });

  it('a chunk is resent once the answer to a check behind it shows that the receiver still wants it', () => {
    const { cluster, queue, sent } = slow();
    cluster.run(10);
    const [, question] = queue.splice(0);
    cluster.network.passes = () => true;
    cluster.node(3).raft.step(question!);
    cluster.settle();
    expect(sent()).toHaveLength(1);
    expect(wanted(cluster).at(-1)).toEqual({ to: 3, sequence: 1 });
  });

  it('a receiver that took chunks sent before the transfer started over gets all of them again', () => {
    const { cluster, queue } = slow();
    // It starts over while the first chunk with data is in flight, and its answer to the second message is lost.
    cluster.node(1).raft.step({ type: 'snapshot-answer', from: 3, to: 1, term: 1, index: 5, wanted: 0 });
    cluster.node(1).raft.offerChunk(3, meta, 0, bytes(ONE), false);
    cluster.network.passes = (message) => message.type !== 'snapshot-answer' || message.wanted < 2;
    const [late] = queue.splice(0);
    cluster.settle();
    cluster.node(3).raft.step(late!);
    cluster.settle();
    const before = wanted(cluster).length;
    cluster.heal();
    cluster.run(20);
    expect(wanted(cluster).slice(before)).toEqual([{ to: 3, sequence: 0 }]);
    cluster.node(1).raft.offerChunk(3, meta, 0, bytes(ALL), true);
    cluster.settle();
    expect(cluster.node(3).raft.log.commit).toBe(6);
  });

  it('after a broken link the receiver is checked at once, and what it lacks is resent', () => {
    const { cluster, queue } = slow();
    queue.length = 0;
    cluster.heal();
    cluster.node(1).raft.reportUnreachable(3);
    cluster.run(2);
    expect(wanted(cluster).at(-1)).toEqual({ to: 3, sequence: 1 });
  });

  it('a receiver that was a pre-candidate for a while, in the same term, goes on with the snapshot', () => {
    const cluster = behind();
    cluster.node(1).raft.offerChunk(3, meta, 0, bytes(ONE), false);
    cluster.settle();
    cluster.node(3).raft.forgetLeader();
    cluster.node(3).raft.campaign();
    expect(cluster.node(3).raft.role).toBe('pre-candidate');
    cluster.node(1).raft.offerChunk(3, meta, 1, bytes(END), true);
    cluster.settle();
    expect(cluster.node(3).raft.log.commit).toBe(6);
    expect(wanted(cluster)).toHaveLength(2);
  });

  it('a snapshot that ends before the log begins is not sent', () => {
    const cluster = behind();
    cluster.node(1).raft.offerChunk(3, { ...meta, index: 4 }, 0, bytes('old'), true);
    cluster.clearEvents();
    cluster.settle();
    expect(cluster.sent('snapshot')).toEqual([]);
    cluster.run(2);
    expect(wanted(cluster)).toHaveLength(2);
  });

  it('chunks of another snapshot, or not wanted, are not sent', () => {
    const cluster = behind();
    cluster.node(1).raft.offerChunk(3, meta, 1, bytes('x'), true);
    cluster.node(1).raft.offerChunk(2, meta, 0, bytes('x'), true);
    cluster.node(3).raft.offerChunk(1, meta, 0, bytes('x'), true);
    cluster.clearEvents();
    cluster.settle();
    expect(cluster.sent('snapshot')).toEqual([]);
    cluster.node(1).raft.offerChunk(3, meta, 0, bytes(ONE), false);
    cluster.settle();
    cluster.node(1).raft.offerChunk(3, { ...meta, index: 6 }, 1, bytes(END), true);
    cluster.clearEvents();
    cluster.settle();
    expect(cluster.sent('snapshot')).toEqual([]);
  });

  it('s62 a follower that got the entries by other means ends the transfer', () => {
    const cluster = behind();
    cluster.node(1).raft.step({ type: 'append-ok', from: 3, to: 1, term: 1, index: 5 });
    expect(cluster.node(1).raft.status().peers[1]).toMatchObject({ state: 'replicate', match: 5 });
  });

  const receiver = (): Single =>
    new Single(3, [1, 2, 3], { hardState: { term: 1, vote: 1, commit: 2 }, entries: logOf([1, 1, 1]) });
  const chunk = (sequence: number, done: boolean, of: SnapshotMeta = meta): Message => ({
    type: 'snapshot',
    from: 1,
    to: 3,
    term: 1,
    meta: of,
    sequence,
    data: bytes('x'),
    done,
  });

  it('s63 a snapshot of what is committed, or of what the log holds, replaces nothing', () => {
    const replica = receiver();
    replica.raft.step(chunk(0, true, { ...meta, index: 2 }));
    expect(replica.run()).toMatchObject([{ type: 'snapshot-answer', index: 2, wanted: -1 }]);
    expect(replica.raft.log.commit).toBe(2);
    replica.raft.step(chunk(0, true, { ...meta, index: 3 }));
    expect(replica.run()).toMatchObject([{ type: 'snapshot-answer', index: 3, wanted: -1 }]);
    expect(replica.raft.status()).toMatchObject({ commit: 3, firstIndex: 1 });
    expect(replica.readies.some((ready) => ready.write?.chunk !== undefined)).toBe(false);
  });

  it('s35 an installed snapshot is acknowledged only when it is durable, and its configuration counts', () => {
    const replica = receiver();
    const other = { ...configuration, learners: [4] };
    replica.raft.step(chunk(0, true, { ...meta, configuration: other }));
    const ready = replica.take();
    expect(ready.messages).toEqual([]);
    expect(ready.write?.messages).toMatchObject([{ type: 'snapshot-answer', wanted: -1 }]);
    expect(replica.raft.status()).toMatchObject({ configuration: other, commit: 5, applied: 5 });
  });

  it('entries that follow a snapshot come in the write after the one that installs it', () => {
    const replica = receiver();
    replica.raft.step(chunk(0, true));
    replica.raft.step(
      append({ ...FROM_LEADER, to: 3, prevIndex: 5, prevTerm: 1, entries: [command(6, 1)], commit: 6 }),
    );
    expect(replica.take().write).toMatchObject({ entries: [], hardState: { commit: 5 } });
    expect(replica.take().write).toMatchObject({ chunk: undefined, entries: [{ index: 6 }] });
    replica.run();
    expect(replica.applied.map((e) => e.index)).toEqual([6]);
  });

  it('chunks out of order start it over; doubled ones do no harm; two at once are not taken', () => {
    const replica = receiver();
    replica.raft.step(chunk(1, false));
    expect(replica.run()).toMatchObject([{ wanted: 0 }]);
    replica.raft.step(chunk(0, false));
    replica.raft.step(chunk(1, false));
    expect(replica.run()).toMatchObject([{ wanted: 1 }]);
    replica.raft.step(chunk(1, false));
    expect(replica.run()).toMatchObject([{ wanted: 2 }]);
    replica.raft.step(chunk(1, false));
    expect(replica.run()).toMatchObject([{ wanted: 2 }]);
    replica.raft.step(chunk(2, false, { ...meta, index: 7 }));
    expect(replica.run()).toMatchObject([{ index: 7, wanted: 0 }]);
    expect(replica.readies.flatMap((ready) => ready.write?.chunk?.sequence ?? [])).toEqual([0, 1]);
  });

  it('a sender starts over when the receiver wants message 0', () => {
    const cluster = behind();
    cluster.node(1).raft.offerChunk(3, meta, 0, bytes(ONE), false);
    cluster.settle();
    cluster.node(1).raft.offerChunk(3, meta, 1, bytes(TWO), false);
    cluster.node(1).raft.step({ type: 'snapshot-answer', from: 3, to: 1, term: 1, index: 5, wanted: 0 });
    expect(cluster.node(1).take().chunksWanted).toEqual([{ to: 3, sequence: 0 }]);
    cluster.node(1).raft.offerChunk(3, { ...meta, index: 6 }, 0, bytes('new'), true);
    cluster.node(1).raft.step({ type: 'snapshot-answer', from: 3, to: 1, term: 1, index: 5, wanted: -1 });
    expect(cluster.node(1).raft.status().peers[1]?.state).toBe('snapshot');
  });

  it('s67 no snapshot is started for an inactive follower before it answers again', () => {
    const cluster = new Cluster();
    cluster.node(1).chunksWanted = [];
    cluster.elect(1);
    cluster.isolate(3);
    cluster.node(1).raft.propose(['a', 'b'].map(bytes));
    cluster.settle();
    cluster.run(11, [1, 2]);
    cluster.node(1).raft.compact(3);
    cluster.node(1).raft.reportUnreachable(3);
    cluster.run(11, [1, 2]);
    expect(wanted(cluster)).toEqual([]);
    cluster.heal();
    cluster.run(3, [1]);
    expect(wanted(cluster)).toEqual([{ to: 3, sequence: 0 }]);
  });
});
