/** The judgement of pages, streams, counts and writes over ranges, on histories made by hand: right ones pass, wrong ones do not. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Page } from '../../src/router/index.js';
import {
  binaryString,
  encodeOutcome,
  encodeProgram,
  inNamespace,
  loadHash,
  namespaceKey,
  prefixEndOf,
  stringKey,
  type KeyRecord,
  type KvMachine,
  type Namespace,
  type Program,
  type RunProgram,
  type StepResult,
} from '../../src/shard/index.js';
import {
  expectedItems,
  judgeCount,
  judgeFreshness,
  judgeMissing,
  judgePage,
  judgeScan,
  judgeWrite,
} from '../../src/sim/range-oracle.js';
import { ShardHistory } from '../../src/sim/shard-history.js';

beforeAll(loadHash);

const NAMESPACE = namespaceKey('n1');
const BASE = { condition: { type: 'none' }, returning: 'nothing' } as const;
const id = (number: number): Uint8Array => Buffer.alloc(16, number);
const rowOf = (key: Uint8Array): string => `\0${binaryString(key, 0, key.length)}`;

/** A shard whose rows are set from outside, one entry at a time. */
class Rows {
  readonly history = new ShardHistory();
  readonly #records = new Map<string, KeyRecord>();
  #index = 0;
  #clockMs = 0;
  namespace: Namespace | undefined;

  /** @returns the index of the entry */
  put(key: Uint8Array, value: string, expiresAtMs?: number): number {
    const revision = this.#index + 1;
    const { createRevision = revision, version = 0 } = this.#records.get(rowOf(key)) ?? {};
    const body = Buffer.from(value);
    const record = { revision, createRevision, version: version + 1, contentType: 'text/plain', body, expiresAtMs };
    this.#records.set(rowOf(key), record);
    return this.entry([key]);
  }

  delete(...keys: readonly Uint8Array[]): number {
    for (const key of keys) this.#records.delete(rowOf(key));
    return this.entry(keys);
  }

