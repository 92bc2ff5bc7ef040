/** The workloads' own checks, each tried on histories that are broken in one place; and workloads on a store of our own. */
import { describe, expect, it } from 'vitest';
import { checkHistory, type Operation } from '../../src/check/index.js';
import { History } from '../../scripts/jepsen/history.js';
import type { Request } from '../../scripts/jepsen/http.js';
import type { Reply } from '../../scripts/jepsen/outcome.js';
import { KeyPool } from '../../scripts/jepsen/keys.js';
import { padded, unpadded } from '../../scripts/jepsen/padding.js';
import { Random } from '../../src/random.js';
import { readBack } from '../../scripts/jepsen/read-back.js';
import { Revisions } from '../../scripts/jepsen/revisions.js';
import { Session, Tally, type Stage } from '../../scripts/jepsen/session.js';
import { appendWorkload, checkAppends } from '../../scripts/jepsen/workloads/append.js';
import { registerWorkload } from '../../scripts/jepsen/workloads/register.js';
import { checkSet, setWorkload } from '../../scripts/jepsen/workloads/set.js';
import type { Workload } from '../../scripts/jepsen/workloads/workload.js';

const append = (value: string, ok: boolean | null): Operation => ({
  ...{ client: 0, op: 'append', key: 'l', value, ok, start: 0, end: 1 },
});
const add = (key: string, ok: boolean | null): Operation => ({
  ...{ client: 0, op: 'cas', key, expected: null, value: `value of ${key}`, ok, start: 0, end: 1 },
});

describe('exactly once', () => {
  const operations = [append('a,', true), append('b,', null), append('c,', false), append('d,', true)];
  it.each([['a,d,'], ['a,b,d,'], ['d,a,']])('holds for %s', (list) => {
    expect(checkAppends(operations, new Map([['l', list]]))).toEqual([]);
  });
  it.each([
    ['a,d,a,', ['l has a, twice']],
    ['a,b,b,d,', ['l has b, twice']],
    ['a,', ['l lacks d,, which was acknowledged']],
    ['a,c,d,', ['l has c,, which was refused']],
    ['a,x,d,', ['l has x,, which nobody appended']],
    [null, ['l lacks a,, which was acknowledged', 'l lacks d,, which was acknowledged']],
  ])('is broken by %s', (list, problems) => {
    expect(checkAppends(operations, new Map([['l', list]]))).toEqual(problems);
  });
  it('is not checked for a list without a final read', () => {
    expect(checkAppends(operations, new Map())).toEqual(['l was not read at the end']);
  });
});

describe('a set', () => {
  const operations = [add('s-0', true), add('s-1', null), add('s-2', false)];
  const finals = (more: Record<string, string | null> = {}) =>
    new Map(Object.entries({ 's-0': 'value of s-0', 's-1': null, 's-2': null, ghost: null, ...more }));
  it('contains acknowledged elements, and possibly unknown ones', () => {
    expect(checkSet(operations, finals())).toEqual([]);
    expect(checkSet(operations, finals({ 's-1': 'value of s-1' }))).toEqual([]);
  });
  it.each([
    [{ 's-0': null }, 's-0 was acknowledged and is not there'],
    [{ 's-2': 'value of s-2' }, 's-2 was refused and is there'],
    [{ ghost: 'value of ghost' }, 'ghost is there, and nobody added it'],
    [{ 's-0': 'value of s-1' }, 's-0 has a value that nobody wrote: value of s-1'],
  ])('is broken by %j', (more, problem) => {
    expect(checkSet(operations, finals(more))).toEqual([problem]);
  });
  it('is not checked for an element without a final read', () => {
    expect(checkSet([add('s-9', true)], new Map())).toEqual(['s-9 was not read at the end']);
  });
});

it('keys are replaced after their budget of operations, one after another', () => {
  const random = new Random('keys');
  const pool = new KeyPool({ prefix: 'k', active: 3, budget: 30 });
  const uses = new Map<string, number>();
  for (let i = 0; i < 600; i++) {
    const name = pool.take(random, 2);
    uses.set(name, (uses.get(name) ?? 0) + 2);
  }
  expect(Math.max(...uses.values())).toBe(30);
  expect(pool.names.length).toBeGreaterThan(40);
  expect(pool.names).toEqual([...new Set(pool.names)]);
});

describe('a value that is large on the wire', () => {
  it.each(['v7', 'e1,e2,', '', 'value of s-0'])('%j survives padding and unpadding', (value) => {
    for (const bytes of [200, 1_001, 60_000]) {
      expect(padded(value, bytes)).toHaveLength(bytes);
      expect(unpadded(padded(value, bytes))).toBe(value);
    }
    expect(unpadded(value)).toBe(value);
  });
  it('is left unchanged if its padding is damaged', () => {
    const body = padded('v7', 1_000);
    const other = padded('v8', 1_000);
    const wrong = [
      body.slice(0, -1),
      `${body}v`,
      body.slice(0, 500) + other.slice(500),
      body.replace('7~', '8~'),
      'v7~9:',
    ];
    for (const each of wrong) expect(unpadded(each)).toBe(each);
  });
});

/** A store in memory that behaves, but for what is planted. */
class TinyStore {
  readonly #records = new Map<string, { value: string; revision: number }>();
  readonly #answers = new Map<string, Reply>();
  readonly #random = new Random('store');
  #index = 0;
  remembers = true;
  loses = false;
  ignoresConditions = false;
  lostAnswers = 0.2;
  /** Of what is large, one byte in the middle. */
  damages = false;

