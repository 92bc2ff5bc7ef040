/** `/v1/ns` over a real cluster: limits under concurrency, and every data route below a namespace. */
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

const JSON_TYPE = { 'content-type': 'application/json' };
const ask = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answered> =>
  front.http.ask(
    method,
    `/v1/ns${path}`,
    { ...JSON_TYPE, ...headers },
    body === undefined ? undefined : JSON.stringify(body),
  );
const codeOf = ({ status, json }: Answered): string => `${status} ${(json as { code?: string }).code ?? ''}`;
let unique = 0;
async function created(limits: object = {}): Promise<string> {
  const name = `ns-${++unique}`;
  expect((await ask('PUT', `/${name}`, limits)).status).toBe(201);
  return name;
}
const info = async (name: string): Promise<unknown> => (await ask('GET', `/${name}`)).json;

describe('a namespace', () => {
  it('is created, changed, shown, listed and removed', async () => {
    const name = await created({ max_keys: 2 });
    expect(await info(name)).toMatchObject({ namespace: name, keys: 0, bytes: 0, max_keys: 2, max_bytes: null });
    expect((await ask('PUT', `/${name}`, { max_bytes: 9 })).json).toMatchObject({ created: false, max_bytes: 9 });
    const page = (await ask('GET', '?limit=10000')).json as { items: { namespace: string }[]; cursor: null };
    expect(page.items.map(({ namespace }) => namespace)).toContain(name);
    expect((await ask('DELETE', `/${name}`)).json).toMatchObject({ deleted: true });
    expect(codeOf(await ask('GET', `/${name}`))).toBe('404 namespace-not-found');
    expect(codeOf(await ask('DELETE', `/${name}`))).toBe('404 namespace-not-found');
  });

  it('says where its keys are: all in its shard', async () => {
    const name = await created();
    const { shard } = (await info(name)) as { shard: number };
    for (const [path, key] of [
      ['k', 'k'],
      ['a/b%20c', 'a/b c'],
      ['%5B1%5D?key_type=json', '[1]'],
    ]) {
      const answer = await ask('GET', `/${name}/where/${path}`);
      expect(answer.json).toMatchObject({ namespace: name, key, shard, leader: expect.any(Number) as unknown });
    }
    expect((await ask('PUT', `/${name}/where/k`)).status).toBe(405);
  });

  it('that does not exist is a 404 in every route', async () => {
    const ops = { ops: [{ op: 'get', key: 'k' }] };
    for (const [method, path, body] of [
      ['GET', '/none/kv/k', undefined],
      ['PUT', '/none/kv/k', 1],
      ['DELETE', '/none/kv/k', undefined],
      ['GET', '/none/kv?prefix=a', undefined],
      ['GET', '/none/kv?count_only=true', undefined],
      ['DELETE', '/none/kv?prefix=a', undefined],
      ['GET', '/none/kv?start=b&end=a', undefined],
      ['GET', '/none/kv?start=b&end=a&count_only=true', undefined],
      ['DELETE', '/none/kv?start=b&end=a', undefined],
      ['DELETE', '/none/kv?start=b&end=a&dry_run=true', undefined],
      ['POST', '/none/txn', { then: ops.ops }],
      ['POST', '/none/txn', { then: ops.ops, on_error: 'continue' }],
      ['POST', '/none/txn', { then: [{ op: 'put', key: 'k', value: 1 }], on_error: 'continue' }],
      ['POST', '/none/txn', { if: [{ key: 'k', absent: true }] }],
      ['POST', '/none/batch', ops],
      ['POST', '/none/batch', { ops: [{ op: 'put', key: 'k', value: 1 }, ...ops.ops] }],
      ['GET', '/none/where/k', undefined],
    ] as const) {
      expect(`${method} ${path} ${codeOf(await ask(method, path, body))}`).toContain(' 404 namespace-not-found');
    }
    const lines = { 'content-type': 'application/x-ndjson', 'idempotency-key': uuid() };
    for (const replayed of [undefined, 'true']) {
      const answer = await front.http.ask('POST', '/v1/ns/none/batch', lines, '{"op":"delete","key":"k"}\n');
      expect([codeOf(answer), answer.json]).toMatchObject(['404 namespace-not-found', { outcome: 'not_applied' }]);
      expect(answer.headers['idempotency-replayed']).toBe(replayed);
    }
    const stream = await ask('GET', '/none/kv?start=b&end=a', undefined, { accept: 'application/x-ndjson' });
    expect(codeOf(stream)).toBe('404 namespace-not-found');
    const name = await created();
    expect((await ask('GET', `/${name}/kv?start=b&end=a`)).json).toMatchObject({ items: [], cursor: null });
    expect((await ask('DELETE', `/${name}/kv?start=b&end=a`)).json).toEqual({ deleted: 0 });
    const none = await ask('GET', `/${name}/kv?start=b&end=a`, undefined, { accept: 'application/x-ndjson' });
    expect(JSON.parse(none.text)).toMatchObject({ end: true, count: 0 });
  });

  it('is described in JSON, or by nothing', async () => {
    const put = (type: string | undefined, body?: string): Promise<Answered> =>
      front.http.ask('PUT', '/v1/ns/typed', type === undefined ? {} : { 'content-type': type }, body);
    for (const type of [undefined, 'text/plain', 'application/jsonp', 'application/json; charset=latin1', 'json']) {
      const answer = await put(type, '{}');
      expect([codeOf(answer), answer.headers['accept']]).toEqual(['415 unsupported-media-type', 'application/json']);
      expect(answer.json).toMatchObject({ outcome: 'not_applied' });
    }
    expect(codeOf(await ask('GET', '/typed'))).toBe('404 namespace-not-found');
    expect((await put('Application/JSON; charset=UTF-8', '{}')).status).toBe(201);
    for (const type of [undefined, 'text/plain']) expect((await put(type, '')).status).toBe(200);
  });

  it.each([
    ['PUT', '/-a', {}],
    ['PUT', '/A', {}],
    ['PUT', `/${'a'.repeat(64)}`, {}],
    ['PUT', '/a%2Db', {}],
    ['PUT', '/a_b/kv/k', {}],
    ['GET', '/', undefined],
    ['PUT', '/a', { max_keys: -1 }],
    ['PUT', '/a', { max_keys: 1.5 }],
    ['PUT', '/a', { max_bytes: '9' }],
    ['PUT', '/a', { max_bytes: 2 ** 48 }],
    ['PUT', '/a', { keys: 1 }],
    ['PUT', '/a', []],
    ['DELETE', '/a?force=yes', undefined],
    ['GET', '/a_b/where/k', undefined],
    ['GET', '/a/where/', undefined],
    ['GET', '/a/where/k?key_type=text', undefined],
    ['GET', '?limit=0', undefined],
    ['GET', '?prefix=a', undefined],
  ])('%s %s is refused', async (method, path, body) => {
    expect(codeOf(await ask(method, path, body))).toBe('400 invalid-request');
  });
});

