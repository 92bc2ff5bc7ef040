/** `GET /v1/kv?…`: pages over HTTP, cursors, and what is refused. */
import { beforeEach, describe, expect, it } from 'vitest';
import { encodeKey } from '../../src/shard/index.js';
import { FRONTS } from '../support/fronts.js';
import { serversOfEachTest, type HttpHarness } from '../support/http-harness.js';
import type { HeldBackend } from '../support/held-backend.js';

interface Body {
  readonly items: readonly Record<string, unknown>[];
  readonly cursor: string | null;
  readonly revisions: Record<string, number>;
}

const start = serversOfEachTest();
let http: HttpHarness;

beforeEach(async () => {
  http = await start();
});

async function put(path: string, body = '1', type = 'application/json', server: Asks = http): Promise<void> {
  const { status } = await server.ask('PUT', `/v1/kv/${path}`, { 'content-type': type }, body);
  expect(status).toBe(201);
}

type Asks = Pick<HttpHarness<HeldBackend>, 'ask'>;

async function page(query: string, server: Asks = http): Promise<Body> {
  const { status, json, text } = await server.ask('GET', `/v1/kv${query}`);
  expect({ status, text: status === 200 ? '' : text }).toEqual({ status: 200, text: '' });
  return json as Body;
}

const keysOf = ({ items }: Body): unknown[] =>
  items.map(({ key, prefix }) => (prefix === undefined ? key : { prefix }));

describe('a page', () => {
  it('has envelopes in the order of keys, a cursor, and a revision of each shard', async () => {
    for (const key of ['b', 'a', 'c']) await put(key, `{"v":"${key}"}`);
    await put('d', 'raw', 'text/plain');
    const { items, cursor, revisions } = await page('');
    const of = { version: 1, shard: expect.any(Number) as number, revision: expect.any(Number) as number };
    const json = { content_type: 'application/json', create_revision: expect.any(Number) as number, ...of };
    expect(items).toEqual([
      { key: 'a', value: { v: 'a' }, ...json },
      { key: 'b', value: { v: 'b' }, ...json },
      { key: 'c', value: { v: 'c' }, ...json },
      { key: 'd', value_base64: 'cmF3', ...json, content_type: 'text/plain' },
    ]);
    expect(cursor).toBeNull();
    expect(Object.keys(revisions)).toEqual(['0', '1', '2', '3']);
  });

  it('of a prefix, of bounds, in reverse, without values, and counted', async () => {
    for (const key of ['a/1', 'a/2', 'b/1', 'b/2', 'c']) await put(key);
    expect(keysOf(await page('?prefix=b/'))).toEqual(['b/1', 'b/2']);
    expect(keysOf(await page('?start=a/2&end=b/2'))).toEqual(['a/2', 'b/1']);
    expect(keysOf(await page('?start=b/2'))).toEqual(['b/2', 'c']);
    expect(keysOf(await page('?end=a/2'))).toEqual(['a/1']);
    expect(keysOf(await page('?start=c&end=a'))).toEqual([]);
    expect(keysOf(await page('?reverse=true&prefix=a'))).toEqual(['a/2', 'a/1']);
    expect(keysOf(await page('?delimiter=/'))).toEqual([{ prefix: 'a/' }, { prefix: 'b/' }, 'c']);
    expect(keysOf(await page('?prefix=a/&delimiter=/'))).toEqual(['a/1', 'a/2']);
    expect((await page('?keys_only=true&prefix=c')).items.map((item) => Object.keys(item))).toEqual([['key', 'shard']]);
    expect((await http.ask('GET', '/v1/kv?count_only=true&prefix=b')).json).toMatchObject({ count: 2 });
  });

  it('names keys of other types so that they can be asked for', async () => {
    await put('%5B%22user%22%2C42%5D?key_type=json');
    await put('%5B%22user%22%2C7%5D?key_type=json');
    await put('%5B%22other%22%5D?key_type=json');
    await put('_w?key_type=base64url');
    await put('text');
    const { items } = await page('');
    expect(items.map(({ key, key_type }) => [key, key_type])).toEqual([
      ['text', undefined],
      ['_w', 'base64url'],
      [['other'], 'json'],
      [['user', 7], 'json'],
      [['user', 42], 'json'],
    ]);
    expect(keysOf(await page('?prefix=%5B%22user%22%5D&key_type=json'))).toEqual([
      ['user', 7],
      ['user', 42],
    ]);
    expect(keysOf(await page('?start=%5B%22user%22%2C8%5D&key_type=json'))).toEqual([['user', 42]]);
    expect(keysOf(await page('?prefix=_w&key_type=base64url'))).toEqual(['_w']);
  });

  it('shows keys that have no form in JSON as they are encoded', async () => {
    const key = encodeKey(new Date(0));
    const type = 'text/plain';
    const write = { type: 'put', key, body: Buffer.from('x'), contentType: type, condition: { type: 'none' } } as const;
    const identity = { operationId: new Uint8Array(16), attempt: 'initial' } as const;
    await http.dispatcher.execute({ ...write, ...identity }, { deadlineMs: 1_000, forward: true });
    const { items } = await page('');
    expect(items).toMatchObject([{ key: Buffer.from(key).toString('base64url'), key_type: 'encoded' }]);
  });

  it('asks one shard where the prefix has a whole hash tag', async () => {
    const { received } = http.backend;
    for (const [prefix, shards] of [
      ['{u1}:', 1],
      ['{u1}', 1],
      ['{u1', 4],
      ['{}a', 4],
    ] as const) {
      received.length = 0;
      await page(`?prefix=${encodeURIComponent(prefix)}`);
      expect(received.length).toBe(shards);
    }
  });

  it('to HEAD has the same head and no body', async () => {
    await put('a');
    const { status, headers, body } = await http.ask('HEAD', '/v1/kv?prefix=a');
    expect([status, body.length, headers['content-type']]).toEqual([200, 0, 'application/json']);
    expect(Number(headers['content-length'])).toBeGreaterThan(20);
  });
});

