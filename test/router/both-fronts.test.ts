/** Batches, transactions and patches, in the main keyspace and in a namespace: both fronts answer the same. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startReal, type Front } from '../support/fronts.js';
import { statusIn, until } from '../support/http-harness.js';
import { Client, get, put, sameEachTime, send, type RawAnswer } from '../support/raw-client.js';

/** Each over a cluster of its own, which get the same requests in the same order. */
let quick: Front;
let slow: Front;
beforeAll(async () => {
  const limits = { valueBytes: 1_024, jsonDepth: 8 };
  [quick, slow] = [await startReal('leader', 2)({ limits }), await startReal('leader', 2)({ limits })];
});
afterAll(async () => {
  for (const front of [quick, slow]) {
    front.checkNodes();
    await front.close();
  }
});

const JSON_TYPE = 'Content-Type: application/json';
const NDJSON_TYPE = 'Content-Type: application/x-ndjson';
const ID = (last: number): string => `Idempotency-Key: 0199f3a2-7c00-7abc-8def-00000000000${last}`;
const txn = (body: unknown, ...headers: string[]): string => send('POST', '/v1/txn', text(body), JSON_TYPE, ...headers);
const batch = (body: unknown, ...headers: string[]): string =>
  send('POST', '/v1/batch', text(body), JSON_TYPE, ...headers);
const patch = (path: string, type: string, body: string, ...headers: string[]): string =>
  send('PATCH', path, body, `Content-Type: application/${type}`, ...headers);
/** Characters that stand for the bytes of its UTF-8. */
const text = (body: unknown): string =>
  Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)).toString('latin1');
const gets = (count: number): readonly object[] => Array.from({ length: count }, () => ({ op: 'get', key: 'a' }));
/** Of both shards. */
const many = Array.from({ length: 8 }, (_, index) => `many-${index}`);
const MERGE = 'merge-patch+json';
const INCREMENT = 'vnd.kvorum.increment+json';

const TRANSACTIONS: readonly (readonly [string, string])[] = [
  ['puts', txn({ then: [{ op: 'put', key: '{t}a', value: { a: [1.5] } }] })],
  ['comparisons that hold', txn({ if: [{ key: '{t}a', version: 1 }], then: [{ op: 'get', key: '{t}a' }] })],
  ['others', txn({ if: [{ key: '{t}a', absent: true }], then: gets(1), else: [{ op: 'delete', key: '{t}a' }] })],
  ['of both shards', txn({ then: many.map((key) => ({ op: 'put', key, value: key })) })],
  ['of both shards, read', txn({ then: many.map((key) => ({ op: 'get', key })) })],
  ['a name', txn({ then: [{ op: 'increment', key: 'n', by: 1 }] }, ID(1))],
  ['a name again', txn({ then: [{ op: 'increment', key: 'n', by: 1 }] }, ID(1))],
  ['a name for another', txn({ then: [{ op: 'increment', key: 'n', by: 2 }] }, ID(1))],
  ['a name of both shards', txn({ then: many.map((key) => ({ op: 'append', key, value: 'x' })) }, ID(2))],
  ['a failing step', txn({ then: [{ op: 'increment', key: 'many-0', by: 1 }] })],
  ['a failing step, on', txn({ then: [{ op: 'increment', key: 'many-0', by: 1 }], on_error: 'continue' })],
  [
    'bytes',
    txn({ then: [{ op: 'put', key: 'é€', value_base64: '/w==', content_type: 'image/x', return: 'previous' }] }),
  ],
  ['a deadline', txn({ then: [{ op: 'put', key: 'ttl', value: 1, ttl: '1h' }] }, 'Kv-Timeout: 4s')],
  ['a wrong time', txn({ then: gets(1) }, 'Kv-Timeout: soon')],
  ['a circle', txn({ then: gets(1) }, 'Kv-Hops: 7')],
  ['a name that is none', txn({ then: gets(1) }, 'Idempotency-Key: 7')],
  ['nothing', txn('')],
  ['no JSON', txn('{"then":[')],
  ['no object', txn('[]')],
  ['an unknown member', txn({ then: gets(1), more: 1 })],
  ['a wrong operation', txn({ then: [{ op: 'grow', key: 'a' }] })],
  ['a wrong comparison', txn({ if: [{ key: 'a', version: -1 }], then: gets(1) })],
  ['a member twice', txn('{"then":[{"op":"get","key":"a","key":"b"}]}')],
  ['a value too deep', txn(`{"then":[{"op":"put","key":"a","value":${'['.repeat(9)}${']'.repeat(9)}}]}`)],
  ['a value too long', txn({ then: [{ op: 'put', key: 'a', value: 'x'.repeat(1_024) }] })],
  ['too much', txn({ then: gets(257) })],
  ['a parameter', send('POST', '/v1/txn?a=b', text({ then: gets(1) }), JSON_TYPE)],
  ['another type', send('POST', '/v1/txn', text({ then: gets(1) }), 'Content-Type: text/plain')],
  ['no type', send('POST', '/v1/txn', text({ then: gets(1) }))],
  ['another charset', send('POST', '/v1/txn', text({ then: gets(1) }), `${JSON_TYPE}; charset=latin1`)],
  ['an encoding', txn({ then: gets(1) }, 'Content-Encoding: gzip')],
  ['a foreign host', txn({ then: gets(1) }).replace('localhost', 'evil.example')],
  ['a repeated header', txn({ then: gets(1) }, 'Kv-Timeout: 1s', 'Kv-Timeout: 2s')],
  ['another method', send('PUT', '/v1/txn', text({ then: gets(1) }), JSON_TYPE)],
  ['no length', 'POST /v1/txn HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\r\n'],
];

