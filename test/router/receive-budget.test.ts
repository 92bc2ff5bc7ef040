/** Incomplete bodies: held within one budget on both fronts, and released once. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { limitsOf } from '../../src/router/http/limits.js';
import { ReceiveBudget, ReceivedPieces } from '../../src/router/http/receive-budget.js';
import { head, problemIn, readUntil, serversOfEachTest, statusIn, until } from '../support/http-harness.js';

const start = serversOfEachTest();

const LIMIT = 1_000;
const limits = { valueBytes: 600, receiveBytes: LIMIT, lingerMs: 20 };

interface Way {
  readonly name: string;
  /** Bytes that complete a body of known length, and therefore take no room. A chunk does not say whether it is the last. */
  readonly free: number;
  /** A put of `text` as it is sent in two parts, of which the first has `cut` bytes of the value. */
  readonly parts: (key: string, text: string, cut: number) => readonly [string, string];
}

const inChunk = (text: string): string => (text === '' ? '' : `${text.length.toString(16)}\r\n${text}\r\n`);
const declared =
  (...headers: string[]) =>
  (key: string, text: string, cut: number): readonly [string, string] => {
    const lines = [`PUT /v1/kv/${key} HTTP/1.1`, 'Host: localhost', `Content-Length: ${text.length}`, ...headers];
    return [[...lines, '', text.slice(0, cut)].join('\r\n'), text.slice(cut)];
  };

const WAYS: readonly Way[] = [
  { name: 'before node:http', free: 3, parts: declared() },
  { name: 'through node:http', free: 3, parts: declared('X-Empty:') },
  {
    name: 'in chunks',
    free: 0,
    parts: (key, text, cut) => [
      ['', inChunk(text.slice(0, cut))].join(
        head(`PUT /v1/kv/${key} HTTP/1.1`, 'Transfer-Encoding: chunked').replace('Connection: close\r\n', ''),
      ),
      `${inChunk(text.slice(cut))}0\r\n\r\n`,
    ],
  },
];

/** A client that holds the second part back. */
interface Sender {
  readonly socket: Socket;
  readonly answer: Promise<string>;
  readonly rest: string;
}

const isWhole = (got: string): boolean => /"created":true\}$/.test(got);

