/**
 * Every limit that a client can meet: one below, at it, and one above, at every front. The fronts are the HTTP port of
 * a node that leads, of one that does not, of a router, and over a fake backend; each on the fast path (a request that has
 * arrived whole) and through node:http (a body in chunks).
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_LIMITS } from '../../src/router/http/limits.js';
import { FRONTS, type Front } from '../support/fronts.js';
import { head, statusIn } from '../support/http-harness.js';

interface Put {
  readonly path?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
}

interface Limit {
  readonly what: string;
  readonly limit: number;
  /** The answer to one more than the limit. */
  readonly above: number;
  readonly make: (size: number) => Put;
}

const { valueBytes, maxTimeoutMs, jsonDepth, jsonMembers } = DEFAULT_LIMITS;
const key = (text: string, type = ''): Put => ({ path: `${encodeURIComponent(text)}${type && `?key_type=${type}`}` });
const json = (body: string): Put => ({ headers: ['Content-Type: application/json'], body });
const header = (name: string, value: string): Put => ({ headers: [`${name}: ${value}`] });
const arrays = (depth: number, inner = ''): string => '['.repeat(depth) + inner + ']'.repeat(depth);
const members = (count: number): string => `{${Array.from({ length: count }, (_, i) => `"${i}":0`).join(',')}}`;
const UUID = '018f3f6e-7c1a-7cc4-a5b5-3d7a4d0e9b11';

const LIMITS: readonly Limit[] = [
  { what: 'bytes of a key', limit: 4_096, above: 414, make: (n) => key('k'.repeat(n)) },
  {
    what: 'bytes of a key in two-byte letters',
    limit: 4_096,
    above: 414,
    make: (n) => key('ä'.repeat(n >> 1) + 'k'.repeat(n & 1)),
  },
  {
    what: 'bytes of a key of bytes',
    limit: 4_096,
    above: 414,
    make: (n) => key(Buffer.alloc(n, 7).toString('base64url'), 'base64url'),
  },
  { what: 'bytes of a string key as JSON', limit: 4_096, above: 414, make: (n) => key(`"${'k'.repeat(n)}"`, 'json') },
  { what: 'depth of a key', limit: 32, above: 400, make: (n) => key(arrays(n, '1'), 'json') },
  { what: 'bytes of a value', limit: valueBytes, above: 413, make: (n) => ({ body: 'v'.repeat(n) }) },
  {
    what: 'bytes of a content type',
    limit: 255,
    above: 415,
    make: (n) => header('Content-Type', `a/${'b'.repeat(n - 2)}`),
  },
  {
    what: 'bytes of a content type with an escaped tab',
    limit: 255,
    above: 415,
    make: (n) => header('Content-Type', `a/b;\tc=${'d'.repeat(n - 9)}`),
  },
  { what: 'milliseconds of a timeout', limit: maxTimeoutMs, above: 400, make: (n) => header('Kv-Timeout', `${n}ms`) },
  { what: 'seconds of a timeout', limit: maxTimeoutMs / 1_000, above: 400, make: (n) => header('Kv-Timeout', `${n}s`) },
  { what: 'depth of a JSON value', limit: jsonDepth, above: 400, make: (n) => json(arrays(n)) },
  { what: 'members of a JSON value', limit: jsonMembers, above: 400, make: (n) => json(members(n)) },
];

/** Fields that are valid at one length only. */
const EXACT: readonly (readonly [string, Put, boolean])[] = [
  ['an idempotency key', header('Idempotency-Key', UUID), true],
  ['an idempotency key in quotes', header('Idempotency-Key', `"${UUID}"`), true],
  ['an idempotency key one short', header('Idempotency-Key', UUID.slice(1)), false],
  ['an idempotency key one long', header('Idempotency-Key', `${UUID}1`), false],
  ['a timeout of nothing', header('Kv-Timeout', '0ms'), false],
  ['an empty JSON key', key('', 'json'), false],
];