const BATCHES: readonly (readonly [string, string])[] = [
  ['puts', batch({ ops: many.map((key, value) => ({ op: 'put', key, value })) })],
  ['gets', batch({ ops: many.map((key) => ({ op: 'get', key })) })],
  [
    'some that fail',
    batch({
      ops: [
        { op: 'put', key: 'a', value: 1, if: { revision: 1 } },
        { op: 'get', key: 'no' },
      ],
    }),
  ],
  ['a name', batch({ ops: many.map((key) => ({ op: 'increment', key, by: 1 })) }, ID(3))],
  ['a name again', batch({ ops: many.map((key) => ({ op: 'increment', key, by: 1 })) }, ID(3))],
  ['lines', send('POST', '/v1/batch', '{"op":"get","key":"many-0"}\n{"op":"get","key":"no"}\n', NDJSON_TYPE)],
  ['lines for JSON', send('POST', '/v1/batch', '{"op":"get","key":"a"}', NDJSON_TYPE, 'Accept: application/json')],
  ['JSON for lines', batch({ ops: gets(2) }, 'Accept: application/x-ndjson')],
  ['JSON, for lines are refused', batch({ ops: gets(2) }, 'Accept: application/x-ndjson;q=0, */*')],
  ['JSON, for it is liked more', batch({ ops: gets(2) }, 'Accept: application/x-ndjson;q=0.1, application/json;q=0.2')],
  ['a page, for lines are refused', get('/v1/kv?prefix=none', 'Accept: application/x-ndjson;q=0')],
  ['a wrong line', send('POST', '/v1/batch', '{"op":"get","key":"a"}\n\n', NDJSON_TYPE)],
  ['nothing', batch({ ops: [] })],
  ['too much', batch({ ops: gets(1_001) })],
  ['a wrong operation', batch({ ops: [...gets(1), { op: 'put', key: 'a' }] })],
  ['an operation without a key', batch({ ops: [{ op: 'get' }] })],
  ['a lone surrogate', batch('{"ops":[{"op":"put","key":"\\ud800","value":1}]}')],
];

