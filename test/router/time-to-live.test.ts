/** `?ttl` and `Prefer: return=…` over a real cluster: what an answer shows, and what becomes of a deadline. */
import { v7 as uuid } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startReal, type Front } from '../support/fronts.js';
import type { Answered } from '../support/http-harness.js';

let front: Front;
beforeAll(async () => {
  front = await startReal('leader')();
});
afterAll(async () => {
  front.checkNodes();
  await front.close();
});

let unique = 0;
const fresh = (): string => `/v1/kv/key-${++unique}`;
const ask = (method: string, path: string, headers: Record<string, string> = {}, body?: string): Promise<Answered> =>
  front.http.ask(method, path, { 'content-type': 'text/plain', ...headers }, body);
const ENVELOPE = { accept: 'application/vnd.kvorum+json' };
const lastType = (): string | undefined => front.http.backend.received.at(-1)?.operation.type;

describe('a time to live', () => {
  it('is shown by PUT, GET, HEAD and the envelope; a PUT without clears it, and keep keeps it', async () => {
    const path = fresh();
    const before = Date.now();
    const put = await ask('PUT', `${path}?ttl=1h`, {}, 'a');
    expect([put.status, put.json]).toMatchObject([201, { version: 1, created: true }]);
    const deadline = String(put.headers['kv-expires-at']);
    expect(deadline).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(Math.abs(Date.parse(deadline) - before - 3_600_000)).toBeLessThan(60_000);
    expect((await ask('GET', path)).headers['kv-expires-at']).toBe(deadline);
    expect((await ask('HEAD', path)).headers['kv-expires-at']).toBe(deadline);
    expect((await ask('GET', path, ENVELOPE)).json).toMatchObject({ version: 1, expires_at: deadline });
    expect((await ask('PUT', `${path}?ttl=keep`, {}, 'b')).headers['kv-expires-at']).toBe(deadline);
    expect((await ask('PUT', path, {}, 'c')).headers['kv-expires-at']).toBeUndefined();
    const cleared = await ask('GET', path, ENVELOPE);
    expect([cleared.headers['kv-expires-at'], cleared.json]).toMatchObject([undefined, { version: 3 }]);
    expect(cleared.json).not.toHaveProperty('expires_at');
  });

  it('of a millisecond is over when a reader polls, and a later condition meets no key', async () => {
    const path = fresh();
    await ask('PUT', `${path}?ttl=1ms`, {}, 'a');
    await expect.poll(async () => (await ask('GET', path)).status, { timeout: 10_000 }).toBe(404);
    expect((await ask('PUT', path, { 'if-match': '*' }, 'b')).status).toBe(412);
  });

  it.each([
    '',
    '0s',
    '-1s',
    '1.5s',
    '1e3s',
    '0x10s',
    '%201s',
    '30',
    '9007199254740993s',
    'Keep',
    '3661d',
    'keep&ttl=1s',
  ])('row 31 ?ttl=%s is refused with the field, and nothing is written', async (ttl) => {
    const path = fresh();
    const answer = await ask('PUT', `${path}?ttl=${ttl}`, {}, 'a');
    expect([answer.status, answer.json]).toMatchObject([400, { code: 'invalid-request', field: 'ttl' }]);
    expect((await ask('GET', path)).status).toBe(404);
  });

  it('belongs to PUT alone', async () => {
    const path = fresh();
    for (const method of ['GET', 'DELETE']) {
      expect((await front.http.ask(method, `${path}?ttl=1s`)).json).toMatchObject({ field: 'ttl' });
    }
  });

  it('with a key of the client is replayed with the same deadline', async () => {
    const path = fresh();
    const headers = { 'idempotency-key': uuid() };
    const first = await ask('PUT', `${path}?ttl=1h`, headers, 'a');
    const again = await ask('PUT', `${path}?ttl=1h`, headers, 'a');
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect([again.json, again.headers['kv-expires-at']]).toEqual([first.json, first.headers['kv-expires-at']]);
    expect((await ask('PUT', `${path}?ttl=2h`, headers, 'a')).status).toBe(422);
  });

  it('without it a put is a plain one', async () => {
    const path = fresh();
    await ask('PUT', path, { prefer: 'return=minimal' }, 'a');
    expect(lastType()).toBe('put');
    await ask('PUT', `${path}?ttl=keep`, {}, 'a');
    expect(lastType()).toBe('program');
    await ask('DELETE', path);
    expect(lastType()).toBe('delete');
  });
});