describe('cursors', () => {
  it('lead through the whole range, whatever limit and content the pages have', async () => {
    const keys = Array.from({ length: 57 }, (_, n) => String(100 + n));
    for (const key of keys) await put(key);
    for (const reverse of [false, true]) {
      const got: unknown[] = [];
      let [query, pages] = [`?reverse=${reverse}&limit=10`, 0];
      for (let cursor: string | null = ''; cursor !== null; pages += 1) {
        const body = await page(query);
        got.push(...keysOf(body));
        cursor = body.cursor;
        query = `?reverse=${reverse}&limit=${7 + pages}&keys_only=${pages % 2 === 0}&cursor=${cursor ?? ''}`;
      }
      expect(got).toEqual(reverse ? [...keys].reverse() : keys);
      expect(pages).toBeLessThan(8);
    }
  });

  it('row 46 of another query, another cluster, or nobody are refused', async () => {
    for (const key of ['a1', 'a2', 'a3']) await put(key);
    const { cursor } = await page('?prefix=a&limit=1');
    const refusal = async (query: string, server: Asks = http): Promise<unknown> => {
      const { status, json } = await server.ask('GET', `/v1/kv${query}`);
      return [status, (json as { code: string; field: string }).code, (json as { field: string }).field];
    };
    const refused = [400, 'invalid-request', 'cursor'];
    expect(keysOf(await page(`?prefix=a&cursor=${cursor ?? ''}`))).toEqual(['a2', 'a3']);
    expect(await refusal(`?prefix=b&cursor=${cursor ?? ''}`)).toEqual(refused);
    expect(await refusal(`?prefix=a&reverse=true&cursor=${cursor ?? ''}`)).toEqual(refused);
    expect(await refusal(`?prefix=a&delimiter=/&cursor=${cursor ?? ''}`)).toEqual(refused);
    for (const text of [
      '',
      'x',
      '!',
      'AAAAAAAAAAAAAAAA',
      `${cursor ?? ''}A`,
      (cursor ?? '').slice(0, -2),
      `${cursor ?? ''}=`,
    ]) {
      expect(await refusal(`?prefix=a&cursor=${encodeURIComponent(text)}`)).toEqual(refused);
    }
    const other = await start();
    const { known } = other.backend;
    if (known !== undefined) other.backend.known = { ...known, clusterUid: 'another' };
    expect(await refusal(`?prefix=a&cursor=${cursor ?? ''}`, other)).toEqual(refused);
  });
});

