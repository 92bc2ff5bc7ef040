/** `POST /v1/txn` over a real cluster: comparisons, both lists, all or nothing. */
import { v7 as uuid } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startReal, type Front } from '../support/fronts.js';
import type { Answered } from '../support/http-harness.js';

let front: Front;
beforeAll(async () => {
  front = await startReal('follower')();
});
afterAll(async () => {
  front.checkNodes();
  await front.close();
});

let unique = 0;
const fresh = (): string => `key-${++unique}`;
const txn = (body: unknown, headers: Record<string, string> = {}): Promise<Answered> =>
  front.http.ask(
    'POST',
    '/v1/txn',
    { 'content-type': 'application/json', ...headers },
    typeof body === 'string' ? body : JSON.stringify(body),
  );
const put = async (key: string, value: string): Promise<number> => {
  const answer = await front.http.ask('PUT', `/v1/kv/${key}`, { 'content-type': 'application/json' }, value);
  return (answer.json as { revision: number }).revision;
};
const get = (key: string): Promise<Answered> => front.http.ask('GET', `/v1/kv/${key}`);

describe('POST /v1/txn', () => {
  it('runs then if all comparisons hold, and else if not', async () => {
    const [a, b] = [fresh(), fresh()];
    const revision = await put(a, '1');
    const body = {
      if: [
        { key: a, exists: true },
        { key: a, revision },
        { key: a, version: 1 },
        { key: a, value: 1.0 },
        { key: a, unchanged_since: revision },
        { key: b, absent: true },
        { key: b, version: 0 },
        { key: a, value_base64: 'MQ==' },
      ],
      then: [
        { op: 'put', key: a, value: 2 },
        { op: 'increment', key: b, by: 5 },
        { op: 'get', key: a },
      ],
      else: [{ op: 'get', key: b }],
    };
    const first = await txn(body);
    expect([first.status, first.json]).toMatchObject([
      200,
      {
        succeeded: true,
        results: [
          { status: 200, version: 2 },
          { status: 201, value: 5, applied: 5 },
          { status: 200, key: a, value: 2 },
        ],
      },
    ]);
    const { results, revisions } = first.json as { results: { revision: number }[]; revisions: Record<string, number> };
    expect(revisions).toEqual({ 0: results[0]?.revision });
    const second = await txn(body);
    expect(second.json).toMatchObject({ succeeded: false, results: [{ status: 200, value: 5 }] });
  });

  it('compares by unchanged_since also of a key that was never there, in a shard without any program before', async () => {
    const own = await startReal('leader')();
    const ask = async (body: object): Promise<unknown> =>
      (await own.http.ask('POST', '/v1/txn', { 'content-type': 'application/json' }, JSON.stringify(body))).json;
    try {
      const [a, b] = [fresh(), fresh()];
      const applied = async (): Promise<number> => {
        const { revisions } = (await ask({ then: [{ op: 'get', key: a }] })) as { revisions: Record<string, number> };
        return Math.max(...Object.values(revisions));
      };
      // The second entry is the leader's, with which deletions begin to be kept; nothing else is written here.
      await expect.poll(applied, { timeout: 10_000, interval: 5 }).toBe(2);
      const since = await applied();
      const compared = (key: string): object => ({ if: [{ key, unchanged_since: since }], then: [{ op: 'get', key }] });
      expect(await ask(compared(a))).toMatchObject({ succeeded: true });
      await own.http.ask('PUT', `/v1/kv/${b}`, { 'content-type': 'application/json' }, '1');
      await own.http.ask('DELETE', `/v1/kv/${b}`);
      expect(await ask(compared(b))).toMatchObject({ succeeded: false });
      expect(await ask(compared(a))).toMatchObject({ succeeded: true });
    } finally {
      await own.close();
    }
  });

  it.each([
    ['absent', (key: string) => ({ key, absent: true })],
    ['revision', (key: string) => ({ key, revision: 1 })],
    ['version', (key: string) => ({ key, version: 2 })],
    ['value', (key: string) => ({ key, value: { a: 2 } })],
    ['value in bytes', (key: string) => ({ key, value_base64: 'MQ==' })],
    ['unchanged_since', (key: string) => ({ key, unchanged_since: 1 })],
    ['exists', () => ({ key: 'never', exists: true })],
  ])('a comparison that does not hold: %s', async (_, comparison) => {
    const key = fresh();
    await put(key, '{"a":1}');
    const answer = await txn({ if: [comparison(key)], then: [{ op: 'delete', key }] });
    expect(answer.json).toMatchObject({ succeeded: false, results: [] });
    expect((await get(key)).status).toBe(200);
  });

  it('one that fails fails the whole, and says which', async () => {
    const [a, b] = [fresh(), fresh()];
    await put(b, '"text"');
    const then = [
      { op: 'put', key: a, value: 1 },
      { op: 'increment', key: b, by: 1 },
    ];
    const failed = await txn({ then });
    expect([failed.status, failed.json]).toMatchObject([
      409,
      { code: 'wrong-type', outcome: 'not_applied', field: 'then[1]' },
    ]);
    expect((await get(a)).status).toBe(404);
    const inElse = await txn({ if: [{ key: a, exists: true }], else: then });
    expect(inElse.json).toMatchObject({ code: 'wrong-type', field: 'else[1]' });
    const continued = await txn({ then, on_error: 'continue' });
    expect(continued.json).toMatchObject({
      succeeded: true,
      results: [{ status: 201 }, { status: 409, code: 'wrong-type' }],
    });
    expect((await get(a)).text).toBe('1');
  });

  it('reads several keys at once without an entry', async () => {
    const [a, b] = [fresh(), fresh()];
    const revision = await put(a, '1');
    const answer = await txn({
      if: [{ key: a, exists: true }],
      then: [
        { op: 'get', key: a },
        { op: 'get', key: b },
      ],
    });
    expect(answer.json).toMatchObject({ succeeded: true, results: [{ value: 1, revision }, { status: 404 }] });
    expect(front.http.backend.received.at(-1)?.operation.type).toBe('read');
    expect((await txn({ if: [{ key: a, version: 1 }] })).json).toMatchObject({ succeeded: true, results: [] });
  });

  it('is applied once per idempotency key; long results are not kept', async () => {
    const key = fresh();
    const headers = { 'idempotency-key': uuid() };
    const body = { then: [{ op: 'increment', key, by: 1 }] };
    const first = await txn(body, headers);
    const again = await txn(body, headers);
    expect([again.text, again.headers['idempotency-replayed']]).toEqual([first.text, 'true']);
    expect((await txn({ then: [{ op: 'increment', key, by: 2 }] }, headers)).status).toBe(422);
    const long = fresh();
    await put(long, JSON.stringify('x'.repeat(10_000)));
    const other = { 'idempotency-key': uuid() };
    const reading = {
      then: [
        { op: 'increment', key, by: 1 },
        { op: 'get', key: long },
      ],
    };
    expect((await txn(reading, other)).text.length).toBeGreaterThan(10_000);
    const replayed = await txn(reading, other);
    expect(replayed.json).toMatchObject({ succeeded: true, results_omitted: true });
    expect(replayed.json).not.toHaveProperty('results');
    const failing = { 'idempotency-key': uuid() };
    const wrong = { then: [{ op: 'increment', key: long, by: 1 }] };
    await txn(wrong, failing);
    const refused = await txn(wrong, failing);
    expect([refused.status, refused.headers['idempotency-replayed']]).toEqual([409, 'true']);
  });

  it('may name a key several times', async () => {
    const key = fresh();
    const answer = await txn({
      then: [
        { op: 'put', key, value: 1 },
        { op: 'delete', key },
        { op: 'put', key, value_base64: 'Mg==', if: { absent: true } },
        { op: 'append', key, value: '3' },
      ],
    });
    expect(answer.json).toMatchObject({
      results: [{ status: 201 }, { deleted: true }, { status: 201 }, { status: 200 }],
    });
    expect((await get(key)).text).toBe('23');
  });
});

