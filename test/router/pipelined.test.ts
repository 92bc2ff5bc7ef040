/** Very many requests at once on one connection: all are answered, without starving the event loop or filling memory. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { PacedReader } from '../../src/router/server/paced-reader.js';
import { readUntil, serversOfEachTest, until } from '../support/http-harness.js';

const start = serversOfEachTest();

const get = (path: string, ...headers: string[]): string =>
  [`GET ${path} HTTP/1.1`, 'Host: localhost', ...headers, '', ''].join('\r\n');
const put = (path: string, body: string): string =>
  [`PUT ${path} HTTP/1.1`, 'Host: localhost', `Content-Length: ${body.length}`, '', body].join('\r\n');
const chunked = (path: string, body: string): string =>
  `PUT ${path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A request for another route first hands the connection over to node:http. */
const FRONTS: readonly (readonly [string, string])[] = [
  ['before node:http', ''],
  ['through node:http', get('/livez')],
];

/** The status codes of the answers, in their order, until there are so many or the connection ends. */
async function answersOn(socket: Socket, wanted: number): Promise<number[]> {
  const found: number[] = [];
  let tail = '';
  await new Promise<void>((resolve) => {
    const finish = (): void => {
      resolve();
    };
    socket.on('data', (chunk: Buffer) => {
      const text = tail + chunk.toString('latin1');
      let searched = 0;
      for (const match of text.matchAll(/HTTP\/1\.1 (\d{3})/g)) {
        found.push(Number(match[1]));
        searched = match.index + match[0].length;
      }
      tail = text.slice(Math.max(searched, text.length - 11));
      if (found.length >= wanted) finish();
    });
    socket.on('error', finish);
    socket.on('close', finish);
  });
  socket.destroy();
  return found;
}

/** The largest increase of the count between two turns of the event loop. */
async function mostInOneTurn(counted: () => number, wanted: number): Promise<number> {
  let most = 0;
  let before = counted();
  while (before < wanted) {
    await turn();
    const now = counted();
    most = Math.max(most, now - before);
    before = now;
  }
  return most;
}

const repeated = <T>(values: readonly T[], count: number): T[] => Array.from({ length: count }, () => values).flat();

describe('tens of thousands of requests at once are answered in order', () => {
  const three = get('/v1/kv/a') + get('/v1/kv/none') + get('/v1/kv/');
  it.each([
    ['data, before node:http', 50_000, '', three, [200, 404, 400]],
    ['data, through node:http', 50_000, get('/livez'), three, [200, 404, 400]],
    ['health', 20_000, '', get('/livez') + get('/readyz') + get('/nothing'), [200, 200, 404]],
    [
      'writes, through node:http',
      20_000,
      get('/livez'),
      put('/v1/kv/b', 'x') + put('/v1/kv/', 'x') + put('/v1/kv/b', ''),
      [200, 400, 200],
    ],
    ['writes in chunks', 20_000, '', chunked('/v1/kv/b', 'x') + get('/v1/kv/b') + get('/v1/kv/none'), [200, 200, 404]],
  ])('%s', { timeout: 90_000 }, async (_, count, before, group, expected) => {
    const http = await start();
    for (const key of ['a', 'b']) await http.ask('PUT', `/v1/kv/${key}`, {}, 'x');
    const socket = http.socket();
    const groups = Math.ceil(count / 3);
    socket.write(before + group.repeat(groups));
    const all = [...(before === '' ? [] : [200]), ...repeated(expected, groups)];
    const got = await answersOn(socket, all.length);
    expect(got.length).toBe(all.length);
    expect(got.findIndex((status, i) => status !== all[i])).toBe(-1);
  });
});

describe('of many requests at once only a few are served in one turn of the event loop', () => {
  it.each(['/readyz', '/readyz?strict'])('of health: %s', async (path) => {
    let counted = 0;
    const http = await start({
      readiness: () => {
        counted += 1;
        return [];
      },
    });
    const socket = http.socket().resume();
    socket.write(get(path).repeat(5_000));
    expect(await mostInOneTurn(() => counted, 5_000)).toBeLessThanOrEqual(34);
    socket.destroy();
  });

  it.each(FRONTS)('of data, %s', async (_, before) => {
    const http = await start();
    const socket = http.socket().resume();
    socket.write(before + get('/v1/kv/a').repeat(5_000));
    expect(await mostInOneTurn(() => http.backend.received.length, 5_000)).toBeLessThanOrEqual(64);
    socket.destroy();
  });
});

