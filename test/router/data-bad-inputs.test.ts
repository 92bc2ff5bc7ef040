/** New fields of data requests, out of their grammar or bound: 400 with the name, and nothing is changed; and the like. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startReal, type Front } from '../support/fronts.js';
import type { Answered } from '../support/http-harness.js';

const LIMIT = 1_024;
let front: Front;
beforeAll(async () => {
  front = await startReal('follower', 2)({ limits: { valueBytes: LIMIT } });
  expect((await ask('PUT', '/v1/ns/there', '{"max_keys":9}')).status).toBe(201);
  expect((await ask('PUT', '/v1/kv/there', '{"n":1}')).status).toBe(201);
  expect((await ask('PUT', '/v1/ns/there/kv/in', '1')).status).toBe(201);
});
afterAll(async () => {
  front.checkNodes();
  await front.close();
});

const JSON_TYPE = { 'content-type': 'application/json' };
const INCREMENT = { 'content-type': 'application/vnd.kvorum.increment+json' };
const NDJSON = { accept: 'application/x-ndjson' };
const ask = (method: string, path: string, body?: string, headers: Record<string, string> = JSON_TYPE) =>
  front.http.ask(method, path, headers, body);
const got = ({ status, json }: Answered): unknown => [status, json];

/** Everything that there is, with its revisions. */
async function state(): Promise<unknown> {
  const [main, inside, namespaces] = await Promise.all(
    ['/v1/kv', '/v1/ns/there/kv', '/v1/ns'].map(async (path) => (await ask('GET', path)).json as { items: unknown }),
  );
  return [main?.items, inside?.items, namespaces?.items];
}

type Row = readonly [method: string, path: string, field: string, body?: string, headers?: Record<string, string>];

const TTLS = [
  '',
  '0s',
  '-1s',
  '+1s',
  '01s',
  '1.5s',
  '1e3s',
  '0x10s',
  '%201s',
  '1s%20',
  '30',
  '30S',
  '1w',
  '3661d',
  'none',
];
const get = '{"op":"get","key":"there"}';
const put = '{"op":"put","key":"never","value":1}';
/** A request of each kind, to which something is added. */
const REQUESTS = [
  ['PUT', '/v1/kv/never', '1', JSON_TYPE],
  ['PATCH', '/v1/kv/never', '{"by":1}', INCREMENT],
  ['DELETE', '/v1/kv/there', undefined, {}],
  ['POST', '/v1/batch', `{"ops":[${put}]}`, JSON_TYPE],
  ['POST', '/v1/txn', `{"then":[${put}]}`, JSON_TYPE],
  ['POST', '/v1/ns/there/txn', `{"then":[${put}]}`, JSON_TYPE],
  ['DELETE', '/v1/kv?prefix=there', undefined, {}],
  ['PUT', '/v1/ns/never', '{}', JSON_TYPE],
  ['DELETE', '/v1/ns/there?force=true', undefined, {}],
] as const;
const HEADERS: readonly (readonly [name: string, values: readonly string[]])[] = [
  ['idempotency-key', ['', 'x', '00000000-0000-0000-0000-000000000000', '01890a5d-ac96-774b-bcce-b302099a805']],
  ['kv-timeout', ['', '0s', '-1s', '1.5s', '2', '61s', '1e3ms', '1m']],
  ['kv-forward', ['', 'always']],
  ['kv-hops', ['-1', 'x']],
];