const KEYS = LIMITS.filter(({ what }) => / key/.test(what));
/** A key that another test has put is overwritten. */
const asWritten = (status: number): number => (status === 201 ? 200 : status);

const WAYS = ['whole', 'in chunks'] as const;

function bytesOf({ path = 'k', headers = [], body = 'v' }: Put, way: (typeof WAYS)[number]): string {
  const typed = headers.some((line) => /^content-type:/i.test(line))
    ? headers
    : [...headers, 'Content-Type: text/plain'];
  const line = `PUT /v1/kv/${path} HTTP/1.1`;
  if (way === 'whole') return head(line, ...typed, `Content-Length: ${body.length}`) + body;
  return `${head(line, ...typed, 'Transfer-Encoding: chunked')}${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
}

/** Of a whole request: what node:http counts against its limit of a head. */
function countedBytes(request: string): number {
  const [line = '', ...lines] = request.slice(0, request.indexOf('\r\n\r\n')).split('\r\n');
  const target = line.split(' ')[1] ?? '';
  return lines.reduce((sum, each) => sum + each.replace(/: ?/, '').length, target.length);
}

describe.each(FRONTS)('$name', ({ start }) => {
  let front: Front;
  beforeAll(async () => {
    front = await start();
  });
  afterAll(() => front.close());

  const ask = async (put: Put, way: (typeof WAYS)[number]): Promise<number> =>
    statusIn(await front.http.raw(bytesOf(put, way)));

  it.each(LIMITS)('$what: $limit and no more', async ({ limit, above, make }) => {
    for (const way of WAYS) {
      const statuses = [];
      for (const size of [limit - 1, limit, limit + 1]) statuses.push(await ask(make(size), way));
      const said = statuses.map((status) => (status === 200 || status === 201 ? 'taken' : status));
      expect([way, ...said]).toEqual([way, 'taken', 'taken', above]);
    }
    front.checkNodes();
  });

  it.each(KEYS)(
    '$what: $limit and no more, also to look for, to read and to delete',
    async ({ limit, above, make }) => {
      const sizes = [limit - 1, limit, limit + 1];
      const asked: readonly (readonly [string, number])[] = [
        ['PUT /v1/kv/', 201],
        ['GET /v1/kv/', 200],
        ['GET /v1/where/', 200],
        ['DELETE /v1/kv/', 200],
        ['GET /v1/kv/', 404],
      ];
      for (const [route, good] of asked) {
        const statuses = [];
        for (const size of sizes) {
          const { path = '' } = make(size);
          const [method = '', place = ''] = route.split(' ');
          const put = method === 'PUT' ? bytesOf(make(size), 'whole') : head(`${method} ${place}${path} HTTP/1.1`);
          statuses.push(statusIn(await front.http.raw(put)));
        }
        const wanted = statuses.map((status) => (asWritten(status) === asWritten(good) ? 'taken' : status));
        expect([route, ...wanted]).toEqual([route, 'taken', 'taken', above]);
      }
    },
  );

  it('bytes of target, names and values of a head: below headerBytes, as node:http counts them', async () => {
    const { headerBytes } = DEFAULT_LIMITS;
    for (const way of WAYS) {
      const statuses = [];
      for (const size of [headerBytes - 2, headerBytes - 1, headerBytes]) {
        const padded = (n: number): string => bytesOf(header('X-Padding', 'p'.repeat(n)), way);
        statuses.push(statusIn(await front.http.raw(padded(size - countedBytes(padded(0))))));
      }
      expect([way, ...statuses.map(asWritten)]).toEqual([way, 200, 200, 431]);
    }
  });

  it.each(EXACT)('%s', async (_, put, isTaken) => {
    for (const way of WAYS) {
      const status = await ask(put, way);
      expect([way, status < 300]).toEqual([way, isTaken]);
      if (!isTaken) expect(status).toBe(400);
    }
  });
});
