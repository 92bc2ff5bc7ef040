/** Scenarios 63–66: a follower installs a snapshot whole, durably, and never in place of something newer. */
import { describe, expect, it } from 'vitest';
import type { SnapshotChunk, SnapshotMeta } from '../../src/raft/index.js';
import { alone, answers, answersOf, append, heartbeat } from './harness/by-hand.js';
import { encodeState } from './harness/disk.js';
import { logOf } from './harness/entries.js';

const T = 10;

const meta = (index: number, term: number, voters = [1, 2, 3]): SnapshotMeta => ({
  index,
  term,
  configuration: { voters, votersOutgoing: [], learners: [] },
});

const chunk = (fields: Partial<SnapshotChunk> & Pick<SnapshotChunk, 'meta'>): SnapshotChunk => ({
  type: 'snapshot',
  from: 2,
  to: 1,
  term: 3,
  sequence: 0,
  data: encodeState(['x', 'y']),
  done: true,
  ...fields,
});

describe('receiving', () => {
  it('s63 one that is not newer than the commit index is ignored and answered', () => {
    const cluster = alone({ log: [1, 1, 1], hardState: { term: 3, commit: 3 } });
    for (const index of [2, 3]) {
      cluster.inject(chunk({ meta: meta(index, 1) }));
      cluster.sync(1);
      expect(answersOf(cluster, 'snapshot-answer')).toMatchObject([{ index, wanted: -1 }]);
    }
    expect(cluster.terms(1)).toEqual([1, 1, 1]);
    expect(cluster.node(1).disk.checkpoint.meta.index).toBe(0);
    expect(cluster.status(1).commit).toBe(3);
  });

  it('s63 one that the log already matches only moves the commit index, and keeps the entries behind it', () => {
    const cluster = alone({ log: [1, 2, 2, 2], hardState: { term: 3 } });
    cluster.inject(chunk({ meta: meta(2, 2) }));
    cluster.sync(1);
    expect(cluster.status(1)).toMatchObject({ commit: 2, lastIndex: 4 });
    expect(cluster.terms(1)).toEqual([1, 2, 2, 2]);
    expect(answersOf(cluster, 'snapshot-answer')).toMatchObject([{ index: 2, wanted: -1 }]);
    expect(cluster.state(1)).toEqual(['1@1', '2@2']);
  });

  it('s63 one of an older term of leadership is not taken', () => {
    const cluster = alone({ log: [1], hardState: { term: 5 } });
    cluster.inject(chunk({ meta: meta(9, 3), term: 4 }));
    cluster.sync(1);
    expect(cluster.status(1)).toMatchObject({ lastIndex: 1, commit: 0, term: 5 });
    expect(answersOf(cluster, 'snapshot-answer').filter(({ wanted }) => wanted === -1)).toEqual([]);
  });

  it('s64 one that the log contradicts replaces state, log, term and configuration, at a restart too', () => {
    const cluster = alone({ log: [1, 1, 1, 1, 1, 1], hardState: { term: 2 } });
    cluster.inject(chunk({ meta: meta(4, 3, [1, 2, 5, 7]), term: 3 }));
    expect(cluster.status(1)).toMatchObject({ firstIndex: 5, lastIndex: 4, commit: 4, term: 3 });
    cluster.sync(1);
    const holds = { lastIndex: 4, commit: 4, term: 3, configuration: { voters: [1, 2, 5, 7] } };
    expect(cluster.status(1)).toMatchObject(holds);
    expect(cluster.state(1)).toEqual(['x', 'y']);
    expect(cluster.node(1).raft.termAt(4)).toBe(3);
    cluster.crash(1);
    cluster.restart(1);
    expect(cluster.status(1)).toMatchObject({ ...holds, firstIndex: 5, applied: 4 });
    expect(cluster.state(1)).toEqual(['x', 'y']);
  });

  it('s64 the new configuration is in force: it decides who votes', () => {
    const cluster = alone({ voters: [1, 2, 3] });
    cluster.inject(chunk({ meta: meta(4, 3, [1, 2, 5, 7]), term: 3 }));
    cluster.sync(1);
    answers(cluster);
    cluster.tick(1, 2 * T);
    expect(new Set(answersOf(cluster, 'vote').map(({ to }) => to))).toEqual(new Set([2, 5, 7]));
  });

  it.each(['before', 'after'])('s65 a crash %s the sync leaves the old state or the new one, never a gap', (when) => {
    const cluster = alone({ log: [1, 1], hardState: { term: 3 } });
    cluster.inject(chunk({ meta: meta(9, 3), term: 3 }));
    cluster.inject(append({ from: 2, term: 3, prevIndex: 9, prevTerm: 3, entries: logOf([3], 10), commit: 10 }));
    if (when === 'after') cluster.crashBetweenPersistAndSend(1);
    else cluster.crash(1);
    expect(answersOf(cluster, 'snapshot-answer')).toEqual([]);
    cluster.restart(1);
    if (when === 'after') {
      expect(cluster.status(1)).toMatchObject({ firstIndex: 10, lastIndex: 9, applied: 9 });
      expect(cluster.state(1)).toEqual(['x', 'y']);
    } else {
      expect(cluster.status(1)).toMatchObject({ firstIndex: 1, lastIndex: 2, applied: 0 });
    }
  });

  it('s65 entries behind a snapshot are not applied before it is durable', () => {
    const cluster = alone({ hardState: { term: 3 } });
    cluster.inject(chunk({ meta: meta(2, 3), term: 3 }));
    cluster.inject(append({ from: 2, term: 3, prevIndex: 2, prevTerm: 3, entries: logOf([3], 3), commit: 3 }));
    expect(cluster.eventsOf('applied')).toEqual([]);
    cluster.sync(1);
    expect(cluster.state(1)).toEqual(['x', 'y', '3@3']);
    expect(cluster.status(1)).toMatchObject({ stableIndex: 3, applied: 3 });
  });

  it('s65 entries that came in one go with the last chunk are not acknowledged by its sync, but by their own', () => {
    const cluster = alone({ hardState: { term: 3 } });
    const { raft } = cluster.node(1);
    raft.step(chunk({ meta: meta(2, 3), term: 3 }));
    raft.step(append({ from: 2, term: 3, prevIndex: 2, prevTerm: 3, entries: logOf([3, 3], 3) }));
    cluster.node(1).pump();
    cluster.sync(1, 1);
    expect(cluster.node(1).disk.lastIndex).toBe(2);
    expect(answers(cluster)).toMatchObject([{ type: 'snapshot-answer', wanted: -1 }]);
    cluster.sync(1, 1);
    expect(cluster.node(1).disk.lastIndex).toBe(4);
    expect(answers(cluster)).toMatchObject([{ type: 'append-ok', index: 4 }]);
  });

  it('s66 two in short succession: the newer one counts', () => {
    const cluster = alone({ hardState: { term: 3 } });
    cluster.inject(chunk({ meta: meta(5, 3), data: encodeState(['five']) }));
    cluster.inject(chunk({ meta: meta(8, 3), data: encodeState(['eight']) }));
    cluster.inject(chunk({ meta: meta(5, 3), data: encodeState(['five']) }));
    cluster.sync(1);
    expect(cluster.status(1)).toMatchObject({ lastIndex: 8, commit: 8 });
    expect(cluster.state(1)).toEqual(['eight']);
  });

  it('s66 one that begins while another is half done takes its place', () => {
    const cluster = alone({ hardState: { term: 3 } });
    const [head, tail] = [encodeState(['eight']).slice(0, 4), encodeState(['eight']).slice(4)];
    cluster.inject(chunk({ meta: meta(5, 3), data: encodeState(['fi']), done: false }));
    cluster.sync(1);
    expect(answersOf(cluster, 'snapshot-answer')).toMatchObject([{ index: 5, wanted: 1 }]);
    cluster.inject(chunk({ meta: meta(8, 3), data: head, done: false }));
    cluster.sync(1);
    expect(answersOf(cluster, 'snapshot-answer')).toMatchObject([{ index: 8, wanted: 1 }]);
    // A late chunk of the first must not get mixed in.
    cluster.inject(chunk({ meta: meta(5, 3), sequence: 1, data: encodeState(['ve']) }));
    cluster.sync(1);
    cluster.inject(chunk({ meta: meta(8, 3), sequence: 1, data: tail }));
    cluster.sync(1);
    answers(cluster);
    // Whatever the receiver did, it must end with one whole snapshot, or request it from the start.
    if (cluster.status(1).lastIndex !== 8) {
      cluster.inject(chunk({ meta: meta(8, 3), data: encodeState(['eight']) }));
      cluster.sync(1);
    }
    expect(cluster.state(1)).toEqual(['eight']);
  });

  it('s66 a check is never taken for a chunk, also where duplicates of the opening made its number the next one', () => {
    const NOTHING = new Uint8Array(0);
    const data = encodeState(['x', 'y']);
    const [head, tail] = [data.slice(0, 4), data.slice(4)];
    const cluster = alone({ log: [1], hardState: { term: 3 } });
    const say = (fields: Partial<SnapshotChunk>): void => {
      cluster.inject(chunk({ meta: meta(5, 3), done: false, data: NOTHING, ...fields }));
      cluster.sync(1);
    };
    for (const sequence of [0, 1]) say({ sequence });
    say({ sequence: 2, data: head });
    // Late duplicates of the two messages that open a transfer: the receiver begins anew.
    for (const sequence of [0, 1]) say({ sequence });
    answers(cluster);
    // The sender is at chunk 3, and asks behind it with the number before.
    say({ sequence: 2 });
    expect(answersOf(cluster, 'snapshot-answer').at(-1)).toMatchObject({ index: 5, wanted: 0 });
    say({ sequence: 3, data: tail, done: true });
    expect(cluster.status(1).lastIndex).toBe(1);
    for (const sequence of [0, 1]) say({ sequence });
    say({ sequence: 2, data: head });
    say({ sequence: 3, data: tail, done: true });
    expect(cluster.state(1)).toEqual(['x', 'y']);
  });

  it('s66 chunks that come twice or out of order do not spoil it', () => {
    const data = encodeState(['x', 'y', 'z']);
    const piece = (sequence: number): SnapshotChunk =>
      chunk({
        meta: meta(5, 3),
        sequence,
        data: data.slice(sequence * 4, sequence * 4 + 4),
        done: (sequence + 1) * 4 >= data.length,
      });
    const last = Math.ceil(data.length / 4) - 1;
    const cluster = alone({ hardState: { term: 3 } });
    cluster.inject(piece(1));
    cluster.sync(1);
    expect(answersOf(cluster, 'snapshot-answer').every(({ wanted }) => wanted === 0)).toBe(true);
    for (let sequence = 0; sequence <= last; sequence++) {
      cluster.inject(piece(sequence));
      cluster.inject(piece(sequence));
      cluster.inject(piece(0 < sequence && sequence < last ? sequence - 1 : sequence));
      cluster.sync(1);
    }
    // A repeated chunk 0 may have restarted it: then it requests what is missing.
    const asked = answersOf(cluster, 'snapshot-answer').at(-1);
    for (let wanted = asked?.wanted ?? -1; wanted >= 0;) {
      cluster.inject(piece(wanted));
      cluster.sync(1);
      wanted = answersOf(cluster, 'snapshot-answer').at(-1)?.wanted ?? -1;
    }
    expect(cluster.state(1)).toEqual(['x', 'y', 'z']);
  });

  it('s66 a snapshot of a lower term than its log has, and of a new leader after a half one, do no harm', () => {
    const cluster = alone({ log: [1, 2, 2], hardState: { term: 4 } });
    cluster.inject(chunk({ meta: meta(9, 3), term: 4, data: encodeState(['half']).slice(0, 3), done: false }));
    cluster.sync(1);
    cluster.inject(heartbeat({ from: 3, term: 5 }));
    cluster.inject(chunk({ from: 3, meta: meta(6, 1), term: 5, data: encodeState(['low']) }));
    cluster.sync(1);
    expect(cluster.status(1)).toMatchObject({ lastIndex: 6, commit: 6, term: 5, leader: 3 });
    expect(cluster.state(1)).toEqual(['low']);
    cluster.inject(append({ from: 3, term: 5, prevIndex: 6, prevTerm: 1, entries: logOf([5], 7), commit: 7 }));
    cluster.sync(1);
    expect(cluster.state(1)).toEqual(['low', '7@5']);
  });
});
