import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { follows, Log } from '../../src/raft/log.js';
import type { Entry } from '../../src/raft/index.js';
import { bytes, command, logOf } from './harness/entries.js';

const START = { index: 0, term: 0 };
const positions = (list: readonly Entry[]): string[] => list.map(({ index, term }) => `${index}@${term}`);
const contents = (log: Log): string[] => {
  const list: string[] = [];
  for (let index = log.firstIndex; index <= log.lastIndex; index++) list.push(...positions([log.entryAt(index)!]));
  return list;
};

describe('merging a leader’s entries', () => {
  it('s27 cuts the log at the first conflict only', () => {
    const log = new Log(START, logOf([1, 1, 1, 2, 2]), 2);
    log.merge([command(3, 1), command(4, 3), command(5, 3), command(6, 3)]);
    expect(contents(log)).toEqual(['1@1', '2@1', '3@1', '4@3', '5@3', '6@3']);
    expect(log.stableIndex).toBe(3);
  });

  it('s28 leaves newer entries alone when an old append is a prefix of the log', () => {
    const log = new Log(START, logOf([1, 1, 2, 2]), 0);
    log.merge([command(2, 1), command(3, 2)]);
    expect(contents(log)).toEqual(['1@1', '2@1', '3@2', '4@2']);
    expect(log.stableIndex).toBe(4);
  });

  it('refuses to replace a committed entry', () => {
    const log = new Log(START, logOf([1, 1, 1]), 2);
    expect(() => {
      log.merge([command(2, 3)]);
    }).toThrow(/safety violation/);
    expect(contents(log)).toEqual(['1@1', '2@1', '3@1']);
  });
});

describe('what is durable', () => {
  it('s33 an overwritten write proves nothing about the entry that replaced it', () => {
    const log = new Log(START, logOf([1, 1]), 0);
    log.append(1, 1, [bytes('a'), bytes('b')]);
    expect(positions(log.takeUnwritten(1))).toEqual(['3@1', '4@1']);
    log.merge([command(3, 2), command(4, 2)]);
    expect(positions(log.takeUnwritten(2))).toEqual(['3@2', '4@2']);
    log.completed(1);
    expect(log.stableIndex).toBe(2);
    log.completed(2);
    expect(log.stableIndex).toBe(4);
  });

  it('rises with every write in order, and covers those before it', () => {
    const log = new Log(START, [], 0);
    for (let sequence = 1; sequence <= 3; sequence++) {
      log.append(1, 1, [bytes('x')]);
      log.takeUnwritten(sequence);
    }
    log.completed(1);
    expect(log.stableIndex).toBe(1);
    log.completed(3);
    expect(log.stableIndex).toBe(3);
  });

  it('s35 s43 what is committed is delivered once, and only as far as the disk is', () => {
    const log = new Log(START, [], 0);
    log.append(1, 1, [bytes('a'), bytes('b')]);
    log.commitTo(2);
    expect(log.hasCommitted).toBe(false);
    log.takeUnwritten(1);
    log.completed(1);
    expect(positions(log.takeCommitted())).toEqual(['1@1', '2@1']);
    expect(log.takeCommitted()).toEqual([]);
  });
});

describe('hints', () => {
  it('s30 the last index with a term of at most t is what a linear scan finds', () => {
    const sorted = fc
      .array(fc.integer({ min: 1, max: 6 }), { maxLength: 30, size: 'max' })
      .map((terms) => terms.sort((a, b) => a - b));
    fc.assert(
      fc.property(sorted, fc.nat(32), fc.nat(7), (terms, index, term) => {
        const log = new Log(START, logOf(terms), 0);
        let plain = Math.min(index, terms.length);
        while (plain > 0 && terms[plain - 1]! > term) plain--;
        expect(log.lastWithTermAtMost(index, term)).toBe(plain);
      }),
    );
  });

  it('below the log’s start any index may match; above a snapshot of a newer term none', () => {
    const log = new Log({ index: 5, term: 3 }, [], 5);
    expect(log.lastWithTermAtMost(3, 1)).toBe(3);
    expect(log.lastWithTermAtMost(9, 2)).toBe(4);
    expect(log.lastWithTermAtMost(9, 3)).toBe(5);
  });
});

