/** `POST /v1/batch` over a real cluster of several shards: independent operations, in one document or as lines. */
import { v7 as uuid } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refuse } from '../../src/shard/index.js';
import { startReal, type Front } from '../support/fronts.js';
import { HttpHarness, type Answered } from '../support/http-harness.js';

let front: Front;
beforeAll(async () => {
  front = await startReal('router', 4)({ limits: { valueBytes: 65_536, maxUnsentBytes: 262_144 } });
});
afterAll(async () => {
  front.checkNodes();
  await front.close();
});

let unique = 0;
const fresh = (): string => `key-${++unique}`;
const post = (body: string, headers: Record<string, string> = {}, http = front.http): Promise<Answered> =>
  http.ask('POST', '/v1/batch', { 'content-type': 'application/json', ...headers }, body);
const batch = (ops: readonly unknown[], headers: Record<string, string> = {}): Promise<Answered> =>
  post(JSON.stringify({ ops }), headers);
const resultsOf = ({ json }: Answered): Record<string, unknown>[] =>
  (json as { results: Record<string, unknown>[] }).results;
const get = (key: string): Promise<Answered> => front.http.ask('GET', `/v1/kv/${key}`);

describe('POST /v1/batch', () => {
  it('does many operations over all shards, each with a result, in the order asked', async () => {
    const keys = Array.from({ length: 40 }, fresh);
    const answer = await batch(keys.map((key, index) => ({ op: 'put', key, value: index })));
    expect(answer.status).toBe(200);
    expect(resultsOf(answer).map(({ status, version }) => [status, version])).toEqual(keys.map(() => [201, 1]));
    const got = await batch(keys.map((key) => ({ op: 'get', key })).reverse());
    expect(resultsOf(got).map(({ key, value, status }) => [key, value, status])).toEqual(
      keys.map((key, index) => [key, index, 200]).reverse(),
    );
    expect(new Set(resultsOf(got).map(({ shard }) => shard)).size).toBe(4);
    expect(front.http.backend.received.at(-1)?.operation.type).toBe('read');
  });

  it('has every operation, and each sees those before it in its shard', async () => {
    const [a, b] = [fresh(), fresh()];
    const answer = await post(
      `{"ops":[
        {"op":"put","key":"${a}","value":{"n":12345678901234567890,"x":1.10},"ttl":"1h"},
        {"op":"patch","key":"${a}","patch":{"x":null}},
        {"op":"get","key":"${a}"},
        {"op":"increment","key":"${b}","by":9007199254740993,"max":9223372036854775807},
        {"op":"delete","key":"${a}","return":"previous"},
        {"op":"get","key":"${a}"},
        {"op":"append","key":"${a}","value":"text"},
        {"op":"append","key":"${a}","value_base64":"AP8="},
        {"op":"touch","key":"${a}","ttl":"30s"},
        {"op":"put","key":"${a}","value_base64":"/w==","content_type":"image/x","return":"representation"}
      ]}`,
    );
    expect(answer.text).toContain('"value":{"n":12345678901234567890}');
    expect(answer.text).toContain('"value":9007199254740993,"applied":9007199254740993');
    expect(resultsOf(answer)).toMatchObject([
      { status: 201, expires_at: expect.stringMatching(/Z$/) as string },
      { status: 200, version: 2 },
      { status: 200, key: a, version: 2 },
      { status: 201, created: true },
      { status: 200, deleted: true, record: { version: 2 } },
      { status: 404, code: 'key-not-found', outcome: 'not_applied' },
      { status: 201 },
      { status: 200 },
      { status: 200, version: 3 },
      { status: 200, record: { value_base64: '/w==', content_type: 'image/x' } },
    ]);
  });

  it('lets one fail without the others', async () => {
    const [a, b] = [fresh(), fresh()];
    const answer = await batch([
      { op: 'put', key: a, value: 'text' },
      { op: 'increment', key: a, by: 1 },
      { op: 'put', key: a, value: 1, if: { absent: true } },
      { op: 'delete', key: b, if: { exists: true } },
      { op: 'put', key: b, value: 2, if: { revision: 12 } },
      { op: 'put', key: b, value: 3, if: { absent: true } },
    ]);
    expect(answer.status).toBe(200);
    const [first] = resultsOf(answer);
    expect(resultsOf(answer)).toMatchObject([
      { status: 201 },
      { status: 409, code: 'wrong-type', outcome: 'not_applied', retryable: false },
      { status: 412, code: 'precondition-failed', current_revision: first?.['revision'] },
      { status: 412, code: 'precondition-failed', current_revision: 0 },
      { status: 412 },
      { status: 201 },
    ]);
    expect((await get(b)).text).toBe('3');
  });

  it('takes keys of all types, the empty one too', async () => {
    const answer = await batch([
      { op: 'put', key: '', value: 1 },
      { op: 'put', key: ['user', 42], key_type: 'json', value: 2 },
      { op: 'put', key: 'AP8', key_type: 'base64url', value: 3 },
      { op: 'get', key: ['user', 42], key_type: 'json' },
      { op: 'get', key: 'AP8', key_type: 'base64url' },
      { op: 'put', key: '__proto__', value: 4 },
    ]);
    expect(resultsOf(answer)).toMatchObject([
      { status: 201 },
      { status: 201 },
      { status: 201 },
      { key: ['user', 42], key_type: 'json', value: 2 },
      { key: 'AP8', key_type: 'base64url', value: 3 },
      { status: 201 },
    ]);
    expect((await front.http.ask('GET', '/v1/kv/%22%22?key_type=json')).text).toBe('1');
    expect((await get('__proto__')).text).toBe('4');
  });

  it('is applied once per idempotency key', async () => {
    const keys = Array.from({ length: 8 }, fresh);
    const ops = keys.map((key) => ({ op: 'increment', key, by: 1 }));
    const headers = { 'idempotency-key': uuid() };
    const first = await batch(ops, headers);
    const again = await batch(ops, headers);
    expect(again.text).toBe(first.text);
    expect([first, again].map((answer) => answer.headers['idempotency-replayed'])).toEqual([undefined, 'true']);
    const other = await batch([...ops, { op: 'increment', key: keys[0], by: 1 }], headers);
    expect(resultsOf(other).filter(({ status }) => status === 422)).not.toEqual([]);
    expect((await get(keys[0] ?? '')).text).toBe('1');
  });

  it('speaks lines: in, out, and both ways mixed', async () => {
    const [a, b] = [fresh(), fresh()];
    const lines = `{"op":"put","key":"${a}","value":1}\r\n{"op":"get","key":"${b}"}\n{"op":"get","key":"${a}"}`;
    const ndjson = { 'content-type': 'application/x-ndjson' };
    const answer = await post(lines, ndjson);
    expect(answer.headers['content-type']).toBe('application/x-ndjson');
    expect(answer.text.endsWith('\n')).toBe(true);
    expect(
      answer.text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toMatchObject([{ status: 201 }, { status: 404 }, { status: 200, value: 1 }]);
    expect(resultsOf(await post(lines, { ...ndjson, accept: 'application/json' }))).toHaveLength(3);
    const out = await batch([{ op: 'get', key: a }], { accept: 'application/x-ndjson' });
    expect(JSON.parse(out.text)).toMatchObject({ value: 1 });
    for (const accept of ['application/x-ndjson;q=0', 'application/x-ndjson;q=0.5, application/json;q=0.6']) {
      expect(resultsOf(await post(lines, { ...ndjson, accept }))).toHaveLength(3);
    }
  });

  it('bounds its answer: values that have no room are refused one by one', async () => {
    const keys = Array.from({ length: 4 }, fresh);
    await batch(keys.map((key) => ({ op: 'put', key, value: 'x'.repeat(50_000) })));
    const answer = await batch(keys.map((key) => ({ op: 'get', key })));
    const statuses = resultsOf(answer).map(({ status }) => status);
    expect([...statuses].sort()).toEqual([200, 200, 413, 413]);
    expect(resultsOf(answer).find(({ status }) => status === 413)).toMatchObject({ field: 'results', limit: 131_072 });
  });
});

describe('a shard that fails', () => {
  it('fails its operations only; of unknown outcome, with the key to retry under', async () => {
    const http = await HttpHarness.start();
    try {
      http.backend.answer = refuse('timeout');
      const answer = await post(
        '{"ops":[{"op":"put","key":"a","value":1},{"op":"put","key":"b","value":1}]}',
        {},
        http,
      );
      expect(answer.status).toBe(200);
      const results = resultsOf(answer);
      expect(results).toMatchObject([
        { status: 504, code: 'timeout', outcome: 'unknown', retryable: true },
        { status: 504, outcome: 'unknown' },
      ]);
      expect(results[0]?.['idempotency_key']).toMatch(/^[0-9a-f-]{36}$/);
      expect(results[0]?.['idempotency_key']).toBe(results[1]?.['idempotency_key']);
    } finally {
      await http.close();
    }
  }, 20_000);

  it('an unknown topology is a refusal of all', async () => {
    const http = await HttpHarness.start();
    try {
      http.backend.known = undefined;
      const answer = await post('{"ops":[{"op":"get","key":"a"}]}', {}, http);
      expect([answer.status, answer.json]).toMatchObject([503, { code: 'no-leader', outcome: 'not_applied' }]);
    } finally {
      await http.close();
    }
  });
});
