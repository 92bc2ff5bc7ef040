/** `PATCH /v1/kv/{key}` over a real cluster: five content types, exact numbers, and bodies that are none. */
import fc from 'fast-check';
import { v7 as uuid } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startReal, type Front } from '../support/fronts.js';
import type { Answered } from '../support/http-harness.js';

const TYPES = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  increment: 'application/vnd.kvorum.increment+json',
  append: 'application/vnd.kvorum.append',
  touch: 'application/vnd.kvorum.touch+json',
};

let front: Front;
beforeAll(async () => {
  front = await startReal('leader')({ limits: { valueBytes: 4_096 } });
});
afterAll(async () => {
  front.checkNodes();
  await front.close();
});

let unique = 0;
const fresh = (): string => `/v1/kv/key-${++unique}`;
const ask = (method: string, path: string, type: string, body = '', headers = {}): Promise<Answered> =>
  front.http.ask(method, path, { 'content-type': type, ...headers }, body);
const patch = (path: string, type: keyof typeof TYPES, body: unknown, headers = {}): Promise<Answered> =>
  ask('PATCH', path, TYPES[type], typeof body === 'string' ? body : JSON.stringify(body), headers);
const get = (path: string): Promise<Answered> => front.http.ask('GET', path);

describe('PATCH', () => {
  it('merges, and keeps the digits of numbers', async () => {
    const path = fresh();
    await ask('PUT', path, 'application/json', '{"n":12345678901234567890,"a":{"b":1.10,"c":2}}');
    const merged = await patch(path, 'merge', '{"a":{"c":null,"d":1e2}}');
    expect([merged.status, merged.json]).toMatchObject([200, { version: 2, created: false }]);
    expect((await get(path)).text).toBe('{"n":12345678901234567890,"a":{"b":1.10,"d":1e2}}');
    const created = await patch(fresh(), 'merge', { a: 1 }, { prefer: 'return=representation' });
    expect([created.status, created.text, created.headers['content-type']]).toEqual([
      201,
      '{"a":1}',
      'application/json',
    ]);
  });

  it('applies a JSON Patch as a whole or not at all', async () => {
    const path = fresh();
    await ask('PUT', path, 'application/json', '{"a":1,"list":[1]}');
    const failing = await patch(path, 'json', [
      { op: 'replace', path: '/a', value: 2 },
      { op: 'test', path: '/list/0', value: 2 },
    ]);
    expect([failing.status, failing.json]).toMatchObject([409, { code: 'patch-failed', position: 1 }]);
    expect((await get(path)).text).toBe('{"a":1,"list":[1]}');
    await patch(path, 'json', [{ op: 'add', path: '/list/-', value: 2 }]);
    expect((await get(path)).text).toBe('{"a":1,"list":[1,2]}');
  });

  it('increments exactly, beyond 2^53', async () => {
    const path = fresh();
    const first = await patch(path, 'increment', '{"by":1,"initial":9007199254740993}');
    expect([first.status, first.text]).toMatchObject([
      201,
      expect.stringContaining('"value":9007199254740994,"applied":1}'),
    ]);
    await patch(path, 'increment', '{"by":9214364837600034813}');
    expect((await get(path)).text).toBe('9223372036854775807');
    expect((await patch(path, 'increment', { by: 1 })).json).toMatchObject({ status: 409, code: 'patch-failed' });
  });

  it('is a rate limiter in one request: bounded, with a deadline from the creation only', async () => {
    const path = fresh();
    const take = { by: 1, max: 2, ttl: '60s' };
    const first = await patch(path, 'increment', take);
    const deadline = first.headers['kv-expires-at'];
    expect(deadline).toBeDefined();
    const second = await patch(path, 'increment', take);
    const third = await patch(path, 'increment', take);
    expect([first, second, third].map(({ json }) => json)).toMatchObject([
      { value: 1, applied: 1, version: 1 },
      { value: 2, applied: 1, version: 2 },
      { value: 2, applied: 0, version: 2 },
    ]);
    expect([second.headers['kv-expires-at'], third.headers['kv-expires-at']]).toEqual([deadline, deadline]);
    expect((await patch(path, 'increment', { by: 5, max: 4, clamp: true })).json).toMatchObject({
      value: 4,
      applied: 2,
    });
  });

  it('appends bytes up to the limit, and creates', async () => {
    const path = fresh();
    expect((await patch(path, 'append', 'one')).status).toBe(201);
    expect((await patch(path, 'append', ',two', { prefer: 'return=representation' })).text).toBe('one,two');
    const over = await patch(path, 'append', 'x'.repeat(4_090));
    expect([over.status, over.json]).toMatchObject([413, { code: 'value-too-large', limit: 4_096 }]);
    const longer = await patch(path, 'append', 'x'.repeat(4_097));
    expect([longer.status, longer.json]).toMatchObject([413, { code: 'value-too-large', limit: 4_096 }]);
  });

  it('touches: sets and removes a deadline; an absent key is refused', async () => {
    const path = fresh();
    expect((await patch(path, 'touch', { ttl: '1h' })).status).toBe(412);
    await ask('PUT', path, 'text/plain', 'a');
    const touched = await patch(path, 'touch', { ttl: '1h' });
    expect([touched.json, (await get(path)).headers['kv-expires-at']]).toMatchObject([
      { version: 2 },
      touched.headers['kv-expires-at'],
    ]);
    await patch(path, 'touch', { ttl: null });
    expect((await get(path)).headers['kv-expires-at']).toBeUndefined();
  });

  it('refuses a value of another type', async () => {
    const path = fresh();
    await ask('PUT', path, 'text/plain', 'text');
    for (const [type, body] of [
      ['merge', {}],
      ['json', []],
      ['increment', { by: 1 }],
    ] as const) {
      expect((await patch(path, type, body)).json).toMatchObject({ status: 409, code: 'wrong-type' });
    }
  });

  it('takes conditions, and is applied once per idempotency key', async () => {
    const path = fresh();
    expect((await patch(path, 'increment', { by: 1 }, { 'if-match': '*' })).status).toBe(412);
    const headers = { 'idempotency-key': uuid(), 'if-none-match': '*' };
    const first = await patch(path, 'increment', { by: 1 }, headers);
    const again = await patch(path, 'increment', { by: 1 }, headers);
    expect([again.status, again.text, again.headers['idempotency-replayed']]).toEqual([201, first.text, 'true']);
    expect((await patch(path, 'increment', { by: 2 }, headers)).status).toBe(422);
    const etag = String(first.headers['etag']);
    const listed = await patch(path, 'increment', { by: 1 }, { 'if-match': `"999999", ${etag}` });
    expect(listed.json).toMatchObject({ value: 2 });
  });

  it('has a previous value', async () => {
    const path = fresh();
    await patch(path, 'append', 'one');
    expect((await patch(path, 'append', 'two', { prefer: 'return=previous' })).text).toBe('one');
    expect((await patch(path, 'append', '!', { prefer: 'return=minimal' })).status).toBe(204);
  });
});

