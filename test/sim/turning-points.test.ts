import { describe, expect, it } from 'vitest';
import type { Message } from '../../src/raft/index.js';
import type { ReplicaView } from '../../src/shard/index.js';
import { MARKS, type Mark } from '../../src/sim/marks.js';
import { TurningPoints } from '../../src/sim/turning-points.js';

const way = { from: 1, to: 2, term: 3 } as const;
const meta = { index: 9, term: 2, configuration: { voters: [1, 2], votersOutgoing: [], learners: [] } };
const chunk = (done: boolean): Message => ({
  type: 'snapshot',
  ...way,
  meta,
  sequence: 0,
  done,
  data: new Uint8Array(),
});
const append: Message = { type: 'append', ...way, prevIndex: 9, prevTerm: 2, entries: [], commit: 9 };

function marksOf(act: (points: TurningPoints) => void): Mark[] {
  const marks: Mark[] = [];
  act(new TurningPoints((mark) => marks.push(mark)));
  return marks;
}

interface State {
  readonly leads: boolean;
  readonly lastIndex: number;
  readonly waitingReads: number;
  readonly waitingWrites: number;
  readonly holdsLease: boolean;
  readonly installing: boolean;
  readonly dedupEntries: number;
}

/** Of one replica, in one incarnation, looked at after each. */
function lived(...states: readonly Partial<State>[]): Mark[] {
  let now: State = {
    leads: true,
    lastIndex: 5,
    waitingReads: 0,
    waitingWrites: 0,
    holdsLease: false,
    installing: false,
    dedupEntries: 0,
  };
  const raft = {
    get role() {
      return now.leads ? 'leader' : 'follower';
    },
    get log() {
      return { lastIndex: now.lastIndex };
    },
  };
  return marksOf((points) => {
    for (const state of [{}, ...states]) {
      now = { ...now, ...state };
      const { dedupEntries } = now;
      points.inspect(1, [{ ...now, id: 7, raft, machine: { dedupEntries } } as unknown as ReplicaView]);
    }
  });
}

describe('turning points', () => {
  it('are detected in messages', () => {
    const seen = (...messages: readonly Message[]): Mark[] =>
      marksOf((points) => {
        for (const message of messages) points.sent(7, message);
      });
    expect(seen(chunk(false), chunk(true), append)).toEqual([]);
    expect(seen(chunk(false), append, append)).toEqual(['snapshot-overtaken']);
    expect(seen(chunk(false), { ...append, term: 4 })).toEqual([]);
    // The follower's disk went back in time: the leader breaks the snapshot off and probes its log.
    const marked: Message = { type: 'append-ok', from: 2, to: 1, term: 3, index: 0, quarantine: 5 };
    expect(seen(chunk(false), marked, append)).toEqual([]);
    expect(seen(chunk(false), { type: 'append-ok', from: 2, to: 1, term: 3, index: 9 }, append)).toEqual([
      'snapshot-overtaken',
    ]);
    expect(seen({ type: 'timeout-now', ...way })).toEqual(['leadership-handed-over']);
    const ok: Message = { type: 'heartbeat-ok', ...way, readContext: 1, lastIndex: 1 };
    expect(seen(ok, { ...ok, released: 4 })).toEqual(['quarantine-ended']);
  });

  it('are detected in the state of a replica', () => {
    expect(lived({ waitingReads: 1, waitingWrites: 2 }, { leads: false })).toEqual([
      'leadership-lost-while-read-waited',
      'leadership-lost-while-write-waited',
    ]);
    expect(lived({ holdsLease: true, waitingReads: 1 }, { holdsLease: false })).toEqual([
      'lease-lost-while-read-waited',
    ]);
    expect(lived({ installing: true }, { installing: false })).toEqual(['snapshot-installed']);
    expect(lived({ lastIndex: 4 })).toEqual(['entries-dropped']);
    expect(lived({ dedupEntries: 3 }, { dedupEntries: 1 })).toEqual(['answer-evicted-by-age']);
    expect(lived({ dedupEntries: 3 }, { dedupEntries: 3 }, { installing: true, dedupEntries: 1 })).toEqual([]);
    expect(lived({ waitingReads: 3 }, { waitingReads: 0 }, { leads: false }, { lastIndex: 8 })).toEqual([]);
  });

  it('do not compare one incarnation with another', () => {
    const replica = (lastIndex: number): ReplicaView =>
      ({ id: 7, raft: { role: 'leader', log: { lastIndex } }, machine: {} }) as unknown as ReplicaView;
    const marks = marksOf((points) => {
      points.inspect(1, [replica(5)]);
      points.inspect(1, [replica(3)]);
    });
    expect(marks).toEqual([]);
  });

  it('include the marks that a campaign requires', () => {
    expect(MARKS).toEqual(expect.arrayContaining(['snapshot-overtaken', 'lease-lost-while-read-waited']));
  });
});
