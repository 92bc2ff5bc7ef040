/** Programs of simulated clients: what is planned, what is recorded of it, and what its answers are taken for. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Invocation } from '../../src/check/index.js';
import {
  decodeProgram,
  encodeOutcome,
  loadHash,
  refuse,
  shardOfKey,
  stringKey,
  type KeyRecord,
  type Program,
  type ProgramOutcome,
  type Refusal,
  type Step,
  type StepResult,
} from '../../src/shard/index.js';
import { Random } from '../../src/random.js';
import {
  conditionOf,
  countersOf,
  judgeProgram,
  judgeRefusal,
  keyNames,
  planProgram,
  type Known,
  type Part,
  type Planned,
} from '../../src/sim/programs.js';

beforeAll(loadHash);

const SHARDS = 2;
const KNOWN: Record<string, Known> = {
  k1: { revision: 0, value: null },
  k2: { revision: 7, value: 'seen' },
  c1: { revision: 8, value: '5' },
};
const shardOf = (key: string): number => shardOfKey(stringKey(key), SHARDS);

interface Seen extends Planned {
  readonly program: Program;
}

/** Many programs of one client. */
function plans(): Seen[] {
  let fresh = 0;
  return Array.from({ length: 2_000 }, (_, seed) => {
    const planned = planProgram({
      ...{ random: new Random(seed), keys: 4, counters: 2, shardOf },
      known: (key) => KNOWN[key],
      freshValue: () => `v${(fresh += 1)}`,
    });
    return { ...planned, program: decodeProgram(planned.body) };
  });
}

const nameOf = ({ key }: { readonly key: Uint8Array }): string => Buffer.from(key.subarray(1)).toString();

/** What a step of a program is in the history. */
function recordOf(step: Step): Partial<Invocation> {
  const key = nameOf(step);
  if (step.type === 'increment') return { op: 'increment', key, value: step.by.toString() };
  if (step.type === 'put') {
    const value = Buffer.from(step.body).toString();
    if (step.condition.type === 'none') return { op: 'put', key, value };
    return { op: 'cas', key, value, expected: KNOWN[key]?.value ?? null };
  }
  if (step.type === 'delete' && step.condition.type !== 'exists') {
    return { op: 'cas', key, value: null, expected: KNOWN[key]?.value ?? null };
  }
  return { op: step.type as 'get' | 'delete' | 'touch', key };
}

describe('a planned program', () => {
  it('is recorded step by step as what it does', () => {
    for (const { key, parts, program, isTransaction } of plans()) {
      expect(key).toBe(parts[0]?.invocation.key);
      const recorded = parts.map(({ invocation }) => invocation);
      const expected = program.then.map(recordOf);
      // The comparison of a transaction is the condition of its first write in the history.
      if (isTransaction) expected[0] = { ...expected[0], op: 'cas', expected: KNOWN[key]?.value ?? null };
      expect(recorded).toEqual(expected);
      for (const [at, { ttlMs }] of parts.entries()) {
        const step = program.then[at];
        if (step?.type === 'put') {
          expect(step.expiry).toEqual(ttlMs === undefined ? { type: 'none' } : { type: 'after', ms: ttlMs });
        } else expect(ttlMs).toBe(step?.type === 'touch' ? step.ttlMs : undefined);
      }
    }
  });

  it('names different keys of one shard, as often as it has steps', () => {
    for (const { parts, program } of plans()) {
      const keys = parts.map(({ invocation }) => invocation.key);
      expect(new Set(keys).size).toBe(keys.length);
      expect(new Set(keys.map(shardOf)).size).toBe(1);
      expect(program.then).toHaveLength(parts.length);
    }
  });

  it('has no condition by revision on a number, whose values come again', () => {
    for (const { program } of plans()) {
      const compared = [...program.then, ...program.comparisons].filter((one) => nameOf(one).startsWith('c'));
      for (const one of compared) expect('condition' in one ? one.condition.type : one.type).not.toBe('revision');
    }
  });

  it('of a transaction compares what was last seen of its first key, and reads it if that does not hold', () => {
    const transactions = plans().filter(({ isTransaction }) => isTransaction);
    expect(transactions.length).toBeGreaterThan(100);
    for (const { key, program } of transactions) {
      const { revision } = KNOWN[key] ?? { revision: 0 };
      const held = revision === 0 ? { type: 'absent' } : { type: 'revision', revision };
      expect(program.comparisons).toMatchObject([held]);
      expect(program.comparisons.map(nameOf)).toEqual([key]);
      expect(program.otherwise.map((step) => [step.type, nameOf(step)])).toEqual([['get', key]]);
    }
  });

  it('is of every kind now and then', () => {
    const steps = plans().flatMap(({ program }) => program.then);
    expect(new Set(steps.map(({ type }) => type))).toEqual(new Set(['increment', 'touch', 'get', 'delete', 'put']));
    const ops = new Set(plans().flatMap(({ parts }) => parts.map(({ invocation }) => invocation.op)));
    expect(ops).toEqual(new Set(['increment', 'touch', 'get', 'delete', 'put', 'cas']));
  });
});

