/** What a hostile or broken client may send, row by row of the project's checklist, over raw sockets. */
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FRONTS, type Front } from '../support/fronts.js';
import { HttpHarness, bodyIn, head, problemIn, readUntil, statusIn } from '../support/http-harness.js';

const LIMIT = 262_144;

describe.each(FRONTS)('$name', ({ start }) => {
  let front: Front;
  let http: Front['http'];
  beforeAll(async () => {
    front = await start({ limits: { valueBytes: LIMIT, lingerMs: 300, jsonMembers: 1_000 } });
    http = front.http;
  });
  // No input may have stopped a node.
  afterEach(() => {
    front.checkNodes();
  });
  afterAll(() => front.close());

  const put = (body: string | Buffer, ...headers: string[]): Buffer =>
    Buffer.concat([
      Buffer.from(head('PUT /v1/kv/a HTTP/1.1', `Content-Length: ${Buffer.byteLength(body)}`, ...headers)),
      Buffer.from(body),
    ]);
  const json = (body: string | Buffer): Promise<string> => http.raw(put(body, 'Content-Type: application/json'));

  describe('bodies', () => {
    it('row 8 a declared body over the limit is refused before it is read, and the connection closed', async () => {
      const before = http.backend.received.length;
      // Not one byte of the body is sent: the answer must not wait for it.
      const raw = await http.raw(
        'PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999999\r\n\r\n',
        (got) => got.endsWith('}'),
      );
      expect(statusIn(raw)).toBe(413);
      expect(raw).toMatch(/\r\nConnection: close\r\n/i);
      expect(problemIn(raw)).toMatchObject({ code: 'value-too-large', limit: LIMIT, outcome: 'not_applied' });
      expect(http.backend.received.length).toBe(before);
    });

    it('row 8 the server itself ends the connection', async () => {
      const raw = await http.raw('PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n');
      expect(statusIn(raw)).toBe(413);
    });

    it('row 8 a client that asks first (Expect: 100-continue) is refused before it sends the body', async () => {
      const refused = await http.raw(head('PUT /v1/kv/a HTTP/1.1', 'Content-Length: 99999999', 'Expect: 100-continue'));
      expect(statusIn(refused)).toBe(413);
      const socket = http.socket();
      socket.write(head('PUT /v1/kv/a HTTP/1.1', 'Content-Length: 2', 'Expect: 100-continue'));
      socket.once('data', () => socket.write('ok'));
      const accepted = await readUntil(socket);
      expect(accepted).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 20[01]/);
      expect(statusIn(await http.raw(head('PUT /v1/kv/a HTTP/1.1', 'Content-Length: 2', 'Expect: miracle')))).toBe(417);
    });

    it('row 9 a chunked body is refused at the limit, whatever else is to come', async () => {
      const before = http.backend.received.length;
      const socket = http.socket();
      socket.write('PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n');
      const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
      let sent = 0;
      // Never ends by itself.
      const pump = (): void => {
        while (!socket.destroyed && sent < 4_096 && socket.write(chunk)) sent += 1;
        sent += 1;
      };
      socket.on('drain', pump);
      pump();
      const raw = await readUntil(socket, (got) => got.endsWith('}'));
      expect(statusIn(raw)).toBe(413);
      expect(problemIn(raw)).toMatchObject({ code: 'value-too-large', limit: LIMIT });
      expect(http.backend.received.length).toBe(before);
      expect(http.server.inFlight).toBe(0);
    });

    it('row 10 values at the limit and one byte beyond; keys of 0, most and one more bytes', async () => {
      expect((await http.ask('PUT', '/v1/kv/a', {}, Buffer.alloc(LIMIT))).status).toBeLessThan(300);
      expect((await http.ask('GET', '/v1/kv/a')).body.length).toBe(LIMIT);
      expect((await http.ask('PUT', '/v1/kv/a', {}, Buffer.alloc(LIMIT + 1))).status).toBe(413);
      const chunked = (length: number): string =>
        `${head('PUT /v1/kv/a HTTP/1.1', 'Transfer-Encoding: chunked')}${length.toString(16)}\r\n${'x'.repeat(length)}\r\n0\r\n\r\n`;
      expect(statusIn(await http.raw(chunked(LIMIT)))).toBe(200);
      expect(statusIn(await http.raw(chunked(LIMIT + 1)))).toBe(413);
      for (const [length, status] of [
        [0, 400],
        [4_096, 201],
        [4_097, 414],
      ] as const) {
        const answer = await http.ask('PUT', `/v1/kv/${'k'.repeat(length)}`, {}, 'x');
        expect([length, answer.status]).toEqual([length, status]);
      }
      // A key of 0 bytes where it can be written, and nowhere else.
      const empty = '/v1/kv/%22%22?key_type=json';
      expect((await http.ask('PUT', empty, {}, 'x')).status).toBe(201);
      expect((await http.ask('GET', empty)).text).toBe('x');
      expect((await http.ask('DELETE', empty)).json).toMatchObject({ deleted: true });
      for (const query of ['?key_type=string', '?key_type=json', '?key_type=base64url']) {
        const answer = await http.ask('PUT', `/v1/kv/${query}`, {}, 'x');
        expect([query, answer.status, answer.json]).toMatchObject([query, 400, { field: 'key' }]);
      }
      const umlauts = encodeURIComponent('ä'.repeat(2_048));
      expect((await http.ask('PUT', `/v1/kv/${umlauts}`, {}, 'x')).status).toBe(201);
      expect((await http.ask('PUT', `/v1/kv/${umlauts}a`, {}, 'x')).json).toMatchObject({ code: 'key-too-long' });
    });

    it('row 11 no content encoding is taken, and nothing is decompressed', async () => {
      const bomb = gzipSync(Buffer.alloc(1_000_000));
      for (const encoding of ['gzip', 'br', 'deflate', 'gzip, gzip', 'zstd']) {
        const raw = await http.raw(put(bomb, `Content-Encoding: ${encoding}`));
        expect([encoding, statusIn(raw)]).toEqual([encoding, 415]);
      }
      expect(statusIn(await http.raw(put('x', 'Content-Encoding: identity')))).toBe(200);
    });

    it.each([
      ['depth 100,000', Buffer.from('['.repeat(100_000) + ']'.repeat(100_000))],
      ['depth of objects', Buffer.from(`${'{"a":'.repeat(40_000)}1${'}'.repeat(40_000)}`)],
      ['duplicate keys', '{"a":1,"a":2}'],
      ['duplicate keys, spelt in two ways', '{"a":1,"\\u0061":2}'],
      ['1e400', '[1e400]'],
      ['-1e400', '-1e400'],
      ['400 digits', '9'.repeat(400)],
      ['a lone high surrogate', '"\\ud800"'],
      ['a lone low surrogate', '"\\udc00x"'],
      ['a lone surrogate in a name', '{"\\ud800":1}'],
      ['a raw surrogate', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
      ['trailing garbage', '{} x'],
      ['two values', '1 2'],
      ['a byte order mark', '\ufeff{}'],
      ['an empty body', ''],
      ['blanks', ' \n'],
      ['NaN', 'NaN'],
      ['a comment', '{/**/}'],
      ['a trailing comma', '[1,]'],
      ['a leading zero', '01'],
      ['a raw control character', '"a\nb"'],
      ['NUL', '\0'],
      ['single quotes', "{'a':1}"],
      ['too many members', `{${Array.from({ length: 1_001 }, (_, i) => `"${i}":0`).join()}}`],
    ])('row 12 JSON: %s is 400', async (_name, body) => {
      const raw = await json(body);
      expect(statusIn(raw)).toBe(400);
      expect(problemIn(raw)).toMatchObject({ code: 'invalid-request', field: 'body', outcome: 'not_applied' });
    });

    it('row 12 another type is bytes: the same bodies are stored as they are', async () => {
      const body = Buffer.from('{"a":1,"a":\ud800');
      expect((await http.ask('PUT', '/v1/kv/raw', { 'content-type': 'text/plain' }, body)).status).toBeLessThan(300);
      expect((await http.ask('GET', '/v1/kv/raw')).body.equals(body)).toBe(true);
    });

    it('row 13 __proto__ and its like are names like any other', async () => {
      for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']) {
        expect((await http.ask('GET', `/v1/kv/${name}`)).status).toBe(404);
        const body = `{"${name}":{"polluted":true}}`;
        await http.ask('PUT', `/v1/kv/${name}`, { 'content-type': 'application/json' }, body);
        expect((await http.ask('GET', `/v1/kv/${name}`)).text).toBe(body);
        const envelope = await http.ask('GET', `/v1/kv/${name}`, { accept: 'application/vnd.kvorum+json' });
        expect(envelope.text).toContain(`"value":${body}`);
        const query = await http.ask('GET', `/v1/kv/a?${name}=1`);
        expect([query.status, query.json]).toMatchObject([400, { field: name }]);
        expect(statusIn(await http.raw(head('GET /v1/kv/none HTTP/1.1', `${name}: x`)))).toBe(404);
      }
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    });

    it('row 14 and row 33 wrong types: of content 415, of parameters 400 with the field', async () => {
      for (const type of [
        'text',
        'text/',
        '/plain',
        'text/plain; x',
        'a b/c',
        `text/${'x'.repeat(255)}`,
        '',
        'text/"x',
      ]) {
        expect([type, statusIn(await http.raw(put('1', `Content-Type: ${type}`)))]).toEqual([type, 415]);
      }
      expect(statusIn(await http.raw(put('1', 'Content-Type: application/json; charset=utf-16')))).toBe(415);
      expect(statusIn(await http.raw(put('1', 'Content-Type: Application/JSON; charset=UTF-8')))).toBe(200);
    });

    it('row 14 a tab in a Content-Type is blank like any other, and is kept', async () => {
      for (const type of ['text/plain;\tcharset=utf-8', 'text/plain\t; a=b', 'text/plain; a="\t\\\t\\t"']) {
        const written = await http.raw(put('1', `Content-Type: ${type}`));
        expect([type, statusIn(written)]).toEqual([type, 200]);
        expect((await http.ask('GET', '/v1/kv/a')).headers['content-type']).toBe(type);
        const envelope = await http.ask('GET', '/v1/kv/a', { accept: 'application/vnd.kvorum+json' });
        expect(envelope.json).toMatchObject({ content_type: type });
      }
      expect(statusIn(await http.raw(put('1', `Content-Type: text/plain${';\ta=b'.repeat(60)}`)))).toBe(415);
    });

    it('row 14 a Content-Type that could be read in many ways is read in one', async () => {
      const type = `text/plain${';a=""'.repeat(40)}`;
      expect(statusIn(await http.raw(put('1', `Content-Type: ${type}`)))).toBe(200);
      const startedAt = performance.now();
      expect(statusIn(await http.raw(put('1', `Content-Type: ${type};`)))).toBe(200);
      expect(statusIn(await http.raw(put('1', `Content-Type: ${type}"`)))).toBe(415);
      expect(performance.now() - startedAt).toBeLessThan(5_000);
    });

    it('row 31 a revision that no log reaches is one that the key does not have: 412', async () => {
      const { revision: current } = (await http.ask('PUT', '/v1/kv/a', {}, 'x')).json as { revision: number };
      for (const tag of ['0', '281474976710655', '281474976710656', '9007199254740993', '9'.repeat(300)]) {
        for (const method of ['PUT', 'DELETE']) {
          const answer = await http.ask(
            method,
            '/v1/kv/a',
            { 'if-match': `"${tag}"` },
            method === 'PUT' ? 'y' : undefined,
          );
          expect([method, tag, answer.status]).toEqual([method, tag, 412]);
          expect(answer.json).toMatchObject({ code: 'precondition-failed', current_revision: current });
        }
      }
      expect((await http.ask('GET', '/v1/kv/a')).text).toBe('x');
    });

    it('a body where none belongs is refused', async () => {
      for (const method of ['GET', 'HEAD', 'DELETE']) {
        const raw = await http.raw(`${head(`${method} /v1/kv/a HTTP/1.1`, 'Content-Length: 1')}x`);
        expect([method, statusIn(raw)]).toEqual([method, 400]);
      }
    });

    it('row 33 a write without length or chunks is 411', async () => {
      const raw = await http.raw(head('PUT /v1/kv/a HTTP/1.1'));
      expect([statusIn(raw), problemIn(raw)['code']]).toEqual([411, 'length-required']);
    });
  });

  describe('row 15: keys are opaque', () => {
    const ENCODED = [
      '../../etc/passwd',
      '..%2f..%2Fetc',
      '%2e%2e',
      '%2E%2E/x',
      '/',
      '//',
      '.',
      './',
      '..',
      '%3F',
      '%23',
      '%00',
      '\\',
      '%5C..%5C',
      '%0D%0ASet-Cookie:%20x=1',
      '%F0%9F%98%80',
      'e%CC%81',
      '%C3%A9',
      "';DROP%20TABLE%20kv;--",
      '%25',
      '%2525',
      '+',
      '%20',
      '%1B[31m',
      'a;b=c',
      'http://evil.example/',
      '%E2%80%8E',
      '%EF%BB%BF',
      '%7Ba%7D',
    ];

    it('row 15 they round-trip, and no two of them are one', async () => {
      for (const [i, encoded] of ENCODED.entries()) {
        const raw = await http.raw(
          `${head(`PUT /v1/kv/${encoded} HTTP/1.1`, 'Content-Length: 3')}${String(i).padStart(3)}`,
        );
        expect([encoded, statusIn(raw)]).toEqual([encoded, expect.any(Number)]);
        expect(statusIn(raw)).toBeLessThan(300);
      }
      // What is spelt differently and means the same text is the same key: percent-decoding happens once.
      const meaning = new Map(ENCODED.map((encoded, i) => [decodeURIComponent(encoded), i]));
      for (const encoded of ENCODED) {
        const raw = await http.raw(head(`GET /v1/kv/${encoded} HTTP/1.1`, 'Accept: application/vnd.kvorum+json'));
        const envelope = JSON.parse(bodyIn(raw)) as { key: string; value_base64: string };
        expect(envelope.key).toBe(decodeURIComponent(encoded));
        expect(Number(Buffer.from(envelope.value_base64, 'base64').toString())).toBe(meaning.get(envelope.key));
      }
    });

    it('row 15 decoding comes before routing only where a key is: no other path is decoded into one', async () => {
      for (const path of ['/v1/%6bv/a', '/v1%2Fkv%2Fa', '//v1/kv/a', '/v1//kv/a', '/V1/kv/a', '/x/../v1/kv/a']) {
        const raw = await http.raw(head(`GET ${path} HTTP/1.1`));
        expect([path, statusIn(raw), problemIn(raw)['code']]).toEqual([path, 404, 'route-not-found']);
      }
    });

    it('row 15 /v1/where/ reads keys in the same way', async () => {
      for (const encoded of ['..%2f', '%2e%2e', '//', '%00', '%F0%9F%98%80', '../x']) {
        const where = JSON.parse(bodyIn(await http.raw(head(`GET /v1/where/${encoded} HTTP/1.1`)))) as Record<
          string,
          unknown
        >;
        const kv = await http.raw(head(`GET /v1/kv/${encoded} HTTP/1.1`));
        expect(where['key']).toBe(decodeURIComponent(encoded));
        expect(/\r\nKv-Shard: (\d+)/.exec(kv)?.[1]).toBe(String(where['shard']));
      }
    });

    it('row 15 no byte of a key gets into a header or breaks a line', async () => {
      const raw = await http.raw(head('GET /v1/kv/%0d%0aX-Evil:%201%0d%0a HTTP/1.1', 'Kv-Forward: never'));
      expect(raw).not.toMatch(/\r\nX-Evil/i);
    });

    it.each(['%ff', '%c0%af', '%e0%80%af', '%ed%a0%80', '%f8%88%80%80%80', '%c3', 'a%80'])(
      'row 15 invalid UTF-8 %s is 400',
      async (encoded) => {
        const raw = await http.raw(head(`GET /v1/kv/${encoded} HTTP/1.1`));
        expect([statusIn(raw), problemIn(raw)['field']]).toEqual([400, 'key']);
      },
    );

    it.each(['%zz', '%', '%a', 'a%2', '%%41', '%u0041', '% 41', '%+1', '%-1'])(
      'row 16 malformed percent-encoding %s is 400',
      async (encoded) => {
        for (const prefix of ['/v1/kv/', '/v1/where/', '/v1/shards/']) {
          const raw = await http.raw(head(`GET ${prefix}${encoded} HTTP/1.1`));
          expect([prefix, statusIn(raw)]).toEqual([prefix, 400]);
        }
        expect(statusIn(await http.raw(head(`GET /v1/kv/a?consistency=${encoded} HTTP/1.1`)))).toBe(400);
      },
    );

    it('row 15 raw bytes that a URI must encode are refused', async () => {
      for (const target of ['/v1/kv/a#b', '/v1/kv/\u00e9', '/v1/kv/\u007f']) {
        const raw = await http.raw(Buffer.from(head(`GET ${target} HTTP/1.1`), 'latin1'));
        expect([target, statusIn(raw)]).toEqual([target, 400]);
      }
    });

    it('row 34 SQL and NUL in keys and values round-trip exactly', async () => {
      const value = Buffer.from("'; DROP TABLE kv; -- \0 %_\\ \u0000");
      const path = `/v1/kv/${encodeURIComponent('k\0\'";--%_')}`;
      await http.ask('PUT', path, { 'content-type': 'application/octet-stream' }, value);
      expect((await http.ask('GET', path)).body.equals(value)).toBe(true);
      expect((await http.ask('GET', `/v1/kv/${encodeURIComponent('k')}`)).status).toBe(404);
    });
  });

  describe('row 30: listing', () => {
    it.each([
      'limit=0',
      'limit=-1',
      'limit=NaN',
      'limit=1000000000',
      'limit=10001',
      'limit=1.5',
      'limit=',
      'limit=1&limit=1',
    ])('row 30 GET /v1/kv?%s lists nothing: 400', async (query) => {
      const before = http.backend.received.length;
      const raw = await http.raw(head(`GET /v1/kv?${query} HTTP/1.1`));
      expect([statusIn(raw), problemIn(raw)]).toMatchObject([
        400,
        { code: 'invalid-request', field: 'limit', outcome: 'not_applied' },
      ]);
      expect(http.backend.received.length).toBe(before);
    });

    it('row 30 the path of an empty key lists nothing either: 400', async () => {
      for (const path of ['/v1/kv/', '/v1/kv/?limit=0']) {
        expect([path, statusIn(await http.raw(head(`GET ${path} HTTP/1.1`)))]).toEqual([path, 400]);
      }
    });
  });
});

describe('row 15: no byte of a key', () => {
  it('gets into a redirection', async () => {
    const http = await HttpHarness.start();
    http.backend.leader = 2;
    const moved = await http.raw(head('GET /v1/kv/%0d%0aX-Evil:%201 HTTP/1.1', 'Kv-Forward: never'));
    await http.close();
    expect(statusIn(moved)).toBe(307);
    expect(moved).not.toMatch(/\r\nX-Evil/i);
  });
});