describe('while answers are kept back', () => {
  it.each([
    ['before node:http', '', 1],
    ['through node:http', get('/livez'), 66],
  ])('reading stops, and goes on later: %s', async (_, before, begun) => {
    const http = await start();
    http.backend.holding = true;
    const socket = http.socket();
    const count = 2_500;
    // Far more bytes than the system buffers for a connection, and fewer requests than any bound but that on bytes.
    socket.write(before + get('/v1/kv/a', `User-Agent: ${'x'.repeat(8_000)}`).repeat(count));
    const answers = answersOn(socket, count + (before === '' ? 0 : 1));
    await until(() => http.backend.held > 0);
    let quiet = 0;
    for (let unsent = socket.writableLength; quiet < 200; unsent = socket.writableLength) {
      await turn();
      quiet = socket.writableLength === unsent ? quiet + 1 : 0;
    }
    expect(socket.writableLength).toBeGreaterThan(5_000_000);
    expect(http.backend.held).toBeLessThanOrEqual(begun);
    http.backend.release();
    expect((await answers).filter((status) => status === 404).length).toBe(count);
  });

  it.each(FRONTS)('50,000 requests wait, and are all answered later: %s', { timeout: 90_000 }, async (_, before) => {
    const http = await start();
    http.backend.holding = true;
    const socket = http.socket();
    const count = 50_000;
    socket.write(before + get('/v1/kv/a').repeat(count));
    const answers = answersOn(socket, count + (before === '' ? 0 : 1));
    await until(() => http.backend.held > 0);
    for (let turns = 0; turns < 200; turns++) await turn();
    expect(http.backend.held).toBeLessThanOrEqual(66);
    http.backend.release();
    expect((await answers).filter((status) => status === 404).length).toBe(count);
  });

  it('the timeout of a request does not run while it is queued behind earlier ones', async () => {
    const http = await start({ limits: { headersTimeoutMs: 30, requestTimeoutMs: 60, checkIntervalMs: 5 } });
    http.backend.holding = true;
    const socket = http.socket();
    const count = 200;
    socket.write(get('/livez') + put('/v1/kv/a', 'x').repeat(count));
    const answers = answersOn(socket, count + 1);
    await until(() => http.backend.held >= 60);
    await new Promise((resolve) => setTimeout(resolve, 150));
    http.backend.release();
    expect((await answers).length).toBe(count + 1);
  });

  it.each(FRONTS)('shutdown does not wait for requests that were not begun: %s', async (_, before) => {
    const http = await start();
    http.backend.holding = true;
    const socket = http.socket();
    socket.write(before + get('/v1/kv/a').repeat(10_000));
    const raw = readUntil(socket);
    await until(() => http.backend.held > 0);
    const begun = (): number => http.backend.received.length;
    const closing = http.server.close(60_000);
    http.backend.release();
    await closing;
    await until(() => http.server.connections === 0);
    expect(begun()).toBeLessThanOrEqual(66);
    expect(await raw).toMatch(/\r\nConnection: close\r\n/);
  });
});

it.each(FRONTS)('the server shuts down in the middle of very many requests: %s', async (_, before) => {
  const http = await start();
  const socket = http.socket().resume();
  socket.on('error', () => undefined);
  socket.write(before + (get('/v1/kv/a') + get('/v1/kv/')).repeat(20_000));
  await until(() => http.backend.received.length > 100);
  await http.server.close(60_000);
  await until(() => http.server.connections === 0);
  expect(http.backend.received.length).toBeLessThan(20_000);
});

it('a malformed request behind others is refused once, and nothing behind it is served', async () => {
  const http = await start();
  const bad = 'GET /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nbad header\r\n\r\n';
  const raw = await http.raw(get('/livez') + bad.repeat(10) + get('/v1/kv/a'));
  expect(raw.match(/HTTP\/1\.1 \d{3}/g)?.at(-1)).toBe('HTTP/1.1 400');
  expect(http.backend.received).toEqual([]);
});

it('bytes behind CONNECT are not parsed as requests, nor as those of the next connection', async () => {
  const http = await start();
  const tunnel = http.socket().setNoDelay();
  let received = '';
  tunnel.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  tunnel.write('CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n' + get('/v1/kv/a').repeat(100));
  await until(() => received.includes('405'));
  // It gets the parser that the first connection had (node:http pools them).
  const next = http.socket();
  const answers = answersOn(next, 2);
  next.write(get('/livez') + get('/livez').slice(0, 10));
  for (let turns = 0; turns < 50; turns++) await turn();
  tunnel.write(get('/v1/kv/a').repeat(3));
  for (let turns = 0; turns < 50; turns++) await turn();
  next.write(get('/livez').slice(10));
  expect(await answers).toEqual([200, 200]);
  expect(http.backend.received).toEqual([]);
  tunnel.destroy();
});

it('nothing more is read from a connection that was destroyed', async () => {
  const pieces: string[] = [];
  const server = createServer((socket) => {
    socket.on('data', (piece: Buffer) => {
      pieces.push(piece.toString('latin1'));
      socket.destroy();
    });
    new PacedReader(socket, () => false);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write(get('/a') + get('/b'));
  await readUntil(socket);
  expect(pieces).toEqual([get('/a')]);
  await new Promise((resolve) => server.close(resolve));
});
