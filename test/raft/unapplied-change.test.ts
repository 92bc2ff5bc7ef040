/** Scenario 17: the voters are unknown while a committed configuration change is unapplied. */
import { describe, expect, it } from 'vitest';
import { EntryKind, Raft, type Message } from '../../src/raft/index.js';

const configuration = { voters: [1, 2, 3], votersOutgoing: [], learners: [] };

/** A voter that restarts with a committed membership change that its owner has not applied. */
function withUnappliedChange(): Raft {
  return new Raft({
    id: 1,
    configuration,
    hardState: { term: 1, vote: 0, commit: 2 },
    snapshot: { index: 0, term: 0, configuration },
    entries: [
      { index: 1, term: 1, kind: EntryKind.noop, data: new Uint8Array() },
      { index: 2, term: 1, kind: EntryKind.configuration, data: new Uint8Array() },
    ],
    electionTicks: 10,
    heartbeatTicks: 1,
    random: () => 0,
    maxAppendBytes: 1_000,
    maxInflight: 4,
    maxUncommittedBytes: 1_000,
    quiesceTicks: 0,
  });
}

const votesAsked = (messages: readonly Message[]): number => messages.filter((m) => m.type === 'vote').length;

describe('a committed but unapplied membership change', () => {
  it('s17 keeps a replica from campaigning (by timeout, call or transfer) until it is applied', () => {
    const raft = withUnappliedChange();
    for (let i = 0; i < 40; i++) raft.tick();
    raft.campaign();
    raft.step({ type: 'timeout-now', from: 2, to: 1, term: 1 });
    const ready = raft.ready();
    expect(votesAsked([...ready.messages, ...(ready.write?.messages ?? [])])).toBe(0);
    expect(raft.role).toBe('follower');
    expect(raft.term).toBe(1);
    expect(ready.committed.map((e) => e.index)).toEqual([1, 2]);
    raft.applied(2);
    raft.campaign();
    expect(votesAsked(raft.ready().messages)).toBe(2);
    expect(raft.role).toBe('pre-candidate');
  });
});
