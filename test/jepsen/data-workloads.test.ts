/** Workloads of increments, transactions and deadlines, on a store of our own that behaves, or does not in one way. */
import { describe, expect, it } from 'vitest';
import type { Operation } from '../../src/check/index.js';
import { Random } from '../../src/random.js';
import { History } from '../../scripts/jepsen/history.js';
import { readBack } from '../../scripts/jepsen/read-back.js';
import { Revisions } from '../../scripts/jepsen/revisions.js';
import { Session, Tally, type Stage } from '../../scripts/jepsen/session.js';
import {
  accountsOf,
  checkBalances,
  checkOrder,
  namespaceOf,
  OPENED_WITH,
} from '../../scripts/jepsen/workloads/bank.js';
import { checkCounts } from '../../scripts/jepsen/workloads/counter.js';
import { checkArguments, judge, makeWorkload, type WorkloadName } from '../../scripts/jepsen/workloads/index.js';
import { elementsOf } from '../../scripts/jepsen/workloads/list-append.js';
import { overdue } from '../../scripts/jepsen/workloads/ttl.js';
import { DataStore, type Flaw } from './data-store.js';

const STEPS = 120;
const NS = 1_000_000;

async function play(workload: WorkloadName, flaw?: Flaw) {
  const store = new DataStore(flaw);
  const lines: string[] = [];
  const now = () => BigInt(store.nowMs * NS);
  const history = new History({ now, onLine: (line) => lines.push(line) });
  const revisions = new Revisions();
  const pause = async (ms: number): Promise<void> => {
    await Promise.resolve();
    store.nowMs += Math.ceil(ms);
  };
  const stage: Stage = {
    ...{ endpoints: ['x', 'y'], http: store, history, revisions, tally: new Tally(), pause },
    largeShare: 0.1,
  };
  const played = makeWorkload({ workload, clients: 4, operationsPerKey: 100 }, revisions);
  const random = new Random('play');
  const sessions = Array.from({ length: 4 }, (_, client) => new Session(stage, random.stream(String(client))));
  const run = async (session: Session): Promise<void> => {
    for (let step = 0; step < STEPS; step++) await played.step(session);
  };
  await Promise.all(sessions.map(run));
  // Then without lost answers, and one after another: the pauses of one client would be the slow answers of the others,
  // and it could not be told what stayed for too long.
  store.lostAnswers = 0;
  for (const session of sessions) await run(session);
  const finals = await readBack(sessions, played, 10_000);
  const check = judge(workload, history, 60_000);
  return { ...{ history, lines, stage, check }, problems: played.problems(history.operations, finals, []) };
}

const NAMES = ['counter', 'list-append', 'bank', 'ttl'] as const;

describe.each(NAMES)('%s', (name) => {
  it('passes on a correct store that loses answers', async () => {
    const { check, problems, history, lines, stage } = await play(name);
    const verdict = name === 'list-append' ? 'STRICTLY SERIALIZABLE' : 'LINEARIZABLE';
    expect({ verdict: check.verdict, problems }).toEqual({ verdict, problems: [] });
    expect(stage.tally.surprises).toEqual([]);
    expect(stage.tally.large).toBeGreaterThan(3);
    const ok = history.asked.filter((asked) => asked.ok === true);
    expect(ok.length).toBeGreaterThan(STEPS * 4);
    expect(history.asked.some((asked) => asked.ok === null)).toBe(true);
    expect(lines).toHaveLength(history.operations.length + history.transactions.length);
    expect(history.transactions.length > 0).toBe(name === 'list-append');
    const ops = new Set(ok.map(({ op }) => op));
    const expected = { counter: ['increment', 'get', 'put'], 'list-append': ['txn', 'get'] };
    const others = {
      bank: ['open', 'namespace', 'transfer', 'read-all', 'scan', 'get'],
      ttl: ['get', 'put', 'touch', 'cas'],
    };
    expect([...ops].sort()).toEqual([...{ ...expected, ...others }[name]].sort());
  });
});

