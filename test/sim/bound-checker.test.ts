/** The checker of stale reads, on hand-made commits and answers. */
import { beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/random.js';
import { loadHash, type Answer, type ReadBound } from '../../src/shard/index.js';
import { BoundChecker, type BoundedRead } from '../../src/sim/bound-checker.js';

beforeAll(loadHash);

const DRIFT = 0.04;

class Lab {
  now = 0;
  readonly violations: string[] = [];
  readonly marks: string[] = [];
  readonly checker: BoundChecker;
  #revision = 0;
  readonly #random = new Random(7);

  constructor(boundedShare: number | undefined = 0.3) {
    this.checker = new BoundChecker({
      scenario: { keys: 1, shards: 1, boundedShare, clocks: { drift: DRIFT } },
      now: () => this.now,
      revisionOf: () => this.#revision,
      onViolation: (what) => this.violations.push(what),
      reached: (mark) => this.marks.push(mark),
    });
  }

  /** An entry that writes the key, or some other. */
  commit(index: number, atMs: number, writes = true): void {
    this.now = atMs;
    if (writes) this.#revision = index;
    this.checker.committed(1, index);
  }

  /** The first read with a bound of this kind, asked for now. */
  read(kind: 'minRevision' | 'maxStalenessMs', known = 0): BoundedRead & { readonly bound: ReadBound } {
    for (;;) {
      const read = this.checker.plan('k1', known, this.#random);
      const { bound = {} } = read.operation;
      if (bound[kind] !== undefined && Object.keys(bound).length === 1) return { ...read, bound };
    }
  }
}

const answer = (revision: number, found: number): Answer => ({
  type: 'get',
  revision,
  record:
    found === 0
      ? undefined
      : { revision: found, createRevision: 1, version: 1, contentType: 'text/plain', body: new Uint8Array(0) },
});

describe('min_revision', () => {
  it('allows no earlier revision, and any later one', () => {
    const lab = new Lab();
    for (const index of [1, 2, 3]) lab.commit(index, index);
    const read = lab.read('minRevision', 2);
    expect(read.bound).toEqual({ minRevision: 2 });
    for (const revision of [2, 3]) read.judge(answer(revision, revision));
    expect([lab.violations, lab.marks]).toEqual([[], ['read-with-min-revision', 'read-with-min-revision']]);
    read.judge(answer(1, 1));
    expect(lab.violations).toEqual(['a stale read of k1 is as of revision 1, and 2 was the least']);
  });
});

describe('max_staleness', () => {
  it('demands what was committed before the bound by the slowest clock, and not what came later', () => {
    const lab = new Lab();
    lab.commit(1, 0);
    lab.now = 10_000;
    const { bound } = lab.read('maxStalenessMs');
    const reachMs = (bound.maxStalenessMs ?? 0) / (1 - DRIFT);
    for (const [atMs, isDue] of [
      [10_000 - reachMs - 1, true],
      [10_000 - reachMs, false],
    ] as const) {
      const again = new Lab();
      again.commit(1, 0);
      again.commit(2, atMs);
      again.now = 10_000;
      const read = again.read('maxStalenessMs');
      expect(read.bound).toEqual(bound);
      read.judge(answer(1, 1));
      expect(again.violations).toHaveLength(isDue ? 1 : 0);
      read.judge(answer(2, 2));
      expect(again.violations).toHaveLength(isDue ? 1 : 0);
    }
  });
});

describe('an answer', () => {
  it('is the state of its revision: not another value, nor one that was not there', () => {
    const lab = new Lab();
    lab.commit(1, 0);
    lab.commit(2, 1, false);
    lab.commit(3, 2);
    const read = lab.read('maxStalenessMs');
    read.judge(answer(2, 1));
    expect(lab.violations).toEqual([]);
    for (const [revision, found] of [
      [2, 3],
      [2, 0],
      [3, 1],
    ] as const) {
      read.judge(answer(revision, found));
      expect(lab.violations.splice(0)).toEqual([expect.stringContaining(`has the value of ${found}`)]);
    }
  });

  it('that is a refusal, or none, promises nothing', () => {
    const lab = new Lab();
    lab.commit(1, 0);
    const read = lab.read('minRevision', 9);
    read.judge(undefined);
    read.judge({ type: 'refused', code: 'timeout', outcome: 'not_applied', message: '', details: {} });
    expect(lab.violations).toEqual([]);
  });
});

it('without reads with a bound, stale ones are sent and not judged', () => {
  const lab = new Lab(0);
  lab.commit(5, 0);
  const read = lab.checker.plan('k1', 5, new Random(1));
  expect(read.operation).toMatchObject({ consistency: 'stale', bound: undefined });
  read.judge(answer(0, 0));
  expect(lab.violations).toEqual([]);
});