describe.each(WAYS)('$name', ({ parts, free }) => {
  type Server = Awaited<ReturnType<typeof start>>;

  function send(http: Server, key: string, text: string, cut: number): Sender {
    const socket = connect({ port: http.port, host: '127.0.0.1', allowHalfOpen: true });
    const [first, rest] = parts(key, text, cut);
    socket.write(first);
    return { socket, answer: readUntil(socket, isWhole), rest };
  }

  /** Other requests take `bytes` of the budget. */
  async function occupied(http: Server, bytes: number): Promise<Sender[]> {
    const senders: Sender[] = [];
    for (let held = 0; held < bytes; held += 500) {
      const part = Math.min(500, bytes - held);
      senders.push(send(http, `other${held}`, 'o'.repeat(part + free), part));
      await until(() => http.server.receivingBytes === Math.min(held + 500, bytes));
    }
    return senders;
  }

  it('a body that fits exactly is accepted, and takes no room once it is complete', async () => {
    const http = await start({ limits });
    const others = await occupied(http, LIMIT - 10);
    const text = 'abcdefghijklm'.slice(0, 10 + free);
    const last = send(http, 'last', text, 10);
    await until(() => http.server.receivingBytes === LIMIT);
    for (const { socket, rest } of [last, ...others]) socket.write(rest);
    for (const { answer } of [last, ...others]) expect(statusIn(await answer)).toBe(201);
    expect(http.server.receivingBytes).toBe(0);
    expect((await http.ask('GET', '/v1/kv/last')).text).toBe(text);
    expect((await http.ask('GET', '/v1/kv/other0')).text).toBe('o'.repeat(500 + free));
  });

  it('a body of one byte more is refused by name, before it is complete, and the connection ends', async () => {
    const http = await start({ limits });
    const others = await occupied(http, LIMIT - 10);
    const raw = await send(http, 'last', 'abcdefghijklm', 11).answer;
    expect(raw).toMatch(/^HTTP\/1\.1 429 .*\r\nConnection: close\r\n/s);
    expect(raw).toMatch(/\r\nRetry-After: 1\r\n/);
    const [, refusal = ''] = /(\{.*\})/.exec(raw) ?? [];
    expect(JSON.parse(refusal)).toMatchObject({
      code: 'overloaded',
      outcome: 'not_applied',
      retryable: true,
      field: 'body',
      limit: LIMIT,
    });
    expect(http.server.receivingBytes).toBe(LIMIT - 10);
    expect(http.server.inFlight).toBeLessThanOrEqual(others.length);
    expect(http.backend.received).toEqual([]);
    for (const { socket } of others) socket.destroy();
    await until(() => http.server.receivingBytes === 0);
  });

  it('a body of which a later piece does not fit is refused, and its room is released', async () => {
    const http = await start({ limits });
    const others = await occupied(http, LIMIT - 10);
    const text = 'abcdefghijklm';
    const [first, rest] = parts('last', text, 10);
    const socket = http.socket();
    socket.write(first);
    await until(() => http.server.receivingBytes === LIMIT);
    // All but its end, so that it is still incomplete.
    const answer = readUntil(socket);
    socket.write(rest.slice(0, rest.indexOf('m')));
    expect(statusIn(await answer)).toBe(429);
    expect(http.server.receivingBytes).toBe(LIMIT - 10);
    for (const other of others) other.socket.destroy();
    await until(() => http.server.receivingBytes === 0);
    expect(http.backend.received).toEqual([]);
  });

  it('the room of a client that disconnects, or closes its half, is released', async () => {
    const http = await start({ limits });
    const gone = send(http, 'gone', 'x'.repeat(600), 500);
    const cut = send(http, 'cut', 'x'.repeat(600), 100);
    const ended = send(http, 'ended', 'x'.repeat(600), 400);
    await until(() => http.server.receivingBytes === LIMIT);
    gone.socket.destroy();
    await until(() => http.server.receivingBytes === 500);
    // A reset comes without an 'end' event.
    cut.socket.resetAndDestroy();
    await until(() => http.server.receivingBytes === 400);
    ended.socket.end();
    expect(statusIn(await ended.answer)).toBe(400);
    await until(() => http.server.receivingBytes === 0);
    expect(http.backend.received).toEqual([]);
  });

  it('the room of a client that times out is released, although it leaves its half of the connection open', async () => {
    const times = { headersTimeoutMs: 40, requestTimeoutMs: 40, checkIntervalMs: 5 };
    const http = await start({ limits: { ...limits, ...times } });
    const socket = connect({ port: http.port, host: '127.0.0.1', allowHalfOpen: true });
    let got = '';
    socket.on('data', (chunk: Buffer) => (got += chunk.toString('latin1'))).on('error', () => undefined);
    socket.write(parts('late', 'x'.repeat(600), 500)[0]);
    await until(() => http.server.receivingBytes === 500);
    await until(() => http.server.receivingBytes === 0);
    await until(() => got.endsWith('}'));
    expect(problemIn(got)).toMatchObject({ code: 'request-timeout', outcome: 'not_applied' });
    await until(() => http.server.connections === 0);
    expect(http.backend.received).toEqual([]);
    socket.destroy();
  });

  it('a body that arrives byte by byte is stored as it was sent', async () => {
    const http = await start({ limits });
    const text = Array.from({ length: 300 }, (_, i) => String.fromCharCode(97 + (i % 26))).join('');
    const sender = send(http, 'bytes', text, 1);
    sender.socket.setNoDelay();
    await until(() => http.server.receivingBytes === 1);
    if (sender.rest.startsWith('12b\r\n')) {
      for (const letter of text.slice(1)) sender.socket.write(inChunk(letter));
      sender.socket.write('0\r\n\r\n');
    } else {
      for (const letter of sender.rest) {
        const before = sender.socket.bytesWritten;
        await new Promise((resolve) => sender.socket.write(letter, resolve));
        expect(sender.socket.bytesWritten).toBe(before + 1);
      }
    }
    expect(statusIn(await sender.answer)).toBe(201);
    expect((await http.ask('GET', '/v1/kv/bytes')).text).toBe(text);
    expect(http.server.receivingBytes).toBe(0);
  });
});