describe('a PATCH that is none', () => {
  it('row 33 another content type is 415, and says which there are', async () => {
    for (const type of ['application/json', 'text/plain', 'application/merge-patch+json; charset=latin1', 'x']) {
      const answer = await ask('PATCH', fresh(), type, '{}');
      expect([answer.status, answer.json]).toMatchObject([415, { code: 'unsupported-media-type' }]);
      expect(answer.headers['accept-patch']).toBe(Object.values(TYPES).join(', '));
    }
    const without = await front.http.ask('PATCH', fresh(), {}, '{}');
    expect(without.status).toBe(415);
  });

  it('without a length is 411; encoded is 415', async () => {
    const raw = await front.http.raw(
      `PATCH ${fresh()} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: ${TYPES.append}\r\n\r\n`,
    );
    expect(raw).toMatch(/^HTTP\/1\.1 411/);
    expect((await patch(fresh(), 'append', 'x', { 'content-encoding': 'gzip' })).status).toBe(415);
  });

  it.each([
    ['increment', '', 'body'],
    ['increment', '{', 'body'],
    ['increment', '[]', 'body'],
    ['increment', 'null', 'body'],
    ['increment', '{}', 'body.by'],
    ['increment', '{"by":null}', 'body.by'],
    ['increment', '{"by":"1"}', 'body.by'],
    ['increment', '{"by":1.0}', 'body.by'],
    ['increment', '{"by":1e3}', 'body.by'],
    ['increment', '{"by":-0}', 'body.by'],
    ['increment', '{"by":9223372036854775808}', 'body.by'],
    ['increment', '{"by":-9223372036854775809}', 'body.by'],
    ['increment', '{"by":123456789012345678901234567890123456789}', 'body.by'],
    ['increment', '{"by":1,"by":2}', 'body'],
    ['increment', '{"by":1,"to":2}', 'body.to'],
    ['increment', '{"by":1,"__proto__":2}', 'body.__proto__'],
    ['increment', '{"by":1,"constructor":2}', 'body.constructor'],
    ['increment', '{"by":1,"clamp":1}', 'body.clamp'],
    ['increment', '{"by":1,"clamp":null}', 'body.clamp'],
    ['increment', '{"by":1,"ttl":60}', 'body.ttl'],
    ['increment', '{"by":1,"ttl":"0s"}', 'body.ttl'],
    ['increment', '{"by":1,"ttl":"keep"}', 'body.ttl'],
    ['increment', '{"by":1,"min":2,"max":1}', 'body.min'],
    ['increment', '{"by":1,"initial":{}}', 'body.initial'],
    ['touch', '{}', 'body.ttl'],
    ['touch', '{"ttl":"forever"}', 'body.ttl'],
    ['touch', '{"ttl":1}', 'body.ttl'],
    ['touch', '{"ttl":"1s","x":1}', 'body.x'],
    ['merge', '', 'body'],
    ['merge', '{"a":1,}', 'body'],
    ['merge', '\ufeff{}', 'body'],
    ['merge', '{"a":1e400}', 'body'],
    ['merge', '{"a":"\\ud800"}', 'body'],
    ['merge', '['.repeat(1_000), 'body'],
    ['json', '{}', 'body'],
    ['json', '[1]', 'body[0]'],
    ['json', '[{"op":"add","path":"/a","value":1},{"op":"add","path":"/a"}]', 'body[1].value'],
    ['json', '[{"op":"grow","path":"/a"}]', 'body[0].op'],
    ['json', '[{"op":"remove","path":"a"}]', 'body[0].path'],
  ] as const)('row 12 and row 13 and row 14 and row 31 %s %s names %s', async (type, body, field) => {
    const path = fresh();
    const answer = await patch(path, type, body);
    expect([answer.status, answer.json]).toMatchObject([
      400,
      { code: 'invalid-request', field, outcome: 'not_applied' },
    ]);
    expect((await get(path)).status).toBe(404);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('whatever comes in is answered, and never with a defect', async () => {
    const path = fresh();
    await ask('PUT', path, 'application/json', '{"a":[1,{"b":"c"}]}');
    const text = fc.oneof(
      fc.json(),
      fc.string(),
      fc
        .record({ by: fc.oneof(fc.integer(), fc.double(), fc.string()), ttl: fc.string() })
        .map((o) => JSON.stringify(o)),
      fc
        .array(
          fc.record({ op: fc.constantFrom('add', 'copy', 'move', 'test'), path: fc.json(), value: fc.jsonValue() }),
        )
        .map((o) => JSON.stringify(o)),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...Object.keys(TYPES)), text, async (type, body) => {
        const answer = await patch(path, type as keyof typeof TYPES, body);
        expect([200, 400, 409, 413]).toContain(answer.status);
      }),
      { numRuns: 300 },
    );
  });
});
