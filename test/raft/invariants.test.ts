import { describe, expect, it } from 'vitest';
import {
  checkDurableQuorum,
  checkLogMatching,
  checkReplica,
  checkStep,
  GroupHistory,
  InvariantViolation,
  viewOf,
  type Raft,
  type RaftView,
} from '../../src/raft/index.js';
import { Cluster } from './harness/cluster.js';
import { bytes, command, logOf } from './harness/entries.js';
import { Single } from './harness/single.js';

const view = (more: Partial<RaftView> = {}): RaftView => ({
  id: 1,
  term: 3,
  vote: 1,
  role: 'follower',
  commit: 2,
  applied: 1,
  stableIndex: 3,
  snapshotIndex: 0,
  snapshotTerm: 0,
  entries: logOf([1, 2, 3]),
  match: new Map(),
  ...more,
});

const leader = (more: Partial<RaftView> = {}): RaftView => view({ role: 'leader', match: new Map([[2, 2]]), ...more });

describe('a replica at one moment', () => {
  it('is accepted as it should be, also behind a snapshot', () => {
    checkReplica(view());
    checkReplica(view({ snapshotIndex: 1, snapshotTerm: 1, entries: [command(2, 1), command(3, 3)] }));
  });

  const WRONG: [string, Partial<RaftView>][] = [
    ['applied beyond commit', { applied: 3 }],
    ['compacted beyond applied', { snapshotIndex: 2, entries: [] }],
    ['commit beyond the end', { commit: 4 }],
    ['stable beyond the end', { stableIndex: 4 }],
    ['a gap', { entries: [command(1, 1), command(3, 1), command(4, 1)] }],
    ['a falling term', { entries: logOf([1, 2, 1]) }],
    ['a term that it is not in yet', { term: 2 }],
    ['a match beyond the end', { match: new Map([[2, 4]]) }],
  ];
  for (const [what, more] of WRONG) {
    it(`is refused with ${what}`, () => {
      expect(() => {
        checkReplica(view(more));
      }).toThrow(InvariantViolation);
    });
  }
});

describe('two moments of a replica', () => {
  it('may differ by what followers and leaders do', () => {
    checkStep(view(), view({ commit: 3, applied: 3 }));
    checkStep(view(), view({ term: 4, vote: 0, entries: [...logOf([1, 2]), command(3, 4)] }));
    checkStep(view(), view({ snapshotIndex: 2, snapshotTerm: 2, applied: 2, entries: [command(3, 3)] }));
    checkStep(leader(), leader({ entries: logOf([1, 2, 3, 3]), match: new Map([[2, 3]]) }));
  });

  const WRONG: [string, RaftView, RaftView][] = [
    ['a term that fell', view(), view({ term: 2 })],
    ['a commit that fell', view(), view({ commit: 1 })],
    ['applied that fell', view(), view({ applied: 0 })],
    ['a log that begins earlier', view({ snapshotIndex: 1, snapshotTerm: 1, entries: [] }), view()],
    ['another vote', view(), view({ vote: 2 })],
    ['a committed entry changed', view(), view({ term: 4, entries: [command(1, 1), command(2, 4), command(3, 4)] })],
    ['a committed entry gone', view(), view({ entries: logOf([1]) })],
    ['a leader’s entry gone', leader(), leader({ entries: logOf([1, 2]) })],
    ['a leader’s entry changed', leader(), leader({ entries: [...logOf([1, 2]), command(3, 3, 'other')] })],
    ['a match that fell', leader(), leader({ match: new Map([[2, 1]]) })],
  ];
  for (const [what, before, after] of WRONG) {
    it(`are refused with ${what}`, () => {
      expect(() => {
        checkStep(before, after);
      }).toThrow(InvariantViolation);
    });
  }
});