const PATCHES: readonly (readonly [string, string])[] = [
  ['a merge', patch('/v1/kv/p', MERGE, '{"a":12345678901234567890}')],
  ['a merge shown', patch('/v1/kv/p', MERGE, '{"b":1.10}', 'Prefer: return=representation')],
  ['an envelope', patch('/v1/kv/p', MERGE, '{}', 'Prefer: return=previous', 'Accept: application/vnd.kvorum+json')],
  ['a patch', patch('/v1/kv/p', 'json-patch+json', '[{"op":"remove","path":"/a"}]')],
  ['a patch that fails', patch('/v1/kv/p', 'json-patch+json', '[{"op":"test","path":"/b","value":2}]')],
  ['an increment', patch('/v1/kv/i', INCREMENT, '{"by":5,"max":7,"ttl":"60s"}')],
  ['an increment at its bound', patch('/v1/kv/i', INCREMENT, '{"by":5,"max":7}')],
  ['an append', patch('/v1/kv/x', 'vnd.kvorum.append', '\x00\xff')],
  ['a touch', patch('/v1/kv/x', 'vnd.kvorum.touch+json', '{"ttl":null}', 'Prefer: return=minimal')],
  ['a condition', patch('/v1/kv/x', 'vnd.kvorum.append', 'y', 'If-Match: "1", "2"')],
  ['a name', patch('/v1/kv/i', INCREMENT, '{"by":1}', ID(4))],
  ['a name again', patch('/v1/kv/i', INCREMENT, '{"by":1}', ID(4))],
  ['no JSON', patch('/v1/kv/p', MERGE, '{')],
  ['a wrong member', patch('/v1/kv/i', INCREMENT, '{"by":1.5}')],
  ['a wrong type', patch('/v1/kv/x', MERGE, '{}')],
  ['another type', patch('/v1/kv/p', 'json', '{}')],
  ['no key', patch('/v1/kv/', MERGE, '{}')],
  ['a value too long', patch('/v1/kv/x', 'vnd.kvorum.append', 'x'.repeat(1_023))],
];

const SPACE = send('PUT', '/v1/ns/space', '{"max_keys":2}', JSON_TYPE);
const NAMESPACES: readonly (readonly [string, string])[] = [
  ['a put into none', put('/v1/ns/space/kv/a', 'x')],
  ['a batch into none', send('POST', '/v1/ns/space/batch', '{"ops":[{"op":"put","key":"a","value":1}]}', JSON_TYPE)],
  ['a batch into none, named', send('POST', '/v1/ns/space/batch', '{"op":"delete","key":"a"}', NDJSON_TYPE, ID(5))],
  ['it again', send('POST', '/v1/ns/space/batch', '{"op":"delete","key":"a"}', NDJSON_TYPE, ID(5))],
  ['a transaction in none', send('POST', '/v1/ns/space/txn', '{"then":[{"op":"get","key":"a"}]}', JSON_TYPE)],
  ['an empty range of none', get('/v1/ns/space/kv?start=b&end=a')],
  ['the namespace without a type', send('PUT', '/v1/ns/space', '{"max_keys":2}')],
  ['the namespace', SPACE],
  ['a put', put('/v1/ns/space/kv/a', 'x')],
  ['a get', get('/v1/ns/space/kv/a')],
  ['a HEAD', get('/v1/ns/space/kv/a').replace('GET', 'HEAD')],
  ['a patch', patch('/v1/ns/space/kv/n', INCREMENT, '{"by":1}')],
  ['a put beyond the limit', put('/v1/ns/space/kv/c', 'x')],
  ['a batch', send('POST', '/v1/ns/space/batch', '{"ops":[{"op":"get","key":"n"}]}', JSON_TYPE)],
  ['a transaction', send('POST', '/v1/ns/space/txn', '{"then":[{"op":"put","key":"c","value":1}]}', JSON_TYPE)],
  ['a delete', get('/v1/ns/space/kv/a').replace('GET', 'DELETE')],
  ['a name that is none', send('POST', '/v1/ns/No/txn', '{"then":[{"op":"get","key":"c"}]}', JSON_TYPE)],
  ['no key', get('/v1/ns/space/kv/')],
  ['a path below that is none', send('POST', '/v1/ns/space/txn/a', '{}', JSON_TYPE)],
];

