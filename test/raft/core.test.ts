import { describe, expect, it } from 'vitest';
import { EntryKind, Raft } from '../../src/raft/index.js';
import { append, heartbeat, FROM_LEADER } from './harness/by-hand.js';
import { bytes, command, logOf, text } from './harness/entries.js';
import { options, Single } from './harness/single.js';

describe('start', () => {
  it('s1 a replica starts from the recovered state, as a follower without a leader', () => {
    const { raft } = new Single(2, [1, 2, 3], {
      hardState: { term: 3, vote: 1, commit: 2 },
      entries: logOf([1, 2, 3]),
    });
    expect(raft.status()).toMatchObject({ role: 'follower', term: 3, vote: 1, leader: 0, commit: 2, lastIndex: 3 });
    expect(raft.ready()).toMatchObject({ write: undefined, messages: [] });
  });

  it('what was committed is applied again after a restart, from the snapshot on', () => {
    const replica = new Single(1, [1, 2, 3], {
      hardState: { term: 3, vote: 1, commit: 99 },
      snapshot: { index: 5, term: 2, configuration: { voters: [1, 2, 3], votersOutgoing: [], learners: [] } },
      entries: [command(6, 2), command(7, 3)],
    });
    replica.run();
    expect(replica.applied.map((e) => e.index)).toEqual([6, 7]);
  });

  it('refuses a log that is newer than the hard state written with it', () => {
    expect(() => new Raft(options(1, [1], { entries: logOf([1, 2]) }))).toThrow(/ends in term 2/);
  });
});

describe('a single voter', () => {
  it('s11 s34 elects itself and commits, each only after its own sync', () => {
    const replica = new Single(1, [1]);
    replica.raft.campaign();
    expect(replica.take().write?.hardState).toMatchObject({ term: 1, vote: 1 });
    expect(replica.raft.role).toBe('candidate');
    replica.sync();
    expect(replica.raft.role).toBe('leader');
    expect(replica.take().write?.entries).toMatchObject([{ index: 1, kind: EntryKind.noop }]);
    expect(replica.raft.log.commit).toBe(0);
    replica.sync();
    expect(replica.take().committed).toMatchObject([{ index: 1 }]);
    replica.raft.propose([bytes('a')]);
    replica.take();
    expect(replica.raft.log.commit).toBe(1);
    replica.run();
    expect(replica.applied.map((e) => text(e.data))).toEqual(['', 'a']);
  });

  it('s47 a read before its first commit waits for it, then is confirmed by itself', () => {
    const replica = new Single(1, [1]);
    replica.raft.campaign();
    replica.take();
    replica.sync();
    expect(replica.raft.readIndex()).toEqual({ type: 'accepted', context: 1 });
    expect(replica.take().reads).toEqual([]);
    replica.sync();
    expect(replica.take().reads).toEqual([{ context: 1, index: 1 }]);
    replica.raft.readIndex();
    expect(replica.take().reads).toEqual([{ context: 2, index: 1 }]);
  });
});

