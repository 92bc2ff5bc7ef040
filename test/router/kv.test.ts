import axios from 'axios';
import fc from 'fast-check';
import { v4, v7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HttpHarness, bodyIn, head, statusIn } from '../support/http-harness.js';

let http: HttpHarness;
beforeAll(async () => {
  http = await HttpHarness.start({ limits: { valueBytes: 4_096 } });
});
afterAll(() => http.close());

const kv = (key: string, query = ''): string => `/v1/kv/${encodeURIComponent(key)}${query}`;
let unique = 0;
const fresh = (): string => `key-${++unique}`;

describe('put, get, delete', () => {
  it('creates, updates, reads and deletes', async () => {
    const path = kv(fresh());
    const created = await http.ask('PUT', path, { 'content-type': 'text/plain' }, 'hello');
    expect(created.status).toBe(201);
    const { revision } = created.json as { revision: number };
    expect(created.json).toEqual({ revision, version: 1, created: true });
    expect(created.headers['etag']).toBe(`"${revision}"`);

    const updated = await http.ask('PUT', path, { 'content-type': 'text/plain' }, 'world');
    expect(updated.status).toBe(200);
    expect(updated.json).toEqual({ revision: revision + 1, version: 2, created: false });

    const got = await http.ask('GET', path);
    expect([got.status, got.text]).toEqual([200, 'world']);
    expect(got.headers).toMatchObject({
      etag: `"${revision + 1}"`,
      'content-type': 'text/plain',
      'kv-revision': String(revision + 1),
      'kv-create-revision': String(revision),
      'kv-version': '2',
      'kv-consistency': 'linearizable',
      'kv-served-by': '1',
      'kv-term': '3',
    });
    expect(Number(got.headers['kv-shard'])).toBeGreaterThanOrEqual(0);

    const deleted = await http.ask('DELETE', path);
    expect([deleted.status, deleted.json]).toEqual([200, { deleted: true, revision: revision + 2 }]);
    expect((await http.ask('DELETE', path)).json).toMatchObject({ deleted: false });
    const gone = await http.ask('GET', path);
    expect([gone.status, gone.json]).toMatchObject([404, { code: 'key-not-found' }]);
    expect(gone.headers['kv-revision']).toBe(String(revision + 3));
  });

  it('curl -X PUT host/v1/kv/a -d hello stores hello', async () => {
    const path = kv(fresh());
    await http.ask('PUT', path, { 'content-type': 'application/x-www-form-urlencoded' }, 'hello');
    const got = await http.ask('GET', path);
    expect([got.text, got.headers['content-type']]).toEqual(['hello', 'application/x-www-form-urlencoded']);
  });

  it('null is a value and absence is 404; an empty body of another type is a value too', async () => {
    const path = kv(fresh());
    await http.ask('PUT', path, { 'content-type': 'application/json' }, 'null');
    expect(await http.ask('GET', path)).toMatchObject({ status: 200, text: 'null', json: null });
    await http.ask('PUT', path, { 'content-type': 'text/plain' }, '');
    expect(await http.ask('GET', path)).toMatchObject({ status: 200, text: '' });
  });

  it('axios, as a client would use it', async () => {
    const url = `http://127.0.0.1:${http.port}${kv(fresh())}`;
    expect((await axios.put(url, { a: [1, 'zwei'] })).status).toBe(201);
    expect((await axios.get<unknown>(url)).data).toEqual({ a: [1, 'zwei'] });
  });

  it('any bytes come back as they were, under any type', async () => {
    const path = kv(fresh());
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 600, size: 'max' }), async (bytes) => {
        await http.ask('PUT', path, { 'content-type': 'application/octet-stream' }, Buffer.from(bytes));
        expect((await http.ask('GET', path)).body.equals(Buffer.from(bytes))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('HEAD is GET without a body', async () => {
    const path = kv(fresh());
    await http.ask('PUT', path, { 'content-type': 'text/plain' }, 'hello');
    const raw = await http.raw(head(`HEAD ${path} HTTP/1.1`));
    expect(statusIn(raw)).toBe(200);
    expect(raw).toMatch(/Content-Length: 5\r\n/);
    expect(bodyIn(raw)).toBe('');
  });

  it('every answer carries its own request id', async () => {
    const ids = new Set<unknown>();
    for (const [method, path] of [
      ['GET', kv('a')],
      ['PUT', kv('')],
      ['GET', '/livez'],
      ['GET', '/nowhere'],
      ['POST', '/v1/cluster'],
      ['GET', '/v1/shards/99'],
      ['GET', '/metrics'],
    ] as const) {
      ids.add((await http.ask(method, path)).headers['kv-request-id']);
    }
    expect(ids.size).toBe(7);
    expect(ids.has(undefined)).toBe(false);
  });
});

describe('conditions', () => {
  it('create only, compare-and-set, must exist', async () => {
    const path = kv(fresh());
    expect((await http.ask('PUT', path, { 'if-match': '*' }, 'x')).status).toBe(412);
    const created = await http.ask('PUT', path, { 'if-none-match': '*' }, 'x');
    expect(created.status).toBe(201);
    const again = await http.ask('PUT', path, { 'if-none-match': '*' }, 'y');
    const { revision } = created.json as { revision: number };
    expect(again.json).toMatchObject({
      code: 'precondition-failed',
      outcome: 'not_applied',
      current_revision: revision,
    });
    const etag = String(created.headers['etag']);
    expect((await http.ask('PUT', path, { 'if-match': etag }, 'y')).status).toBe(200);
    expect((await http.ask('PUT', path, { 'if-match': etag }, 'z')).status).toBe(412);
    expect((await http.ask('PUT', path, { 'if-match': `,${etag}` }, 'z')).status).toBe(412);
    expect((await http.ask('DELETE', path, { 'if-match': etag })).status).toBe(412);
    expect((await http.ask('DELETE', path, { 'if-match': '*' })).json).toMatchObject({ deleted: true });
    expect((await http.ask('DELETE', path, { 'if-match': '*' })).status).toBe(412);
  });

  it('If-None-Match on a read gives 304 with the headers and no body', async () => {
    const path = kv(fresh());
    const etag = String((await http.ask('PUT', path, {}, 'hello')).headers['etag']);
    for (const known of [etag, '*', `"999", ${etag}`, `W/${etag}`, `,${etag}`, ` , ,"999",,${etag} ,`]) {
      const got = await http.ask('GET', path, { 'if-none-match': known });
      expect([got.status, got.text, got.headers['etag']]).toEqual([304, '', etag]);
    }
    expect((await http.ask('GET', path, { 'if-none-match': '"999"' })).status).toBe(200);
  });

  it('refuses conditions that contradict each other or make no sense', async () => {
    const path = kv(fresh());
    for (const headers of [{ 'if-match': '*', 'if-none-match': '*' }, { 'if-none-match': '"4"' }]) {
      expect((await http.ask('PUT', path, headers as Record<string, string>, 'x')).status).toBe(400);
    }
    expect((await http.ask('GET', path, { 'if-match': '"4"' })).status).toBe(400);
  });

  it('row 31 revisions are read strictly', async () => {
    const path = kv(fresh());
    await http.ask('PUT', path, {}, 'x');
    const ask = (tag: string): Promise<string> =>
      http.raw(Buffer.from(`${head(`PUT ${path} HTTP/1.1`, `If-Match: ${tag}`, 'Content-Length: 1')}x`, 'utf8'));
    for (const tag of ['" 1"', '1', '"1', '"1" "2"', '"1";', 'w/"1"', ',', ' , ,', ', "1" "2"', '*, "1"', "'1'"]) {
      const answer = await ask(tag);
      expect([tag, statusIn(answer)]).toEqual([tag, 400]);
      expect(answer).toContain('"field":"if-match"');
    }
    // Well-formed, and not what this key has: not this store's, weak, or of other revisions.
    for (const tag of ['"-1"', '"1.5"', '"1e3"', '"0x10"', '""', '"01"', '"+1"', '"a,b"', 'W/"1"', '"١"', '"7", "8"']) {
      expect([tag, statusIn(await ask(tag))]).toEqual([tag, 412]);
    }
    // An empty field value is no entity tag either.
    expect(statusIn(await http.raw(`${head(`PUT ${path} HTTP/1.1`, 'If-Match:', 'Content-Length: 1')}x`))).toBe(400);
  });

  it('If-Match may list revisions, of which the key has to have one', async () => {
    const path = kv(fresh());
    const etagOf = async (): Promise<string> => String((await http.ask('GET', path)).headers['etag']);
    await http.ask('PUT', path, {}, 'a');
    const first = await etagOf();
    await http.ask('PUT', path, {}, 'b');
    const second = await etagOf();
    const third = `"${Number(second.slice(1, -1)) + 1}"`;
    const operationId = v7();
    const named = { 'if-match': `${second}, "foreign", ${first}, ${third}, "999999"`, 'idempotency-key': operationId };
    const written = await http.ask('PUT', path, named, 'c');
    expect([written.status, (await http.ask('GET', path)).text]).toEqual([200, 'c']);
    // A retry is answered as the first time, although the key has another listed revision by now.
    expect(await etagOf()).toBe(third);
    const again = await http.ask('PUT', path, named, 'c');
    expect([again.status, again.json, again.headers['idempotency-replayed']]).toEqual([200, written.json, 'true']);
    const refused = await http.ask('DELETE', path, { 'if-match': `${second}, ${first}` });
    expect([refused.status, refused.json]).toMatchObject([412, { code: 'precondition-failed' }]);
    expect((await http.ask('DELETE', path, { 'if-match': `${first}, ${third}` })).json).toMatchObject({
      deleted: true,
    });
  });

  it('row 31 and row 32 a header given twice is refused, for every header that means something', async () => {
    for (const [name, value] of [
      ['If-Match', '"1"'],
      ['If-None-Match', '*'],
      ['Content-Type', 'text/plain'],
      ['Kv-Timeout', '1s'],
      ['Idempotency-Key', v7()],
      ['Kv-Forward', 'never'],
      ['Kv-Hops', '0'],
      ['Prefer', 'return=minimal'],
      ['Content-Encoding', 'identity'],
    ] as const) {
      const raw = await http.raw(
        `${head(`PUT ${kv('a')} HTTP/1.1`, `${name}: ${value}`, `${name.toLowerCase()}: ${value}`, 'Content-Length: 1')}x`,
      );
      expect([name, statusIn(raw)]).toEqual([name, 400]);
      expect(raw).not.toContain('[object Object]');
    }
    // Repeated headers without a meaning here are harmless.
    expect(statusIn(await http.raw(head(`GET ${kv('none')} HTTP/1.1`, 'X-Trace: 1', 'X-Trace: 2')))).toBe(404);
  });

  it('row 32 query parameters: repeated or unknown ones are refused by name', async () => {
    for (const [query, field] of [
      ['?consistency=stale&consistency=stale', 'consistency'],
      ['?key_type=json&key_type=string', 'key_type'],
      ['?ttl=30s', 'ttl'],
      ['?consistency=eventual', 'consistency'],
      ['?consistency', 'consistency'],
      ['?consistency=lease', 'consistency'],
      ['?key_type=number', 'key_type'],
      ['?consistency[]=stale', 'consistency[]'],
      ['?a?b', 'a?b'],
    ] as const) {
      const answer = await http.ask('GET', `/v1/kv/a${query}`);
      expect([query, answer.status]).toEqual([query, 400]);
      expect(answer.json).toMatchObject({ code: 'invalid-request', outcome: 'not_applied', field });
    }
    expect((await http.ask('PUT', '/v1/kv/a?consistency=stale', {}, 'x')).status).toBe(400);
    expect((await http.ask('GET', '/v1/kv/a?consistency=stale')).headers['kv-consistency']).toBe('stale');
  });
});

describe('idempotency', () => {
  it('a replay gets the same answer, marked as replayed; another request under the key is 422 (row 36)', async () => {
    const path = kv(fresh());
    const key = { 'idempotency-key': v7() };
    const first = await http.ask('PUT', path, key, 'x');
    expect(first.headers['idempotency-replayed']).toBeUndefined();
    const second = await http.ask('PUT', path, key, 'x');
    expect([second.status, second.text]).toEqual([first.status, first.text]);
    expect(second.headers['idempotency-replayed']).toBe('true');
    const other = await http.ask('PUT', path, key, 'y');
    expect([other.status, other.json]).toMatchObject([422, { code: 'idempotency-key-reused', outcome: 'not_applied' }]);
    const quoted = await http.ask('PUT', path, { 'idempotency-key': `"${key['idempotency-key'].toUpperCase()}"` }, 'x');
    expect(quoted.headers['idempotency-replayed']).toBe('true');
  });

  it('a refusal is replayed too', async () => {
    const path = kv(fresh());
    const headers = { 'idempotency-key': v7(), 'if-match': '"77"' };
    const first = await http.ask('PUT', path, headers, 'x');
    const second = await http.ask('PUT', path, headers, 'x');
    expect([first.status, second.status, second.headers['idempotency-replayed']]).toEqual([412, 412, 'true']);
  });

  it('row 36 only a UUID will do', async () => {
    for (const bad of ['1', 'x'.repeat(36), '00000000-0000-0000-0000-000000000000', v4().slice(1), `{${v4()}}`]) {
      const answer = await http.ask('PUT', kv('a'), { 'idempotency-key': bad }, 'x');
      expect([answer.status, answer.json]).toMatchObject([400, { field: 'idempotency-key' }]);
    }
  });

  it('writes without a key get operation ids of their own', async () => {
    const before = http.backend.received.length;
    await http.ask('PUT', kv('a'), {}, 'x');
    await http.ask('PUT', kv('a'), {}, 'x');
    const ids = http.backend.received
      .slice(before)
      .map(({ operation }) => (operation.type === 'put' ? Buffer.from(operation.operationId).toString('hex') : ''));
    expect(new Set(ids).size).toBe(2);
    // Version 7.
    expect(ids.every((id) => id[12] === '7')).toBe(true);
  });

  it("the operation says whether its id is the client's", async () => {
    const before = http.backend.received.length;
    for (const named of [false, true]) {
      const headers = (): Record<string, string> => (named ? { 'idempotency-key': v4() } : {});
      await http.ask('PUT', kv('a'), headers(), 'x');
      await http.ask('DELETE', kv('a'), headers());
    }
    const attempts = http.backend.received
      .slice(before)
      .map(({ operation }) => 'attempt' in operation && operation.attempt);
    expect(attempts).toEqual(['initial', 'initial', 'keyed', 'keyed']);
  });
});

describe('preferences and representations', () => {
  it('Prefer: return=minimal gives 204', async () => {
    const answer = await http.ask('PUT', kv(fresh()), { prefer: 'respond-async, return=minimal' }, 'x');
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(answer.headers['etag']).toMatch(/^"\d+"$/);
  });

  it('the envelope has all metadata; JSON is embedded, other values are base64', async () => {
    const key = fresh();
    await http.ask('PUT', kv(key), { 'content-type': 'application/json' }, '{"a":1e2}');
    const accept = { accept: 'text/html, application/vnd.kvorum+json;q=0.9' };
    const json = await http.ask('GET', kv(key), accept);
    expect(json.headers['content-type']).toBe('application/vnd.kvorum+json');
    expect(json.json).toMatchObject({ key, value: { a: 100 }, content_type: 'application/json', version: 1 });
    expect(Object.keys(json.json as object).sort()).toEqual(
      ['content_type', 'create_revision', 'key', 'revision', 'shard', 'value', 'version'].sort(),
    );
    await http.ask('PUT', kv(key), { 'content-type': 'text/"plain' }, 'x');
    await http.ask('PUT', kv(key), { 'content-type': 'text/plain; a="b"' }, 'x"');
    expect((await http.ask('GET', kv(key), accept)).json).toMatchObject({
      value_base64: Buffer.from('x"').toString('base64'),
      content_type: 'text/plain; a="b"',
    });
    const refused = await http.ask('GET', kv(key), { accept: 'application/vnd.kvorum+json;q=0' });
    expect(refused.text).toBe('x"');
  });

  it('JSON keys are canonical and typed: 1 and "1" are two keys, member order does not matter', async () => {
    const put = (json: string, value: string): Promise<unknown> =>
      http.ask('PUT', kv(json, '?key_type=json'), {}, value);
    await put('1', 'number');
    await put('"1"', 'string');
    await put('{"b":1,"a":[true,null]}', 'object');
    expect((await http.ask('GET', kv('1', '?key_type=json'))).text).toBe('number');
    expect((await http.ask('GET', kv('"1"', '?key_type=json'))).text).toBe('string');
    expect((await http.ask('GET', kv('1'))).text).toBe('string');
    const object = await http.ask('GET', kv('{ "a": [true, null], "b": 1.0 }', '?key_type=json'), {
      accept: 'application/vnd.kvorum+json',
    });
    expect(object.json).toMatchObject({ key: { a: [true, null], b: 1 }, key_type: 'json' });
    for (const bad of ['', '{', '[1,]', '{"a":1,"a":2}', '"\\ud800"', '1e400', '[1] x']) {
      expect([bad, (await http.ask('GET', kv(bad, '?key_type=json'))).status]).toEqual([bad, 400]);
    }
    expect((await http.ask('GET', kv('['.repeat(5_000), '?key_type=json'))).status).toBe(400);
  });

  it('base64url keys are bytes', async () => {
    await http.ask('PUT', '/v1/kv/AP8?key_type=base64url', {}, 'x');
    expect((await http.ask('GET', '/v1/kv/AP8?key_type=base64url')).text).toBe('x');
    for (const bad of ['AP8=', 'AP9', 'A+8', 'A']) {
      expect((await http.ask('GET', `/v1/kv/${bad}?key_type=base64url`)).status).toBe(400);
    }
  });

  it('Kv-Timeout sets the deadline, within bounds', async () => {
    for (const [text, ms] of [
      ['2s', 2_000],
      ['500ms', 500],
      ['60s', 60_000],
    ] as const) {
      await http.ask('GET', kv('a'), { 'kv-timeout': text });
      expect(Math.round(http.backend.received.at(-1)!.budgetMs / 50) * 50).toBe(ms);
    }
    for (const bad of ['2', '0s', '-1s', '1.5s', '61s', '1e3ms', ' ', '2m', '99999999999999999999ms', '2s, 3s', '٢s']) {
      const raw = await http.raw(Buffer.from(head(`GET ${kv('a')} HTTP/1.1`, `Kv-Timeout: ${bad}`), 'utf8'));
      expect([bad, statusIn(raw)]).toEqual([bad, 400]);
      expect(raw).toContain('"field":"kv-timeout"');
    }
  });
});
