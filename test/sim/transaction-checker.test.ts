/** What shards say about transactions: hand-made logs that must be refused, and ones that must pass. */
import { beforeAll, describe, expect, it } from 'vitest';
import { EntryKind, type Entry } from '../../src/raft/index.js';
import {
  encodeTransaction,
  loadHash,
  type Decision,
  type OpenTransaction,
  type ReplicaView,
  stringKey,
  type TransactionMessage,
  type TransactionPart,
} from '../../src/shard/index.js';
import { encodeProgramCommand } from '../../src/shard/machine/index.js';
import { TransactionChecker } from '../../src/sim/transaction-checker.js';

beforeAll(loadHash);

const idOf = (transaction: number): Uint8Array => Buffer.alloc(16, transaction);
const nameOf = (transaction: number): string => Buffer.from(idOf(transaction)).toString('hex');

const PART: TransactionPart = {
  program: {
    comparisons: [],
    then: [{ type: 'get', key: stringKey('k'), condition: { type: 'none' }, returning: 'nothing' }],
    ...{ otherwise: [], onError: 'fail', valueLimit: 1 },
  },
  ...{ thenAt: [0], otherwiseAt: [], hasComparisons: false, hasOtherwise: false },
};

/** One replica of a group, on one node. */
class Shard {
  readonly entries: Entry[] = [];
  applied = 0;
  term = 1;
  role: 'leader' | 'follower' = 'leader';
  open: OpenTransaction[] = [];
  blocked = { reads: 0, writes: 0 };
  releases = 0;
  readonly #raft = {};

  constructor(
    readonly group: number,
    readonly node = 1,
  ) {}

  /** Appends and applies. */
  say(transaction: number, message: TransactionMessage): void {
    const id = { operationId: idOf(transaction), attempt: 'initial' } as const;
    const body = encodeTransaction(message);
    const data = encodeProgramCommand({ type: 'transaction', key: new Uint8Array(0), shard: 0, body, ...id }, 1_000);
    this.entries.push({ index: this.entries.length + 1, term: this.term, kind: EntryKind.command, data });
    this.applied = this.entries.length;
  }

  prepare(transaction: number, client?: number): void {
    const id = client === undefined ? undefined : { id: Buffer.alloc(16, client), fingerprint: Buffer.alloc(8) };
    this.say(transaction, { phase: 'prepare', participants: [0, 1], part: PART, client: id, waits: false });
  }

  decide(transaction: number, decision: Decision): void {
    this.say(transaction, { phase: 'decide', decision, outcome: undefined });
  }

  holds(transaction: number, decision?: Decision): void {
    this.open = [{ id: idOf(transaction), participants: [0, 1], decision }];
  }

