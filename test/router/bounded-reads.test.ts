/** `min_revision` and `max_staleness` over a real cluster, at the node that leads and at another: grammar, answers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startReal, type Front } from '../support/fronts.js';
import type { Answered } from '../support/http-harness.js';

const JSON_TYPE = { 'content-type': 'application/json' };
const fieldOf = ({ status, json }: Answered): string => {
  const { code = '', field = '' } = json as { readonly code?: string; readonly field?: string };
  return `${status} ${code} ${field}`;
};

describe.each(['leader', 'follower', 'router'] as const)('a stale read at the %s', (at) => {
  let front: Front;
  const ask = (method: string, target: string, headers: Record<string, string> = {}, body?: string) =>
    front.http.ask(method, target, headers, body);
  beforeAll(async () => {
    front = await startReal(at)();
    await ask('PUT', '/v1/ns/tenant', JSON_TYPE, '{}');
  });
  afterAll(async () => {
    front.checkNodes();
    await front.close();
  });

  it.each(['/v1/kv/a', '/v1/ns/tenant/kv/a'])('of %s sees what was just written, by its revision', async (path) => {
    for (const value of ['one', 'two', 'three']) {
      const { json } = await ask('PUT', path, {}, value);
      const { revision } = json as { readonly revision: number };
      const read = await ask('GET', `${path}?consistency=stale&min_revision=${revision}`);
      expect([read.status, read.text, read.headers['kv-consistency']]).toEqual([200, value, 'stale']);
    }
  });

  it.each(['/v1/kv/b', '/v1/ns/tenant/kv/b'])('of %s sees what was written before its bound', async (path) => {
    await ask('PUT', path, {}, 'value');
    for (const bound of ['1ms', '500ms', '24h']) {
      const read = await ask('GET', `${path}?consistency=stale&max_staleness=${bound}`);
      // Within a day, an older state is as good.
      if (bound !== '24h') expect([read.status, read.text]).toEqual([200, 'value']);
    }
    expect((await ask('HEAD', `${path}?consistency=stale&max_staleness=1ms`)).status).toBe(200);
  });

  it('may say that there is nothing', async () => {
    expect(fieldOf(await ask('GET', '/v1/kv/none?consistency=stale&max_staleness=1ms'))).toMatch(/^404 key-not-found/);
    const missing = await ask('GET', '/v1/ns/none/kv/k?consistency=stale&max_staleness=1ms');
    expect(fieldOf(missing)).toMatch(/^404 namespace-not-found/);
  });

  it('with a revision that nobody has is a timeout, not_applied', async () => {
    const target = `/v1/kv/a?consistency=stale&min_revision=${2 ** 48 - 1}`;
    const read = await ask('GET', target, { 'kv-timeout': '300ms' });
    expect(read.json).toMatchObject({ status: 504, code: 'timeout', outcome: 'not_applied', retryable: true });
  });

  it('of a page, and of a count, may have a staleness', async () => {
    await ask('PUT', '/v1/kv/page', {}, 'value');
    const page = await ask('GET', '/v1/kv?prefix=page&consistency=stale&max_staleness=1ms');
    expect(page.json).toMatchObject({ items: [{ key: 'page' }] });
    const count = await ask('GET', '/v1/kv?prefix=page&count_only=true&consistency=stale&max_staleness=1ms');
    expect(count.json).toMatchObject({ count: 1 });
  });
});

describe('a bound', () => {
  let front: Front;
  beforeAll(async () => {
    front = await startReal('leader')();
  });
  afterAll(() => front.close());

  it.each([
    ['/v1/kv/a?min_revision=1', 'min_revision'],
    ['/v1/kv/a?max_staleness=1s', 'max_staleness'],
    ['/v1/kv/a?consistency=linearizable&min_revision=1&max_staleness=1s', 'min_revision'],
    ['/v1/kv/a?consistency=stale&min_revision=', 'min_revision'],
    ['/v1/kv/a?consistency=stale&min_revision=-1', 'min_revision'],
    ['/v1/kv/a?consistency=stale&min_revision=01', 'min_revision'],
    ['/v1/kv/a?consistency=stale&min_revision=1.5', 'min_revision'],
    ['/v1/kv/a?consistency=stale&min_revision=281474976710656', 'min_revision'],
    ['/v1/kv/a?consistency=stale&max_staleness=', 'max_staleness'],
    ['/v1/kv/a?consistency=stale&max_staleness=500', 'max_staleness'],
    ['/v1/kv/a?consistency=stale&max_staleness=0ms', 'max_staleness'],
    ['/v1/kv/a?consistency=stale&max_staleness=1.5s', 'max_staleness'],
    ['/v1/kv/a?consistency=stale&max_staleness=25h', 'max_staleness'],
    ['/v1/kv/a?consistency=stale&min_revision=1&min_revision=2', 'min_revision'],
    ['/v1/kv?consistency=stale&min_revision=1', 'min_revision'],
    ['/v1/kv?max_staleness=1s', 'max_staleness'],
    ['/v1/kv?consistency=stale&max_staleness=1d1h', 'max_staleness'],
    ['/v1/ns?consistency=stale&max_staleness=1s', 'max_staleness'],
  ])('in %s is refused', async (target, field) => {
    const answer = await front.http.ask('GET', target);
    expect(fieldOf(answer)).toBe(`400 invalid-request ${field}`);
    expect(answer.json).toMatchObject({ outcome: 'not_applied' });
  });

  it('is none of streams, and none of writes', async () => {
    const target = '/v1/kv?consistency=stale&max_staleness=1s';
    const stream = await front.http.ask('GET', target, { accept: 'application/x-ndjson' });
    expect(fieldOf(stream)).toBe('400 invalid-request max_staleness');
    const put = await front.http.ask('PUT', '/v1/kv/a?min_revision=1', {}, 'value');
    expect(fieldOf(put)).toBe('400 invalid-request min_revision');
  });
});
