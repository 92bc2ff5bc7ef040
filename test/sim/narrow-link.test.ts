/** A link that carries little: who waits for whom, what breaks with it, and what is seen to be sent twice. */
import { describe, expect, it } from 'vitest';
import { EntryKind, type Entry, type Message } from '../../src/raft/index.js';
import type { PeerMessage } from '../../src/shard/index.js';
import { NarrowLink, type Lane } from '../../src/sim/narrow-link.js';
import { Scheduler } from '../../src/sim/scheduler.js';
import { UnderWay } from '../../src/sim/under-way.js';

/** 10 bytes a ms; names of what arrived, with the time. */
function narrow() {
  const scheduler = new Scheduler();
  const link = new NarrowLink(scheduler, { bytesPerMs: 10, pieceBytes: 100 });
  const arrived: string[] = [];
  const send = (lane: Lane, bytes: number, name: string): void => {
    link.send(lane, bytes, () => arrived.push(`${name} ${scheduler.now}`));
  };
  return { scheduler, link, arrived, send };
}

describe('a narrow link', () => {
  it('carries one after the other, and takes the time that the bytes need', async () => {
    const { scheduler, link, arrived, send } = narrow();
    send('bulk', 1_000, 'a');
    send('bulk', 500, 'b');
    expect(link.waiting).toBe(1_500);
    await scheduler.run(1_000);
    send('bulk', 10, 'c');
    await scheduler.run(1_000);
    expect(arrived).toEqual(['a 100', 'b 150', 'c 1001']);
    expect(link.waiting).toBe(0);
  });

  it('lets urgent parcels pass between two pieces of a bulk one', async () => {
    const { scheduler, arrived, send } = narrow();
    send('bulk', 1_000, 'bulk');
    await scheduler.run(15);
    send('urgent', 10, 'urgent');
    await scheduler.run(1_000);
    expect(arrived).toEqual(['urgent 21', 'bulk 101']);
  });

  it('loses what waits when it breaks, and carries what comes then', async () => {
    const { scheduler, link, arrived, send } = narrow();
    send('bulk', 1_000, 'lost');
    send('urgent', 1_000, 'lost too');
    await scheduler.run(50);
    link.break();
    send('bulk', 100, 'new');
    await scheduler.run(1_000);
    expect(arrived).toEqual(['new 60']);
  });
});

describe('what is under way', () => {
  const entry: Entry = { index: 8, term: 4, kind: EntryKind.command, data: new Uint8Array(1) };
  const envelope = { from: 1, to: 2, term: 5 } as const;
  const raft = (message: Message): PeerMessage => ({ type: 'raft', group: 3, message });
  const append = (entries: readonly Entry[]): PeerMessage =>
    raft({ ...envelope, type: 'append', prevIndex: 7, prevTerm: 4, entries, commit: 7 });
  const meta = { index: 9, term: 4, configuration: { voters: [1, 2], votersOutgoing: [], learners: [] } };
  const chunk = (sequence: number, bytes: number): PeerMessage =>
    raft({ ...envelope, type: 'snapshot', meta, sequence, data: new Uint8Array(bytes), done: false });

  it('is seen when it is sent again, in another frame or the same', () => {
    const underWay = new UnderWay();
    expect(underWay.add(append([entry]))).toBeUndefined();
    expect(underWay.add(append([entry]))).toBe('g3 term 5: entries 8 to 8@4');
    const arrive = underWay.leave();
    expect(underWay.add(append([entry]))).toBe('g3 term 5: entries 8 to 8@4');
    expect(underWay.add(chunk(1, 5))).toBeUndefined();
    underWay.leave();
    arrive();
    expect(underWay.add(chunk(1, 5))).toBe('g3 term 5: chunk 1 of the snapshot at 9');
    expect(underWay.add(chunk(2, 5))).toBeUndefined();
  });

  it('may be sent again once it has arrived, and questions at any time', () => {
    const underWay = new UnderWay();
    underWay.add(append([entry]));
    underWay.leave()();
    expect(underWay.add(append([entry]))).toBeUndefined();
    for (const question of [append([]), chunk(1, 0)]) {
      expect(underWay.add(question)).toBeUndefined();
      expect(underWay.add(question)).toBeUndefined();
    }
  });
});
