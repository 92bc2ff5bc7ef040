/** A client that stops reading a stream holds nobody up; and the list of namespaces comes in pages. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startReal, type Front } from '../support/fronts.js';
import { head } from '../support/http-harness.js';

const MIB = 1024 * 1024;
/** More than the sockets of both sides take. */
const VALUES = 48;

let front: Front;
beforeAll(async () => {
  front = await startReal('router', 4)();
});
afterAll(async () => {
  front.checkNodes();
  await front.close();
});

const lists = (): number => front.http.backend.received.filter(({ operation }) => operation.type === 'list').length;
const NDJSON = { accept: 'application/x-ndjson' };

it('others are served while a reader of a stream stands still, and nothing is fetched for it', async () => {
  for (let at = 0; at < VALUES; at += 1) {
    await front.http.ask('PUT', `/v1/kv/long-${100 + at}`, {}, Buffer.alloc(MIB));
  }
  const socket = front.http.socket();
  socket.pause();
  socket.write(head('GET /v1/kv?prefix=long- HTTP/1.1', 'Accept: application/x-ndjson'));
  const others = async (): Promise<void> => {
    for (let at = 0; at < 50; at += 1) {
      expect((await front.http.ask('PUT', '/v1/kv/other', {}, String(at))).status).toBeLessThan(300);
      expect((await front.http.ask('GET', '/v1/kv/other')).text).toBe(String(at));
    }
  };
  let before = -1;
  while (before !== lists() || lists() === 0) {
    before = lists();
    await others();
  }
  // Each of these values is asked for alone, when it is due.
  expect(before).toBeLessThan(VALUES);
  const whole = await front.http.ask('GET', '/v1/kv?prefix=long-&keys_only=true', NDJSON);
  expect(whole.text.split('\n').at(-2)).toContain(`"end":true,"count":${VALUES}`);
  const values = await front.http.ask('GET', '/v1/kv?prefix=long-1&limit=12', NDJSON);
  expect(values.text.split('\n')).toHaveLength(14);
  // With nothing behind it in any shard.
  const one = await front.http.ask('GET', '/v1/kv?prefix=long-147', NDJSON);
  expect(one.text.split('\n').at(-2)).toContain('"end":true,"count":1');
  socket.destroy();
}, 30_000);

it('the list of namespaces comes in pages, whoever asks for all of them', async () => {
  const names = Array.from({ length: 130 }, (_, at) => `ns-${1_000 + at}`);
  await Promise.all(names.map((name) => front.http.ask('PUT', `/v1/ns/${name}`)));
  const page = async (query: string) => {
    const { status, json } = await front.http.ask('GET', `/v1/ns${query}`);
    const { items, cursor } = json as { items: { namespace: string; shard: number }[]; cursor: string | null };
    expect(status).toBe(200);
    return { names: items.map(({ namespace }) => namespace), shards: items.map(({ shard }) => shard), cursor };
  };
  const first = await page('');
  expect([first.names, new Set(first.shards).size]).toEqual([names.slice(0, 100), 4]);
  for (const [limit, reverse] of [
    [7, false],
    [60, true],
  ] as const) {
    const listed: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const next: Awaited<ReturnType<typeof page>> = await page(
        `?limit=${limit}&reverse=${reverse}${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      expect(next.names.length).toBeLessThanOrEqual(limit);
      listed.push(...next.names);
      cursor = next.cursor;
    }
    expect(listed).toEqual(reverse ? [...names].reverse() : names);
  }
  expect((await front.http.ask('GET', '/v1/ns?limit=10001')).json).toMatchObject({ status: 400, field: 'limit' });
});
