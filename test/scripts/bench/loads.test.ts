/** Each load generator, on a server that answers some requests wrongly: these are failures, whatever their status. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { autocannonLoad } from '../../../scripts/bench/autocannon-load.js';
import { NodeLoad, WRONG_BODY } from '../../../scripts/bench/node-load.js';
import type { HttpRequest } from '../../../scripts/bench/workload.js';
import { hasWrk, wrkLoad } from '../../../scripts/bench/wrk-load.js';

const folder = mkdtempSync(join(tmpdir(), 'kvorum-loads-'));
const own = new NodeLoad();
const loads = [own, autocannonLoad, ...(hasWrk() ? [wrkLoad(folder)] : [])];
const mark = { text: '"ok"', times: 2 };
const answers: Readonly<Record<string, readonly [number, string]>> = {
  '/right': [200, '["ok","ok"]'],
  '/wrong': [200, '["ok","not"]'],
  '/refused': [409, '["ok","ok"]'],
};
let server: Server;
let url = '';

beforeAll(async () => {
  server = createServer((request, response) => {
    const [status, body] = answers[request.url ?? ''] ?? [404, ''];
    response.writeHead(status, { 'Content-Length': body.length }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  own.close();
  server.close();
  rmSync(folder, { recursive: true });
});

const ask = (path: string): HttpRequest => ({ method: 'GET', path });
const requests = Object.keys(answers).map(ask);
const script = { requests, order: [...requests.keys()], mark };

it.each(loads.map((load) => [load.name, load] as const))('%s', async (_, load) => {
  const { operations, failures } = await load.run({ urls: [url], clients: 2, seconds: 1, script });
  expect(operations).toBeGreaterThan(10);
  expect(failures / operations).toBeCloseTo(2, 0);
});

it('what is sent once is all right, or an error', async () => {
  await own.once([url], 1, [ask('/right')], mark);
  await expect(own.once([url], 1, [ask('/right'), ask('/wrong')], mark)).rejects.toThrow(
    `1 of 2 requests failed: {"${WRONG_BODY}":1}`,
  );
});
