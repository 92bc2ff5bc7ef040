/** One client may ask for more values than one answer can have: then its own operations fail, over all shards. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DistributedKeyValueStore } from '../../src/index.js';
import { AnswerBudget, askWithinBytes, MAX_ASKED_BYTES } from '../../src/router/dispatch/answer-budget.js';
import { MAX_ANSWER_BYTES, type StepResult } from '../../src/shard/index.js';
import { startReal, type Front } from '../support/fronts.js';
import type { Answered } from '../support/http-harness.js';

const MIB = 1024 * 1024;
/** As many values as have room, and four more. */
const KEYS = Array.from({ length: MAX_ANSWER_BYTES / MIB + 4 }, (_, at) => `long-${at}`);
const TOO_LARGE = { status: 413, code: 'value-too-large', field: 'results', limit: MAX_ANSWER_BYTES };

describe('row 50 over HTTP', () => {
  let front: Front;
  beforeAll(async () => {
    front = await startReal('router', 4)();
    for (const key of KEYS) await front.http.ask('PUT', `/v1/kv/${key}`, {}, Buffer.alloc(MIB));
  });
  afterAll(async () => {
    front.checkNodes();
    await front.close();
  });

  const post = (route: string, body: unknown): Promise<Answered> =>
    front.http.ask('POST', `/v1/${route}`, { 'content-type': 'application/json' }, JSON.stringify(body));
  const gets = KEYS.map((key) => ({ op: 'get', key }));
  const resultsOf = ({ json }: Answered): Record<string, unknown>[] =>
    (json as { results: Record<string, unknown>[] }).results;
  const exists = async (key: string): Promise<boolean> =>
    (await front.http.ask('HEAD', `/v1/kv/${key}`)).status === 200;

  it('a get of a batch that has no room is refused by itself', async () => {
    const answer = await post('batch', { ops: gets });
    const refused = resultsOf(answer).filter(({ status }) => status !== 200);
    expect([answer.status, refused]).toMatchObject([200, [TOO_LARGE, TOO_LARGE, TOO_LARGE, TOO_LARGE]]);
    expect((await post('batch', { ops: gets.slice(4) })).json).toMatchObject({
      results: gets.slice(4).map(({ key }) => ({ status: 200, key })),
    });
  });

  it('what a batch wrote stays written: only its record is left out', async () => {
    const ops = KEYS.map((key) => ({ op: 'touch', key, ttl: '1h', return: 'representation' }));
    const results = resultsOf(await post('batch', { ops }));
    expect(results.map(({ status }) => status)).toEqual(KEYS.map(() => 200));
    expect(results.filter((each) => each['record_omitted'] === true)).toHaveLength(4);
    expect(results.filter((each) => each['record'] !== undefined)).toHaveLength(KEYS.length - 4);
  });

  it('a transaction is refused as a whole, and has done nothing', async () => {
    const refused = [413, { code: 'value-too-large', outcome: 'not_applied' }];
    const read = await post('txn', { then: gets });
    expect([read.status, read.json]).toMatchObject(refused);
    const writing = await post('txn', { then: [{ op: 'put', key: 'never', value: 1 }, ...gets] });
    expect([writing.status, writing.json]).toMatchObject(refused);
    const comparing = await post('txn', { if: [{ key: 'never', exists: true }], then: [], else: gets });
    expect([comparing.status, comparing.json]).toMatchObject(refused);
    expect(await exists('never')).toBe(false);
    // Nothing is left locked.
    expect((await post('txn', { then: KEYS.map((key) => ({ op: 'touch', key, ttl: null })) })).status).toBe(200);
  });

  it('a transaction that may go on answers what has room', async () => {
    const read = await post('txn', { then: gets, on_error: 'continue' });
    expect(resultsOf(read).filter(({ status }) => status === 413)).toHaveLength(4);
    const written = await post('txn', { then: [{ op: 'put', key: 'once', value: 1 }, ...gets], on_error: 'continue' });
    expect([written.status, resultsOf(written)[0]]).toMatchObject([200, { status: 201 }]);
    const values = resultsOf(written).filter(({ value_base64: value }) => value !== undefined);
    expect(values.length).toBeLessThanOrEqual(MAX_ANSWER_BYTES / MIB);
    expect(await exists('once')).toBe(true);
  });
});