it.each<[WorkloadName, Flaw, RegExp]>([
  ['counter', 'forgets-answers', /^ILLEGAL.*and at most \d+ were added/],
  ['counter', 'loses-writes', /^ILLEGAL.* were acknowledged/],
  ['list-append', 'forgets-answers', /^ILLEGAL/],
  ['list-append', 'loses-writes', /^ILLEGAL/],
  ['list-append', 'splits-transactions', /^ILLEGAL/],
  ['list-append', 'reads-by-and-by', /^ILLEGAL/],
  ['bank', 'forgets-answers', /^ILLEGAL/],
  ['bank', 'loses-writes', /^ILLEGAL.* = \d+, not 140/],
  ['bank', 'splits-transactions', /^ILLEGAL.* = \d+, not 140/],
  // Each account by itself is linearizable: only the total shows it.
  ['bank', 'reads-by-and-by', /bank-\d+ has .* = \d+, not 140/],
  ['bank', 'scans-by-and-by', /bank-1 has .* = \d+, not 140/],
  ['bank', 'scans-twice', /a scan of bank-1 has bank-1-0, .*, bank-1-6, bank-1-0/],
  ['bank', 'ignores-comparisons', /is below zero/],
  ['ttl', 'early', /^ILLEGAL/],
  ['ttl', 'late', /^LINEARIZABLE.*t-\d+ was read as v\d+ \d+ ms after its deadline/],
  ['ttl', 'loses-writes', /^ILLEGAL/],
])('%s detects a store that %s', async (name, flaw, expected) => {
  const { check, problems } = await play(name, flaw);
  expect([check.verdict, ...problems].join('; ')).toMatch(expected);
});

describe('counts', () => {
  const add = (value: string, ok: boolean | null): Operation => ({
    ...{ client: 0, op: 'increment', key: 'n', value, ok, start: 0, end: 1 },
  });
  const operations = [add('5', true), add('3', null), add('7', false)];
  it.each([
    ['5', []],
    ['8', []],
    ['4', ['n is 4, and 5 were acknowledged']],
    [null, ['n is absent, and 5 were acknowledged']],
    ['many', ['n is many, and 5 were acknowledged']],
    ['9', ['n is 9, and at most 8 were added']],
  ])('at the end %s', (final, problems) => {
    expect(checkCounts(operations, new Map([['n', final]]))).toEqual(problems);
  });
  it('are not compared without a final read', () => {
    expect(checkCounts(operations, new Map())).toEqual(['n was not read at the end']);
  });
});

describe('balances', () => {
  const keys = accountsOf('b');
  const accounts = (change: Record<number, number>) =>
    keys.map((key, index) => ({ key, balance: OPENED_WITH + (change[index] ?? 0), revision: 1 }));
  it('add up, are not below zero, and are all there', () => {
    expect(checkBalances('b', accounts({ 0: -5, 6: 5 }))).toEqual([]);
    expect(checkBalances('b', accounts({ 0: -5 }))).toEqual(['b has 15 + 20 + 20 + 20 + 20 + 20 + 20 = 135, not 140']);
    expect(checkBalances('b', accounts({ 0: -21, 6: 21 }))).toEqual(['b-0 is below zero: -1']);
    expect(checkBalances('b', [...accounts({}).slice(1), 'b-0'])).toEqual(['b lacks b-0, and has others']);
    expect(checkBalances('b', keys)).toEqual(['b was opened, and has no account']);
  });
});

