/** Connections that stay on the fast path, and ones handed over to node:http midway: both answer the same. */
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { readUntil, serversOfEachTest, statusIn, until } from '../support/http-harness.js';
import { Client, get, put, sameEachTime } from '../support/raw-client.js';

const start = serversOfEachTest();

const statuses = (raw: string): number[] => [...raw.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, code]) => Number(code));

const CODED = 'PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n';
const ID = '0199f3a2-7c00-7abc-8def-000000000001';

describe('answers are the same as through node:http', () => {
  const requests: readonly (readonly [string, string])[] = [
    ['a get of nothing', get('/v1/kv/a')],
    ['a first put', put('/v1/kv/a', 'value', 'Content-Type: text/plain')],
    ['a second put', put('/v1/kv/a', 'other', 'Content-Type: text/plain; charset=utf-8')],
    ['a get', get('/v1/kv/a')],
    ['a HEAD', get('/v1/kv/a').replace('GET', 'HEAD')],
    ['a get of what is known', get('/v1/kv/a', 'If-None-Match: *')],
    ['an envelope', get('/v1/kv/a', 'Accept: application/vnd.kvorum+json')],
    ['a put that says little', put('/v1/kv/a', 'third', 'Prefer: return=minimal')],
    ['a put of bytes', put('/v1/kv/b', '\x00\xff\xfe')],
    ['a get of bytes', get('/v1/kv/b')],
    ['a put of JSON', put('/v1/kv/j', '{"a":[1,2]}', 'Content-Type: application/json')],
    ['a put of bad JSON', put('/v1/kv/j', '{"a":', 'Content-Type: application/json')],
    ['a put of nothing', put('/v1/kv/empty', '')],
    ['a get of nothing long', get('/v1/kv/empty')],
    ['a long value', put('/v1/kv/long', 'x'.repeat(20_000))],
    ['a get of a long value', get('/v1/kv/long')],
    ['a get of another tag', get('/v1/kv/a', 'If-None-Match: "abc", W/"def"')],
    ['a get of a list of tags', get('/v1/kv/a', 'If-None-Match: "abc,", "2" ,, W/"3"')],
    ['a get of what is no tag', get('/v1/kv/a', 'If-None-Match: abc')],
    ['a put under a foreign tag', put('/v1/kv/a', 'x', 'If-Match: "abc"')],
    ['a put under a weak tag', put('/v1/kv/a', 'x', 'If-Match: W/"3"')],
    ['a put under a list of tags', put('/v1/kv/a', 'third', 'If-Match: "abc", "1", "3", "281474976710656"')],
    ['a put under what is no tag', put('/v1/kv/a', 'x', 'If-Match: 3')],
    ['a delete under a foreign tag', get('/v1/kv/a', 'If-Match: "abc"').replace('GET', 'DELETE')],
    ['an absolute target', get('http://localhost:8080/v1/kv/a')],
    ['an absolute target of a foreign host', get('http://evil.example/v1/kv/a')],
    ['a coded body', CODED],
    ['an encoding of chunks', CODED.replace('gzip, chunked', 'chunked')],
    ['a failed condition', put('/v1/kv/a', 'x', 'If-None-Match: *')],
    ['two conditions', put('/v1/kv/a', 'x', 'If-None-Match: *', 'If-Match: "1"')],
    ['a named write', put('/v1/kv/i', 'x', `Idempotency-Key: ${ID}`)],
    ['the same again', put('/v1/kv/i', 'x', `Idempotency-Key: ${ID}`)],
    ['the same name for another write', put('/v1/kv/i', 'y', `Idempotency-Key: ${ID}`)],
    ['a name that is none', put('/v1/kv/i', 'x', 'Idempotency-Key: 7')],
    ['a key of another alphabet', put('/v1/kv/gr%C3%BC%C3%9Fe', 'x')],
    ['a JSON key', put('/v1/kv/%5B1%2C%22a%22%5D?key_type=json', 'x')],
    ['no key', get('/v1/kv/')],
    ['the empty key', put('/v1/kv/%22%22?key_type=json', 'x')],
    ['a bad escape', get('/v1/kv/%zz')],
    ['an unknown parameter', get('/v1/kv/a?b=c')],
    ['a stale get', get('/v1/kv/a?consistency=stale')],
    ['a lease get where there is none', get('/v1/kv/a?consistency=lease')],
    ['a wrong time', get('/v1/kv/a', 'Kv-Timeout: soon')],
    ['a circle', get('/v1/kv/a', 'Kv-Hops: 7')],
    ['a type that is none', put('/v1/kv/a', 'x', 'Content-Type: nonsense')],
    ['an encoding', put('/v1/kv/a', 'x', 'Content-Encoding: gzip')],
    ['a foreign host', get('/v1/kv/a').replace('localhost', 'evil.example')],
    ['a delete', get('/v1/kv/a').replace('GET', 'DELETE')],
    ['a delete of nothing', get('/v1/kv/a').replace('GET', 'DELETE')],
  ];

  it('for every kind of request and refusal', async () => {
    const [quick, slow] = [await start(), await start()];
    for (const [name, request] of requests) {
      const ours = new Client(quick.socket());
      const theirs = new Client(slow.socket());
      // Another route: from here on this connection is node:http's.
      expect(statusIn(await theirs.ask(get('/livez')))).toBe(200);
      expect([name, sameEachTime(await ours.ask(request))]).toEqual([name, sameEachTime(await theirs.ask(request))]);
      ours.socket.destroy();
      theirs.socket.destroy();
    }
  });

  it('but a value beyond the limit that was received completely keeps the connection', async () => {
    const http = await start({ limits: { valueBytes: 10 } });
    const client = new Client(http.socket());
    expect(await client.ask(put('/v1/kv/a', 'x'.repeat(11)))).toMatch(/^HTTP\/1\.1 413 .*"limit":10/s);
    expect(statusIn(await client.ask(put('/v1/kv/a', 'x'.repeat(10))))).toBe(201);
    expect(http.backend.received.length).toBe(1);
  });

  it('a write with an unknown outcome is answered with its idempotency key', async () => {
    const http = await start();
    http.backend.holding = true;
    const raw = await new Client(http.socket()).ask(put('/v1/kv/a', 'x', 'Kv-Timeout: 1ms'));
    expect(statusIn(raw)).toBe(504);
    expect(raw).toMatch(/"idempotency_key":"[0-9a-f-]{36}"/);
  });
});