describe('Prefer', () => {
  it('return=representation shows what was written', async () => {
    const put = await ask('PUT', `${fresh()}?ttl=1h`, { prefer: 'return=representation' }, 'hello');
    expect([put.status, put.text, put.headers]).toMatchObject([
      201,
      'hello',
      { 'preference-applied': 'return=representation', 'content-type': 'text/plain', 'kv-version': '1' },
    ]);
    expect(put.headers['etag']).toBe(`"${String(put.headers['kv-revision'])}"`);
    expect(put.headers['content-security-policy']).toBe('sandbox');
  });

  it('return=previous shows what was there before, of PUT and DELETE', async () => {
    const path = fresh();
    const prefer = { prefer: 'return=previous' };
    const first = await ask('PUT', path, prefer, 'one');
    expect([first.status, first.text, first.headers['preference-applied']]).toEqual([201, '', 'return=previous']);
    const second = await ask('PUT', path, prefer, 'two');
    expect([second.status, second.text]).toEqual([200, 'one']);
    expect(second.headers['kv-previous-revision']).toBe(first.headers['kv-revision']);
    expect(Number(second.headers['kv-revision'])).toBeGreaterThan(Number(first.headers['kv-revision']));
    const deleted = await ask('DELETE', path, { ...prefer, ...ENVELOPE });
    expect([deleted.status, deleted.json]).toMatchObject([200, { value_base64: 'dHdv', version: 2 }]);
    const none = await ask('DELETE', path, prefer);
    expect([none.status, none.text]).toEqual([204, '']);
    expect((await ask('DELETE', path, { ...prefer, ...ENVELOPE })).text).toBe('null');
  });

  it('return=minimal of a DELETE has no body; return=representation of one has nothing to show', async () => {
    const path = fresh();
    await ask('PUT', path, {}, 'a');
    expect((await ask('DELETE', path, { prefer: 'return=minimal' })).status).toBe(204);
    expect((await ask('DELETE', path, { prefer: 'return=representation' })).json).toMatchObject({ deleted: false });
  });

  it('other preferences are ignored, and the first one that is known counts', async () => {
    const path = fresh();
    expect((await ask('PUT', path, { prefer: 'return=everything, wait=3' }, 'a')).json).toMatchObject({ version: 1 });
    const both = await ask('PUT', path, { prefer: 'respond-async, Return="previous", return=minimal' }, 'b');
    expect([both.status, both.text]).toEqual([200, 'a']);
  });

  it('a replay of a long previous value says that it was not kept', async () => {
    const path = fresh();
    await ask('PUT', path, {}, 'x'.repeat(10_000));
    const headers = { 'idempotency-key': uuid(), prefer: 'return=previous' };
    expect((await ask('PUT', path, headers, 'y')).text).toHaveLength(10_000);
    const again = await ask('PUT', path, headers, 'y');
    expect([again.status, again.json]).toMatchObject([200, { results_omitted: true }]);
    expect(again.headers['idempotency-replayed']).toBe('true');
  });

  it('works under a condition, and under a list of them', async () => {
    const path = fresh();
    const one = String((await ask('PUT', path, {}, 'one')).headers['etag']);
    const prefer = { prefer: 'return=previous' };
    const refused = await ask('PUT', path, { ...prefer, 'if-match': '"999999"' }, 'x');
    expect([refused.status, refused.json]).toMatchObject([412, { current_revision: Number(one.slice(1, -1)) }]);
    const listed = await ask('PUT', path, { ...prefer, 'if-match': `${one}, "888888", "999999"` }, 'two');
    expect([listed.status, listed.text]).toEqual([200, 'one']);
  });
});
