import { describe, expect, it } from 'vitest';
import { PAGE_POLICY, ROUTES, indexPage } from '../../src/router/admin/route-index.js';
import { serversOfEachTest } from '../support/http-harness.js';

const serve = serversOfEachTest();
const build = { version: '1.2.3' };

describe('the index of routes', () => {
  it('is JSON for a program and for curl, and a page for a browser', async () => {
    const http = await serve({ build });
    for (const accept of ['*/*', 'application/json', 'application/*;q=0.5', 'image/png']) {
      const answer = await http.ask('GET', '/', { accept });
      expect([accept, answer.status, answer.headers['content-type']]).toEqual([accept, 200, 'application/json']);
      expect(answer.json).toEqual({ name: 'kvorum', version: '1.2.3', routes: ROUTES });
      expect(answer.headers['vary']).toBe('Accept');
    }
    const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
    const page = await http.ask('GET', '/', { accept });
    expect(page.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': PAGE_POLICY,
      'x-content-type-options': 'nosniff',
    });
    expect(page.text).toContain(`curl http://127.0.0.1:${http.port}/v1/kv/greeting`);
    for (const { path } of ROUTES) expect(page.text).toContain(`<code>${path}</code>`);
  });

  it('names existing routes, with their methods', async () => {
    const http = await serve({ build });
    for (const { path, methods } of ROUTES) {
      const target = path.replace('{key}', 'k').replace('{id}', '0').replace('{ns}', 'n');
      const got = await http.ask('GET', target);
      expect([path, (got.json as { code?: string } | undefined)?.code]).not.toEqual([path, 'route-not-found']);
      expect([path, (await http.ask('OPTIONS', target)).headers['allow']]).toEqual([path, methods]);
    }
  });

  it('escapes foreign text in its page', () => {
    expect(indexPage({ version: '<b>&"' }, 'http://"><script>')).not.toMatch(/<script>|<b>/);
  });

  it('takes no query', async () => {
    const http = await serve({ build });
    expect((await http.ask('GET', '/?a=1')).status).toBe(400);
  });
});