const OUT_OF_GRAMMAR: readonly Row[] = [
  ...TTLS.map((ttl): Row => ['PUT', `/v1/kv/never?ttl=${ttl}`, 'ttl', '1']),
  ['PUT', '/v1/kv/never?ttl=1s&ttl=1s', 'ttl', '1'],
  ['PUT', '/v1/kv/never?TTL=1s', 'TTL', '1'],
  ['PUT', '/v1/kv/never?lease=1', 'lease', '1'],
  ['PUT', '/v1/kv/never?min_revision=1', 'min_revision', '1'],
  ['GET', '/v1/kv/there?ttl=1s', 'ttl'],
  ['DELETE', '/v1/kv/there?ttl=1s', 'ttl'],
  ['PATCH', '/v1/kv/never?ttl=1s', 'ttl', '{"by":1}', INCREMENT],
  ['PATCH', '/v1/kv/never?consistency=stale', 'consistency', '{"by":1}', INCREMENT],
  ['POST', '/v1/txn?consistency=stale', 'consistency', `{"then":[${put}]}`],
  ['POST', '/v1/txn?__proto__=1', '__proto__', `{"then":[${put}]}`],
  // Of namespaces.
  ...['null', '"1"', '1.0', '1e3', '-1', '281474976710656', '{}', '[1]', 'true'].flatMap((value): Row[] => [
    ['PUT', '/v1/ns/never', 'max_keys', `{"max_keys":${value}}`],
    ['PUT', '/v1/ns/there', 'max_bytes', `{"max_keys":8,"max_bytes":${value}}`],
  ]),
  ...['null', '[]', '1', '{', '{}{}', '\ufeff{}', '{"max_keys":1,"max_keys":2}'].map((body): Row => [
    ...(['PUT', '/v1/ns/never', 'body', body] as const),
  ]),
  ['PUT', '/v1/ns/never', '__proto__', '{"__proto__":{"max_keys":1}}'],
  ['PUT', '/v1/ns/never?force=true', 'force', '{}'],
  ['PUT', '/v1/ns/never', 'if-match', '{}', { ...JSON_TYPE, 'if-match': '"1"' }],
  ['DELETE', '/v1/ns/there?force=1', 'force'],
  ['DELETE', '/v1/ns/there', 'if-none-match', undefined, { 'if-none-match': '*' }],
  ['DELETE', '/v1/ns/there?force=true', 'body', '{}'],
  ['GET', '/v1/ns/there?limit=1', 'limit'],
  ['GET', '/v1/ns/there?consistency=none', 'consistency'],
  ...['Never', 'a_b', '-a', 'a'.repeat(64), '', '%61', 'ä'].flatMap((name): Row[] => [
    ['GET', `/v1/ns/${encodeURI(name).replace('%25', '%')}/kv/never`, 'namespace'],
    ['POST', `/v1/ns/${encodeURI(name).replace('%25', '%')}/txn`, 'namespace', `{"then":[${get}]}`],
  ]),
  ...['0', '-1', '1.5', '1e3', '10001', '', '%201'].map((limit): Row => ['GET', `/v1/ns?limit=${limit}`, 'limit']),
  ['GET', '/v1/ns?reverse=1', 'reverse'],
  ['GET', '/v1/ns?cursor=AAAA', 'cursor'],
  ['DELETE', '/v1/kv?start=', 'start'],
  ['DELETE', '/v1/ns/there/kv?start=', 'start'],
  ['POST', '/v1/txn', 'if-match', `{"then":[${put}]}`, { ...JSON_TYPE, 'if-match': '"1"' }],
  ['POST', '/v1/batch', 'if-none-match', `{"ops":[${put}]}`, { ...JSON_TYPE, 'if-none-match': '*' }],
  ['GET', '/v1/ns?prefix=t', 'prefix'],
  ['GET', '/v1/ns?consistency=none', 'consistency'],
  ['GET', '/v1/ns', 'body', '1'],
];

describe('row 14 and row 31 and row 32 new fields out of their grammar', () => {
  const rows = OUT_OF_GRAMMAR.map(([method, path, field, body, headers = JSON_TYPE]) => {
    return { method, path, field, body, headers };
  });

  it.each(rows)('$method $path names $field: $body', async ({ method, path, field, body, headers }) => {
    const before = await state();
    const answer = await ask(method, path, body, headers);
    expect(got(answer)).toMatchObject([400, { code: 'invalid-request', outcome: 'not_applied', field }]);
    expect(await state()).toEqual(before);
    expect(({} as Record<string, unknown>)['max_keys']).toBeUndefined();
  });

  it.each(REQUESTS)('headers of %s %s', async (method, path, body, headers) => {
    const before = await state();
    for (const [name, values] of HEADERS) {
      for (const value of values) {
        const answer = await ask(method, path, body, { ...headers, [name]: value });
        expect([name, value, got(answer)]).toMatchObject([
          ...[name, value, [400, { code: 'invalid-request', outcome: 'not_applied', field: name }]],
        ]);
      }
    }
    expect(await state()).toEqual(before);
  });
});