it('there are as many numbers as the checker can judge for so many clients', () => {
  expect(countersOf({ counters: 1, clients: 5 })).toBe(1);
  expect(countersOf({ counters: 1, clients: 6 })).toBe(2);
  expect(countersOf({ counters: 4, clients: 6 })).toBe(4);
  expect(keyNames({ keys: 2, counters: 1, clients: 6 })).toEqual(['k1', 'k2', 'c1', 'c2']);
});

it('a condition is on what was seen', () => {
  expect(conditionOf({ revision: 7, value: 'v' })).toEqual({ type: 'revision', revision: 7 });
  expect(conditionOf({ revision: 0, value: null })).toEqual({ type: 'absent' });
});

const record: KeyRecord = {
  ...{ body: Buffer.from('old'), contentType: 'text/plain' },
  ...{ revision: 4, createRevision: 4, version: 1 },
};
const REFUSED = { completion: { ok: false, error: 'as refused' } } as const;
const failed: StepResult = { type: 'failed', code: 'wrong-type', message: 'no', details: {} };

function judged(
  invocations: readonly Invocation[],
  outcome: Partial<ProgramOutcome>,
  isTransaction = false,
  refusals: Refusal[] = [],
) {
  const parts = invocations.map((invocation): Part => ({ invocation }));
  const whole = { succeeded: true, results: [], lastDeletion: 0, omitted: false, ...outcome };
  return judgeProgram({ parts, isTransaction }, encodeOutcome(whole), (_, refusal) => {
    refusals.push(refusal);
    return REFUSED;
  });
}

const put: Invocation = { op: 'put', key: 'k1', value: 'new' };
const cas: Invocation = { op: 'cas', key: 'k1', expected: 'old', value: 'new' };
const erase: Invocation = { op: 'cas', key: 'k1', expected: 'old', value: null };
const remove: Invocation = { op: 'delete', key: 'k1' };
const read: Invocation = { op: 'get', key: 'k1' };
const touch: Invocation = { op: 'touch', key: 'k1' };
const add: Invocation = { op: 'increment', key: 'c1', value: '3' };
const wrote: StepResult = { type: 'write', revision: 9, version: 2, created: false };