describe('out of grammar', () => {
  const rows: readonly (readonly [query: string, field: string])[] = [
    ['?limit=0', 'limit'],
    ['?limit=10001', 'limit'],
    ['?limit=-1', 'limit'],
    ['?limit=1.5', 'limit'],
    ['?limit=', 'limit'],
    ['?limit=1e3', 'limit'],
    ['?limit=1&limit=2', 'limit'],
    ['?reverse=yes', 'reverse'],
    ['?reverse', 'reverse'],
    ['?keys_only=1', 'keys_only'],
    ['?count_only=TRUE', 'count_only'],
    ['?count_only=true&delimiter=/', 'count_only'],
    ['?delimiter=', 'delimiter'],
    ['?delimiter=/&key_type=json&prefix=%5B%5D', 'delimiter'],
    [`?delimiter=${'x'.repeat(256)}`, 'delimiter'],
    ['?prefix=a&start=a', 'prefix'],
    ['?prefix=a&end=b', 'prefix'],
    ['?prefix=%ff', 'prefix'],
    ['?prefix=1&key_type=json', 'prefix'],
    ['?prefix=%7B%7D&key_type=json', 'prefix'],
    ['?prefix=%5B&key_type=json', 'prefix'],
    ['?start=%5B&key_type=json', 'start'],
    ['?end=%21&key_type=base64url', 'end'],
    ['?key_type=text', 'key_type'],
    ['?consistency=eventual', 'consistency'],
    ['?consistency=lease', 'consistency'],
    ['?sort=up', 'sort'],
    ['?dry_run=true', 'dry_run'],
  ];

  it.each(rows)('%s is refused, and names %s', async (query, field) => {
    const { status, json } = await http.ask('GET', `/v1/kv${query}`);
    expect([status, json]).toEqual([
      400,
      expect.objectContaining({ code: 'invalid-request', outcome: 'not_applied', field }),
    ]);
    expect(http.backend.received).toEqual([]);
  });

  it('a bound longer than any key is refused as a key', async () => {
    const { status, json } = await http.ask('GET', `/v1/kv?prefix=${'x'.repeat(4_097)}`);
    expect([status, (json as { field: string }).field]).toEqual([414, 'prefix']);
  });

  it('other methods are refused', async () => {
    for (const method of ['PUT', 'POST', 'PATCH']) {
      const { status, headers } = await http.ask(method, '/v1/kv');
      expect([status, headers['allow']]).toEqual([405, 'GET, HEAD, DELETE']);
    }
  });

  it('a path with a slash names a key that is missing, and no range', async () => {
    const { status, json } = await http.ask('GET', '/v1/kv/?prefix=a');
    expect([status, (json as { field: string }).field]).toEqual([400, 'prefix']);
    expect((await http.ask('GET', '/v1/kvx?prefix=a')).status).toBe(404);
  });
});

describe('a deletion out of grammar', () => {
  const rows: readonly (readonly [query: string, field: string, headers?: Record<string, string>])[] = [
    ['', 'query'],
    ['?dry_run=true', 'query'],
    ['?prefix=', 'prefix'],
    ['?prefix=&dry_run=true', 'prefix'],
    ['?prefix=a&end=b', 'prefix'],
    ['?prefix=a&limit=5', 'limit'],
    ['?prefix=a&dry_run=1', 'dry_run'],
    ['?prefix=a&key_type=x', 'key_type'],
    ['?prefix=a', 'if-match', { 'if-match': '"1"' }],
    ['?prefix=a', 'if-none-match', { 'if-none-match': '*' }],
    ['?prefix=a', 'idempotency-key', { 'idempotency-key': 'x' }],
  ];

  it.each(rows.map(([query, field, headers = {}]) => ({ query, field, headers })))('$query: $field', async (row) => {
    const { query, field, headers } = row;
    const { status, json } = await http.ask('DELETE', `/v1/kv${query}`, headers);
    expect([status, json]).toEqual([
      400,
      expect.objectContaining({ code: 'invalid-request', outcome: 'not_applied', field }),
    ]);
    expect(http.backend.received).toEqual([]);
  });
});

describe('a shard that refuses', () => {
  it('fails the page, and is named', async () => {
    const backend = http.backend;
    backend.answer = { type: 'refused', code: 'overloaded', outcome: 'not_applied', message: 'full', details: {} };
    const { status, json, headers } = await http.ask('GET', '/v1/kv?prefix=a');
    expect([status, json]).toEqual([429, expect.objectContaining({ code: 'overloaded', shard: 0 })]);
    expect(headers['retry-after']).toBe('1');
  });

  it('before the topology is known, and while the server closes', async () => {
    const backend = http.backend;
    const { known } = backend;
    backend.known = undefined;
    expect((await http.ask('GET', '/v1/kv')).json).toMatchObject({ code: 'no-leader', status: 503 });
    backend.known = known;
    expect((await http.ask('GET', '/v1/kv')).status).toBe(200);
  });
});

