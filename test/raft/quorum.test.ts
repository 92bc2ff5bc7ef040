import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isMember,
  isVoter,
  majorityIndex,
  membersOf,
  quorumIndex,
  votersOf,
  voteResult,
  type Configuration,
  type VoteResult,
} from '../../src/raft/index.js';

const idSet = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 7 });
const configurations = fc.record<Configuration>({ voters: idSet, votersOutgoing: idSet, learners: idSet });
const indexes = fc.array(fc.nat(20), { minLength: 10, maxLength: 10 });

/** By the definition: is there a majority that has reached `index`? */
const reached = (voters: readonly number[], index: number, indexOf: (id: number) => number): boolean =>
  voters.length === 0 || voters.filter((id) => indexOf(id) >= index).length * 2 > voters.length;

describe('the index that a majority has reached', () => {
  it('is the highest index that a count finds on more than half', () => {
    fc.assert(
      fc.property(idSet, indexes, (voters, at) => {
        fc.pre(voters.length > 0);
        const indexOf = (id: number): number => at[id]!;
        const index = majorityIndex(voters, indexOf);
        expect(reached(voters, index, indexOf)).toBe(true);
        expect(reached(voters, index + 1, indexOf)).toBe(false);
      }),
    );
  });

  it('s55 in joint consensus takes both halves', () => {
    fc.assert(
      fc.property(configurations, indexes, (configuration, at) => {
        const indexOf = (id: number): number => at[id]!;
        for (let index = 0; index <= 21; index++) {
          const both =
            reached(configuration.voters, index, indexOf) && reached(configuration.votersOutgoing, index, indexOf);
          expect(quorumIndex(configuration, indexOf) >= index).toBe(both);
        }
      }),
    );
  });

  it('without voters there is no limit', () => {
    expect(majorityIndex([], () => 0)).toBe(Infinity);
  });

  it('s51 does not ask learners', () => {
    const configuration = { voters: [1, 2, 3], votersOutgoing: [], learners: [4, 5] };
    expect(quorumIndex(configuration, (id) => (id >= 3 ? 9 : 4))).toBe(4);
  });
});

describe('a vote', () => {
  /** Tries every outcome of the open votes. */
  const plain = (configuration: Configuration, votes: ReadonlyMap<number, boolean>): VoteResult => {
    const won = (open: boolean): boolean =>
      [configuration.voters, configuration.votersOutgoing].every(
        (voters) => voters.length === 0 || voters.filter((id) => votes.get(id) ?? open).length * 2 > voters.length,
      );
    if (won(false)) return 'won';
    return won(true) ? 'pending' : 'lost';
  };

  it('s5 s55 is won, lost or pending as by counting', () => {
    const ballots = fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.boolean()), { maxLength: 9 });
    fc.assert(
      fc.property(configurations, ballots, (configuration, cast) => {
        const votes = new Map(cast);
        expect(voteResult(configuration, votes)).toBe(plain(configuration, votes));
      }),
    );
  });

  it('s15 of a learner does not count', () => {
    const configuration = { voters: [1, 2, 3], votersOutgoing: [], learners: [4] };
    expect(voteResult(configuration, new Map([[1, true], [4, true]]))).toBe('pending'); // prettier-ignore
  });
});

describe('membership', () => {
  const configuration = { voters: [1, 2, 3], votersOutgoing: [3, 4], learners: [5] };

  it('counts both halves of a joint configuration as voters, and learners only as members', () => {
    expect([1, 2, 3, 4, 5, 6].filter((id) => isVoter(configuration, id))).toEqual([1, 2, 3, 4]);
    expect([1, 2, 3, 4, 5, 6].filter((id) => isMember(configuration, id))).toEqual([1, 2, 3, 4, 5]);
  });

  it('lists every member once', () => {
    expect(votersOf(configuration)).toEqual([1, 2, 3, 4]);
    expect(membersOf(configuration)).toEqual([1, 2, 3, 4, 5]);
  });
});
