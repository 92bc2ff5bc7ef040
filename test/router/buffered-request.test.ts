import { describe, expect, it } from 'vitest';
import { RequestRecogniser, BufferedRequest, type RequestBounds } from '../../src/router/http/buffered-request.js';
import type { DataResponse } from '../../src/router/http/data-request.js';
import { DEFAULT_LIMITS } from '../../src/router/http/limits.js';
import { hasSimpleAnswer, SIMPLE_STARTS, simpleBodyLimit } from '../../src/router/kv/simple-targets.js';
import { MAX_BATCH_BYTES, MAX_TRANSACTION_BYTES } from '../../src/shard/index.js';

const limits = { ...DEFAULT_LIMITS, valueBytes: 1_000 };
const bounds: RequestBounds = {
  headerBytes: 400,
  starts: SIMPLE_STARTS,
  bodyBytes: (method, target) => simpleBodyLimit(method, target, limits),
  hasSimpleAnswer,
};
const noResponse = () => ({}) as DataResponse;
const look = (text: string, from = 0) =>
  new RequestRecogniser(bounds, noResponse).recognise(Buffer.from(text, 'latin1'), from);
const recognise = (text: string, from = 0): BufferedRequest | undefined => {
  const seen = look(text, from);
  return seen instanceof BufferedRequest ? seen : undefined;
};
const GET = 'GET /v1/kv/a HTTP/1.1\r\nHost: localhost\r\n';
const PUT = 'PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\n';

describe('requests that are recognised', () => {
  it('reads method, target, headers and body', () => {
    const text = `${PUT}Content-Length: 3\r\nX-Odd!:  a b\tc\r\n\r\nabcGET`;
    const request = recognise(text);
    expect(request).toMatchObject({ method: 'PUT', url: '/v1/kv/a', complete: true, length: text.length - 3 });
    expect({ ...request?.headers }).toEqual({ host: 'localhost', 'content-length': '3', 'x-odd!': 'a b\tc' });
    expect(request?.body.toString()).toBe('abc');
  });

  it.each(['GET', 'HEAD', 'DELETE'])('%s without a body, from the middle of the buffer', (method) => {
    const request = recognise(`junk${method} /v1/kv/a?b=%20 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n`, 4);
    expect(request).toMatchObject({ method, url: '/v1/kv/a?b=%20' });
    expect(request?.body.length).toBe(0);
  });

  it.each([
    ['POST', '/v1/txn', MAX_TRANSACTION_BYTES],
    ['POST', '/v1/batch', MAX_BATCH_BYTES],
    ['POST', '/v1/ns/n/txn', MAX_TRANSACTION_BYTES],
    ['POST', '/v1/ns/n/batch?a=b', MAX_BATCH_BYTES],
    ['PATCH', '/v1/kv/a', 1_000],
    ['PATCH', '/v1/ns/n/kv/a', 1_000],
    ['PUT', '/v1/ns/n/kv/a/b', 1_000],
  ])('%s %s with a body within its own limit', (method, target, limit) => {
    const of = (length: number): string =>
      `${method} ${target} HTTP/1.1\r\nHost: h\r\nContent-Length: ${length}\r\n\r\nab`;
    const request = recognise(of(2));
    expect(request).toMatchObject({ method, url: target });
    expect(request?.body.toString()).toBe('ab');
    expect(look(of(limit))).toMatchObject({ complete: false, headBytes: of(limit).length - 2 });
    expect(look(of(limit + 1))).toBeUndefined();
  });

  it.each(['/v1/kv?prefix=a', '/v1/kv', '/v1/ns/n/kv?limit=1'])('GET of a page: %s', (target) => {
    expect(recognise(`GET ${target} HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n`)).toMatchObject({ url: target });
  });

  it.each(['GET', 'HEAD', 'DELETE'])('%s of a key of a namespace', (method) => {
    const request = recognise(`${method} /v1/ns/n/kv/a HTTP/1.1\r\nHost: h\r\n\r\n`);
    expect(request).toMatchObject({ method, url: '/v1/ns/n/kv/a' });
  });

  it('shares equal headers, and never mixes up those of two methods', () => {
    const recogniser = new RequestRecogniser(bounds, noResponse);
    const of = (text: string) => {
      const seen = recogniser.recognise(Buffer.from(text), 0);
      return seen instanceof BufferedRequest ? seen.headers : undefined;
    };
    const first = of(`${GET}A: 1\r\n\r\n`);
    expect(of(`${GET}A: 1\r\n\r\n`)).toBe(first);
    expect(of(`${GET}A: 2\r\n\r\n`)?.['a']).toBe('2');
    expect(of(`${PUT}A: 3\r\nContent-Length: 0\r\n\r\n`)?.['a']).toBe('3');
    expect(of(`${GET}A: 2\r\n\r\n`)?.['a']).toBe('2');
  });

  it('a header named like a property of Object.prototype is a header', () => {
    expect(recognise(`${GET}constructor: x\r\n\r\n`)?.headers['constructor']).toBe('x');
    expect(recognise(`${GET}__proto__: x\r\n\r\n`)?.headers['__proto__']).toBe('x');
  });
});

describe('the beginning of a request is waited for', () => {
  const text = `${PUT}Content-Length: 4\r\n\r\nabcd`;

  it('wherever it was cut', () => {
    const headBytes = text.length - 4;
    for (let at = 1; at < text.length; at += 1) {
      const partial =
        at < headBytes
          ? { complete: false, neededBytes: undefined }
          : { complete: false, neededBytes: text.length, headBytes };
      expect([at, look(text.slice(0, at))]).toEqual([at, partial]);
    }
    expect(look(`junk${text.slice(0, -1)}`, 4)).toEqual({
      complete: false,
      neededBytes: text.length,
      headBytes: text.length - 4,
    });
  });
});