describe('commit and applied', () => {
  it('s42 commit never falls, and never passes the end of the log', () => {
    const log = new Log(START, logOf([1, 1, 1]), 9);
    expect(log.commit).toBe(3);
    log.commitTo(1);
    expect(log.commit).toBe(3);
  });

  it('s43 what was not delivered cannot have been applied', () => {
    const log = new Log(START, logOf([1, 1, 1]), 3);
    expect(() => {
      log.appliedTo(1);
    }).toThrow(/only 0 was delivered/);
    log.takeCommitted();
    log.appliedTo(3);
    expect(log.applied).toBe(3);
    expect(() => {
      log.appliedTo(4);
    }).toThrow();
  });
});

describe('compaction', () => {
  const applied = (): Log => {
    const log = new Log(START, logOf([1, 1, 2, 2, 3]), 4);
    log.takeCommitted();
    log.appliedTo(3);
    return log;
  };

  it('keeps the term of its end, and nothing before', () => {
    const log = applied();
    log.compact(3);
    expect([log.snapshotIndex, log.snapshotTerm, log.firstIndex]).toEqual([3, 2, 4]);
    expect([2, 3, 4, 5, 6].map((index) => log.termAt(index))).toEqual([undefined, 2, 2, 3, undefined]);
    log.compact(2);
    expect(log.snapshotIndex).toBe(3);
  });

  it('of what is not applied is refused', () => {
    expect(() => {
      applied().compact(4);
    }).toThrow(/only 3 is applied/);
  });
});

describe('a snapshot', () => {
  it('s62 replaces the log; it is durable, and what follows it is delivered, only after its write', () => {
    const log = new Log(START, logOf([1, 1, 1, 1]), 2);
    log.append(1, 1, [bytes('x')]);
    log.takeUnwritten(1);
    log.restore({ index: 9, term: 4 });
    expect([log.firstIndex, log.lastIndex, log.commit, log.applied]).toEqual([10, 9, 9, 9]);
    log.takeInstall(2);
    log.merge([command(10, 4)]);
    log.commitTo(10);
    log.takeUnwritten(3);
    log.completed(1);
    expect(log.stableIndex).toBeLessThan(9);
    log.completed(2);
    expect(log.stableIndex).toBe(9);
    expect(log.hasCommitted).toBe(false);
    log.completed(3);
    expect(positions(log.takeCommitted())).toEqual(['10@4']);
  });
});

describe('slices', () => {
  it('hold up to the requested bytes, at least one entry, and are not changed by later appends', () => {
    const log = new Log(START, [], 0);
    log.append(1, 1, ['aaaa', 'bb', 'cc', 'dddddddd'].map(bytes));
    expect(positions(log.slice(1, 6))).toEqual(['1@1', '2@1']);
    expect(positions(log.slice(1, 1))).toEqual(['1@1']);
    expect(positions(log.slice(4, 1))).toEqual(['4@1']);
    expect(log.slice(5, 9)).toEqual([]);
    const slice = log.slice(2, Infinity);
    // The same for two followers: sliced once.
    expect(log.slice(2, Infinity)).toBe(slice);
    // Nor again for the disk, if all entries are within the followers' limit; but otherwise, or with a lower limit.
    expect(log.slice(2, 12)).toBe(slice);
    expect(positions(log.slice(2, 11))).toEqual(['2@1', '3@1']);
    expect(log.slice(2, Infinity)).not.toBe(slice);
    expect(positions(log.slice(2, Infinity))).toEqual(positions(slice));
    expect(positions(log.slice(4, 1))).toEqual(['4@1']);
    expect(positions(log.slice(4, 0))).toEqual(['4@1']);
    log.merge([command(3, 2)]);
    expect(positions(slice)).toEqual(['2@1', '3@1', '4@1']);
    expect(positions(log.slice(2, Infinity))).toEqual(['2@1', '3@2']);
    expect(log.bytesBetween(0, 2)).toBe(6);
  });
});

