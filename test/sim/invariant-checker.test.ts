/** The simulator's invariants, each on replicas made up to break it, and on the nearest that does not. */
import { beforeEach, describe, expect, it } from 'vitest';
import { EntryKind, type Entry, type Message, type RaftStatus } from '../../src/raft/index.js';
import type { ReplicaView } from '../../src/shard/index.js';
import { InvariantChecker, type DurableLog } from '../../src/sim/invariant-checker.js';

const GROUP = 3;

interface Made {
  readonly id: number;
  readonly role?: ReplicaView['raft']['role'];
  readonly term?: number;
  readonly vote?: number;
  /** Terms of the entries from 1 on. */
  readonly log?: readonly number[];
  readonly commit?: number;
  readonly applied?: number;
  readonly stable?: number;
  /** Its log begins behind this. */
  readonly compacted?: number;
  readonly hash?: string;
  readonly match?: Readonly<Record<number, number>>;
  /** Members that a leader knows to have forgotten. */
  readonly quarantined?: readonly number[];
  /** What entries hold, where it is not their term. */
  readonly data?: string;
}

const disks = new Map<
  number,
  { terms: readonly number[]; before?: readonly number[]; votes: Set<string>; covered?: number }
>();
const durable: ReadonlyMap<number, DurableLog> = new Map(
  [1, 2, 3].map((id) => [
    id,
    {
      durableTerm: (_group: number, index: number) => disks.get(id)?.terms[index - 1],
      durableSnapshotIndex: () => disks.get(id)?.covered ?? 0,
      get hasLostAcknowledged() {
        return disks.get(id)?.before !== undefined;
      },
      hadBefore: (_group: number, index: number, term: number) => disks.get(id)?.before?.[index - 1] === term,
      hasVote: (_group: number, term: number, vote: number) => disks.get(id)?.votes.has(`${term} ${vote}`) === true,
    },
  ]),
);

/** One incarnation of a replica: what it is changes, the object of its core stays. */
class Incarnation {
  #now: Required<Made>;
  readonly replica: ReplicaView;

  constructor(made: Made) {
    this.#now = complete(made);
    const now = (): Required<Made> => this.#now;
    const log = {
      get snapshotIndex() {
        return now().compacted;
      },
      get snapshotTerm() {
        return now().log[now().compacted - 1] ?? 0;
      },
      get firstIndex() {
        return now().compacted + 1;
      },
      get lastIndex() {
        return now().log.length;
      },
      get lastTerm() {
        return now().log.at(-1) ?? 0;
      },
      get stableIndex() {
        return now().stable;
      },
      get commit() {
        return now().commit;
      },
      get applied() {
        return now().applied;
      },
      termAt: (index: number) => (index === 0 ? 0 : now().log[index - 1]),
      entryAt: (index: number): Entry | undefined => {
        const term = now().log[index - 1];
        return term === undefined ? undefined : { index, term, kind: EntryKind.command, data: Buffer.from(now().data) };
      },
    };
    const raft = {
      get id() {
        return now().id;
      },
      get role() {
        return now().role;
      },
      get term() {
        return now().term;
      },
      get vote() {
        return now().vote;
      },
      get leader() {
        return 0;
      },
      get commit() {
        return now().commit;
      },
      configuration: { voters: [1, 2, 3], votersOutgoing: [], learners: [] },
      quarantinedBoot: undefined,
      log,
      status: () =>
        ({
          peers: Object.entries(now().match).map(([id, match]) => {
            return { id: Number(id), match, quarantined: now().quarantined.includes(Number(id)) };
          }),
        }) as unknown as RaftStatus,
    };
    this.replica = {
      id: GROUP,
      raft: raft,
      get applied() {
        return now().applied;
      },
      installing: false,
      machine: { stateHash: () => now().hash, keyCount: 0 },
      holdsLease: false,
      waitingReads: 0,
      waitingWrites: 0,
      blocked: { reads: 0, writes: 0 },
    };
  }

  become(made: Omit<Made, 'id'>): this {
    this.#now = complete({ ...this.#now, ...made });
    return this;
  }
}

const complete = (made: Made): Required<Made> => ({
  role: 'follower',
  term: 1,
  vote: 0,
  log: [],
  commit: 0,
  applied: 0,
  stable: 0,
  compacted: 0,
  hash: `state at ${made.applied ?? 0}`,
  match: {},
  quarantined: [],
  data: 'x',
  ...made,
});

let checker: InvariantChecker;
const see = (incarnation: Incarnation): void => {
  checker.inspect(incarnation.replica.raft.id, [incarnation.replica]);
};
const seen = (made: Made): Incarnation => {
  const incarnation = new Incarnation(made);
  see(incarnation);
  return incarnation;
};
const onDisk = (id: number, terms: readonly number[]): void => {
  disks.set(id, { terms, votes: disks.get(id)?.votes ?? new Set() });
};
/** It has `terms`, and had what is there now when it was put back to that. */
const putBack = (id: number, terms: readonly number[]): void => {
  const before = disks.get(id)?.terms ?? [];
  disks.set(id, { terms, before, votes: new Set() });
};

beforeEach(() => {
  disks.clear();
  checker = new InvariantChecker(durable, () => undefined);
});