/** Logs of two clusters may differ in when their terms and deadlines began. */
function sameInBoth(raw: string): RawAnswer {
  const { status, headers, body } = sameEachTime(raw);
  const changing =
    /^(ETag|Kv-Revision|Kv-Term|Kv-Expires-At|Kv-(?:Previous-|Create-)+Revision|Kv-Previous-Revision): .*/;
  return {
    status,
    headers: headers.map((header) => header.replace(changing, '$1: …')),
    body: body
      .replace(/"((?:create_|current_)?revision|term)":\d+/g, '"$1":…')
      .replace(/"expires_at":"[^"]*"/g, '"expires_at":…')
      .replace(/"revisions":\{[^}]*\}/, (found) => (found.match(/"\d+":/g) ?? []).sort().join('')),
  };
}

describe('answers are the same as through node:http', () => {
  it.each([
    ['transactions', TRANSACTIONS],
    ['batches', BATCHES],
    ['patches', PATCHES],
    ['namespaces', NAMESPACES],
  ])('for every kind of request and refusal: %s', async (_, requests) => {
    for (const [name, request] of requests) {
      const ours = new Client(quick.http.socket());
      const theirs = new Client(slow.http.socket());
      // Another route: from here on this connection is node:http's.
      expect(statusIn(await theirs.ask(get('/livez')))).toBe(200);
      const [answer, expected] = [await ours.ask(request), await theirs.ask(request)];
      expect([name, sameInBoth(answer)]).toEqual([name, sameInBoth(expected)]);
      ours.socket.destroy();
      theirs.socket.destroy();
    }
  });
});

describe('a connection stays on the fast path', () => {
  it.each([
    ['a transaction', txn({ then: [{ op: 'put', key: 'b', value: 1 }] }), 200],
    ['a transaction that is refused', txn('{'), 400],
    ['a batch', batch({ ops: gets(3) }), 200],
    ['lines', send('POST', '/v1/batch', '{"op":"get","key":"a"}', NDJSON_TYPE), 200],
    ['a patch', patch('/v1/kv/stays', INCREMENT, '{"by":1}'), 201],
    ['a put below a namespace', put('/v1/ns/none/kv/a', 'x'), 404],
    [
      'a batch below a namespace',
      send('POST', '/v1/ns/none/batch', '{"ops":[{"op":"get","key":"n"}]}', JSON_TYPE),
      404,
    ],
  ])('after %s, whole or in two pieces', async (_, request, status) => {
    const { http } = quick;
    const client = new Client(http.socket().setNoDelay());
    expect(statusIn(await client.ask(request))).toBe(status);
    client.socket.write(request.slice(0, -1), 'latin1');
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    const again = statusIn(await client.ask(request.slice(-1)));
    expect(again).toBe(status === 201 ? 200 : status);
    // Only there is one request at a time under way.
    http.backend.holding = true;
    client.socket.write(get('/v1/kv/z').repeat(5));
    await until(() => http.backend.held > 0);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(http.backend.held).toBe(1);
    http.backend.release();
    client.socket.destroy();
  });
});

it('a body of a batch beyond the limit of a value is waited for, and one beyond its own is refused', async () => {
  const client = new Client(quick.http.socket());
  const long = batch({ ops: many.map((key) => ({ op: 'put', key, value: 'x'.repeat(1_000) })) });
  client.socket.write(long.slice(0, 3_000), 'latin1');
  await until(() => quick.http.server.receivingBytes > 0);
  expect(statusIn(await client.ask(long.slice(3_000)))).toBe(200);
  expect(quick.http.server.receivingBytes).toBe(0);
  client.socket.destroy();
  const over = `POST /v1/txn HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4194305\r\n${JSON_TYPE}\r\n\r\n{`;
  expect(await new Client(quick.http.socket()).ask(over)).toMatch(/^HTTP\/1\.1 413 .*"limit":4194304/s);
});