describe('entries that follow on a position', () => {
  it('have no gap, no falling term, and none newer than the sender', () => {
    expect(follows([command(5, 2), command(6, 3)], 4, 2, 3)).toBe(true);
    expect(follows([], 4, 2, 2)).toBe(true);
    expect(follows([command(6, 2)], 4, 2, 3)).toBe(false);
    expect(follows([command(5, 2), command(7, 2)], 4, 2, 3)).toBe(false);
    expect(follows([command(5, 1)], 4, 2, 3)).toBe(false);
    expect(follows([command(5, 4)], 4, 2, 3)).toBe(false);
    expect(() => new Log(START, [command(2, 1)], 0)).toThrow(/gap/);
  });
});

/** A simple, slow model of the log, with a disk that really holds what was written. */
class Plain {
  terms: number[] = [];
  disk: number[] = [];
  commit = 0;
  written: { from: number; terms: number[] }[] = [];
}

type Step = ['append', number] | ['merge', number, number] | ['write'] | ['complete'] | ['commit', number];

describe('against a simple model of log and disk', () => {
  const steps = fc.array(
    fc.oneof<fc.Arbitrary<Step>[]>(
      fc.tuple(fc.constant('append'), fc.integer({ min: 1, max: 3 })),
      fc.tuple(fc.constant('merge'), fc.nat(6), fc.integer({ min: 1, max: 4 })),
      fc.tuple(fc.constant('write')),
      fc.tuple(fc.constant('complete')),
      fc.tuple(fc.constant('commit'), fc.nat(3)),
    ),
    { maxLength: 60, size: 'max' },
  );

  it('holds the same, reports as durable only what the disk holds, and everything once the disk is done', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const log = new Log(START, [], 0);
        const plain = new Plain();
        const inFlight: number[] = [];
        let term = 1;
        let sequence = 0;
        const write = (): void => {
          const taken = log.takeUnwritten(++sequence);
          inFlight.push(sequence);
          plain.written.push({ from: (taken[0]?.index ?? 1) - 1, terms: taken.map((e) => e.term) });
        };
        const complete = (): void => {
          const write = plain.written.shift();
          const done = inFlight.shift();
          if (write === undefined || done === undefined) return;
          if (write.terms.length > 0) plain.disk = [...plain.disk.slice(0, write.from), ...write.terms];
          log.completed(done);
        };
        for (const step of list) {
          if (step[0] === 'append') {
            log.append(
              term,
              1,
              Array.from({ length: step[1] }, () => bytes('x')),
            );
            plain.terms.push(...Array.from({ length: step[1] }, () => term));
          } else if (step[0] === 'merge') {
            // A leader of a new term whose log ends somewhere above the commit index.
            const from = Math.max(plain.commit, plain.terms.length - step[1]);
            term++;
            log.merge(Array.from({ length: step[2] }, (_, i) => command(from + 1 + i, term)));
            plain.terms = [...plain.terms.slice(0, from), ...Array.from({ length: step[2] }, () => term)];
          } else if (step[0] === 'write') write();
          else if (step[0] === 'complete') complete();
          else {
            plain.commit = Math.min(plain.terms.length, plain.commit + step[1]);
            log.commitTo(plain.commit);
          }
          expect(contents(log)).toEqual(plain.terms.map((t, i) => `${i + 1}@${t}`));
          expect(plain.disk.slice(0, log.stableIndex)).toEqual(plain.terms.slice(0, log.stableIndex));
        }
        write();
        while (inFlight.length > 0) complete();
        expect(log.stableIndex).toBe(log.lastIndex);
        expect(plain.disk).toEqual(plain.terms);
      }),
      { numRuns: 300 },
    );
  });
});
