/** The data routes inside an application of the user's own. */
import express from 'express';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { DEFAULT_LIMITS, KvRoutes, RequestIds, kvMiddleware } from '../../src/router/index.js';
import { silentLogger } from '../../src/shard/index.js';
import { HttpHarness } from '../support/http-harness.js';

let http: HttpHarness;
beforeEach(async () => {
  http = await HttpHarness.start();
});
afterEach(() => http.close());

it('the data routes serve inside another application, and leave other paths to it', async () => {
  const { backend, dispatcher } = http;
  const requestIds = new RequestIds();
  const observer = { observe: (): void => undefined };
  const routes = new KvRoutes({
    backend,
    dispatcher,
    limits: DEFAULT_LIMITS,
    requestIds,
    observer,
    logger: silentLogger,
  });
  const app = express();
  app.use('/store', kvMiddleware(routes, requestIds));
  app.get('/store/other', (_request, response) => {
    response.send('mine');
  });
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/store`;
  const created = await fetch(`${base}/v1/kv/..%2F%2e`, { method: 'PUT', body: 'x' });
  expect([created.status, created.headers.get('kv-request-id')]).toEqual([201, expect.any(String)]);
  expect(await (await fetch(`${base}/v1/kv/..%2F%2e`)).text()).toBe('x');
  expect(await (await fetch(`${base}/other`)).text()).toBe('mine');
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