  entry(keys: readonly Uint8Array[], answer?: Parameters<ShardHistory['onApplied']>[2], operation = 0): number {
    for (const key of keys) this.history.onChange(rowOf(key));
    const machine = {
      replicatedTimeMs: (this.#clockMs += 10),
      get: (key: Uint8Array) => this.#records.get(rowOf(key)),
      list: () => ({ items: this.namespace === undefined ? [] : [{ type: 'namespace', namespace: this.namespace }] }),
    } as unknown as KvMachine;
    const operationId = binaryString(id(operation), 0, 16);
    const view = { isProgram: true, kind: 'program', attempt: 'initial', operationId } as const;
    this.history.onApplied(++this.#index, view, answer, machine);
    return this.#index;
  }
}

const [A, B, C] = ['r/a', 'r/b', 'r/c'].map(stringKey) as [Uint8Array, Uint8Array, Uint8Array];

function threeKeys() {
  const rows = new Rows();
  for (const key of [A, B, C]) rows.put(key, 'old');
  const from = stringKey('r/');
  const to = prefixEndOf(from);
  const query = { from, to, reverse: false, content: 'keys', grouping: undefined, shards: [0], limit: 10 } as const;
  const pageOf = (keys: readonly Uint8Array[], revision: number, rest?: Uint8Array): Page => ({
    type: 'page',
    items: keys.map((key) => ({ item: { type: 'key', key }, shard: 0 })),
    rest,
    revisions: new Map([[0, revision]]),
  });
  return { rows, query, histories: () => rows.history, pageOf };
}

describe('a page', () => {
  it('is right with exactly what its shard held at its revision, before its cursor', () => {
    const { rows, query, histories, pageOf } = threeKeys();
    rows.delete(B);
    expect(judgePage(histories, query, pageOf([A, B, C], 3))).toBeUndefined();
    expect(judgePage(histories, query, pageOf([A, C], 4))).toBeUndefined();
    expect(judgePage(histories, query, pageOf([A], 3, B))).toBeUndefined();
    expect(judgePage(histories, { ...query, reverse: true }, pageOf([C], 3, C))).toBeUndefined();
  });

  it('is wrong if it skips or repeats a key, is of another revision, or too long', () => {
    const { rows, query, histories, pageOf } = threeKeys();
    rows.delete(B);
    expect(judgePage(histories, query, pageOf([A, C], 3))).toContain("'r/b'");
    expect(judgePage(histories, query, pageOf([A, B], 3, B))).toContain('is');
    expect(judgePage(histories, query, pageOf([A, B, C], 4))).toContain('shard 0');
    expect(judgePage(histories, query, pageOf([C, A], 4))).toBeDefined();
    expect(judgePage(histories, { ...query, limit: 1 }, pageOf([A, C], 4))).toBe('2 items, 1 were asked for');
    expect(judgePage(histories, query, pageOf([], 4, query.from))).toBe('the cursor leads nowhere');
  });

  it('has values, and puts keys with a common prefix together', () => {
    const { rows, query, histories } = threeKeys();
    rows.put(A, 'new');
    const values = (revision: number) =>
      expectedItems(histories, { ...query, content: 'values' }, new Map([[0, revision]]));
    expect(values(3)[0]).toBe('r/a=old @1 created 1 version 1');
    expect(values(4)[0]).toBe('r/a=new @4 created 1 version 2');
    const grouping = { prefixBytes: 1, delimiter: Buffer.from('/') };
    expect(expectedItems(histories, { ...query, grouping }, new Map([[0, 3]]))).toEqual(['r/…']);
  });

  it('is not older than its request', () => {
    expect(judgeFreshness(new Map([[0, 4]]), new Map([[0, 4]]))).toBeUndefined();
    expect(judgeFreshness(new Map([[0, 3]]), new Map([[0, 4]]))).toContain('as of 3');
  });
});

it('a count is what the shards held', () => {
  const { query, histories } = threeKeys();
  expect(judgeCount(histories, query, { count: 3, revisions: new Map([[0, 3]]) })).toBeUndefined();
  expect(judgeCount(histories, query, { count: 3, revisions: new Map([[0, 2]]) })).toBe('3 keys counted of 2');
});

it('a scan has each key once that was there all the time, and may miss one that was not', () => {
  const { rows, query, histories } = threeKeys();
  rows.delete(B);
  const seen = (...keys: readonly Uint8Array[]): string[] => keys.map((key) => binaryString(key, 0, key.length));
  const revisions = [new Map([[0, 3]]), new Map([[0, 4]])];
  expect(judgeScan(histories, query, { seen: seen(A, C), revisions })).toBeUndefined();
  expect(judgeScan(histories, query, { seen: seen(A, A, C), revisions })).toBe('r/a was in 2 pages');
  expect(judgeScan(histories, query, { seen: seen(A), revisions })).toContain('r/c was in no page');
});

describe('a write', () => {
  const operationOf = (number: number, program: Partial<Program>): RunProgram => ({
    ...{ type: 'program', key: A, operationId: id(number), attempt: 'initial' },
    body: encodeProgram({ comparisons: [], then: [], otherwise: [], onError: 'fail', valueLimit: 100, ...program }),
  });
  const answerOf = (revision: number, results: readonly StepResult[], succeeded = true) => ({
    ...({ type: 'program', revision, replayed: false } as const),
    outcome: encodeOutcome({ succeeded, results, lastDeletion: 0, omitted: false }),
  });

  it('that deletes a range has counted what was there and not due, and leaves nothing', () => {
    const { rows } = threeKeys();
    rows.put(B, 'short', 1);
    const then = [{ ...BASE, type: 'delete-range', key: A, to: C, most: 10, mostBytes: 1_000 }] as const;
    const operation = operationOf(7, { then });
    const right = answerOf(5, [{ type: 'delete-range', deleted: 1, rest: undefined }]);
    expect(judgeWrite(rows.history, operation, right)).toBe('a write was answered that was never applied');
    rows.delete(A, B);
    const wrong = answerOf(5, [{ type: 'delete-range', deleted: 2, rest: undefined }]);
    const judged = (answer: typeof right): string | undefined => {
      rows.entry([], answer, 7);
      return judgeWrite(rows.history, operation, answer);
    };
    expect(judged(right)).toBeUndefined();
    expect(judged(wrong)).toBe('2 keys deleted of 1');
    expect(judgeWrite(rows.history, operation, right)).toBe('another outcome than its entry had');
    expect(judgeWrite(rows.history, operation, { ...wrong, revision: 4 })).toBe('revision 4 instead of 5');
  });

  it('compares by unchanged_since with deletions, too', () => {
    const { rows } = threeKeys();
    rows.delete(B);
    const sinceOf = (key: Uint8Array, revision: number, succeeded: boolean): string | undefined => {
      const operation = operationOf(8, { comparisons: [{ type: 'unchanged-since', key, revision }] });
      const answer = answerOf(rows.history.applied + 1, [], succeeded);
      rows.entry([], answer, 8);
      return judgeWrite(rows.history, operation, answer);
    };
    expect(sinceOf(A, 1, true)).toBeUndefined();
    expect(sinceOf(B, 4, true)).toBeUndefined();
    expect(sinceOf(B, 3, false)).toBeUndefined();
    expect(sinceOf(B, 3, true)).toContain('said to be unchanged');
    expect(sinceOf(A, 0, true)).toContain('said to be unchanged');
    expect(sinceOf(C, 3, false)).toContain('said to be changed');
    expect(sinceOf(stringKey('never'), 0, true)).toContain('said to be unchanged');
  });
});

describe('a namespace', () => {
  const key = inNamespace(NAMESPACE, stringKey('x'));
  const counted = { createRevision: 1, revision: 1, keys: 1, bytes: 4, maxKeys: undefined, maxBytes: undefined };

  it('counts what a recount finds', () => {
    const rows = new Rows();
    rows.namespace = counted;
    expect(rows.put(key, 'abc')).toBe(1);
    rows.namespace = { ...counted, bytes: 5 };
    expect(() => rows.put(key, 'abc')).toThrow('counts 1 keys of 5 bytes, and has 1 keys of 4 bytes');
    rows.namespace = undefined;
    expect(() => rows.put(key, 'abc')).toThrow('counts 0 keys of 0 bytes');
  });

  it('has no more than its limits, unless these were lowered', () => {
    const rows = new Rows();
    rows.namespace = { ...counted, maxKeys: 0 };
    expect(() => rows.put(key, 'abc')).toThrow('has 1 keys, its limit is 0');
    const others = new Rows();
    others.namespace = counted;
    others.put(key, 'abc');
    others.namespace = { ...counted, maxKeys: 0, maxBytes: 3 };
    others.put(key, 'abd');
    others.namespace = { ...counted, bytes: 5, maxBytes: 3 };
    expect(() => others.put(key, 'abcd')).toThrow('has 5 bytes, its limit is 3');
  });

  it('that was there all the time is not missing', () => {
    const rows = new Rows();
    rows.namespace = counted;
    rows.put(key, 'abc');
    rows.put(key, 'abd');
    expect(judgeMissing(rows.history, key, { from: 0, to: 2 })).toBeUndefined();
    expect(judgeMissing(rows.history, key, { from: 1, to: 2 })).toContain('namespace n1');
  });
});