describe('a connection that is handed over', () => {
  it('is handed to node:http with the first request that is not simple, and stays there', async () => {
    const client = new Client((await start()).socket());
    expect(statusIn(await client.ask(put('/v1/kv/a', 'x')))).toBe(201);
    const chunked =
      'PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n';
    expect(statusIn(await client.ask(chunked))).toBe(200);
    expect(await client.ask(get('/v1/kv/a'))).toMatch(/abc$/);
    client.socket.destroy();
  });

  it('behind requests that are still under way: all answers come, in order', async () => {
    const http = await start();
    http.backend.holding = true;
    const socket = http.socket();
    socket.write(put('/v1/kv/a', 'x') + get('/livez') + get('/v1/kv/a'));
    await until(() => http.backend.held === 1);
    http.backend.release();
    const raw = await readUntil(socket, (got) => statuses(got).length === 3 && got.endsWith('x'));
    expect(statuses(raw)).toEqual([201, 200, 200]);
  });

  it('with a request of which only a part has come', async () => {
    const http = await start();
    const socket = http.socket();
    const text = put('/v1/kv/a', 'value');
    socket.write(text.slice(0, 30));
    await until(() => http.server.connections === 1);
    await new Promise((resolve) => setImmediate(resolve));
    socket.write(text.slice(30));
    expect(statuses(await readUntil(socket, (got) => got.includes('created')))).toEqual([201]);
    expect((await http.ask('GET', '/v1/kv/a')).text).toBe('value');
  });
});

