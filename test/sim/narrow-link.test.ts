/** A link that carries little: who waits for whom, what breaks with it, and what is seen to be sent twice. */
import { describe, expect, it } from 'vitest';
import { EntryKind, type Entry, type Message } from '../../src/raft/index.js';
import { decodeFrame, type PeerMessage } from '../../src/shard/index.js';
import { LaneLink } from '../../src/sim/lane-link.js';
import { NarrowLink } from '../../src/sim/narrow-link.js';
import { Scheduler } from '../../src/sim/scheduler.js';
import { UnderWay } from '../../src/sim/under-way.js';

/** 10 bytes a ms; names of what arrived, with the time. `slowness` may be changed. */
function narrow() {
  const scheduler = new Scheduler();
  const at = { slowness: 1, silentAt: 0 };
  const link = new NarrowLink({
    scheduler,
    bytesPerMs: 10,
    slowness: () => at.slowness,
    onSilent: () => {
      at.silentAt = scheduler.now;
    },
  });
  const arrived: string[] = [];
  const send = (bytes: number, name: string): void => {
    link.send(bytes, () => arrived.push(`${name} ${scheduler.now}`));
  };
  return { scheduler, link, arrived, send, at };
}

describe('a narrow link', () => {
  it('carries one message after the other, each for as long as its bytes take', async () => {
    const { scheduler, link, arrived, send } = narrow();
    send(1_000, 'a');
    send(500, 'b');
    expect(link.waiting).toBe(1_500);
    await scheduler.run(1_000);
    send(10, 'c');
    await scheduler.run(1_000);
    expect(arrived).toEqual(['a 100', 'b 150', 'c 1001']);
    expect(link.waiting).toBe(0);
  });

  it('loses nothing while held, and breaks if that lasts', async () => {
    const { scheduler, arrived, send, at } = narrow();
    at.slowness = Infinity;
    send(100, 'held');
    await scheduler.run(2_000);
    at.slowness = 2;
    await scheduler.run(1_000);
    expect(arrived).toEqual(['held 2030']);
    at.slowness = Infinity;
    send(100, 'for long');
    await scheduler.run(2_900);
    expect(at.silentAt).toBe(0);
    await scheduler.run(200);
    expect(at.silentAt).toBe(6_000);
  });

  it('loses queued messages when it breaks, and carries later ones', async () => {
    const { scheduler, link, arrived, send } = narrow();
    send(1_000, 'lost');
    await scheduler.run(50);
    link.break();
    send(100, 'new');
    await scheduler.run(1_000);
    expect(arrived).toEqual(['new 60']);
  });
});

describe('tracking of messages in flight', () => {
  const entry: Entry = { index: 8, term: 4, kind: EntryKind.command, data: new Uint8Array(1) };
  const envelope = { from: 1, to: 2, term: 5 } as const;
  const raft = (message: Message): PeerMessage => ({ type: 'raft', group: 3, message });
  const append = (entries: readonly Entry[]): PeerMessage =>
    raft({ ...envelope, type: 'append', prevIndex: 7, prevTerm: 4, entries, commit: 7 });
  const meta = { index: 9, term: 4, configuration: { voters: [1, 2], votersOutgoing: [], learners: [] } };
  const chunk = (sequence: number, bytes: number): PeerMessage =>
    raft({ ...envelope, type: 'snapshot', meta, sequence, data: new Uint8Array(bytes), done: false });

  it('detects a message sent again while in flight', () => {
    const underWay = new UnderWay();
    expect(underWay.add(append([entry]))).toBeUndefined();
    expect(underWay.add(append([entry]))).toBe('g3 term 5: entries 8 to 8@4');
    expect(underWay.add(chunk(1, 5))).toBeUndefined();
    expect(underWay.add(chunk(1, 5))).toBe('g3 term 5: chunk 1 of the snapshot at 9');
    expect(underWay.add(chunk(2, 5))).toBeUndefined();
  });

  it('allows resending after arrival, and of chunks and empty appends at any time', () => {
    const underWay = new UnderWay();
    underWay.add(append([entry]));
    underWay.arrived(append([entry]));
    expect(underWay.add(append([entry]))).toBeUndefined();
    for (const message of [append([]), chunk(1, 0)]) {
      expect(underWay.add(message)).toBeUndefined();
      expect(underWay.add(message)).toBeUndefined();
    }
  });
});

describe('the end of a narrow link', () => {
  /** Two ends, whose sockets carry a message when they are told to. */
  function ends(version: number) {
    const sockets: Uint8Array[][] = [[], []];
    const passed: number[] = [];
    const [a, b] = [0, 1].map(
      (n) =>
        new LaneLink({
          ends: { from: n + 1, to: 2 - n },
          version,
          now: () => 0,
          waiting: () => 0,
          put: (bytes) => sockets[n]?.push(bytes),
          onPassed: () => passed.push(n),
        }),
    );
    return { a: a!, b: b!, sockets, passed };
  }
  const large: PeerMessage = {
    type: 'raft',
    group: 3,
    message: {
      ...{ type: 'snapshot', from: 1, to: 2, term: 5, sequence: 1, done: false },
      meta: { index: 9, term: 4, configuration: { voters: [1, 2], votersOutgoing: [], learners: [] } },
      data: new Uint8Array(400_000),
    } as Message,
  };
  const small: PeerMessage = { type: 'ping', epoch: 1, stopping: false };

  it('lets urgent messages overtake the chunks of a large one, and delivers everything', () => {
    const { a, b, sockets, passed } = ends(2);
    const got: string[] = [];
    a.send(large);
    a.flush();
    expect(passed).toEqual([0]);
    a.send(small);
    a.flush();
    for (let turn = 0; turn < 20; turn++) {
      for (const bytes of sockets[0]!.splice(0)) {
        const frame = b.arrived(bytes);
        if (frame !== undefined) got.push(...decodeFrame(frame, 2).messages.map(({ type }) => type));
      }
      for (const bytes of sockets[1]!.splice(0)) expect(a.arrived(bytes)).toBeUndefined();
    }
    expect(got).toEqual(['ping', 'raft']);
  });

  it('has one lane in the former protocol', () => {
    const { a, sockets, passed } = ends(1);
    a.send(large);
    a.flush();
    a.send(small);
    a.flush();
    expect(sockets[0]?.map((bytes) => decodeFrame(bytes, 1).messages.map(({ type }) => type))).toEqual([
      ['raft'],
      ['ping'],
    ]);
    expect(passed).toEqual([]);
  });
});