describe('what is left to node:http', () => {
  it.each([
    ['half a head of another path', 'GET /livez HTT'],
    ['half a head of another method', 'POST /v1/kv/a HTT'],
    ['half a head that is too long', `${GET}X: ${'x'.repeat(400)}`],
    ['half a body of a request that is not plain', `${PUT}Content-Length: 4\r\nExpect: 100-continue\r\n\r\nabc`],
    ['half a body that is too long', `${PUT}Content-Length: 1001\r\n\r\nabc`],
    ['a head beyond the bound', `${GET}X: ${'x'.repeat(400)}\r\n\r\n`],
    ['another method', 'POST /v1/kv/a HTTP/1.1\r\nHost: h\r\n\r\n'],
    ['a method in lower case', 'get /v1/kv/a HTTP/1.1\r\nHost: h\r\n\r\n'],
    ['another path', 'GET /livez HTTP/1.1\r\nHost: h\r\n\r\n'],
    ['a range to delete', 'DELETE /v1/kv?prefix=a HTTP/1.1\r\nHost: h\r\n\r\n'],
    ['a stream', 'GET /v1/kv?prefix=a HTTP/1.1\r\nHost: h\r\nAccept: application/x-ndjson\r\n\r\n'],
    ['a stream of a namespace', 'GET /v1/ns/n/kv HTTP/1.1\r\nHost: h\r\nAccept: application/x-ndjson\r\n\r\n'],
    ['the head of a range of a namespace', 'HEAD /v1/ns/n/kv?prefix=a HTTP/1.1\r\nHost: h\r\n\r\n'],
    ['a namespace', 'PUT /v1/ns/n HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n'],
    ['a path like that of transactions', 'POST /v1/txns HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n'],
    ['another method for transactions', 'PUT /v1/txn HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n'],
    ['another method for a key', 'POST /v1/ns/n/kv/a HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n'],
    ['a transaction without a length', 'POST /v1/txn HTTP/1.1\r\nHost: h\r\n\r\n'],
    ['a patch without a length', 'PATCH /v1/kv/a HTTP/1.1\r\nHost: h\r\n\r\n'],
    ['another form of the target', 'GET http://h/v1/kv/a HTTP/1.1\r\nHost: h\r\n\r\n'],
    ['HTTP/1.0', 'GET /v1/kv/a HTTP/1.0\r\nHost: h\r\n\r\n'],
    ['HTTP/1.11', 'GET /v1/kv/a HTTP/1.11\r\nHost: h\r\n\r\n'],
    ['no version', 'GET /v1/kv/a\r\nHost: h\r\n\r\n'],
    ['two blanks before the target', 'GET  /v1/kv/a HTTP/1.1\r\nHost: h\r\n\r\n'],
    ['a blank in the target', 'GET /v1/kv/a b HTTP/1.1\r\nHost: h\r\n\r\n'],
    ['a control character in the target', 'GET /v1/kv/a\x01 HTTP/1.1\r\nHost: h\r\n\r\n'],
    ['a byte beyond ASCII in the target', 'GET /v1/kv/\xe9 HTTP/1.1\r\nHost: h\r\n\r\n'],
    ['no headers', 'GET /v1/kv/a HTTP/1.1\r\n\r\n'],
    ['no Host', 'GET /v1/kv/a HTTP/1.1\r\nA: b\r\n\r\n'],
    ['a repeated header', `${GET}A: 1\r\na: 2\r\n\r\n`],
    ['a repeated Content-Length', `${PUT}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`],
    ['folding', `${GET}A: 1\r\n 2\r\n\r\n`],
    ['a blank before the colon', `${GET}A : 1\r\n\r\n`],
    ['a header without a name', `${GET}: 1\r\n\r\n`],
    ['a header without a colon', `${GET}A\r\n\r\n`],
    ['an empty value', `${GET}A:\r\n\r\n`],
    ['a blank after the value', `${GET}A: 1 \r\n\r\n`],
    ['a bare line feed', `${GET}A: 1\nB: 2\r\n\r\n`],
    ['a bare carriage return', `${GET}A: 1\rB: 2\r\n\r\n`],
    ['a NUL in a value', `${GET}A: 1\0\r\n\r\n`],
    ['a byte beyond ASCII in a value', `${GET}A: \xe9\r\n\r\n`],
    ['Transfer-Encoding', `${PUT}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['Transfer-Encoding beside a length', `${PUT}Content-Length: 0\r\nTransfer-Encoding: identity\r\n\r\n`],
    ['Expect', `${PUT}Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx`],
    ['Upgrade', `${GET}Upgrade: h2c\r\n\r\n`],
    ['Connection: close', `${GET}Connection: close\r\n\r\n`],
    ['Connection: Upgrade', `${GET}Connection: Upgrade\r\n\r\n`],
    ['a put without a length', `${PUT}A: 1\r\n\r\n`],
    ['a get with a body', `${GET}Content-Length: 1\r\n\r\nx`],
    ['a signed length', `${PUT}Content-Length: +1\r\n\r\nx`],
    ['a length with a leading zero', `${PUT}Content-Length: 01\r\n\r\nx`],
    ['a list of lengths', `${PUT}Content-Length: 1, 1\r\n\r\nx`],
    ['an enormous length', `${PUT}Content-Length: 99999999999\r\n\r\nx`],
  ])('%s', (_, text) => {
    expect(look(text)).toBeUndefined();
  });
});
