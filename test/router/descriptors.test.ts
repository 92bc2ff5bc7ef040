/** How many connections clients may have, given the descriptor limit of the process. */
import { describe, expect, it } from 'vitest';
import { LEAST_OPEN_FILES } from '../../src/few-descriptors.js';
import { maxOpenFiles, openFilesIn, shareDescriptors } from '../../src/router/admin/descriptors.js';
import type { HttpServerOptions } from '../../src/router/index.js';
import { DEFAULT_LIMITS } from '../../src/router/http/limits.js';
import { head, problemIn, serversOfEachTest, statusIn, until } from '../support/http-harness.js';

const start = serversOfEachTest();

/** More than the system keeps for a reader that does not read. */
const LARGE = 'x'.repeat(20_000_000);

const node = { peers: 2, node: { shards: 16 } };
const router = { peers: 3, node: undefined };

describe('connections of clients', () => {
  it.each([
    [64, node, 1, 6, 0, true],
    [128, node, 2, 11, 3, false],
    [256, node, 98, 43, 27, false],
    [1_024, node, 674, 235, 171, false],
    [1_048_576, node, 10_000, 262, 192, false],
    [Infinity, node, 10_000, 262, 192, false],
    [256, { peers: 0, node: { shards: 1 } }, 123, 46, 34, false],
    [256, router, 183, 9, 0, false],
  ])('with a limit of %d open files, %o: at most %d', (openFiles, needs, clients, peers, routerLinks, tooFew) => {
    const shares = shareDescriptors(openFiles, needs);
    expect(shares).toMatchObject({ clientConnections: clients, peerConnections: peers, routerLinks, tooFew });
    if (tooFew) return;
    const { clientConnections, reserved } = shares;
    expect(clientConnections + DEFAULT_LIMITS.spareConnections + reserved).toBeLessThanOrEqual(openFiles);
  });

  it('are possible with the smallest descriptor limit that a process accepts', () => {
    expect(shareDescriptors(LEAST_OPEN_FILES, node).tooFew).toBe(false);
  });

  it('depend on the descriptor limit of the system', () => {
    const line = (soft: string): string =>
      `Limit   Soft Limit  Hard Limit  Units\nMax open files   ${soft}  1048576  files\n`;
    expect([line('1024'), line('unlimited'), 'nothing'].map(openFilesIn)).toEqual([1_024, Infinity, undefined]);
    expect(maxOpenFiles()).toBeGreaterThan(0);
  });

  it('are shown with all other descriptors by /metrics', async () => {
    const http = await start();
    const used = async (): Promise<number> =>
      Number(/kvorum_file_descriptors\{state="used"\} (\d+)/.exec((await http.ask('GET', '/metrics')).text)?.[1]);
    const before = await used();
    const sockets = Array.from({ length: 20 }, () => http.socket());
    await expect.poll(() => http.server.connections).toBeGreaterThanOrEqual(20);
    // Both ends are in this process.
    expect(await used()).toBeGreaterThanOrEqual(before + 40);
    for (const socket of sockets) socket.destroy();
  });
});