describe('the replicas of a group', () => {
  it('match wherever they agree on a term', () => {
    checkLogMatching(view(), view({ id: 2, entries: logOf([1, 2, 2, 2]) }));
    checkLogMatching(view(), view({ id: 2, snapshotIndex: 2, snapshotTerm: 2, entries: [command(3, 3)] }));
    expect(() => {
      checkLogMatching(view(), view({ id: 2, entries: logOf([1, 1, 3]) }));
    }).toThrow(/agrees with n2 on 3@3, but not on 2/);
    expect(() => {
      checkLogMatching(view(), view({ id: 2, entries: [...logOf([1, 2]), command(3, 3, 'other')] }));
    }).toThrow(InvariantViolation);
  });

  it('s34 hold what is committed on a quorum of disks', () => {
    const configuration = { voters: [1, 2, 3], votersOutgoing: [], learners: [] };
    const lagging = (id: number): RaftView => view({ id, commit: 0, applied: 0, stableIndex: 1 });
    checkDurableQuorum([view(), view({ id: 2 }), lagging(3)], configuration);
    checkDurableQuorum([view(), view({ id: 2, snapshotIndex: 2, snapshotTerm: 2, entries: [], stableIndex: 0 })], configuration); // prettier-ignore
    expect(() => {
      checkDurableQuorum([view(), lagging(2), lagging(3)], configuration);
    }).toThrow(/no quorum holds durably/);
  });
});

describe('the history of a group', () => {
  /** A replica with this log that is leader of `term`, by the vote of the other one of two. */
  const leads = (id: number, term: number, log: readonly number[], commit = 0): Raft => {
    const replica = new Single(id, [1, 2], { hardState: { term: term - 1, vote: 0, commit }, entries: logOf(log) });
    const answer = { type: 'vote-answer', from: 3 - id, to: id, term, granted: true } as const;
    replica.raft.campaign();
    replica.raft.step({ ...answer, preVote: true });
    replica.run();
    replica.raft.step({ ...answer, preVote: false });
    expect(replica.raft.role).toBe('leader');
    return replica.raft;
  };

  it('accepts what really happens', () => {
    const cluster = new Cluster();
    const history = new GroupHistory();
    cluster.elect(1);
    cluster.node(1).raft.propose(['a', 'b'].map(bytes));
    cluster.clearEvents();
    cluster.settle();
    const sent = cluster.eventsOf('sent');
    expect(sent).not.toEqual([]);
    for (const { message } of sent) history.sent(message);
    cluster.run(3);
    for (const { raft } of cluster.replicas.values()) history.observe(raft);
    expect(history.highestCommit).toBe(3);
    expect(viewOf(cluster.node(1).raft).match).toEqual(new Map([[2, 3], [3, 3]])); // prettier-ignore
  });

  it('refuses two leaders of one term', () => {
    const history = new GroupHistory();
    history.observe(leads(1, 2, [1]));
    expect(() => {
      history.observe(leads(2, 2, [1]));
    }).toThrow(/already led by n1/);
  });

  it('refuses a leader without what an earlier term committed', () => {
    const history = new GroupHistory();
    history.observe(leads(1, 2, [1, 1], 2));
    history.observe(leads(1, 4, [1, 1], 2));
    expect(() => {
      history.observe(leads(2, 3, [1]));
    }).toThrow(/leads without 2@1/);
  });

  it('refuses two entries committed in one place', () => {
    const history = new GroupHistory();
    history.observe(leads(1, 2, [1, 1], 2));
    history.dropReplica(1);
    expect(() => {
      history.observe(leads(2, 1, [], 0));
      history.observe(leads(2, 3, [1, 2], 2));
    }).toThrow(InvariantViolation);
  });

  it('s7 refuses a second vote in a term, also a candidate’s own', () => {
    const vote = {
      type: 'vote',
      from: 1,
      to: 2,
      term: 2,
      preVote: false,
      forced: false,
      lastIndex: 0,
      lastTerm: 0,
    } as const;
    const answer = { type: 'vote-answer', from: 3, to: 1, term: 2, preVote: false, granted: true } as const;
    const history = new GroupHistory();
    history.sent(vote);
    history.sent(answer);
    history.sent({ ...answer, preVote: true, to: 2 });
    history.sent({ ...answer, granted: false, to: 2 });
    history.sent({ ...answer, term: 3, to: 2 });
    expect(() => {
      history.sent({ ...answer, to: 2 });
    }).toThrow(/n3@2 voted for n1 and for n2/);
    expect(() => {
      history.sent({ ...answer, from: 1, to: 2 });
    }).toThrow(InvariantViolation);
  });
});