describe('row 44 keys of several namespaces', () => {
  it.each(['namespace', 'ns'])('no operation and no comparison names another one: %s', async (field) => {
    const before = await state();
    for (const route of ['/v1/txn', '/v1/ns/there/txn']) {
      const operation = `{"then":[${get},{"op":"put","key":"in","value":2,"${field}":"there"}]}`;
      expect(got(await ask('POST', route, operation))).toMatchObject([400, { field: `then[1].${field}` }]);
      const comparison = `{"if":[{"key":"in","exists":true,"${field}":"there"}],"then":[${put}]}`;
      expect(got(await ask('POST', route, comparison))).toMatchObject([400, { field: `if[0].${field}` }]);
    }
    expect(await state()).toEqual(before);
  });

  it('bytes that look like a key in a namespace are a key of their own', async () => {
    const key = Buffer.concat([Buffer.from([4]), Buffer.from('there\0@in', 'latin1')]).toString('base64url');
    const read = await ask('POST', '/v1/txn', `{"then":[{"op":"get","key":"${key}","key_type":"base64url"}]}`);
    expect(read.json).toMatchObject({ results: [{ status: 404 }] });
  });
});

describe('row 45 comparisons', () => {
  it.each([
    ['{"key":"there","revision":"1"}', '.revision'],
    ['{"key":"there","revision":true}', '.revision'],
    ['{"key":"there","revision":281474976710656}', '.revision'],
    ['{"key":"there","version":null}', '.version'],
    ['{"key":"there","version":[1]}', '.version'],
    ['{"key":"there","unchanged_since":1.5}', '.unchanged_since'],
    ['{"key":"there","unchanged_since":-1}', '.unchanged_since'],
    ['{"key":"there","exists":"true"}', '.exists'],
    ['{"key":"there","absent":null}', '.absent'],
    ['{"key":"there","value_base64":1}', '.value_base64'],
    ['{"key":"there","value_base64":"MQ"}', '.value_base64'],
    ['{"key":"there","value":1,"value_base64":"MQ=="}', ''],
    ['{"key":["there"],"exists":true}', '.key'],
    ['{"key":"there","key_type":1,"exists":true}', '.key_type'],
    ['null', ''],
    ['[]', ''],
  ])('%s is of the wrong type: if[0]%s', async (comparison, field) => {
    const before = await state();
    for (const [body, at] of [
      [`{"if":[${comparison}],"then":[${put}]}`, 'if[0]'],
      [`{"if":[{"key":"there","exists":true},${comparison}],"else":[${put}]}`, 'if[1]'],
    ] as const) {
      expect(got(await ask('POST', '/v1/txn', body))).toMatchObject([
        ...[400, { code: 'invalid-request', outcome: 'not_applied', field: `${at}${field}` }],
      ]);
    }
    expect(await state()).toEqual(before);
  });

  it('with a value of another type do not hold', async () => {
    await ask('PUT', '/v1/kv/bytes', '{"n":1}', { 'content-type': 'text/plain' });
    for (const comparison of [
      '{"key":"bytes","value":{"n":1}}',
      '{"key":"there","value":"{\\"n\\":1}"}',
      '{"key":"there","value":null}',
      '{"key":"never","value":null}',
      '{"key":"never","value_base64":""}',
    ]) {
      const answer = await ask('POST', '/v1/txn', `{"if":[${comparison}],"then":[${put}]}`);
      expect([comparison, answer.json]).toMatchObject([comparison, { succeeded: false, results: [] }]);
    }
    expect((await ask('GET', '/v1/kv/never')).status).toBe(404);
  });
});