describe('a scan of a bank', () => {
  const items = (...places: number[]) => places.map((place) => ({ key: `bank-1-${place}` }));
  it('names accounts only, each once and in order; that one is missing is told by the balances', () => {
    expect(checkOrder('bank-1', items(0, 1, 2, 3, 4, 5, 6))).toEqual([]);
    expect(checkOrder('bank-1', items(0, 2))).toEqual([]);
    expect(checkOrder('bank-1', [])).toEqual([]);
    expect(checkOrder('bank-1', items(0, 0))).toEqual(['a scan of bank-1 has bank-1-0, bank-1-0']);
    expect(checkOrder('bank-1', items(1, 0))).toEqual(['a scan of bank-1 has bank-1-1, bank-1-0']);
    expect(checkOrder('bank-1', items(6, 7))).toEqual(['a scan of bank-1 has bank-1-6, bank-1-7']);
  });
  it('is done where it is a namespace: every other one', () => {
    expect(['bank-0', 'bank-1', 'bank-10', 'bank-21', 'b'].map(namespaceOf)).toEqual([
      ...[undefined, 'bank-1', undefined, 'bank-21', undefined],
    ]);
    expect(accountsOf('bank-1')).toEqual([0, 1, 2, 3, 4, 5, 6].map((at) => `bank-1-${at}`));
    expect(accountsOf('bank-2').slice(3)).toEqual(['bank-2-3', '{bank-2}-0', '{bank-2}-1', '{bank-2}-2']);
  });
});

it('what is no whole element of a list stays text, which no transaction appended', () => {
  expect(elementsOf('')).toEqual([]);
  expect(elementsOf('1,20,0,')).toEqual([1, 20, 0]);
  expect(elementsOf('1,2')).toEqual([1, '2']);
  expect(elementsOf('1,,x,007,')).toEqual([1, '', 'x', '007']);
});

describe('a key that stayed after its deadline', () => {
  const SECOND = 1_000 * NS;
  const put: Operation = { client: 0, op: 'put', key: 't', value: 'v', ok: true, start: 0, end: 0, ttl: SECOND };
  const get = (atMs: number): Operation => ({
    ...{ client: 1, op: 'get', key: 't', result: 'v', ok: true, start: atMs * NS, end: (atMs + 20) * NS },
  });
  const late = ['t was read as v 400 ms after its deadline'];
  // A tenth for clocks, 250 ms for the entry, and what the read took.
  it.each([
    ['within the bound', [put, get(1_365)], []],
    ['beyond it', [put, get(1_500)], late],
    ['beyond it, while the machine was slow', [put, { ...get(1_200), key: 'u', end: 1_500 * NS }, get(1_500)], []],
    ['beyond it, while another got no answer', [put, { ...get(1_400), key: 'u', ok: null }, get(1_500)], []],
    ['touched', [put, { ...put, op: 'touch', value: null, start: SECOND / 2, end: SECOND / 2 }, get(1_500)], []],
    ['perhaps touched', [put, { ...put, op: 'touch', value: null, ok: null }, get(1_500)], []],
    ['touched before it was written', [{ ...put, op: 'touch', start: -2, end: -1 }, put, get(1_500)], late],
    ['whose touch was refused', [put, { ...put, op: 'touch', ok: false }, get(1_500)], late],
    ['without a deadline', [{ ...put, ttl: undefined }, get(1_500)], []],
    ['of a put with an unknown outcome', [{ ...put, ok: null }, get(1_500)], []],
  ] as [string, Operation[], string[]][])('%s', (_, operations, problems) => {
    expect(overdue(operations, [])).toEqual(problems);
  });
  it('is not judged during a fault, nor shortly after one', () => {
    const at = (start: number, end: number) => overdue([put, get(1_500)], [{ kinds: ['pause'], start, end }]);
    expect(at(1_200 * NS, 1_300 * NS)).toEqual([]);
    expect(at(-4 * SECOND, -2 * SECOND)).toEqual([]);
    expect(at(-5 * SECOND, -4 * SECOND)).toEqual(late);
    expect(at(2 * SECOND, 3 * SECOND)).toEqual(late);
  });
});

it('kvorum check is told how to judge a history again', () => {
  expect(checkArguments('list-append')).toEqual(['--model', 'list-append']);
  expect(checkArguments('ttl')).toEqual(['--ttl-tolerance', '10%']);
  expect(checkArguments('bank')).toEqual([]);
});