describe('keys of a namespace', () => {
  it('are those that were written, apart from the main keyspace and other namespaces', async () => {
    const [a, b] = [await created(), await created()];
    for (const name of [a, b]) expect((await ask('PUT', `/${name}/kv/dir/k`, name)).status).toBe(201);
    expect((await ask('GET', `/${a}/kv/dir/k`)).json).toBe(a);
    expect((await front.http.ask('GET', '/v1/kv/dir/k')).status).toBe(404);
    const envelope = await ask('GET', `/${a}/kv/dir/k`, undefined, { accept: 'application/vnd.kvorum+json' });
    expect(envelope.json).toMatchObject({ key: 'dir/k', value: a });
    await ask('PUT', `/${a}/kv/%5B1%5D?key_type=json`, 2);
    await ask('PATCH', `/${a}/kv/n`, { by: 2 }, { 'content-type': 'application/vnd.kvorum.increment+json' });
    const { items } = (await ask('GET', `/${a}/kv?limit=9`)).json as { items: object[] };
    expect(items).toMatchObject([{ key: 'dir/k' }, { key: 'n', value: 2 }, { key: [1], key_type: 'json' }]);
    expect((await ask('GET', `/${a}/kv?delimiter=/`)).json).toMatchObject({ items: [{ prefix: 'dir/' }, {}, {}] });
    expect((await ask('GET', `/${a}/kv?reverse=true&limit=1&prefix=d`)).json).toMatchObject({
      items: [{ key: 'dir/k' }],
    });
    const main = (await front.http.ask('GET', '/v1/kv?keys_only=true')).json as { items: unknown[] };
    expect(main.items).toEqual([]);
    expect((await ask('DELETE', `/${a}/kv/n`)).json).toMatchObject({ deleted: true });
    expect((await ask('DELETE', `/${a}/kv?start=a`)).json).toEqual({ deleted: 2 });
    expect(await info(a)).toMatchObject({ keys: 0, bytes: 0 });
    expect(await info(b)).toMatchObject({ keys: 1, bytes: 5 + b.length + 2 });
  });

  it('take batches, and transactions of 2,000 operations', async () => {
    const name = await created();
    const ops = Array.from({ length: 2_001 }, (_, key) => ({ op: 'put', key: `${key}`, value: 0 }));
    expect(codeOf(await ask('POST', `/${name}/txn`, { then: ops }))).toBe('400 invalid-request');
    expect((await ask('POST', `/${name}/txn`, { then: ops.slice(1) })).json).toMatchObject({ succeeded: true });
    const batch = await ask('POST', `/${name}/batch`, {
      ops: [
        { op: 'get', key: '7' },
        { op: 'delete', key: '8' },
      ],
    });
    expect(batch.json).toMatchObject({ results: [{ key: '7', value: 0 }, { deleted: true }] });
    expect(await info(name)).toMatchObject({ keys: 1_999 });
    const id = { 'idempotency-key': uuid() };
    expect(codeOf(await ask('DELETE', `/${name}`))).toBe('409 namespace-not-empty');
    expect((await ask('DELETE', `/${name}?force=true`, undefined, id)).json).toMatchObject({ deleted: true });
    // A replay must not touch the keys of a namespace that was created since.
    expect((await ask('PUT', `/${name}`, {})).status).toBe(201);
    await ask('PUT', `/${name}/kv/kept`, 1);
    const again = await ask('DELETE', `/${name}?force=true`, undefined, id);
    expect([again.json, again.headers['idempotency-replayed']]).toMatchObject([{ deleted: true }, 'true']);
    expect(await info(name)).toMatchObject({ keys: 1 });
  });

  it('are never more than the limit, whoever writes at the same time', async () => {
    const name = await created({ max_keys: 10 });
    const answers = await Promise.all(Array.from({ length: 40 }, (_, key) => ask('PUT', `/${name}/kv/k${key}`, key)));
    const codes = answers.map(codeOf);
    expect(codes.filter((code) => code === '201 ')).toHaveLength(10);
    expect(codes.filter((code) => code === '507 quota-exceeded')).toHaveLength(30);
    expect(await info(name)).toMatchObject({ keys: 10 });
    const { json } = await ask('GET', `/${name}/kv?count_only=true`);
    expect(json).toMatchObject({ count: 10 });
  });
});
