import { beforeAll, describe, expect, it } from 'vitest';
import { EntryKind, type Entry } from '../../src/raft/index.js';
import { loadHash, type ReplicaView } from '../../src/shard/index.js';
import { encodeCommand } from '../../src/shard/machine/index.js';
import { TimeChecker } from '../../src/sim/time-checker.js';

beforeAll(loadHash);

const START_MS = 1_700_000_000_000;

const dataWith = (timeMs: number): Uint8Array =>
  encodeCommand(
    {
      ...{ type: 'delete', key: Uint8Array.of(64, 1), condition: { type: 'none' } },
      ...{ operationId: new Uint8Array(16), attempt: 'initial' },
    },
    timeMs,
  );

/** A replica with a log from index 1. */
class FakeReplica {
  readonly entries: Entry[] = [];
  applied = 0;
  stateMs: number | undefined = 0;
  role: 'leader' | 'follower' = 'follower';
  term = 1;
  readonly #node: number;
  readonly #raft = {};

  constructor(node: number, entries: readonly Entry[] = []) {
    this.#node = node;
    this.entries.push(...entries);
  }

  /** A leader proposes: `timeMs` since START_MS. */
  propose(timeMs: number): void {
    const data = dataWith(START_MS + timeMs);
    this.entries.push({ index: this.entries.length + 1, term: this.term, kind: EntryKind.command, data });
  }

  lead(term: number): void {
    Object.assign(this, { role: 'leader', term });
    this.entries.push({ index: this.entries.length + 1, term, kind: EntryKind.noop, data: new Uint8Array(0) });
  }

  get view(): ReplicaView {
    const { entries, role, term } = this;
    const log = {
      ...{ firstIndex: 1, lastIndex: entries.length, lastTerm: entries.at(-1)?.term ?? 0 },
      entryAt: (index: number) => entries[index - 1],
      termAt: (index: number) => entries[index - 1]?.term,
    };
    const raft = Object.assign(this.#raft, { id: this.#node, role, term, log });
    return {
      id: 7,
      raft,
      applied: this.applied,
      machine: { replicatedTimeMs: this.stateMs },
    } as unknown as ReplicaView;
  }
}

function lab(drift = 0) {
  const at = { ms: 0 };
  const reached: string[] = [];
  const checker = new TimeChecker({ drift, now: () => at.ms, reached: (mark) => reached.push(mark) });
  const inspect = (node: number, replica: FakeReplica): void => {
    checker.inspect(node, [replica.view]);
  };
  /** A leader proposes at real time `ms` an entry with the time `timeMs`. */
  const propose = (replica: FakeReplica, ms: number, timeMs: number, node = 1): void => {
    at.ms = ms;
    replica.propose(timeMs);
    inspect(node, replica);
  };
  return { at, inspect, propose, reached };
}

/** Node 1 has led term 1, and proposed an entry with the time 100 at real time 100. */
function led(drift = 0) {
  const scene = lab(drift);
  const leader = new FakeReplica(1);
  scene.inspect(1, leader);
  leader.lead(1);
  scene.propose(leader, 100, 100);
  return { ...scene, leader };
}

/** Another node leads term 2, with the leader's entries: as live ones, or as ones that it recovered. */
function followed(how: 'live' | 'recovered', drift = 0) {
  const scene = led(drift);
  const next = new FakeReplica(2, how === 'recovered' ? scene.leader.entries : []);
  scene.inspect(2, next);
  if (how === 'live') next.entries.push(...scene.leader.entries);
  next.lead(2);
  return { ...scene, next };
}

describe('the checker of replicated time', () => {
  it('accepts a leader that is slewed by a tenth, either way', () => {
    for (const timeMs of [1_000, 1_090, 910]) {
      const { propose, leader } = led();
      propose(leader, 1_000, timeMs);
    }
  });

  it('detects a leader that is slewed by more, that falls, or that stands still', () => {
    for (const timeMs of [1_095, 905, 100, 50]) {
      const { propose, leader } = led();
      expect(() => {
        propose(leader, 1_000, timeMs);
      }).toThrow(`group 7, n1@1: 3@1 has the time ${START_MS + timeMs}, 900.0 ms after one of the same leader`);
    }
  });

  it('allows for drift, and for later times of earlier leaders', () => {
    const { propose, leader } = led(0.04);
    propose(leader, 1_000, 1_120);
    const raised = led(0.1);
    raised.leader.stateMs = START_MS + 5_000;
    raised.inspect(1, raised.leader);
    raised.propose(raised.leader, 1_000, 6_000);
    expect(() => {
      raised.propose(raised.leader, 1_100, 6_300);
    }).toThrow('100.0 ms after one of the same leader');
  });

  it('detects a replica whose replicated time falls', () => {
    const { inspect, leader } = led();
    leader.stateMs = 9;
    inspect(1, leader);
    leader.stateMs = 8;
    expect(() => {
      inspect(1, leader);
    }).toThrow('group 7, n1@1: replicated time fell from 9 to 8');
  });

  it('detects a new leader that is ahead of an entry by more than the time since, and a tenth', () => {
    const right = followed('live');
    right.propose(right.next, 1_000, 1_090, 2);
    expect(right.reached).toEqual(['time-continued']);
    const wrong = followed('live');
    expect(() => {
      wrong.propose(wrong.next, 1_000, 1_100, 2);
    }).toThrow('group 7, n2@2: 4@2 has the time 1700000001100: what falls due by then does so 10.0 ms early');
  });

  it('compares with every entry, not only the newest: one that is behind does not make up for it', () => {
    const { propose, next } = followed('live');
    propose(next, 200, 0, 2);
    next.lead(3);
    expect(() => {
      propose(next, 300, 330, 2);
    }).toThrow('ms early');
  });

  it('accepts any beginning of a leader without live entries, and compares later leaders with that', () => {
    const { propose, next, inspect, at } = followed('recovered');
    propose(next, 1_000, 50_000, 2);
    const third = new FakeReplica(3);
    inspect(3, third);
    third.entries.push(...next.entries);
    third.lead(3);
    at.ms = 2_000;
    expect(() => {
      propose(third, 2_000, 51_200, 3);
    }).toThrow('100.0 ms early');
  });

  it('ignores clocks that drift further apart than leases allow for, and groups without a time', () => {
    const far = followed('live', 0.1);
    far.propose(far.next, 1_000, 9_999, 2);
    const { propose, leader } = led();
    leader.stateMs = undefined;
    propose(leader, 1_000, 99_999);
  });
});
