/** Targets, hosts, methods and smuggled requests, over raw sockets. */
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FRONTS, type Front } from '../support/fronts.js';
import { HttpHarness, head, problemIn, readUntil, statusIn } from '../support/http-harness.js';

describe.each(FRONTS)('$name', ({ start }) => {
  let front: Front;
  let http: Front['http'];
  beforeAll(async () => {
    front = await start();
    http = front.http;
  });
  afterEach(() => {
    front.checkNodes();
  });
  afterAll(() => front.close());

  describe('targets, hosts, methods', () => {
    it('row 17 origin and absolute form, only known hosts', async () => {
      await http.ask('PUT', '/v1/kv/absolute', {}, 'x');
      for (const [target, status] of [
        ['http://localhost/v1/kv/absolute', 200],
        [`HTTP://127.0.0.1:${http.port}/v1/kv/absolute?consistency=stale`, 200],
        ['http://localhost/livez', 200],
        ['http://localhost', 200],
        ['http://localhost:/v1/kv/absolute', 200],
        ['http://:/v1/kv/absolute', 421],
        ['http://localhost?a', 400],
        ['http://evil.example/v1/kv/absolute', 421],
        ['http://user@localhost/v1/kv/absolute', 421],
        ['http:///v1/kv/absolute', 421],
        ['https://localhost/v1/kv/absolute', 400],
        ['file:///etc/passwd', 400],
        ['v1/kv/absolute', 400],
      ] as const) {
        expect([target, statusIn(await http.raw(head(`GET ${target} HTTP/1.1`)))]).toEqual([target, status]);
      }
      expect(statusIn(await http.raw(head('OPTIONS * HTTP/1.1')))).toBe(400);
      // The target says which host is meant, whatever the header says.
      const other = 'GET http://localhost/v1/kv/absolute HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n';
      expect(statusIn(await http.raw(other))).toBe(200);
      const host = async (value: string): Promise<number> =>
        statusIn(await http.raw(`GET /livez HTTP/1.1\r\nHost: ${value}\r\nConnection: close\r\n\r\n`));
      const names = ['localhost', 'LOCALHOST:8080', '127.0.0.1', `127.0.0.1:${http.port}`, '[::1]', '[::1]:80'];
      // A port may be empty (RFC 3986 §3.2.3).
      for (const good of [...names, 'localhost:', '[::1]:']) {
        expect([good, await host(good)]).toEqual([good, 200]);
      }
      for (const bad of [
        'evil.example',
        'localhost.evil.example',
        '127.0.0.1.nip.io',
        'localhost@evil',
        '0.0.0.0',
        '',
        'localhost:x',
        'localhost::',
        ':',
        '[::1',
        '169.254.169.254',
      ]) {
        expect([bad, await host(bad)]).toEqual([bad, 421]);
      }
      for (const [path, status] of [
        ['/livez', 200],
        ['/readyz', 200],
        ['/readyz?verbose', 200],
        ['/livezz', 421],
        ['/metrics', 421],
        ['/v1/kv/absolute', 421],
      ] as const) {
        expect([path, statusIn(await http.raw(`GET ${path} HTTP/1.0\r\n\r\n`))]).toEqual([path, status]);
      }
      expect(statusIn(await http.raw('GET /livez HTTP/1.0\r\nHost: evil.example\r\n\r\n'))).toBe(421);
    });

    it('row 17 a missing Host is 400 with a problem, and gets no 100 Continue', async () => {
      for (const line of ['GET /livez', 'GET /v1/kv/a', 'FROB /x']) {
        const raw = await http.raw(`${line} HTTP/1.1\r\n\r\n`);
        expect([line, statusIn(raw)]).toEqual([line, 400]);
        expect(raw).toMatch(/\r\nConnection: close\r\n/i);
      }
      const lines = 'PUT /v1/kv/a HTTP/1.1\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n';
      const raw = await http.raw(lines);
      expect([statusIn(raw), problemIn(raw)]).toMatchObject([400, { field: 'host', outcome: 'not_applied' }]);
    });

    it('row 33 CONNECT is 405, and the connection ends', async () => {
      for (const more of ['', 'GET /v1/kv/tunnelled HTTP/1.1\r\nHost: localhost\r\n\r\n']) {
        const before = http.backend.received.length;
        const raw = await http.raw(`CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n${more}`);
        expect([statusIn(raw), problemIn(raw)['code']]).toEqual([405, 'method-not-allowed']);
        expect(raw).toMatch(/\r\nAllow: GET, HEAD, PUT, PATCH, DELETE\r\n/);
        expect(raw).toMatch(/\r\nKv-Request-Id: \S+\r\n/);
        expect(http.backend.received.length).toBe(before);
      }
    });

    it('row 33 CONNECT behind another request is never answered in its place, and leaves nothing open', async () => {
      const other = await HttpHarness.start();
      const behind = 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nCONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n';
      const statuses = (await other.raw(behind)).match(/HTTP\/1\.1 \d+/g) ?? [];
      expect('HTTP/1.1 200,HTTP/1.1 405'.startsWith(statuses.join())).toBe(true);
      while (other.server.connections > 0) await new Promise((resolve) => setImmediate(resolve));
      await other.close();
    });

    it('row 17 further names can be allowed', async () => {
      const other = await HttpHarness.start({ allowedHosts: ['kv.internal'] });
      const raw = await other.raw('GET /livez HTTP/1.1\r\nHost: KV.internal:80\r\nConnection: close\r\n\r\n');
      await other.close();
      expect(statusIn(raw)).toBe(200);
    });

    it('row 18 an unsupported transfer coding is 501, and nothing is stored', async () => {
      const inner = 'GET /v1/kv/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n';
      for (const coding of ['gzip, chunked', 'GZIP,chunked', 'x-y, chunked']) {
        const before = http.backend.received.length;
        const start = `PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: ${coding}\r\n\r\n`;
        const raw = await http.raw(`${start}1\r\nx\r\n0\r\n\r\n${inner}`);
        expect([coding, statusIn(raw), raw.match(/HTTP\/1\.1 \d/g)?.length]).toEqual([coding, 501, 1]);
        expect(problemIn(raw)).toMatchObject({ code: 'transfer-coding-unsupported', outcome: 'not_applied' });
        expect(http.backend.received.length).toBe(before);
      }
    });

    it('row 18 a transfer coding that the parser itself rejects is 501 as well, and the connection ends', async () => {
      const before = http.backend.received.length;
      const inner = 'GET /v1/kv/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n';
      const codings = ['gzip', 'identity', 'x-y;a=b', 'deflate, gzip'];
      const starts = ['PUT /v1/kv/a', 'DELETE /v1/kv/a', 'GET /livez', 'GET /metrics', 'GET /nothing'];
      const cases = starts.flatMap((start) =>
        codings.flatMap((coding) => ['', 'x', inner].map((body) => [start, coding, body] as const)),
      );
      const answers = cases.map(async ([start, coding, body]) => {
        const raw = await http.raw(
          `${start} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: ${coding}\r\n\r\n${body}`,
        );
        expect([start, coding, body, raw.match(/HTTP\/1\.1 \d{3}/g)]).toEqual([start, coding, body, ['HTTP/1.1 501']]);
        expect(raw).toMatch(/\r\nConnection: close\r\n/);
        expect(raw).toMatch(/\r\nKv-Request-Id: \S+\r\n/);
        expect(problemIn(raw)).toMatchObject({ code: 'transfer-coding-unsupported', outcome: 'not_applied' });
      });
      await Promise.all(answers);
      expect(http.backend.received.length).toBe(before);
    });

    it('row 18 a request refused for its head gets that refusal, whatever its body looks like', async () => {
      const start = 'PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: ';
      const [coded, typed] = await Promise.all([
        http.raw(`${start}gzip, chunked\r\n\r\nno chunk`),
        http.raw(`${start}chunked\r\nContent-Type: none\r\n\r\nno chunk`),
      ]);
      expect([statusIn(coded), problemIn(coded)['code']]).toEqual([501, 'transfer-coding-unsupported']);
      expect([statusIn(typed), problemIn(typed)['code']]).toEqual([415, 'unsupported-media-type']);
    });

    it('row 18 request smuggling: one request or none reaches the store', async () => {
      const inner = 'GET /v1/kv/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n';
      const start = 'PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\n';
      const attacks: Record<string, string> = {
        'CL.TE': `${start}Content-Length: ${5 + inner.length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${inner}`,
        'TE.CL': `${start}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n${inner}\r\n0\r\n\r\n`,
        'two lengths': `${start}Content-Length: 0\r\nContent-Length: 5\r\n\r\n${inner}`,
        'two encodings': `${start}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${inner}`,
        'a bad chunk size': `${start}Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n${inner}`,
        'a sign in the length': `${start}Content-Length: +5\r\n\r\nhello${inner}`,
        'a blank before the colon': `${start}Content-Length : 5\r\n\r\nhello${inner}`,
        'a folded header': `${start}X: 1\r\n Content-Length: 5\r\n\r\nhello${inner}`,
        'a bare line feed': `PUT /v1/kv/a HTTP/1.1\nHost: localhost\nContent-Length: 5\n\nhello${inner}`,
        'NUL in a header': `${start}X: a\0b\r\nContent-Length: 5\r\n\r\nhello${inner}`,
        'no host': 'GET /v1/kv/a HTTP/1.1\r\n\r\n',
        'an unknown method': 'FROB /v1/kv/a HTTP/1.1\r\nHost: localhost\r\n\r\n',
      };
      for (const [name, attack] of Object.entries(attacks)) {
        const before = http.backend.received.length;
        const raw = await http.raw(attack);
        expect([name, statusIn(raw)]).toEqual([name, 400]);
        expect([name, raw.match(/HTTP\/1\.1 \d/g)?.length]).toEqual([name, 1]);
        expect([name, http.backend.received.length - before]).toEqual([name, 0]);
        expect([name, problemIn(raw)]).toMatchObject([name, { code: 'invalid-request' }]);
        expect(raw).toMatch(/\r\nKv-Request-Id: \S+\r\n/);
      }
    });

    it('row 18 refusals by node:http itself are problem documents as well', async () => {
      const raw = await http.raw('GARBAGE\r\n\r\n');
      expect(raw).toMatch(/\r\nKv-Request-Id: \S+\r\n/);
      expect(problemIn(raw)).toMatchObject({ status: 400, outcome: 'not_applied' });
      const large = await http.raw(head('GET /v1/kv/a HTTP/1.1', `X: ${'x'.repeat(20_000)}`));
      expect([statusIn(large), problemIn(large)['code']]).toEqual([431, 'headers-too-large']);
    });

    it('row 18 garbage behind a pending request is refused after its answer, not in its place', async () => {
      http.backend.holding = true;
      const socket = http.socket();
      socket.write('PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nxGARBAGE\r\n\r\n');
      while (http.backend.held === 0) await new Promise((resolve) => setImmediate(resolve));
      http.backend.release();
      const raw = await readUntil(socket);
      expect(raw.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 201', 'HTTP/1.1 400']);
    });

    it('row 18 garbage behind a pending request of node:http is not answered in its place either', async () => {
      http.backend.holding = true;
      const socket = http.socket();
      const put = 'PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nX-Empty:\r\nContent-Length: 1\r\n\r\nx';
      socket.write(`${put}GARBAGE\r\n\r\n`);
      const raw = await readUntil(socket);
      http.backend.release();
      expect(raw).toBe('');
    });

    it('row 33 methods and routes', async () => {
      for (const method of ['POST', 'OPTIONS', 'TRACE', 'PROPFIND']) {
        const raw = await http.raw(
          head(`${method} /v1/kv/a HTTP/1.1`, ...(method === 'TRACE' ? [] : ['Content-Length: 0'])),
        );
        expect([method, statusIn(raw)]).toEqual([method, 405]);
        expect(raw).toMatch(/\r\nAllow: GET, HEAD, PUT, PATCH, DELETE\r\n/);
      }
      for (const path of [
        '/v1/cluster',
        '/v1/nodes',
        '/v1/shards',
        '/v1/shards/0',
        '/',
        '/livez',
        '/readyz',
        '/version',
        '/metrics',
        '/v1/where/a',
      ]) {
        const raw = await http.raw(head(`DELETE ${path} HTTP/1.1`));
        expect([path, statusIn(raw)]).toEqual([path, 405]);
        expect(raw).toMatch(/\r\nAllow: GET, HEAD\r\n/);
        expect(statusIn(await http.raw(head(`HEAD ${path} HTTP/1.1`)))).toBe(200);
      }
      for (const path of ['/v1', '/v1/', '/v2/kv/a', '/admin', '/v1/clusters', '/favicon.ico', '/v1/shards/0/x']) {
        const raw = await http.raw(head(`GET ${path} HTTP/1.1`));
        expect([path, statusIn(raw), problemIn(raw)['code']]).toEqual([path, 404, 'route-not-found']);
      }
      const upgrade = await http.raw(
        head('GET /v1/kv/none HTTP/1.1', 'Upgrade: websocket').replace('close', 'Upgrade'),
        (got) => got.endsWith('}'),
      );
      expect(statusIn(upgrade)).toBe(404);
    });

    it('row 37 client input does not get into metrics', async () => {
      await http.ask('GET', `/v1/kv/${encodeURIComponent('evil"} 1\n# HELP x\u001b[31m')}`);
      await http.raw(head('GET /v1/kv/evil-label HTTP/1.1', 'User-Agent: evil-agent'));
      const { text } = await http.ask('GET', '/metrics');
      expect(text).toContain('kvorum_request_duration_seconds_count{operation="get",code="key-not-found"}');
      expect(text).not.toMatch(/evil|\u001b/);
    });

    it('random input never stops the server, and gets no 5xx answer but 501', async () => {
      const piece = fc.constantFrom(
        '/',
        'v1',
        'kv',
        'where',
        'shards',
        '%',
        '%2',
        '%ff',
        '%00',
        '..',
        '?',
        '&',
        '=',
        '#',
        '"',
        '{',
        ';',
        ' ',
        '\t',
        '\u00ff',
        'a',
        '0',
        '-1',
        ',',
        ':',
        '*',
        '\\',
      );
      const text = fc.array(piece, { maxLength: 8 }).map((parts) => parts.join(''));
      const name = fc.constantFrom(
        'If-Match',
        'If-None-Match',
        'Kv-Timeout',
        'Kv-Hops',
        'Kv-Forward',
        'Prefer',
        'Accept',
        'Content-Type',
        'Content-Length',
        'Transfer-Encoding',
        'Idempotency-Key',
        'Expect',
        'Host',
        'Connection',
      );
      const method = fc.constantFrom('GET', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'POST', 'get', '');
      await fc.assert(
        fc.asyncProperty(
          method,
          text,
          fc.array(fc.tuple(name, text), { maxLength: 3 }),
          async (verb, path, headers) => {
            const lines = headers.map(([key, value]) => `${key}: ${value}`);
            const socket = http.socket();
            socket.end(Buffer.from(head(`${verb} /v1/kv/${path} HTTP/1.1`, ...lines), 'latin1'));
            const raw = await readUntil(socket);
            // 501 is the answer to a transfer coding.
            if (raw !== '' && statusIn(raw) !== 501) expect(statusIn(raw)).toBeLessThan(500);
          },
        ),
        { numRuns: 300 },
      );
      expect((await http.ask('GET', '/livez')).status).toBe(200);
      expect(http.server.inFlight).toBe(0);
    });
  });
});
