/** The lifecycle of connections and of the server: slow clients, overload, shutdown. Timeouts are tiny here. */
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { HttpServer, InsecureBind, type HttpServerOptions } from '../../src/router/index.js';
import { isLoopback } from '../../src/loopback.js';
import type { HttpHarness } from '../support/http-harness.js';
import { head, problemIn, readUntil, serversOfEachTest, statusIn, until } from '../support/http-harness.js';

const start = serversOfEachTest();

const IMPATIENT = { headersTimeoutMs: 60, requestTimeoutMs: 120, checkIntervalMs: 20 };
const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.on('error', () => undefined);
    socket.once('close', () => {
      resolve();
    });
  });

describe('row 27: slow clients', () => {
  it('row 27 slow headers get 408 and the connection ends', async () => {
    const http = await start({ limits: IMPATIENT });
    const raw = await http.raw('GET /v1/kv/a HTTP/1.1\r\nHost: loc');
    expect([statusIn(raw), problemIn(raw)['code'], problemIn(raw)['outcome']]).toEqual([
      408,
      'request-timeout',
      'not_applied',
    ]);
    expect(raw).toMatch(/\r\nKv-Request-Id: \S+/);
  });

  it('row 27 a silent connection is closed', async () => {
    const http = await start({ limits: IMPATIENT });
    await closed(http.socket().resume());
    await until(() => http.server.connections === 0);
  });

  it('row 27 a slow body gets 408 and nothing is written', async () => {
    const http = await start({ limits: IMPATIENT });
    const raw = await http.raw('PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf');
    expect(statusIn(raw)).toBe(408);
    expect(http.backend.received).toEqual([]);
    await until(() => http.server.inFlight === 0);
  });

  it('row 27 a body that is complete only after its 408 is not written, as the answer says', async () => {
    const http = await start({ limits: IMPATIENT });
    const socket = connect({ port: http.port, host: '127.0.0.1', allowHalfOpen: true });
    let got = '';
    socket.on('data', (chunk: Buffer) => (got += chunk.toString('latin1')));
    const gone = closed(socket);
    socket.write('PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf,');
    await until(() => got.includes('request-timeout'));
    expect(problemIn(got)).toMatchObject({ code: 'request-timeout', outcome: 'not_applied' });
    socket.end('whole');
    await gone;
    await until(() => http.server.inFlight === 0);
    expect(http.backend.received).toEqual([]);
  });

  it('row 27 a reader that does not read is cut off, and others are served', async () => {
    const http = await start({
      limits: { valueBytes: 8_388_608, writeTimeoutMs: 100, maxUnsentBytes: 1_000_000_000 },
    });
    await http.ask('PUT', '/v1/kv/big', { 'content-type': 'text/plain' }, Buffer.alloc(8_388_608));
    const socket = http.socket();
    socket.pause();
    socket.write('GET /v1/kv/big HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(4));
    await until(() => http.server.connections === 2);
    expect((await http.ask('GET', '/v1/kv/none')).status).toBe(404);
    await until(() => http.server.connections <= 1);
    socket.destroy();
  });

  it('row 27 bytes buffered for a slow reader are bounded', async () => {
    const http = await start({ limits: { valueBytes: 8_388_608, maxUnsentBytes: 1_000_000 } });
    await http.ask('PUT', '/v1/kv/big', { 'content-type': 'text/plain' }, Buffer.alloc(8_388_608));
    const socket = http.socket();
    socket.pause();
    socket.write('GET /v1/kv/big HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await until(() => http.backend.received.length === 2);
    await until(() => http.server.connections <= 1);
    socket.destroy();
  });

  it('an operation may take longer than the timeout of a stalled reader', async () => {
    const http = await start({ limits: { writeTimeoutMs: 30 } });
    http.backend.holding = true;
    const answer = http.ask('PUT', '/v1/kv/a', {}, 'x');
    await until(() => http.backend.held === 1);
    await new Promise((resolve) => setTimeout(resolve, 90));
    http.backend.release();
    expect((await answer).status).toBe(201);
  });

  it('an idle connection is closed after the keep-alive time', async () => {
    const http = await start({ limits: { keepAliveTimeoutMs: 20, writeTimeoutMs: 5_000 } });
    const socket = http.socket();
    socket.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
    expect(statusIn(await readUntil(socket))).toBe(200);
  });

  it('a client that disconnects in the middle of a body, or before its answer, leaves no resources behind', async () => {
    const http = await start();
    const socket = http.socket();
    socket.write('PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n');
    await until(() => http.server.inFlight === 1);
    socket.destroy();
    await until(() => http.server.inFlight === 0);
    const plain = http.socket();
    plain.write('PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf');
    await until(() => http.server.connections === 1);
    plain.destroy();
    await until(() => http.server.connections === 0);
    http.backend.holding = true;
    const other = http.socket();
    other.write('PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx');
    await until(() => http.backend.held === 1);
    other.destroy();
    await until(() => http.server.connections === 0);
    http.backend.release();
    expect(http.server.inFlight).toBe(0);
    expect((await http.ask('GET', '/v1/kv/a')).text).toBe('x');
  });
});

describe('row 28: overload', () => {
  it('row 28 data requests beyond the bound get 429, health and metrics are answered', async () => {
    const http = await start({ limits: { maxInFlight: 20 } });
    http.backend.holding = true;
    const waiting = Array.from({ length: 20 }, (_, i) => http.ask('PUT', `/v1/kv/${i}`, {}, 'x'));
    await until(() => http.backend.held === 20);
    const refused = await http.ask('PUT', '/v1/kv/more', {}, 'x');
    expect([refused.status, refused.json]).toMatchObject([429, { code: 'overloaded', outcome: 'not_applied' }]);
    expect(refused.headers['retry-after']).toBe('1');
    expect((refused.json as { retry_after_ms: number }).retry_after_ms).toBe(1_000);
    for (const path of ['/livez', '/readyz', '/metrics', '/v1/cluster']) {
      expect([path, (await http.ask('GET', path)).status]).toEqual([path, 200]);
    }
    expect(http.backend.held).toBe(20);
    http.backend.release();
    expect((await Promise.all(waiting)).map((answer) => answer.status)).toEqual(Array(20).fill(201));
    expect((await http.ask('PUT', '/v1/kv/more', {}, 'x')).status).toBe(201);
  });

  it('row 28 connections are bounded, in all and for one address', async () => {
    for (const limits of [{ maxConnections: 5, spareConnections: 0 }, { maxConnectionsPerAddress: 5 }]) {
      const http = await start({ limits });
      const sockets = Array.from({ length: 5 }, () => http.socket());
      await until(() => http.server.connections === 5);
      await closed(http.socket().resume());
      for (const socket of sockets) socket.destroy();
      await until(() => http.server.connections === 0);
      expect((await http.ask('GET', '/livez')).status).toBe(200);
    }
  });

  it('row 28 pipelined requests are answered in order, and one connection cannot ask for too many at once', async () => {
    const http = await start();
    for (const name of ['a', 'b', 'c']) await http.ask('PUT', `/v1/kv/${name}`, { 'content-type': 'text/plain' }, name);
    const get = (name: string): string => `GET /v1/kv/${name} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    const raw = await http.raw(get('a') + get('b') + get('none') + get('c'), (got) => got.endsWith('\r\n\r\nc'));
    expect(raw.match(/HTTP\/1\.1 \d{3}/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200']);
    http.backend.holding = true;
    const socket = http.socket();
    // Not a simple request, so node:http serves it; on the fast path one is under way at a time.
    socket.write(get('a').replace('\r\n\r\n', '\r\nX-Empty:\r\n\r\n').repeat(1_000));
    const answers = readUntil(socket, (got) => (got.match(/HTTP\/1\.1 200/g) ?? []).length === 1_000);
    await until(() => http.backend.held >= 64);
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(http.backend.held).toBeLessThanOrEqual(100);
    http.backend.release();
    expect((await answers).match(/HTTP\/1\.1 200/g)?.length).toBe(1_000);
  });
});

describe('row 40: graceful shutdown', () => {
  it('row 40 finishes what is under way, refuses what is new, and closes idle connections', async () => {
    const http = await start();
    const idle = http.socket().resume();
    idle.write('GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await new Promise((resolve) => idle.once('data', resolve));
    const busy = http.socket();
    http.backend.holding = true;
    busy.write('PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx');
    await until(() => http.backend.held === 1);

    const gone = closed(idle);
    const end = http.server.close(10_000);
    await gone;
    // On the connection that is still open, behind the request under way.
    busy.write('PUT /v1/kv/b HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx');
    const answers = readUntil(busy);
    await new Promise((resolve) => setImmediate(resolve));
    http.backend.release();
    const raw = await answers;
    expect(raw.match(/HTTP\/1\.1 \d{3}/g)?.[0]).toBe('HTTP/1.1 201');
    expect(raw).toMatch(/\r\nConnection: close\r\n/i);
    await end;
    await until(() => http.server.connections === 0);
    expect(http.backend.received.length).toBe(1);
  });

  it('row 40 a new request on an open connection is refused with shutting-down', async () => {
    const http = await start();
    http.backend.holding = true;
    const first = http.socket();
    first.write('GET /v1/kv/a HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const late = http.socket();
    // Begun before the shutdown, completed during it: not idle.
    late.write('PUT /v1/kv/b HTTP/1.1\r\nHost: localhost\r\n');
    await until(() => http.backend.held === 1 && http.server.connections === 2);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const end = http.server.close(10_000);
    late.write('Content-Length: 1\r\n\r\nx');
    const raw = await readUntil(late);
    expect([statusIn(raw), problemIn(raw)]).toMatchObject([503, { code: 'shutting-down', outcome: 'not_applied' }]);
    expect(raw).toMatch(/\r\nRetry-After: 1\r\n/);
    http.backend.release();
    expect(statusIn(await readUntil(first))).toBe(404);
    await end;
  });

  it('row 40 waits no longer than the grace period: the rest is answered as unknown', async () => {
    const http = await start();
    http.backend.holding = true;
    const read = http.raw('GET /v1/kv/a HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const write = http.raw('PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx');
    const half = closed(http.socket().resume());
    await until(() => http.backend.held === 2 && http.server.connections === 3);
    await http.server.close(30);
    expect(problemIn(await read)).toMatchObject({ status: 503, code: 'shutting-down', outcome: 'not_applied' });
    // It was handed to a node that has not answered, so its outcome is unknown.
    expect(problemIn(await write)).toMatchObject({ status: 504, code: 'timeout', outcome: 'unknown' });
    await half;
    await until(() => http.server.connections === 0);
  });
});

describe('row 43: defaults', () => {
  it('row 43 listens on loopback, and elsewhere only under the option insecure', async () => {
    const http = await start();
    expect(http.server.address.address).toBe('127.0.0.1');
    for (const host of ['0.0.0.0', '::', '192.168.1.1', 'kv.example', '', '127.0.0.1.example']) {
      expect(() => new HttpServer({ ...serverOptions(http), host }), host).toThrow(InsecureBind);
      expect(isLoopback(host)).toBe(false);
    }
    const wide = new HttpServer({ ...serverOptions(http), host: '0.0.0.0', insecure: true });
    const { port } = await wide.listen();
    const socket = http.socket();
    socket.destroy();
    const answer = await fetch(`http://127.0.0.1:${port}/livez`, { headers: { connection: 'close' } });
    expect(answer.status).toBe(200);
    await wide.close(0);
  });

  it('a port that is taken is an error of listen', async () => {
    const http = await start();
    const second = new HttpServer({ ...serverOptions(http), port: http.port });
    await expect(second.listen()).rejects.toThrow(/EADDRINUSE/);
  });

  it('malformed heads do not stop the server', async () => {
    const http = await start();
    await http.raw('\0\0\0');
    await http.raw('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03');
    expect(statusIn(await http.raw(head('GET /livez HTTP/1.1')))).toBe(200);
  });
});

function serverOptions(http: HttpHarness): HttpServerOptions {
  const { backend, dispatcher, metrics } = http;
  return { backend, dispatcher, metrics, build: { version: '0' }, port: 0 };
}