describe.each(FRONTS.slice(1))('over $name', ({ start: begin }) => {
  it('a page sees what was written before it', async () => {
    const front = await begin();
    try {
      for (const key of ['k/1', 'k/2', 'k/3']) await put(key, '{"n":1}', 'application/json', front.http);
      const first = await page('?prefix=k/&limit=2', front.http);
      expect(keysOf(first)).toEqual(['k/1', 'k/2']);
      expect(keysOf(await page(`?prefix=k/&cursor=${first.cursor ?? ''}`, front.http))).toEqual(['k/3']);
      expect((await front.http.ask('GET', '/v1/kv?count_only=true')).json).toMatchObject({ count: 3 });
      front.checkNodes();
    } finally {
      await front.close();
    }
  });

  it('a stream has every line as of one moment, and a last one that says so', async () => {
    const front = await begin();
    const ndjson = { accept: 'application/x-ndjson' };
    const linesOf = async (query: string): Promise<Record<string, unknown>[]> => {
      const { status, text } = await front.http.ask('GET', `/v1/kv${query}`, ndjson);
      expect([status, text.endsWith('\n')]).toEqual([200, true]);
      return text
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    };
    try {
      const keys = Array.from({ length: 30 }, (_, n) => `k${100 + n}`);
      for (const key of keys) await put(key, `{"text":\n"${'x'.repeat(20_000)}"}`, 'application/json', front.http);
      const lines = await linesOf('?prefix=k');
      expect(lines.slice(0, -1).map(({ key }) => key)).toEqual(keys);
      const revisions = { '0': expect.any(Number) as number };
      expect(lines.at(-1)).toEqual({ end: true, count: 30, revisions });
      const backwards = await linesOf('?prefix=k&reverse=true&keys_only=true');
      expect(backwards.slice(0, -1).map(({ key }) => key)).toEqual([...keys].reverse());
      const some = await linesOf('?prefix=k&limit=3');
      expect(some.at(-1)).toEqual({ end: true, count: 3, revisions, cursor: expect.any(String) as string });
      const rest = await linesOf(`?prefix=k&cursor=${String(some.at(-1)?.['cursor'])}`);
      expect(rest.map(({ key }) => key).slice(0, -1)).toEqual(keys.slice(3));
      expect(await linesOf('?prefix=none')).toEqual([{ end: true, count: 0, revisions }]);
      for (const accept of ['application/x-ndjson;q=0', 'application/x-ndjson;q=0.5, application/json']) {
        const { json, headers } = await front.http.ask('GET', '/v1/kv?prefix=none', { accept });
        expect([headers['content-type'], json]).toMatchObject(['application/json', { items: [] }]);
      }
      front.checkNodes();
    } finally {
      await front.close();
    }
  });

  it('a range is deleted, counted beforehand, and once under an idempotency key', async () => {
    const front = await begin();
    const remove = async (query: string, headers: Record<string, string> = {}): Promise<unknown[]> => {
      const answer = await front.http.ask('DELETE', `/v1/kv${query}`, headers);
      return [answer.status, answer.json, answer.headers['idempotency-replayed']];
    };
    try {
      for (const key of ['a/1', 'a/2', 'a/3', 'b/1', '{t}1', '{t}2']) await put(key, '1', 'text/plain', front.http);
      expect(await remove('?prefix=a/&dry_run=true')).toEqual([200, { deleted: 3 }, undefined]);
      expect(await remove('?start=a/2&end=b')).toEqual([200, { deleted: 2 }, undefined]);
      const once = { 'idempotency-key': '01890a5d-ac96-774b-bcce-b302099a8057' };
      expect(await remove('?prefix={t}', once)).toEqual([200, { deleted: 2 }, undefined]);
      await put('{t}3', '1', 'text/plain', front.http);
      expect(await remove('?prefix={t}', once)).toEqual([200, { deleted: 2 }, 'true']);
      expect(await remove('?start=c&end=b')).toEqual([200, { deleted: 0 }, undefined]);
      expect(keysOf(await page('', front.http))).toEqual(['a/1', 'b/1', '{t}3']);
      front.checkNodes();
    } finally {
      await front.close();
    }
  });
});