  get view(): ReplicaView {
    const { group, node, entries, applied, term, role, open, blocked, releases } = this;
    const log = { firstIndex: 1, entryAt: (index: number) => entries[index - 1] };
    const raft = Object.assign(this.#raft, { id: node, role, term, log });
    const machine = { openTransactions: () => open, releases };
    return { id: group, raft, applied, blocked, machine } as unknown as ReplicaView;
  }
}

function check(...shards: readonly Shard[]) {
  const marks: string[] = [];
  const time = { ms: 0 };
  const nodes = [...new Set(shards.map(({ node }) => node))].map((node) => ({
    replicas: () => shards.filter((shard) => shard.node === node).map(({ view }) => view),
  }));
  const checker = new TransactionChecker({
    ...{ nodes, shards: new Set(shards.map(({ group }) => group)).size },
    now: () => time.ms,
    reached: (mark) => marks.push(mark),
  });
  const inspect = (): void => {
    for (const shard of shards) checker.inspect(shard.node, [shard.view]);
  };
  return { checker, inspect, marks, time };
}

describe('decisions', () => {
  it.each<[Decision, Decision, boolean]>([
    ['then', 'then', true],
    ['abort', 'abort', true],
    ['otherwise', 'otherwise', true],
    ['then', 'abort', false],
    ['abort', 'then', false],
    ['then', 'otherwise', false],
  ])('of two shards: %s and %s', (one, other, isAllowed) => {
    const [first, second] = [new Shard(1), new Shard(2)];
    for (const shard of [first, second]) shard.prepare(7);
    first.decide(7, one);
    second.decide(7, other);
    const { inspect } = check(first, second);
    if (isAllowed) expect(inspect).not.toThrow();
    else {
      expect(inspect).toThrow(
        `transaction ${nameOf(7)}: group 2 at 2@1 decides ${other}, group 1 at 2@1 decided ${one}`,
      );
    }
  });

  it('of one shard may be repeated, and must not change', () => {
    const shard = new Shard(1);
    const { inspect } = check(shard);
    shard.prepare(7);
    shard.decide(7, 'then');
    shard.decide(7, 'then');
    expect(inspect).not.toThrow();
    shard.decide(7, 'abort');
    expect(inspect).toThrow('decides abort');
  });

  it('are compared with what a replica says that it has decided, also where its log is gone', () => {
    const [first, second] = [new Shard(1), new Shard(2)];
    first.prepare(7);
    first.decide(7, 'then');
    second.holds(7, 'abort');
    expect(check(first, second).inspect).toThrow(`group 2, n1 at 0 decides abort, group 1 at 2@1 decided then`);
    second.holds(7, 'then');
    expect(check(first, second).inspect).not.toThrow();
  });

  it('of different transactions have nothing to do with each other', () => {
    const shard = new Shard(1);
    shard.decide(7, 'then');
    shard.decide(8, 'abort');
    expect(check(shard).inspect).not.toThrow();
  });

  it('are seen once they are applied, and not before', () => {
    const [first, second] = [new Shard(1), new Shard(2)];
    first.decide(7, 'then');
    second.decide(7, 'abort');
    second.applied = 0;
    const { inspect } = check(first, second);
    expect(inspect).not.toThrow();
    second.applied = 1;
    expect(inspect).toThrow('decides abort');
  });
});

describe("under a client's id", () => {
  function two(first: Decision, second: Decision, clients: readonly [number?, number?]) {
    const shard = new Shard(1);
    for (const [turn, decision] of [first, second].entries()) {
      shard.prepare(7 + turn, clients[turn]);
      shard.decide(7 + turn, decision);
    }
    return check(shard).inspect;
  }

  it('two transactions must not both be committed', () => {
    const also = `${nameOf(8)} is committed under the client's id of ${nameOf(7)}, which was, too`;
    expect(two('then', 'then', [5, 5])).toThrow(also);
    expect(two('then', 'otherwise', [5, 5])).toThrow(also);
  });

  it('one may be committed after others were aborted; other ids have nothing to do with it', () => {
    expect(two('abort', 'then', [5, 5])).not.toThrow();
    expect(two('then', 'abort', [5, 5])).not.toThrow();
    expect(two('then', 'then', [5, 6])).not.toThrow();
    expect(two('then', 'then', [])).not.toThrow();
  });
});

describe('keys', () => {
  it('are held until the decision is applied, and not any longer', () => {
    const shard = new Shard(1);
    const { inspect } = check(shard);
    shard.prepare(7);
    shard.holds(7);
    expect(inspect).not.toThrow();
    shard.decide(7, 'then');
    shard.applied = 1;
    expect(inspect).not.toThrow();
    shard.applied = 2;
    expect(inspect).toThrow(`group 1, n1 at 2: holds keys for ${nameOf(7)}, which was decided there`);
    shard.holds(7, 'then');
    expect(inspect).not.toThrow();
  });

  it('are held by a replica that is behind another one', () => {
    const [ahead, behind] = [new Shard(1), new Shard(1, 2)];
    ahead.prepare(7);
    ahead.decide(7, 'then');
    behind.prepare(7);
    behind.holds(7);
    expect(check(ahead, behind).inspect).not.toThrow();
  });

  it('are held in one shard while the other has decided', () => {
    const [first, second] = [new Shard(1), new Shard(2)];
    first.prepare(7);
    first.decide(7, 'then');
    second.prepare(7);
    second.holds(7);
    expect(check(first, second).inspect).not.toThrow();
  });
});

describe('a transaction that stays undecided', () => {
  const MOST_MS = 1_000;

  function later(change: (first: Shard, second: Shard) => void, ms = MOST_MS + 1) {
    const [first, second] = [new Shard(1), new Shard(2)];
    first.holds(7);
    const { checker, time } = check(first, second);
    checker.inspectUndecided(MOST_MS);
    time.ms = 500;
    change(first, second);
    checker.inspectUndecided(MOST_MS);
    time.ms = ms;
    return () => {
      checker.inspectUndecided(MOST_MS);
    };
  }

  it('for too long is refused', () => {
    expect(later(() => undefined)).toThrow(`group 1, 1@1: transaction ${nameOf(7)} is undecided for 1001 ms`);
  });

  it.each<[string, (first: Shard, second: Shard) => void]>([
    ['that was decided meanwhile', (first) => { first.holds(7, 'then'); }], // prettier-ignore
    ['that was forgotten meanwhile', (first) => { first.open = []; }], // prettier-ignore
    ['whose leader is another one', (first) => { first.term = 2; }], // prettier-ignore
    ['while another shard has no leader', (_, second) => { second.role = 'follower'; }], // prettier-ignore
    ['at a follower', (first) => { first.role = 'follower'; }], // prettier-ignore
  ])('%s is not', (_, change) => {
    expect(later(change)).not.toThrow();
  });

  it('for a while is not', () => {
    expect(later(() => undefined, MOST_MS)).not.toThrow();
  });
});

describe('marks', () => {
  it('say that a transaction was decided by another leader than prepared it', () => {
    const shard = new Shard(1);
    const { inspect, marks } = check(shard);
    shard.prepare(7);
    shard.decide(7, 'then');
    shard.prepare(8);
    inspect();
    expect(marks).toEqual([]);
    shard.term = 2;
    shard.decide(8, 'then');
    inspect();
    expect(marks).toEqual(['transaction-outlives-leadership']);
  });

  it.each<[string, Partial<Shard>, string[]]>([
    ['went on', { blocked: { reads: 0, writes: 0 }, releases: 1 }, ['read-waited-for-transaction', 'write-waited-for-transaction']], // prettier-ignore
    ['went on in part', { blocked: { reads: 1, writes: 1 }, releases: 1 }, ['write-waited-for-transaction']],
    ['wait on', { releases: 1 }, []],
    ['ended at their deadline', { blocked: { reads: 0, writes: 0 } }, []],
    ['were refused by a leader that is none any more', { blocked: { reads: 0, writes: 0 }, releases: 1, role: 'follower' }, []], // prettier-ignore
    ['were of another term', { blocked: { reads: 0, writes: 0 }, releases: 1, term: 2 }, []],
  ])('say that operations which waited for a transaction %s', (_, change, expected) => {
    const shard = new Shard(1);
    const { inspect, marks } = check(shard);
    shard.blocked = { reads: 1, writes: 2 };
    inspect();
    Object.assign(shard, change);
    inspect();
    expect(marks).toEqual(expected);
  });

  it("pass over the topology's group", () => {
    const shard = new Shard(0);
    shard.decide(7, 'then');
    shard.decide(7, 'abort');
    expect(check(shard).inspect).not.toThrow();
  });
});