describe('the invariants of a simulation', () => {
  it('one leader a term', () => {
    seen({ id: 1, role: 'leader', term: 2 });
    seen({ id: 2, role: 'leader', term: 3 });
    expect(() => seen({ id: 3, role: 'leader', term: 2 })).toThrow('term 2 was already led by n1');
  });

  it('one vote a term, and only votes that are durable', () => {
    const grant = (to: number): Message => ({
      type: 'vote-answer',
      preVote: false,
      granted: true,
      from: 1,
      to,
      term: 4,
    });
    expect(() => {
      checker.sent(GROUP, grant(2));
    }).toThrow('its disk does not');
    disks.set(1, { terms: [], votes: new Set(['4 2', '4 3']) });
    checker.sent(GROUP, grant(2));
    checker.sent(GROUP, grant(2));
    expect(() => {
      checker.sent(GROUP, grant(3));
    }).toThrow('n1@4 voted for n2 and for n3');
  });

  it('terms that never fall in one incarnation', () => {
    const incarnation = seen({ id: 1, term: 5 });
    expect(() => {
      see(incarnation.become({ term: 4 }));
    }).toThrow('its term fell from 5');
  });

  it('log matching', () => {
    seen({ id: 1, term: 3, log: [1, 1, 3] });
    seen({ id: 2, term: 3, log: [1, 1] });
    expect(() => seen({ id: 3, term: 3, log: [1, 2, 3] })).toThrow('3@3 follows term 2, elsewhere 1');
    expect(() => seen({ id: 2, term: 3, log: [1, 1], data: 'y' })).toThrow('is another entry elsewhere');
  });

  it('committed entries are durable on a quorum, and stay so', () => {
    onDisk(1, [1]);
    onDisk(2, [1]);
    const incarnation = seen({ id: 1, role: 'leader', log: [1, 1], commit: 1, stable: 1 });
    expect(() => {
      see(incarnation.become({ commit: 2 }));
    }).toThrow('calls 2@1 committed, which only [] hold durably');
    checker = new InvariantChecker(durable, () => undefined);
    const follower = seen({ id: 2, log: [1], commit: 1 });
    expect(() => {
      see(follower.become({ log: [] }));
    }).toThrow();
  });

  it('no node commits another entry at a committed index', () => {
    for (const id of [1, 2, 3]) onDisk(id, [1, 2]);
    seen({ id: 1, term: 2, log: [1, 2], commit: 2 });
    expect(() => seen({ id: 2, term: 3, log: [1, 3], commit: 2 })).toThrow('commits 2@3 where 2@2 was committed');
  });

  it('leader completeness, and leader append-only', () => {
    for (const id of [1, 2, 3]) onDisk(id, [1]);
    seen({ id: 1, term: 1, log: [1], commit: 1 });
    expect(() => seen({ id: 2, role: 'leader', term: 2, log: [] })).toThrow('leads without 1@1');
    const leader = seen({ id: 3, role: 'leader', term: 3, log: [1, 3, 3] });
    expect(() => {
      see(leader.become({ log: [1, 3] }));
    }).toThrow('a leader removed 3..3 of its own log');
  });

  it('a match index never falls, and is durable at the follower', () => {
    onDisk(2, [1, 1]);
    const leader = seen({ id: 1, role: 'leader', log: [1, 1], match: { 2: 2 } });
    expect(() => {
      see(leader.become({ log: [1, 1, 1], match: { 2: 1 } }));
    }).toThrow('match of n2 fell from 2 to 1');
    expect(() => {
      see(leader.become({ log: [1, 1, 1, 1], match: { 2: 2, 3: 1 } }));
    }).toThrow('believes that n3 has 1@1 on disk');
  });

  it('acknowledgements from before a rollback count until the leader learns of it', () => {
    for (const id of [1, 3]) onDisk(id, [1, 1]);
    const leader = seen({ id: 1, role: 'leader', log: [1, 1, 1], commit: 1, match: { 3: 1 } });
    putBack(3, [1]);
    // Its acknowledgement was under way.
    see(leader.become({ match: { 3: 2 }, commit: 2 }));
    onDisk(1, [1, 1, 1]);
    // Of what it never had, none was.
    expect(() => {
      see(leader.become({ match: { 3: 3 } }));
    }).toThrow('believes that n3 has 3@1 on disk');
    checker = new InvariantChecker(durable, () => undefined);
    const knowing = seen({ id: 1, role: 'leader', log: [1, 1, 1], commit: 1, match: { 3: 0 }, quarantined: [3] });
    see(knowing.become({ quarantined: [], match: { 3: 1 } }));
    expect(() => {
      see(knowing.become({ match: { 3: 2 } }));
    }).toThrow('believes that n3 has 2@1 on disk');
  });

  it('stable entries of a replica are on its own disk', () => {
    onDisk(1, [1]);
    const incarnation = seen({ id: 1, log: [1, 1], stable: 1 });
    expect(() => {
      see(incarnation.become({ log: [1, 1, 1], stable: 2 }));
    }).toThrow('believes that it has 2@1 on its own disk');
  });

  it('no log is compacted past its newest durable checkpoint', () => {
    for (const id of [1, 2, 3]) onDisk(id, [1, 1, 1]);
    disks.set(1, { terms: [1, 1, 1], votes: new Set(), covered: 1 });
    const incarnation = seen({ id: 1, log: [1, 1, 1], commit: 3, applied: 3, stable: 3, compacted: 1 });
    expect(() => {
      see(incarnation.become({ compacted: 2 }));
    }).toThrow('compacted 2, its newest checkpoint is at 1');
  });

  it('state machine safety: equal states at equal applied index', () => {
    for (const id of [1, 2, 3]) onDisk(id, [1, 1]);
    seen({ id: 1, log: [1, 1], commit: 2, applied: 2, hash: 'a' });
    seen({ id: 2, log: [1, 1], commit: 2, applied: 1, hash: 'b' });
    expect(() => seen({ id: 3, log: [1, 1], commit: 2, applied: 2, hash: 'b' })).toThrow(
      'its state at 2 is b, that of n1 was a',
    );
  });
});