describe('a body that is received at once', () => {
  it.each(WAYS.slice(0, 2))('needs no room: $name', async ({ parts }) => {
    const http = await start({ limits });
    const full = http.socket();
    const half = http.socket();
    for (const socket of [full, half]) socket.write(WAYS[0]?.parts('other', 'o'.repeat(600), 500)[0] ?? '');
    await until(() => http.server.receivingBytes === LIMIT);
    expect(statusIn(await http.raw(parts('a', 'value', 5).join(''), isWhole))).toBe(201);
    for (const socket of [full, half]) socket.destroy();
    await until(() => http.server.receivingBytes === 0);
  });
});

it('an incomplete body is dropped with its 408, and bytes after that are not kept', async () => {
  // The connection itself stays open for a while.
  const times = { headersTimeoutMs: 20, requestTimeoutMs: 20, checkIntervalMs: 200 };
  const http = await start({ limits: { ...limits, ...times } });
  const socket = connect({ port: http.port, host: '127.0.0.1', allowHalfOpen: true });
  socket.write(WAYS[0]?.parts('late', 'x'.repeat(600), 500)[0] ?? '');
  await until(() => http.server.receivingBytes === 500);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect([statusIn(answer.toString()), http.server.receivingBytes]).toEqual([408, 0]);
  socket.write('x'.repeat(50));
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect([http.server.connections, http.server.receivingBytes]).toEqual([1, 0]);
  socket.destroy();
});

it('both fronts share one budget, and metrics report how much of it is in use', async () => {
  const http = await start({ limits });
  const sockets = WAYS.slice(0, 2).map(({ parts }) => {
    const socket = http.socket();
    socket.write(parts('a', 'x'.repeat(600), 500)[0]);
    return socket;
  });
  await until(() => http.server.receivingBytes === LIMIT);
  expect((await http.ask('GET', '/metrics')).text).toMatch(/^kvorum_receiving_bytes 1000$/m);
  for (const socket of sockets) socket.destroy();
  await until(() => http.server.receivingBytes === 0);
  expect((await http.ask('GET', '/metrics')).text).toMatch(/^kvorum_receiving_bytes 0$/m);
});

describe('the bound', () => {
  it('must hold one value of the greatest length, or is rejected', () => {
    expect(limitsOf().receiveBytes).toBe(256 * 1_048_576);
    expect(limitsOf({ valueBytes: 10, receiveBytes: 10 }).receiveBytes).toBe(10);
    for (const receiveBytes of [9, NaN]) {
      expect(() => limitsOf({ valueBytes: 10, receiveBytes })).toThrow(
        /^receiveBytes must be at least valueBytes, 10,/,
      );
    }
  });

  it('a small piece does not keep alive the large buffer that it was cut from', () => {
    const pieces = new ReceivedPieces(new ReceiveBudget(LIMIT));
    expect(pieces.add(Buffer.alloc(1_048_576, 7).subarray(100, 200))).toBe(true);
    const kept = pieces.join();
    expect([...new Set(kept)]).toEqual([7]);
    expect([kept.length, kept.buffer.byteLength <= 2 * Buffer.poolSize]).toEqual([100, true]);
  });

  it('is given back once, however often pieces end', () => {
    const budget = new ReceiveBudget(10);
    const pieces = new ReceivedPieces(budget);
    expect([pieces.add(Buffer.from('head+abc'), 3), pieces.add(Buffer.from('12345678'))]).toEqual([true, false]);
    expect([budget.held, pieces.length]).toEqual([3, 8]);
    pieces.addLast(Buffer.from('d'));
    expect([pieces.join().toString(), budget.held]).toEqual(['head+abcd', 0]);
    pieces.drop();
    expect([pieces.join().length, budget.held, budget.reserve(10), budget.reserve(1)]).toEqual([0, 0, true, false]);
  });
});