describe('over several shards', () => {
  let wide: Front;
  beforeAll(async () => {
    wide = await startReal('router', 4)();
  });
  afterAll(async () => {
    wide.checkNodes();
    await wide.close();
  });
  const ask = (body: unknown, headers = {}): Promise<Answered> =>
    wide.http.ask('POST', '/v1/txn', { 'content-type': 'application/json', ...headers }, JSON.stringify(body));

  it('all or nothing, with the revision of each shard', async () => {
    const keys = Array.from({ length: 12 }, fresh);
    const put = await ask({ then: keys.map((key, index) => ({ op: 'put', key, value: index })) });
    expect(put.json).toMatchObject({ succeeded: true, results: keys.map(() => ({ status: 201, version: 1 })) });
    expect(Object.keys((put.json as { revisions: object }).revisions)).toHaveLength(4);
    const got = await ask({ then: keys.map((key) => ({ op: 'get', key })) });
    expect(got.json).toMatchObject({ results: keys.map((key, index) => ({ key, value: index })) });
    const swap = {
      if: keys.map((key) => ({ key, version: 1 })),
      then: keys.map((key) => ({ op: 'delete', key })),
      else: keys.map((key) => ({ op: 'get', key })),
    };
    expect((await ask({ ...swap, if: [...swap.if, { key: fresh(), exists: true }] })).json).toMatchObject({
      succeeded: false,
      results: keys.map((key, index) => ({ key, value: index })),
    });
    const { results, revisions } = (await ask(swap)).json as {
      results: { deleted: boolean; revision: number }[];
      revisions: Record<string, number>;
    };
    expect(results.every(({ deleted }) => deleted)).toBe(true);
    expect(new Set(results.map(({ revision }) => revision))).toEqual(new Set(Object.values(revisions)));
  });

  it('that only gets, and has other keys in else, reads those of then', async () => {
    const [here, ...elsewhere] = Array.from({ length: 12 }, fresh).map((key) => ({ op: 'get', key }));
    const read = await ask({ then: [here], else: elsewhere });
    expect([read.status, read.json]).toMatchObject([200, { succeeded: true, results: [{ status: 404 }] }]);
    const nothing = await ask({ then: [], else: elsewhere });
    expect([nothing.status, nothing.json]).toEqual([200, { succeeded: true, results: [], revisions: {} }]);
  });

  it('refuses the revision that no key has', async () => {
    const then = [fresh(), fresh(), fresh(), fresh(), fresh(), fresh()].map((key) => ({ op: 'put', key, value: 1 }));
    const guess = { ...then[0], if: { revision: 2 ** 48 - 1 } };
    const refused = await ask({ then: [...then, guess] });
    expect([refused.status, refused.json]).toMatchObject([400, { code: 'invalid-request', field: 'revision' }]);
    const other = await ask({ then: [...then, { ...guess, if: { revision: 2 ** 48 - 2 } }] });
    expect([other.status, other.json]).toMatchObject([412, { code: 'precondition-failed' }]);
  });

  it('is applied once per idempotency key', async () => {
    const keys = Array.from({ length: 6 }, fresh);
    const body = { then: keys.map((key) => ({ op: 'increment', key, by: 1 })) };
    const headers = { 'idempotency-key': uuid() };
    const first = await ask(body, headers);
    const again = await ask(body, headers);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(again.json).toEqual(first.json);
    expect(Object.keys((again.json as { revisions: object }).revisions).length).toBeGreaterThan(1);
  });

  it('replays the revisions of all shards, also of those in which it only deletes or reads', async () => {
    const gone = Array.from({ length: 5 }, fresh);
    await ask({ then: gone.map((key) => ({ op: 'put', key, value: 1 })) });
    const deletions = gone.map((key) => ({ op: 'delete', key }));
    const reads = Array.from({ length: 5 }, () => ({ op: 'get', key: fresh() }));
    const puts = [{ op: 'put', key: fresh(), value: 1 }];
    for (const then of [deletions, [...reads, ...puts], [...reads, ...deletions]]) {
      const headers = { 'idempotency-key': uuid() };
      const first = await ask({ then }, headers);
      const { revisions, results } = first.json as { revisions: Record<string, number>; results: unknown[] };
      expect(results).toHaveLength(then.length);
      expect(Object.values(revisions).length).toBeGreaterThan(1);
      const again = await ask({ then }, headers);
      expect([again.json, again.headers['idempotency-replayed']]).toEqual([first.json, 'true']);
    }
  });

  it('replays the revisions also where the results are too long to be kept', async () => {
    const then = Array.from({ length: 6 }, () => ({
      ...{ op: 'put', key: fresh(), value: 'x'.repeat(1_000), return: 'representation' },
    }));
    const headers = { 'idempotency-key': uuid() };
    const first = await ask({ then }, headers);
    const again = await ask({ then }, headers);
    const { revisions } = first.json as { revisions: object };
    expect(again.json).toEqual({ succeeded: true, results_omitted: true, revisions });
  });
});