describe('row 46 cursors', () => {
  const cursorOf = ({ json }: Answered): string => (json as { cursor: string }).cursor;

  it('of another query, keyspace, age or nobody are refused', async () => {
    for (const key of ['c1', 'c2', 'c3']) await ask('PUT', `/v1/kv/${key}`, '1');
    for (const name of ['c1', 'c2']) await ask('PUT', `/v1/ns/${name}`, '{}');
    const cursor = cursorOf(await ask('GET', '/v1/kv?prefix=c&limit=1'));
    const ofNamespaces = cursorOf(await ask('GET', '/v1/ns?limit=1'));
    const older = Buffer.from(cursor, 'base64url');
    older[0] = (older[0] ?? 0) + 1;
    const moved = Buffer.from(cursor, 'base64url');
    moved[moved.length - 1] = 0x7a;
    for (const path of [
      `/v1/kv?prefix=d&cursor=${cursor}`,
      `/v1/kv?cursor=${cursor}`,
      `/v1/kv?prefix=c&reverse=true&cursor=${cursor}`,
      `/v1/kv?prefix=c&delimiter=1&cursor=${cursor}`,
      `/v1/ns/there/kv?prefix=c&cursor=${cursor}`,
      `/v1/ns?cursor=${cursor}`,
      `/v1/ns?reverse=true&cursor=${ofNamespaces}`,
      `/v1/kv?prefix=c&cursor=${ofNamespaces}`,
      `/v1/kv?prefix=c&cursor=${older.toString('base64url')}`,
      `/v1/kv?prefix=c&cursor=${moved.toString('base64url')}`,
      `/v1/kv?prefix=c&cursor=${cursor.slice(0, -1)}`,
      `/v1/kv?prefix=c&cursor=${'A'.repeat(8_000)}`,
    ]) {
      for (const headers of [{}, NDJSON]) {
        const answer = await ask('GET', path, undefined, headers);
        expect([path, got(answer)]).toMatchObject([path, [400, { code: 'invalid-request', field: 'cursor' }]]);
      }
    }
    expect((await ask('GET', `/v1/kv?prefix=c&cursor=${cursor}`)).json).toMatchObject({
      items: [{ key: 'c2' }, { key: 'c3' }],
    });
  });
});

describe('row 47 a range whose start is behind its end, or at it', () => {
  it.each(['start=there&end=t', 'start=there&end=there', 'start=z&end=a&reverse=true', 'start=z&end=a&limit=1'])(
    '?%s is empty',
    async (query) => {
      // The shard of a namespace has said that it exists.
      const asked = { '0': expect.any(Number) as number };
      for (const [path, revisions] of [
        ['/v1/kv', {}],
        ['/v1/ns/there/kv', asked],
      ] as const) {
        const page = await ask('GET', `${path}?${query}`);
        expect(got(page)).toEqual([200, { items: [], cursor: null, revisions }]);
        const stream = await ask('GET', `${path}?${query}`, undefined, NDJSON);
        expect([stream.status, JSON.parse(stream.text)]).toEqual([200, { end: true, count: 0, revisions }]);
        const counted = await ask('GET', `${path}?${query}&count_only=true`);
        expect(got(counted)).toMatchObject([200, { count: 0 }]);
      }
    },
  );

  it('deletes nothing', async () => {
    const before = await state();
    expect(got(await ask('DELETE', '/v1/kv?start=there&end=t'))).toEqual([200, { deleted: 0 }]);
    expect(await state()).toEqual(before);
  });
});

const text = (length: number): string => JSON.stringify('x'.repeat(length - 2));
const PATCHES: readonly (readonly [name: string, type: string, operation: object])[] = [
  ['an append', 'application/vnd.kvorum.append', { op: 'append', value: 'y' }],
  ['a merge patch', 'application/merge-patch+json', { op: 'patch', patch: { b: 'y' } }],
  [
    'a JSON patch',
    'application/json-patch+json',
    {
      ...{ op: 'patch', content_type: 'application/json-patch+json' },
      patch: [{ op: 'copy', from: '/a', path: '/b' }],
    },
  ],
];