describe('acknowledgements and the disk', () => {
  it('s35 an append is acknowledged only by the write that makes it durable', () => {
    const replica = new Single(2, [1, 2, 3], { hardState: { term: 1, vote: 1, commit: 0 } });
    replica.raft.step(append({ ...FROM_LEADER, entries: logOf([1, 1]) }));
    const ready = replica.take();
    expect(ready.messages).toEqual([]);
    expect(ready.write?.messages).toMatchObject([{ type: 'append-ok', index: 2 }]);
  });

  it('many appends before one ready are acknowledged once', () => {
    const replica = new Single(2, [1, 2, 3], { hardState: { term: 1, vote: 1, commit: 0 } });
    replica.raft.step(append({ ...FROM_LEADER, entries: [command(1, 1)] }));
    replica.raft.step(append({ ...FROM_LEADER, prevIndex: 1, prevTerm: 1, entries: [command(2, 1)] }));
    replica.raft.step(append({ ...FROM_LEADER, entries: [command(1, 1)] }));
    expect(replica.take().write?.messages).toMatchObject([{ type: 'append-ok', index: 2 }]);
  });

  it('an append repeated while its write is under way is acknowledged behind that write, by one that holds nothing', () => {
    const replica = new Single(2, [1, 2, 3], { hardState: { term: 1, vote: 1, commit: 0 } });
    replica.raft.step(append({ ...FROM_LEADER, entries: logOf([1]) }));
    replica.take();
    replica.raft.step(append({ ...FROM_LEADER, entries: logOf([1]) }));
    expect(replica.take()).toMatchObject({
      messages: [],
      write: { receipt: { sequence: 2 }, hardState: undefined, entries: [], messages: [{ type: 'append-ok' }] },
    });
    replica.sync();
    replica.raft.step(append({ ...FROM_LEADER, entries: logOf([1]) }));
    expect(replica.take()).toMatchObject({ messages: [{ type: 'append-ok', index: 1 }], write: undefined });
  });

  it('a heartbeat is answered at once while entries are being written, for the answer depends on the term only', () => {
    const replica = new Single(2, [1, 2, 3], { hardState: { term: 1, vote: 1, commit: 0 } });
    replica.raft.step(append({ ...FROM_LEADER, entries: logOf([1]) }));
    replica.take();
    replica.raft.step(heartbeat({ ...FROM_LEADER, readContext: 7 }));
    expect(replica.take().messages).toMatchObject([{ type: 'heartbeat-ok', readContext: 7, lastIndex: 1 }]);
  });

  it('s2 in a new term nothing is answered before the term is durable', () => {
    const replica = new Single(2, [1, 2, 3]);
    replica.raft.step(heartbeat({ ...FROM_LEADER, term: 4 }));
    const ready = replica.take();
    expect(ready.messages).toEqual([]);
    expect(ready.write).toMatchObject({
      hardState: { term: 4, vote: 0 },
      messages: [{ type: 'heartbeat-ok', term: 4 }],
    });
  });

  it('pending acknowledgements of an older term are dropped when a newer term begins', () => {
    const replica = new Single(2, [1, 2, 3], { hardState: { term: 1, vote: 1, commit: 0 } });
    replica.raft.step(append({ ...FROM_LEADER, entries: logOf([1, 1]) }));
    replica.raft.step(append({ ...FROM_LEADER, from: 3, term: 2, entries: [command(1, 2)] }));
    const { write } = replica.take();
    expect(write?.messages).toMatchObject([{ type: 'append-ok', to: 3, term: 2, index: 1 }]);
    expect(write?.entries).toMatchObject([{ index: 1, term: 2 }]);
  });

  it('completing a write that was never handed out throws', () => {
    expect(() => {
      new Single(1, [1]).raft.persisted({ sequence: 1 });
    }).toThrow(/never handed out/);
  });
});

describe('an invalid or overlapping append', () => {
  const follower = (): Single =>
    new Single(2, [1, 2, 3], { hardState: { term: 1, vote: 1, commit: 2 }, entries: logOf([1, 1, 1]) });

  it('with a gap, a falling term or entries of a later term is not answered', () => {
    const replica = follower();
    replica.raft.step(append({ ...FROM_LEADER, prevIndex: 3, prevTerm: 1, entries: [command(5, 1)] }));
    replica.raft.step(append({ ...FROM_LEADER, prevIndex: 3, prevTerm: 1, entries: [command(4, 1), command(6, 1)] }));
    replica.raft.step(append({ ...FROM_LEADER, prevIndex: 3, prevTerm: 1, entries: [command(4, 9)] }));
    replica.run();
    expect(replica.raft.log.lastIndex).toBe(3);
    expect(replica.describe().join()).not.toContain('append-ok');
  });

  it('s41 a commit index beyond the match index is bounded by it', () => {
    const replica = follower();
    replica.raft.step(append({ ...FROM_LEADER, prevIndex: 2, prevTerm: 1, commit: 99 }));
    expect(replica.raft.log.commit).toBe(2);
    replica.raft.step(append({ ...FROM_LEADER, prevIndex: 3, prevTerm: 1, commit: 99 }));
    expect(replica.raft.log.commit).toBe(3);
    replica.raft.step(heartbeat({ ...FROM_LEADER, commit: 99 }));
    expect(replica.raft.log.commit).toBe(3);
  });

  it('one that starts below the commit index has effect only above it', () => {
    const replica = follower();
    replica.raft.step(
      append({ ...FROM_LEADER, prevIndex: 0, prevTerm: 0, entries: [...logOf([1, 1, 1]), command(4, 1)], commit: 4 }),
    );
    expect(replica.run()).toMatchObject([{ type: 'append-ok', index: 4 }]);
    replica.raft.step(append({ ...FROM_LEADER, prevIndex: 0, prevTerm: 0, entries: logOf([1]) }));
    expect(replica.run()).toMatchObject([{ type: 'append-ok', index: 4 }]);
  });

  it('messages from non-members, for other nodes or from itself have no effect', () => {
    const replica = follower();
    replica.raft.step(heartbeat({ ...FROM_LEADER, from: 9, term: 5 }));
    replica.raft.step(heartbeat({ ...FROM_LEADER, to: 3, term: 5 }));
    replica.raft.step(heartbeat({ ...FROM_LEADER, from: 2, term: 5 }));
    expect(replica.raft.term).toBe(1);
  });

  it('a replica outside its own configuration accepts any leader', () => {
    const replica = new Single(9, [1, 2, 3]);
    replica.raft.step(heartbeat({ ...FROM_LEADER, from: 7, to: 9, term: 5 }));
    expect(replica.raft.status()).toMatchObject({ term: 5, leader: 7 });
  });
});