  ask = async (_: string, request: Request): Promise<Reply> => {
    await Promise.resolve();
    const reply = this.#answer(request);
    return this.#random.chance(this.lostAnswers) ? { type: 'broken', reason: 'planted' } : reply;
  };

  #answer(request: Request): Reply {
    const id = request.headers['idempotency-key'];
    const known = id === undefined || !this.remembers ? undefined : this.#answers.get(id);
    if (known !== undefined) return known;
    const reply = this.#apply(request);
    if (id !== undefined) this.#answers.set(id, reply);
    return reply;
  }

  #apply({ method, key, body = '', headers }: Request): Reply {
    const record = this.#records.get(key);
    const say = (status: number, json: object | string, etag?: string): Reply => ({
      ...{ type: 'answer', status, headers: { etag, replayed: false } },
      body: typeof json === 'string' ? json : JSON.stringify(json),
    });
    if (method === 'GET') {
      if (record === undefined) return say(404, { code: 'key-not-found', outcome: 'not_applied' });
      return say(200, record.value, `"${record.revision}"`);
    }
    const expected = headers['if-none-match'] === undefined ? headers['if-match'] : '"0"';
    const current = `"${record?.revision ?? 0}"`;
    if (expected !== undefined && expected !== current && !this.ignoresConditions) {
      const failed = { code: 'precondition-failed', outcome: 'not_applied', current_revision: record?.revision ?? 0 };
      return say(412, failed);
    }
    this.#index += 1;
    if (method === 'DELETE') {
      this.#records.delete(key);
      return say(200, { deleted: record !== undefined, revision: this.#index });
    }
    const middle = Math.floor(body.length / 2);
    const value = this.damages && body.length > 10_000 ? `${body.slice(0, middle)}?${body.slice(middle + 1)}` : body;
    if (!(this.loses && this.#random.chance(0.1))) this.#records.set(key, { value, revision: this.#index });
    return say(200, { revision: this.#index });
  }
}

async function play(store: TinyStore, make: (revisions: Revisions) => Workload) {
  let time = 0n;
  const history = new History({ now: () => time++ });
  const revisions = new Revisions();
  const pause = () => Promise.resolve();
  const stage: Stage = {
    ...{ endpoints: ['x', 'y'], http: store, history, revisions, tally: new Tally(), pause },
    largeShare: 0.1,
  };
  const workload = make(revisions);
  const random = new Random('play');
  const sessions = Array.from({ length: 4 }, (_, client) => new Session(stage, random.stream(String(client))));
  await Promise.all(
    sessions.map(async (session) => {
      for (let step = 0; step < 150; step++) await workload.step(session);
    }),
  );
  store.lostAnswers = 0;
  const finals = await readBack(sessions, workload, 10_000);
  const { verdict } = checkHistory(history.operations);
  return { verdict, problems: workload.problems(history.operations, finals), operations: history.operations, stage };
}

const workloads: [string, (revisions: Revisions) => Workload][] = [
  [
    'register',
    ({ problems }) => registerWorkload({ clients: 4, operationsPerKey: 100, contradictions: () => problems }),
  ],
  ['append', () => appendWorkload({ clients: 4, operationsPerKey: 100 })],
  ['set', () => setWorkload()],
];

describe.each(workloads)('%s', (name, make) => {
  it('passes on a correct store that loses answers', async () => {
    const { verdict, problems, operations, stage } = await play(new TinyStore(), make);
    expect({ verdict, problems }).toEqual({ verdict: 'LINEARIZABLE', problems: [] });
    expect(stage.tally.surprises).toEqual([]);
    const ok = operations.filter((operation) => operation.ok === true);
    expect(ok.length).toBeGreaterThan(120);
    expect(stage.tally.large).toBeGreaterThan(5);
    expect(JSON.stringify(operations).length / operations.length).toBeLessThan(300);
    if (name === 'register') {
      for (const op of ['put', 'get', 'delete', 'cas']) expect(ok.some((one) => one.op === op)).toBe(true);
    }
  });

  it('detects a store that loses acknowledged writes', async () => {
    const store = new TinyStore();
    store.loses = true;
    const { verdict, problems } = await play(store, make);
    expect(verdict).toBe('ILLEGAL');
    if (name !== 'register') expect(problems.length).toBeGreaterThan(0);
  });

  it('detects a store that damages large values', async () => {
    const store = new TinyStore();
    store.damages = true;
    const { verdict } = await play(store, make);
    expect(verdict).toBe('ILLEGAL');
  });

  it('detects a store without deduplication', async () => {
    const store = new TinyStore();
    store.remembers = false;
    const { verdict, problems } = await play(store, make);
    expect(verdict).toBe('ILLEGAL');
    if (name !== 'register') expect(problems.length).toBeGreaterThan(0);
  });
});

it('lists detect a store that ignores conditions', async () => {
  const store = new TinyStore();
  store.ignoresConditions = true;
  const { verdict, problems } = await play(store, () => appendWorkload({ clients: 4, operationsPerKey: 100 }));
  expect(verdict).toBe('ILLEGAL');
  expect(problems.join()).toContain('which was acknowledged');
});
