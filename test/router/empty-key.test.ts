/** The empty string as a key, at each front: on connections of the fast path, and on those handed over to node:http. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { FRONTS, type Front } from '../support/fronts.js';
import { bodyIn, head, problemIn, statusIn } from '../support/http-harness.js';

const KEY = '/v1/kv/%22%22?key_type=json';
/** Another route before it: the connection is node:http's from then on. */
const TO_NODE_HTTP = 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n';

describe.each(FRONTS)('$name', ({ start }) => {
  let front: Front;
  beforeAll(async () => {
    front = await start();
  });
  afterEach(() => {
    front.checkNodes();
  });
  afterAll(() => front.close());

  describe.each([
    ['without node:http', ''],
    ['through node:http', TO_NODE_HTTP],
  ])('%s', (_name, before) => {
    /** The answer to the last request of the connection. */
    const ask = async (method: string, path: string, body?: string, ...headers: string[]): Promise<string> => {
      const length = body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
      const raw = await front.http.raw(
        before + head(`${method} ${path} HTTP/1.1`, ...length, ...headers) + (body ?? ''),
      );
      return raw.slice(raw.lastIndexOf('HTTP/1.1 '));
    };

    it('is put, read, changed and deleted like any other', async () => {
      expect(statusIn(await ask('GET', KEY))).toBe(404);
      expect(statusIn(await ask('PUT', KEY, 'x', 'Content-Type: text/plain', 'If-None-Match: *'))).toBe(201);
      expect(statusIn(await ask('PUT', KEY, 'y', 'If-None-Match: *'))).toBe(412);
      const got = await ask('GET', KEY);
      expect([statusIn(got), bodyIn(got)]).toEqual([200, 'x']);
      expect(statusIn(await ask('PUT', KEY, 'y', 'If-Match: *'))).toBe(200);
      expect(problemIn(await ask('GET', KEY, undefined, 'Accept: application/vnd.kvorum+json'))).toMatchObject({
        key: '',
        key_type: 'json',
        value_base64: Buffer.from('y').toString('base64'),
        version: 2,
      });
      expect(statusIn(await ask('HEAD', KEY))).toBe(200);
      expect(problemIn(await ask('DELETE', KEY))).toMatchObject({ deleted: true });
      expect(problemIn(await ask('DELETE', KEY))).toMatchObject({ deleted: false });
      expect(statusIn(await ask('GET', KEY))).toBe(404);
    });

    it('is distinct from similar keys', async () => {
      const others = [
        '%5B%22%22%5D?key_type=json',
        '%7B%7D?key_type=json',
        '%00',
        '%22%22',
        '%20',
        'AA?key_type=base64url',
      ];
      for (const other of others) expect(statusIn(await ask('PUT', `/v1/kv/${other}`, other))).toBeLessThan(300);
      expect(statusIn(await ask('GET', KEY))).toBe(404);
      expect(statusIn(await ask('PUT', KEY, 'x'))).toBe(201);
      expect(problemIn(await ask('DELETE', KEY))).toMatchObject({ deleted: true });
      for (const other of others) expect(bodyIn(await ask('GET', `/v1/kv/${other}`))).toBe(other);
    });

    it.each(['', '?key_type=string', '?key_type=json', '?key_type=base64url'])(
      'is not what /v1/kv/%s names: 400, nothing is asked for',
      async (query) => {
        const received = front.http.backend.received.length;
        for (const [method, body] of [['PUT', 'x'], ['GET'], ['HEAD'], ['DELETE']] as const) {
          const answer = await ask(method, `/v1/kv/${query}`, body);
          expect([method, statusIn(answer)]).toEqual([method, 400]);
          if (method !== 'HEAD') expect(problemIn(answer)).toMatchObject({ code: 'invalid-request', field: 'key' });
        }
        expect(front.http.backend.received.length).toBe(received);
      },
    );
  });
});
