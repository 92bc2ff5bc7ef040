/** Requests about several keys: which keys they have, how a right answer is known, and the limits that judge them. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { TargetResult } from '../../../scripts/bench/compare.js';
import { dataGoals, groupsOf } from '../../../scripts/bench/data-goals.js';
import { gatewayApi } from '../../../scripts/bench/etcd.js';
import { kvorumApi } from '../../../scripts/bench/kvorum.js';
import { lacking, manyScriptOf, pagePrefixes, pairsOf } from '../../../scripts/bench/many-keys.js';
import type { TargetName } from '../../../scripts/bench/target.js';
import { hasMark, type ManyOperation, parseRow, putsPerRequest, type Script } from '../../../scripts/bench/workload.js';
import { loadHash, shardOfKey, stringKey } from '../../../src/shard/index.js';

beforeAll(loadHash);

const data = { keys: 10_000, valueBytes: 16, shards: 16 };
const { many } = kvorumApi;
const shardOf = (key: string): number => shardOfKey(stringKey(key), data.shards);

interface Body {
  readonly ops?: readonly { readonly key: string; readonly op: string }[];
  readonly then?: readonly { readonly key: string; readonly op: string }[];
}
const keysOf = ({ requests }: Script): string[][] =>
  requests.map(({ body }) => {
    const { ops, then } = JSON.parse(body ?? '') as Body;
    return [...(ops ?? []), ...(then ?? [])].map(({ key, op }) => {
      expect(op).toBe('put');
      return key;
    });
  });

describe('transactions', () => {
  it.each(['txn1', 'txn2'] as const)('of %s have no key in common, and the promised shards', (operation) => {
    const script = manyScriptOf(many, operation, data, 1);
    const pairs = keysOf(script);
    expect(pairs.length).toBeGreaterThan(4_900);
    expect(new Set(pairs.flat()).size).toBe(2 * pairs.length);
    expect(script.order).toEqual([...pairs.keys()]);
    for (const pair of pairs) {
      expect(pair).toHaveLength(putsPerRequest(operation));
      expect(new Set(pair.map(shardOf)).size).toBe(operation === 'txn1' ? 1 : 2);
    }
    expect(new Set(pairs.flat().map(shardOf)).size).toBe(16);
  });

  it('depend on the seed alone', () => {
    const [one, again, other] = [7, 7, 8].map((seed) => pairsOf('txn2', data, seed));
    expect(one).toEqual(again);
    expect(one).not.toEqual(other);
  });

  it('are the same two puts in etcd, where the answer says so too', () => {
    const { requests, mark } = manyScriptOf(gatewayApi.many, 'txn2', data, 1);
    const { success } = JSON.parse(requests[0]?.body ?? '') as { success: { requestPut: { key: string } }[] };
    const keys = success.map(({ requestPut }) => Buffer.from(requestPut.key, 'base64').toString());
    expect(keys).toEqual(pairsOf('txn2', data, 1)[0]?.map(({ key }) => key));
    expect(hasMark('{"header":{},"succeeded":true,"responses":[]}', mark)).toBe(true);
    expect(hasMark('{"header":{},"responses":[]}', mark)).toBe(false);
  });
});

it('a batch has 100 different keys, of all shards', () => {
  const batches = keysOf(manyScriptOf(many, 'batch', data, 1));
  expect(batches.length).toBeGreaterThan(64);
  for (const keys of batches) expect(new Set(keys).size).toBe(100);
  expect(new Set(batches.flat()).size).toBe(10_000);
});

describe('pages', () => {
  it.each([
    [100, ['key']],
    [999, Array.from({ length: 9 }, (_, i) => `key${1 + i}`)],
    [10_000, Array.from({ length: 90 }, (_, i) => `key${10 + i}`)],
  ])('of %i keys begin with prefixes that are long, and full', (keys, prefixes) => {
    expect(pagePrefixes(keys)).toEqual(prefixes);
    for (const prefix of prefixes) {
      const names = Array.from({ length: keys }, (_, i) => `key${i}`);
      expect(names.filter((name) => name.startsWith(prefix)).length).toBeGreaterThanOrEqual(100);
    }
  });

  it('ask for as many keys as their mark counts', () => {
    const { requests, mark } = manyScriptOf(many, 'page', data, 1);
    expect(requests[0]?.path).toBe('/v1/kv?prefix=key10&limit=100');
    expect(hasMark('"create_revision":1,'.repeat(100), mark)).toBe(true);
    expect(hasMark('"create_revision":1,'.repeat(99), mark)).toBe(false);
  });
});

describe('a mark', () => {
  it.each([
    ['batch', '{"results":[', '{"status":201,"revision":5,"version":1,"created":true}', 100],
    ['txn1', '', '{"succeeded":true,"results":[]}', 1],
  ] as const)(
    'of %s is in a right answer, as often as it should, in text and in bytes',
    (operation, head, part, times) => {
      const { mark } = manyScriptOf(many, operation, data, 1);
      const right = head + `${part},`.repeat(times);
      const wrong = [right.replace(part, '{"status":503,"code":"no-leader"}'), right + part, ''];
      for (const body of [right, Buffer.from(right)]) expect(hasMark(body, mark)).toBe(true);
      for (const body of wrong) expect([hasMark(body, mark), hasMark(Buffer.from(body), mark)]).toEqual([false, false]);
    },
  );

  it('that is not asked for is in any answer', () => {
    expect(hasMark('', undefined)).toBe(true);
  });
});

it.each([
  ['batch@64', { keys: 99 }, 'batch@64 needs more --keys than 99'],
  ['batch@64', { valueBytes: 1_048_576 }, 'more than a batch may have'],
  ['page@1', { keys: 99 }, 'page@1 needs more --keys than 99'],
  ['txn2@64', { shards: 1 }, 'txn2@64 needs two --shards'],
  ['txn1@64', { keys: 200 }, 'txn1@64 needs more --keys than 200'],
  ['txn1@1', { keys: 200 }, undefined],
  ['put@64', { keys: 1 }, undefined],
] as const)('%s with %o cannot be measured: %s', (row, given, why) => {
  const said = lacking(parseRow(row), many, { ...data, ...given });
  if (why === undefined) expect(said).toBeUndefined();
  else expect(said).toContain(why);
});

it.each(['batch', 'txn1', 'txn2', 'page'] as const)('a target without %s says so', (operation: ManyOperation) => {
  expect(lacking({ operation, clients: 1 }, {}, data)).toContain(operation);
  expect(() => manyScriptOf({}, operation, data, 1)).toThrow(operation);
});

const figures = (more: Partial<TargetResult>): TargetResult => ({
  ...{ opsPerSecond: 1_000, p50Ms: 1, p99Ms: 2, p999Ms: 3, failures: 0, cpuSecondsPer1000: 0.1, loadCpuShare: 0.5 },
  ...{ commitsPerSecond: NaN, entriesPerCommit: NaN, writtenPerByte: NaN, loopDelayP99Ms: [], residentMiB: [] },
  ...{ rounds: [], cpuRounds: [] },
  ...more,
});
const measured = (row: string, targets: Partial<Record<TargetName, Partial<TargetResult>>>) => ({
  row: parseRow(row),
  targets: Object.fromEntries(Object.entries(targets).map(([name, some]) => [name, figures(some)])),
});

describe('the limits', () => {
  const rows = [
    measured('put@1', { kvorum: { p50Ms: 1 } }),
    measured('put@64', { kvorum: { opsPerSecond: 10_000 } }),
    measured('batch@64', { kvorum: { opsPerSecond: 499 } }),
    measured('txn1@1', { kvorum: { p50Ms: 1.2 } }),
    measured('txn1@64', { kvorum: { opsPerSecond: 1_200 }, 'etcd-grpc': { opsPerSecond: 1_000 } }),
    measured('txn2@1', { kvorum: { p50Ms: 2.6 } }),
    measured('txn2@64', { kvorum: { opsPerSecond: 4_000, failures: 3 } }),
  ];
  const goals = dataGoals({ rows });

  it.each([
    ['batch@64: keys', 4.99, 'MISSED'],
    ['txn1@1: p50', 1.2, 'ok'],
    ['txn1@64: throughput to etcd', 1.2, 'ok'],
    ['txn2@1: p50', 2.6, 'MISSED'],
    ['txn2@64: throughput to put', 0.4, 'MISSED'],
    ['txn2@64: throughput to etcd', null, 'not measured'],
    ['page@1: p50', null, 'not measured'],
  ])('%s: %s is "%s"', (start, value, verdict) => {
    const goal = goals.find(({ name }) => name.startsWith(start));
    expect(goal?.verdict).toBe(verdict);
    if (value === null) expect(goal?.measured).toBeNull();
    else expect(goal?.measured).toBeCloseTo(value, 6);
  });

  it('name what failed, and what is needed', () => {
    const why = (start: string) => goals.find(({ name }) => name.startsWith(start))?.why;
    expect(why('txn2@64: throughput to put')).toBe('3 requests failed');
    expect(why('txn2@64: throughput to etcd')).toBe('needs txn2@64 with --vs etcd');
    expect(why('page@1')).toBe('needs page@1 and get@1');
  });

  it('have what they compare measured in turn, in any order of the rows', () => {
    const all = ['get@1', 'put@64', 'mix50@64', 'txn2@64', 'page@1', 'put@1', 'txn1@64', 'batch@64'].map((name) => ({
      row: parseRow(name),
      name,
    }));
    const names = (some: typeof all) => groupsOf(some).map((group) => group.map(({ name }) => name));
    expect(names(all)).toEqual([
      ['get@1', 'page@1'],
      ['put@64', 'txn2@64', 'batch@64'],
      ['mix50@64'],
      ['put@1'],
      ['txn1@64'],
    ]);
    expect(names(all.toReversed())).toContainEqual(['batch@64', 'txn2@64', 'put@64']);
  });
});