describe('connections beyond the limit', () => {
  const limits = { maxConnections: 3, spareConnections: 2 };
  const request = (line: string): string => `${line} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

  /** A server all of whose ordinary connections are taken. */
  async function startFull(options: Partial<HttpServerOptions> = {}) {
    const http = await start({ limits, ...options });
    const taken = Array.from({ length: limits.maxConnections }, () => http.socket());
    await until(() => http.server.connections === limits.maxConnections);
    return { http, taken };
  }

  it('get 503 with Retry-After, and are closed', async () => {
    const { http } = await startFull();
    for (const line of ['GET /v1/kv/a', 'GET /v1/cluster', 'GET /nothing']) {
      const raw = await http.raw(request(line));
      expect(statusIn(raw)).toBe(503);
      expect(raw).toMatch(/\r\nRetry-After: 1\r\n/);
      expect(raw).toMatch(/\r\nConnection: close\r\n/);
      expect(problemIn(raw)).toMatchObject({
        code: 'too-many-connections',
        outcome: 'not_applied',
        retryable: true,
        retry_after_ms: 1_000,
      });
    }
    const body = 'x'.repeat(200_000);
    const put = await http.raw(
      `PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    expect([statusIn(put), problemIn(put)['outcome']]).toEqual([503, 'not_applied']);
    expect(http.backend.received).toEqual([]);
  });

  it('are answered on health routes, once each', async () => {
    const { http } = await startFull();
    for (const path of ['/livez', '/readyz', '/readyz?verbose', '/metrics']) {
      const raw = await http.raw(request(`GET ${path}`).repeat(2));
      expect([path, raw.match(/HTTP\/1\.1 \d+/g)]).toEqual([path, ['HTTP/1.1 200']]);
      expect(raw).toMatch(/\r\nConnection: close\r\n/);
    }
  });

  it('cannot be occupied by clients that only connect', async () => {
    const { http } = await startFull();
    const silent = Array.from({ length: 20 }, () => http.socket().resume());
    const closed = silent.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    await Promise.all(closed.slice(0, 18));
    expect(statusIn(await http.raw(request('GET /livez')))).toBe(200);
    expect(http.server.connections).toBeLessThanOrEqual(5);
    for (const socket of silent) socket.destroy();
  });

  it.each([
    ['the beginning of a head', 'GET /livez HTTP/1.1\r\nHost: local'],
    ['a body that never ends', 'PUT /v1/kv/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n'],
  ])('cannot be kept by clients that send only %s', async (_, bytes) => {
    const { http, taken } = await startFull();
    const [served] = taken;
    for (let i = 0; i < 2 * limits.spareConnections; i++) {
      const socket = http.socket().on('error', () => undefined);
      await new Promise((resolve) => socket.once('connect', resolve));
      socket.write(bytes);
      // The connection is accepted before the first of these is answered, and read from before the second is.
      for (let turn = 0; turn < 2; turn++) {
        served?.write(request('GET /v1/kv/none'));
        await new Promise((resolve) => served?.once('data', resolve));
      }
    }
    for (const path of ['/livez', '/readyz', '/metrics']) {
      expect([path, statusIn(await http.raw(request(`GET ${path}`)))]).toEqual([path, 200]);
    }
  });

  it('cannot be occupied for long by clients that do not read their answer', async () => {
    const large = { contentType: 'text/plain', observe: () => undefined, render: () => Promise.resolve(LARGE) };
    for (const [spareAnswerMs, status] of [
      [0, 200],
      [600_000, NaN],
    ] as const) {
      const { http } = await startFull({ metrics: large, limits: { ...limits, spareAnswerMs } });
      for (let i = 0; i < limits.spareConnections; i++) {
        const socket = http.socket();
        socket.write(request('GET /metrics'));
        await new Promise((resolve) => socket.once('readable', resolve));
      }
      expect([spareAnswerMs, statusIn(await http.raw(request('GET /livez')))]).toEqual([spareAnswerMs, status]);
    }
  });

  it('are not cut while they wait for this process', async () => {
    const held: ((text: string) => void)[] = [];
    const render = (): Promise<string> => new Promise((resolve) => held.push(resolve));
    const { http } = await startFull({
      metrics: { contentType: 'text/plain', observe: () => undefined, render },
      limits: { ...limits, spareAnswerMs: 0 },
    });
    const asked = Array.from({ length: limits.spareConnections }, () => http.raw(request('GET /metrics')));
    await until(() => held.length === limits.spareConnections);
    expect(await http.raw(request('GET /livez'))).toBe('');
    for (const release of held) release('rendered');
    expect((await Promise.all(asked)).map(statusIn)).toEqual([200, 200]);
  });

  it('are ordinary ones again once others have closed', async () => {
    const { http, taken } = await startFull();
    expect(statusIn(await http.raw(head('GET /v1/kv/a')))).toBe(503);
    taken[0]?.destroy();
    await until(() => http.server.connections === limits.maxConnections - 1);
    expect(statusIn(await http.raw(head('GET /v1/kv/a')))).toBe(404);
  });
});