describe('row 48 a patch that makes a value too large', () => {
  it.each(PATCHES)('%s', async (name, type, operation) => {
    const key = `full ${name}`;
    const path = `/v1/kv/${encodeURIComponent(key)}`;
    const isText = type.endsWith('append');
    const full = isText ? 'x'.repeat(LIMIT) : `{"a":${text(LIMIT - 6)}}`;
    expect((await ask('PUT', path, full, { 'content-type': isText ? 'text/plain' : 'application/json' })).status).toBe(
      201,
    );
    const tooLarge = { code: 'value-too-large', outcome: 'not_applied', limit: LIMIT };
    const body = 'patch' in operation ? JSON.stringify(operation.patch) : 'y';
    expect(got(await ask('PATCH', path, body, { 'content-type': type }))).toMatchObject([413, tooLarge]);
    const op = { ...operation, key };
    const ops = JSON.stringify({ ops: [{ op: 'get', key: 'there' }, op] });
    expect((await ask('POST', '/v1/batch', ops)).json).toMatchObject({ results: [{}, { status: 413, ...tooLarge }] });
    const then = JSON.stringify({ then: [{ op: 'put', key: 'never', value: 1 }, op] });
    const refused = await ask('POST', '/v1/txn', then);
    expect(got(refused)).toMatchObject([413, { ...tooLarge, field: 'then[1]' }]);
    expect((await ask('GET', path)).text).toBe(full);
    expect((await ask('GET', '/v1/kv/never')).status).toBe(404);
  });
});

describe('row 49 increments beyond −2^63 to 2^63−1', () => {
  const [MOST, LEAST] = ['9223372036854775807', '-9223372036854775808'];
  it.each([
    [MOST, '1'],
    [MOST, MOST],
    [LEAST, '-1'],
    [LEAST, LEAST],
    ['-2', LEAST],
    ['1', MOST],
  ])('%s and %s', async (number, by) => {
    const key = `n ${number} ${by}`;
    const path = `/v1/kv/${encodeURIComponent(key)}`;
    await ask('PUT', path, number);
    const refused = { code: 'patch-failed', outcome: 'not_applied' };
    for (const more of ['', ',"clamp":true', ',"ttl":"1s"', `,"initial":${number}`]) {
      expect(got(await ask('PATCH', path, `{"by":${by}${more}}`, INCREMENT))).toMatchObject([409, refused]);
    }
    const op = `{"op":"increment","key":"${key}","by":${by}}`;
    expect((await ask('POST', '/v1/batch', `{"ops":[${op}]}`)).json).toMatchObject({ results: [refused] });
    expect(got(await ask('POST', '/v1/txn', `{"then":[${put},${op}]}`))).toMatchObject([
      ...[409, { ...refused, field: 'then[1]' }],
    ]);
    expect((await ask('GET', path)).text).toBe(number);
    expect((await ask('GET', '/v1/kv/never')).status).toBe(404);
    const fresh = await ask('PATCH', `${path}%20fresh`, `{"by":${by},"initial":${number}}`, INCREMENT);
    expect(got(fresh)).toMatchObject([409, refused]);
    expect((await ask('GET', `${path}%20fresh`)).status).toBe(404);
  });

  it('at a bound goes to it exactly', async () => {
    for (const [name, by, bound] of [
      ['most', MOST, `"max":${MOST}`],
      ['least', LEAST, `"min":${LEAST}`],
    ] as const) {
      const path = `/v1/kv/clamped-${name}`;
      await ask('PATCH', path, `{"by":${by.replace('8', '7')}}`, INCREMENT);
      const answer = await ask('PATCH', path, `{"by":${by},${bound},"clamp":true}`, INCREMENT);
      expect(answer.text).toContain(`"value":${name === 'most' ? MOST : LEAST},`);
    }
  });
});