describe('embedded', () => {
  it('a get of a batch that has no room fails by itself', async () => {
    await using store = new DistributedKeyValueStore({ nodes: 1, replicas: 1, shards: 4 });
    const value = new Uint8Array(MIB);
    for (const key of KEYS) await store.put(key, value);
    const results = await store.batch(KEYS.map((key) => ({ op: 'get', key })));
    const failed = results.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
    const reason = { code: 'value-too-large', outcome: 'not_applied', details: { limit: MAX_ANSWER_BYTES } };
    expect(failed.length).toBeGreaterThanOrEqual(4);
    expect(failed).toMatchObject(failed.map(() => reason));
    expect(results.length - failed.length).toBeGreaterThanOrEqual(MAX_ANSWER_BYTES / MIB - 1);
  }, 20_000);
});

describe('while the answers of the shards come in', () => {
  const record = (bytes: number) => ({
    ...{ revision: 1, createRevision: 1, version: 1, contentType: 'a/b', expiresAtMs: undefined },
    body: new Uint8Array(bytes),
  });
  const got = (bytes: number): StepResult => ({ type: 'get', record: record(bytes) });

  it('no more is asked for than may be held, and answers are used in their order', async () => {
    const most = MAX_ASKED_BYTES / 4;
    let [asked, mostAsked] = [0, 0];
    const waiting: (() => void)[] = [];
    const askings = Array.from({ length: 10 }, (_, at) => ({
      most,
      ask: () => {
        mostAsked = Math.max(mostAsked, (asked += 1));
        return new Promise<number>((resolve) =>
          waiting.push(() => {
            resolve(at);
          }),
        );
      },
    }));
    const used: number[] = [];
    const ended = askWithinBytes(askings, (at) => {
      used.push(at);
      asked -= 1;
    });
    while (used.length < 10) {
      expect(waiting.length).toBeGreaterThan(0);
      // The latest is answered first.
      for (const answer of waiting.splice(0).reverse()) answer();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await ended;
    expect([mostAsked, used]).toEqual([4, [...Array(10).keys()]]);
  });

  it('an answer that is longer than may be held is asked for alone', async () => {
    const order: string[] = [];
    const asking = (name: string) => ({
      most: 2 * MAX_ASKED_BYTES,
      ask: () => {
        order.push(`ask ${name}`);
        return Promise.resolve(name);
      },
    });
    await askWithinBytes([asking('a'), asking('b')], (name) => order.push(`use ${name}`));
    expect(order).toEqual(['ask a', 'use a', 'ask b', 'use b']);
  });

  it('a value that is kept does not keep those that are not', () => {
    const bytes = new Uint8Array(MAX_ANSWER_BYTES);
    const [small, long] = [bytes.subarray(0, 10), bytes.subarray(10)];
    const budget = new AnswerBudget(100);
    const of = (body: Uint8Array): StepResult => ({ type: 'get', record: { ...record(0), body } });
    const [kept, refused] = budget.fitAll([of(small), of(long)]);
    expect(refused).toMatchObject({ type: 'failed', code: 'value-too-large', details: { limit: 100 } });
    expect(kept).toMatchObject({ type: 'get', record: { body: Uint8Array.from(small) } });
    expect(kept?.type === 'get' && kept.record?.body.buffer.byteLength).toBe(10);
  });

  it('the budget is one for all shards; the first value has room, however long', () => {
    const budget = new AnswerBudget(100);
    expect(budget.fitAll([got(0), got(90)]).map(({ type }) => type)).toEqual(['get', 'get']);
    expect(budget.fitAll([got(11), got(10), { type: 'get', record: undefined }])).toMatchObject([
      { type: 'failed' },
      { type: 'get', record: { version: 1 } },
      { type: 'get' },
    ]);
    const deleted = { type: 'delete', deleted: true, record: record(1) } as const;
    expect(budget.fitAll([deleted])).toEqual([{ type: 'delete', deleted: true, isRecordOmitted: true }]);
    expect(new AnswerBudget(100).fitAll([got(101)])).toMatchObject([{ type: 'get', record: { version: 1 } }]);
  });
});