describe('the answer of a program', () => {
  it.each<[string, Invocation, StepResult | undefined, object]>([
    ['a value that was read', read, { type: 'get', record }, { completion: { ok: true, result: 'old' }, learned: { revision: 4, value: 'old' } }],
    ['a key that is absent', read, { type: 'get', record: undefined }, { completion: { ok: true, result: null }, learned: { revision: 0, value: null } }],
    ['a value that was written', put, wrote, { completion: { ok: true }, learned: { revision: 9, value: 'new' } }],
    ['a touch, which teaches no value', touch, wrote, { completion: { ok: true } }],
    ['a number', add, { ...wrote, number: 12n, applied: 3n }, { completion: { ok: true, result: '12' } }],
    ['a key that was deleted', remove, { type: 'delete', deleted: true }, { completion: { ok: true, existed: true }, learned: { revision: 0, value: null } }],
    ['a key that was not there', remove, { type: 'delete', deleted: false }, { completion: { ok: true, existed: false } }],
    ['a value that was compared and deleted', erase, { type: 'delete', deleted: true }, { completion: { ok: true } }],
    ['no result', put, undefined, { completion: { ok: null } }],
    ['a step that failed', add, failed, REFUSED],
  ])('says of %s what happened', (_, invocation, result, expected) => {
    expect(judged([invocation], { results: result === undefined ? [] : [result] })).toMatchObject([expected]);
  }); // prettier-ignore

  it('says the step of each result', () => {
    const all = judged([put, remove, add], { results: [wrote, { type: 'delete', deleted: false }, failed] });
    expect(all).toMatchObject([
      { completion: { ok: true } },
      { completion: { ok: true, existed: false } },
      { completion: { ok: false } },
    ]);
  });

  it('hands a failed step over as a refusal that changed nothing', () => {
    const refusals: Refusal[] = [];
    judged([add], { results: [failed] }, false, refusals);
    expect(refusals).toMatchObject([{ type: 'refused', code: 'wrong-type', outcome: 'not_applied' }]);
  });

  it('whose results were not kept says that it was applied, and not what happened', () => {
    expect(judged([read, put], { omitted: true })).toEqual([
      { completion: { ok: null } },
      { completion: { ok: null } },
    ]);
  });

  it('that was refused is the refusal', () => {
    const refusal = encodeOutcome(refuse('wrong-type'));
    expect(judgeProgram({ parts: [{ invocation: add }], isTransaction: false }, refusal, () => REFUSED)).toMatchObject({
      code: 'wrong-type',
    });
  });

  it('that deleted a range is a defect: none was asked for', () => {
    expect(() => judged([remove], { results: [{ type: 'delete-range', deleted: 3, rest: undefined }] })).toThrow(
      'no range was to be deleted',
    );
  });
});

describe('the answer of a transaction', () => {
  it.each<[string, KeyRecord | undefined, object]>([
    ['another value', record, { completion: { ok: false, result: 'old' }, learned: { revision: 4, value: 'old' } }],
    ['no value', undefined, { completion: { ok: false, existed: false }, learned: { revision: 0, value: null } }],
  ])('whose comparison found %s: nothing was done', (_, found, first) => {
    const results: StepResult[] = [{ type: 'get', record: found }];
    const [compared, other] = judged([cas, put], { succeeded: false, results }, true) as readonly object[];
    expect(compared).toEqual(first);
    expect(other).toMatchObject({ completion: { ok: false } });
  });

  it('that was done is that of its steps', () => {
    expect(judged([cas, put], { results: [wrote, wrote] }, true)).toMatchObject([
      { completion: { ok: true } },
      { completion: { ok: true } },
    ]);
  });
});

describe('a refusal', () => {
  const unmet = (currentRevision: number): Refusal => refuse('precondition-failed', undefined, { currentRevision });
  const of = (invocation: Invocation, refusal: Refusal, outcomeUnknown = false, value?: string) =>
    judgeRefusal({ invocation }, refusal, outcomeUnknown, (key, revision) =>
      key === invocation.key && revision === 4 ? value : undefined,
    ).completion;

  it.each<[string, Invocation, Refusal, boolean, object]>([
    ['of a write, for certain', put, refuse('no-leader'), false, { ok: false, error: 'no-leader' }],
    ['of a write, in part of its attempts', put, refuse('no-leader'), true, { ok: null }],
    ['of a write, perhaps', put, refuse('timeout'), false, { ok: null }],
    ['of a read, which has changed nothing', read, refuse('timeout'), true, { ok: false, error: 'timeout' }],
    ['for want of the key', cas, unmet(0), false, { ok: false, existed: false }],
    ['of a deletion, for want of the key', remove, unmet(0), false, { ok: true, existed: false }],
    ['of a touch, for want of the key', touch, unmet(0), false, { ok: false }],
    ['because of a value that nobody has seen', cas, unmet(5), false, { ok: false }],
    ['because of a value that somebody has seen', cas, unmet(4), false, { ok: false, result: 'old' }],
    // The condition was evaluated in that attempt: an earlier one was not applied, or its answer would be repeated.
    ['by a condition, in spite of earlier attempts', cas, unmet(4), true, { ok: false, result: 'old' }],
  ])('%s', (_, invocation, refusal, outcomeUnknown, expected) => {
    expect(of(invocation, refusal, outcomeUnknown, 'old')).toEqual(expected);
  });
});