describe('a request that comes in pieces', () => {
  /** Only one request at a time is under way where node:http is not asked. */
  async function expectNotHandedOver(http: Awaited<ReturnType<typeof start>>, socket: Socket): Promise<void> {
    http.backend.holding = true;
    socket.write(get('/v1/kv/z').repeat(5));
    await until(() => http.backend.held > 0);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(http.backend.held).toBe(1);
    http.backend.release();
  }

  it.each([
    ['head and body', (text: string) => [text.indexOf('\r\n\r\n') + 4]],
    ['within the head', () => [30]],
    ['within the first word', () => [2]],
    ['within head and body', (text: string) => [30, 60, text.length - 3, text.length - 1]],
  ])('is served as one that came whole, and leaves its connection there: cut between %s', async (_, cuts) => {
    const http = await start();
    const socket = http.socket().setNoDelay();
    const client = new Client(socket);
    expect(statusIn(await client.ask(put('/v1/kv/a', 'first')))).toBe(201);
    const text = put('/v1/kv/a', 'second value');
    let from = 0;
    for (const cut of cuts(text)) {
      socket.write(text.slice(from, cut));
      from = cut;
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(statusIn(await client.ask(text.slice(from)))).toBe(200);
    expect((await http.ask('GET', '/v1/kv/a')).text).toBe('second value');
    await expectNotHandedOver(http, socket);
    socket.destroy();
  });

  it('and never completely gets 408 within the time limit of node:http', async () => {
    const http = await start({ limits: { headersTimeoutMs: 20, requestTimeoutMs: 60, checkIntervalMs: 5 } });
    for (const text of ['GET /v1/k', put('/v1/kv/a', 'value').slice(0, -1)]) {
      const socket = http.socket();
      socket.write(text);
      expect(await readUntil(socket)).toMatch(/^HTTP\/1\.1 408 .*"code":"request-timeout"/s);
    }
    expect(http.backend.received).toEqual([]);
  });

  it('and whose client closes in its middle is refused', async () => {
    const http = await start();
    for (const text of ['GET /v1/k', put('/v1/kv/a', 'value').slice(0, -1)]) {
      const socket = http.socket();
      socket.end(text);
      expect(statusIn(await readUntil(socket))).toBe(400);
    }
    expect(http.backend.received).toEqual([]);
  });

  it('is served also if it is long and comes in many pieces', async () => {
    const http = await start();
    const socket = http.socket();
    const client = new Client(socket);
    const value = 'v'.repeat(1_000_000);
    expect(statusIn(await client.ask(put('/v1/kv/long', value)))).toBe(201);
    expect((await http.ask('GET', '/v1/kv/long')).text).toBe(value);
    await expectNotHandedOver(http, socket);
    socket.destroy();
  });
});

describe('a client that sends no more is answered', () => {
  const chunked = 'PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n';
  it.each([
    ['behind a chunked request', chunked, [201]],
    ['behind Connection: close', put('/v1/kv/a', 'x', 'Connection: close'), [201]],
    ['behind another route', get('/livez'), [200]],
    ['behind requests of both kinds', put('/v1/kv/a', 'x') + chunked + get('/v1/kv/a'), [201, 200, 200]],
  ])('%s', async (_, text, expected) => {
    const http = await start();
    http.backend.holding = text !== get('/livez');
    const socket = http.socket();
    socket.end(text);
    // The server has seen the client's end long before the answer is ready.
    if (http.backend.holding) {
      await until(() => http.backend.held === 1);
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
      http.backend.release();
    }
    expect(statuses(await readUntil(socket))).toEqual(expected);
    await until(() => http.server.connections === 0);
  });
});

describe('many requests at once', () => {
  it.each([
    ['on a fresh connection', ''],
    ['on one that carried another route', get('/livez')],
  ])('are all answered %s', async (_, before) => {
    const http = await start();
    const socket = http.socket();
    const count = 1_000;
    socket.write(before + get('/v1/kv/a').repeat(count));
    const wanted = count + (before === '' ? 0 : 1);
    const raw = await readUntil(socket, (got) => statuses(got).length === wanted && got.endsWith('}'));
    expect(statuses(raw).filter((status) => status === 404).length).toBe(count);
    expect(http.server.inFlight).toBe(0);
  });

  it('are begun 64 at a time at most by node:http', async () => {
    const http = await start();
    http.backend.holding = true;
    const socket = http.socket();
    socket.write(get('/livez') + get('/v1/kv/a').repeat(500));
    await until(() => http.backend.held >= 64);
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(http.backend.held).toBeLessThanOrEqual(65);
    http.backend.release();
    const raw = await readUntil(socket, (got) => statuses(got).length === 501 && got.endsWith('}'));
    expect(statuses(raw).length).toBe(501);
  });
});

describe('the lifecycle of a connection', () => {
  it('one request is under way at a time, however many came', async () => {
    const http = await start();
    http.backend.holding = true;
    const socket = http.socket();
    socket.write(get('/v1/kv/a').repeat(500));
    await until(() => http.backend.held === 1);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect([http.backend.held, http.server.inFlight]).toEqual([1, 1]);
    http.backend.release();
    const raw = await readUntil(socket, (got) => statuses(got).length === 500 && got.endsWith('}'));
    expect(new Set(statuses(raw))).toEqual(new Set([404]));
  });

  it('refusals of hundreds of requests at once need no deep stack', async () => {
    const http = await start();
    const socket = http.socket();
    socket.write(get('/v1/kv/').repeat(3_000));
    const raw = await readUntil(socket, (got) => statuses(got).length === 3_000 && got.endsWith('}'));
    expect(new Set(statuses(raw))).toEqual(new Set([400]));
  });

  it('one that is idle is closed after the keep-alive time, one that waits for an answer is not', async () => {
    const http = await start({ limits: { keepAliveTimeoutMs: 30, checkIntervalMs: 10 } });
    const idle = new Client(http.socket());
    expect(statusIn(await idle.ask(put('/v1/kv/a', 'x')))).toBe(201);
    http.backend.holding = true;
    const waiting = new Client(http.socket());
    const answer = waiting.ask(get('/v1/kv/a'));
    await until(() => http.backend.held === 1);
    await until(() => idle.socket.destroyed);
    http.backend.release();
    expect(statusIn(await answer)).toBe(200);
    await until(() => http.server.connections === 0);
  });

  it('one on which nothing was ever received gets 408', async () => {
    const http = await start({ limits: { headersTimeoutMs: 20, checkIntervalMs: 5 } });
    expect(await readUntil(http.socket())).toMatch(/^HTTP\/1\.1 408 .*"code":"request-timeout"/s);
  });

  it('one that its client half-closes gets its answers first', async () => {
    const http = await start();
    http.backend.holding = true;
    const socket = http.socket();
    socket.end(put('/v1/kv/a', 'x') + get('/v1/kv/a'));
    await until(() => http.backend.held === 1);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    http.backend.release();
    expect(statuses(await readUntil(socket))).toEqual([201, 200]);
    await until(() => http.server.connections === 0);
  });

  it('one that got its last answer is closed, although its client leaves its half open', async () => {
    const http = await start({ limits: { headersTimeoutMs: 20, checkIntervalMs: 5 } });
    const silent = connect({ port: http.port, host: '127.0.0.1', allowHalfOpen: true }).resume();
    const busy = connect({ port: http.port, host: '127.0.0.1', allowHalfOpen: true }).resume();
    http.backend.holding = true;
    busy.write(get('/v1/kv/a'));
    await until(() => http.backend.held === 1);
    const closing = http.server.close(60_000);
    http.backend.release();
    await closing;
    await until(() => http.server.connections === 0);
    expect(http.backend.held).toBe(0);
    silent.destroy();
    busy.destroy();
  });

  it('its last answer arrives completely at a slow reader', async () => {
    const http = await start({ limits: { valueBytes: 8_388_608, checkIntervalMs: 5 } });
    await http.ask('PUT', '/v1/kv/big', { 'content-type': 'text/plain' }, Buffer.alloc(8_388_608));
    const socket = connect({ port: http.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.pause();
    socket.end(get('/v1/kv/big'));
    await until(() => http.backend.received.length === 2);
    // Many sweeps over all connections pass before it reads.
    await new Promise((resolve) => setTimeout(resolve, 60));
    const raw = await readUntil(socket.resume());
    expect(raw.length - raw.indexOf('\r\n\r\n') - 4).toBe(8_388_608);
  });

  it('on shutdown the request under way is answered, then the connection ends', async () => {
    const http = await start();
    const idle = http.socket();
    await until(() => http.server.connections === 1);
    http.backend.holding = true;
    const busy = http.socket();
    busy.write(put('/v1/kv/a', 'x'));
    await until(() => http.backend.held === 1);
    const closing = http.server.close(10_000);
    expect(await readUntil(idle)).toBe('');
    http.backend.release();
    const raw = await readUntil(busy);
    expect(statuses(raw)).toEqual([201]);
    expect(raw).toMatch(/\r\nConnection: close\r\n/);
    await closing;
  });

  it('a stored type that is no valid header value is an internal error, not a malformed answer', async () => {
    const http = await start();
    const client = new Client(http.socket());
    await client.ask(put('/v1/kv/a', 'x', `Idempotency-Key: ${ID}`));
    const [{ operation } = { operation: undefined }] = http.backend.received;
    if (operation?.type !== 'put') throw new Error('no put came');
    const evil = { ...operation, contentType: 'text/plain\r\nEvil: 1', operationId: new Uint8Array(16) };
    http.backend.submit(1, { shard: 0, budgetMs: 1, operation: evil }, () => undefined);
    const raw = await client.ask(get('/v1/kv/a'));
    expect(statusIn(raw)).toBe(500);
    expect(raw).not.toMatch(/Evil/);
  });
});
