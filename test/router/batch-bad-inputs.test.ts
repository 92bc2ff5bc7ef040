/** Bodies of batches and transactions that are none: 400 with the field, and nothing is changed; and random ones. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startReal, type Front } from '../support/fronts.js';
import { head, readUntil, statusIn, type Answered } from '../support/http-harness.js';

let front: Front;
beforeAll(async () => {
  front = await startReal('leader', 2)({ limits: { valueBytes: 1_024, jsonDepth: 16 } });
});
afterAll(async () => {
  front.checkNodes();
  await front.close();
});

const JSON_TYPE = { 'content-type': 'application/json' };
const post = (route: string, body: string, headers: Record<string, string> = JSON_TYPE): Promise<Answered> =>
  front.http.ask('POST', route, headers, body);
const value = (text: string): string => `{"op":"put","key":"never","value":${text}}`;

/** What is wrong with one operation, and which of its fields is named. */
const OPERATIONS: readonly (readonly [string, string])[] = [
  ['null', ''],
  ['1', ''],
  ['[]', ''],
  ['"put"', ''],
  ['{}', '.op'],
  ['{"op":"grow","key":"never"}', '.op'],
  ['{"op":null,"key":"never"}', '.op'],
  ['{"op":["put"],"key":"never"}', '.op'],
  ['{"op":"get"}', '.key'],
  ['{"op":"get","key":1}', '.key'],
  ['{"op":"get","key":null}', '.key'],
  ['{"op":"get","key":{"a":1}}', '.key'],
  ['{"op":"get","key":[1,9007199254740993],"key_type":"json"}', '.key'],
  ['{"op":"get","key":"=","key_type":"base64url"}', '.key'],
  ['{"op":"get","key":"never","key_type":"bytes"}', '.key_type'],
  ['{"op":"get","key":"never","__proto__":{"polluted":1}}', '.__proto__'],
  ['{"op":"get","key":"never","constructor":1}', '.constructor'],
  ['{"op":"get","key":"never","value":1}', '.value'],
  ['{"op":"put","key":"never"}', '.value'],
  ['{"op":"put","key":"never","value":1,"value_base64":"AA=="}', '.value'],
  ['{"op":"put","key":"never","value_base64":"AA"}', '.value_base64'],
  ['{"op":"put","key":"never","value_base64":"A A="}', '.value_base64'],
  ['{"op":"put","key":"never","value_base64":1}', '.value_base64'],
  ['{"op":"put","key":"never","value_base64":"ew==","content_type":"application/json"}', '.value_base64'],
  ['{"op":"put","key":"never","value":1,"content_type":"text/plain"}', '.content_type'],
  ['{"op":"put","key":"never","value_base64":"AA==","content_type":"text"}', '.content_type'],
  ['{"op":"put","key":"never","value_base64":"AA==","content_type":"text/plain\\r\\nX: y"}', '.content_type'],
  ['{"op":"put","key":"never","value":1,"ttl":30}', '.ttl'],
  ['{"op":"put","key":"never","value":1,"ttl":"1e3s"}', '.ttl'],
  ['{"op":"put","key":"never","value":1,"ttl":null}', '.ttl'],
  ['{"op":"put","key":"never","value":1,"if":{}}', '.if'],
  ['{"op":"put","key":"never","value":1,"if":{"absent":true,"revision":1}}', '.if'],
  ['{"op":"put","key":"never","value":1,"if":{"absent":false}}', '.if.absent'],
  ['{"op":"put","key":"never","value":1,"if":{"revision":-1}}', '.if.revision'],
  ['{"op":"put","key":"never","value":1,"if":{"revision":1.5}}', '.if.revision'],
  ['{"op":"put","key":"never","value":1,"if":{"revision":1e3}}', '.if.revision'],
  ['{"op":"put","key":"never","value":1,"if":{"revision":"1"}}', '.if.revision'],
  ['{"op":"put","key":"never","value":1,"if":{"revision":281474976710656}}', '.if.revision'],
  ['{"op":"put","key":"never","value":1,"return":"minimal"}', '.return'],
  ['{"op":"increment","key":"never"}', '.by'],
  ['{"op":"increment","key":"never","by":9223372036854775808}', '.by'],
  ['{"op":"increment","key":"never","by":1,"min":2,"max":1}', '.min'],
  ['{"op":"append","key":"never","value":1}', '.value'],
  ['{"op":"append","key":"never"}', '.value'],
  ['{"op":"touch","key":"never"}', '.ttl'],
  ['{"op":"patch","key":"never"}', '.patch'],
  ['{"op":"patch","key":"never","patch":{},"content_type":"application/vnd.kvorum.append"}', '.content_type'],
  ['{"op":"patch","key":"never","patch":{},"content_type":"application/json-patch+json"}', '.patch'],
  [
    '{"op":"patch","key":"never","patch":[{"op":"add","path":"a","value":1}],"content_type":"application/json-patch+json"}',
    '.patch[0].path',
  ],
  ['{"op":"patch","key":"never","patch":{"to":1},"content_type":"application/vnd.kvorum.increment+json"}', '.patch.by'],
];

const COMPARISONS: readonly (readonly [string, string])[] = [
  ['{}', '.key'],
  ['{"key":"never"}', ''],
  ['{"key":"never","absent":true,"exists":true}', ''],
  ['{"key":"never","absent":1}', '.absent'],
  ['{"key":"never","version":-1}', '.version'],
  ['{"key":"never","version":1.0}', '.version'],
  ['{"key":"never","unchanged_since":"1"}', '.unchanged_since'],
  ['{"key":"never","value_base64":"?"}', '.value_base64'],
  ['{"key":"never","is":1}', '.is'],
];

const BODIES = ['', '{', 'null', '[]', '1', '\ufeff{}', '{"ops":[]}{}', '{"a":1e400}', '{"a":"\\ud800"}'];

async function expectRefused(answer: Answered, field: string): Promise<void> {
  expect([answer.status, answer.json]).toMatchObject([400, { code: 'invalid-request', outcome: 'not_applied', field }]);
  expect((await front.http.ask('GET', '/v1/kv/never')).status).toBe(404);
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
}

describe('row 12 and row 13 and row 14 and row 31 what is malformed anywhere refuses all', () => {
  it.each(OPERATIONS)('%s names ops[1]%s, then[1]%s', async (operation, field) => {
    await expectRefused(await post('/v1/batch', `{"ops":[${value('1')},${operation}]}`), `ops[1]${field}`);
    const lines = `${value('1')}\n${operation}\n`;
    await expectRefused(await post('/v1/batch', lines, { 'content-type': 'application/x-ndjson' }), `ops[1]${field}`);
    await expectRefused(await post('/v1/txn', `{"then":[${value('1')},${operation}]}`), `then[1]${field}`);
    await expectRefused(await post('/v1/txn', `{"then":[${value('1')}],"else":[${operation}]}`), `else[0]${field}`);
  });

  it.each(COMPARISONS)('%s names if[0]%s', async (comparison, field) => {
    await expectRefused(await post('/v1/txn', `{"if":[${comparison}],"then":[${value('1')}]}`), `if[0]${field}`);
  });

  it.each(BODIES)('%j is no body', async (body) => {
    for (const route of ['/v1/batch', '/v1/txn']) {
      const answer = await post(route, body);
      expect([answer.status, answer.json]).toMatchObject([400, { code: 'invalid-request' }]);
    }
  });

  it('other members, and members of other types, are named', async () => {
    await expectRefused(await post('/v1/batch', '{}'), 'ops');
    await expectRefused(await post('/v1/batch', '{"ops":{}}'), 'ops');
    await expectRefused(await post('/v1/batch', '{"ops":[]}'), 'ops');
    await expectRefused(await post('/v1/batch', `{"ops":[${value('1')}],"more":1}`), 'more');
    await expectRefused(await post('/v1/txn', '{}'), 'then');
    await expectRefused(await post('/v1/txn', '{"if":1}'), 'if');
    await expectRefused(await post('/v1/txn', `{"then":[${value('1')}],"on_error":"ignore"}`), 'on_error');
    await expectRefused(await post('/v1/batch', '\n', { 'content-type': 'application/x-ndjson' }), 'ops[0]');
    await expectRefused(await post('/v1/batch', '', { 'content-type': 'application/x-ndjson' }), 'ops');
    await expectRefused(await post('/v1/batch?consistency=stale', `{"ops":[${value('1')}]}`), 'consistency');
  });

  it('a value nests as deeply as one that is put alone', async () => {
    const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
    expect((await post('/v1/batch', `{"ops":[{"op":"put","key":"deep","value":${nested(16)}}]}`)).status).toBe(200);
    await expectRefused(await post('/v1/batch', `{"ops":[${value(nested(17))}]}`), 'body');
    await expectRefused(await post('/v1/txn', '['.repeat(100_000)), 'body');
  });
});

describe('limits', () => {
  const gets = (count: number): string => Array.from({ length: count }, () => '{"op":"get","key":"a"}').join(',');

  it('of operations', async () => {
    expect((await post('/v1/batch', `{"ops":[${gets(1_000)}]}`)).status).toBe(200);
    await expectRefused(await post('/v1/batch', `{"ops":[${gets(1_001)}]}`), 'ops');
    expect((await post('/v1/txn', `{"then":[${gets(128)}],"else":[${gets(128)}]}`)).status).toBe(200);
    const over = await post('/v1/txn', `{"then":[${gets(128)}],"else":[${gets(129)}]}`);
    await expectRefused(over, 'then');
    expect(over.json).toMatchObject({ limit: 256 });
  });

  it('row 10 of values and keys, by field', async () => {
    const long = JSON.stringify('x'.repeat(1_023));
    const tooLarge = await post('/v1/batch', `{"ops":[{"op":"get","key":"a"},${value(long)}]}`);
    const problem = { code: 'value-too-large', field: 'ops[1].value', limit: 1_024 };
    expect([tooLarge.status, tooLarge.json]).toMatchObject([413, problem]);
    const tooLong = await post('/v1/txn', `{"then":[{"op":"get","key":"${'k'.repeat(4_097)}"}]}`);
    expect([tooLong.status, tooLong.json]).toMatchObject([414, { code: 'key-too-long', field: 'then[0].key' }]);
  });

  it('row 8 and row 9 of bodies: refused before they are read', async () => {
    for (const [route, limit] of [
      ['/v1/batch', 8_388_608],
      ['/v1/txn', 4_194_304],
    ] as const) {
      const declared = head(`POST ${route} HTTP/1.1`, 'Content-Type: application/json', `Content-Length: ${limit + 1}`);
      expect(statusIn(await front.http.raw(declared))).toBe(413);
    }
    const socket = front.http.socket();
    socket.write(head('POST /v1/batch HTTP/1.1', 'Content-Type: application/json', 'Transfer-Encoding: chunked'));
    socket.write(`900000\r\n${' '.repeat(0x900000)}\r\n0\r\n\r\n`);
    expect(statusIn(await readUntil(socket, (got) => got.includes('\r\n\r\n')))).toBe(413);
  });

  it('a client that asks first may send more than a value', async () => {
    const socket = front.http.socket();
    const length = 100_000;
    const expects = ['Content-Type: application/json', `Content-Length: ${length}`, 'Expect: 100-continue'];
    socket.write(head('POST /v1/batch HTTP/1.1', ...expects));
    expect(statusIn(await readUntil(socket, (got) => got.includes('\r\n\r\n')))).toBe(100);
  });
});

describe('row 33 methods and types', () => {
  it('another method is 405, another type 415, an encoded body 415, no length 411', async () => {
    for (const route of ['/v1/batch', '/v1/txn']) {
      for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
        const answer = await front.http.ask(method, route);
        expect([answer.status, answer.headers['allow']]).toEqual([405, 'POST']);
      }
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1']) {
        const answer = await post(route, '{}', { 'content-type': type });
        expect([answer.status, String(answer.headers['accept-post'])]).toMatchObject([
          415,
          expect.stringContaining('application/json') as string,
        ]);
      }
      expect((await post(route, '{}', { ...JSON_TYPE, 'content-encoding': 'gzip' })).status).toBe(415);
      const raw = await front.http.raw(head(`POST ${route} HTTP/1.1`, 'Content-Type: application/json'));
      expect(statusIn(raw)).toBe(411);
      expect((await front.http.ask('POST', `${route}/more`, JSON_TYPE, '{}')).status).toBe(404);
    }
  });
});

describe('whatever comes in', () => {
  const scalar = fc.oneof(
    fc.constantFrom('get', 'put', 'a', 'b', '1s', 'keep', 'json', true, false, null, {}, [], -1, 0, 1, 1.5, 2 ** 60),
    fc.string(),
    fc.jsonValue({ maxDepth: 2 }),
  );
  const named = fc.constantFrom(
    'key',
    'value',
    'value_base64',
    'ttl',
    'if',
    'by',
    'min',
    'max',
    'patch',
    'return',
    'x',
  );
  const member = fc.tuple(named, scalar);
  const operation = fc
    .tuple(
      fc.constantFrom('get', 'put', 'delete', 'increment', 'append', 'patch', 'touch', 'grow'),
      fc.array(member, { maxLength: 4 }),
    )
    .map(([op, members]) => ({ op, key: 'random', ...Object.fromEntries(members) }));
  const comparison = fc.array(member, { maxLength: 3 }).map((members) => Object.fromEntries(members));
  const list = fc.array(operation, { minLength: 1, maxLength: 4 });
  const isAnswer = ({ status }: Answered): void => {
    expect(status >= 200 && status < 500 ? 'answered' : status).toBe('answered');
  };

  it('a batch is answered, and none of its results is a defect', async () => {
    await fc.assert(
      fc.asyncProperty(list, async (ops) => {
        const answer = await post('/v1/batch', JSON.stringify({ ops }));
        isAnswer(answer);
        const { results = [] } = answer.json as { results?: { status: number }[] };
        expect(results.filter(({ status }) => status >= 500)).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it('a transaction is answered', async () => {
    const body = fc.record(
      {
        if: fc.array(comparison, { maxLength: 2 }),
        then: list,
        else: list,
        on_error: fc.constantFrom('fail', 'continue'),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(body, async (given) => {
        isAnswer(await post('/v1/txn', JSON.stringify(given)));
      }),
      { numRuns: 300 },
    );
  });

  it('any text is answered', async () => {
    const texts = fc.oneof(fc.json(), fc.string({ unit: 'binary' }), fc.constantFrom('{"ops":', '[{}]', '\n\n'));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('/v1/batch', '/v1/txn'), fc.boolean(), texts, async (route, isLines, text) => {
        const type = isLines ? 'application/x-ndjson' : 'application/json';
        isAnswer(await post(route, text, { 'content-type': type }));
      }),
      { numRuns: 200 },
    );
  });
});

it.each([
  ['/v1/batch', '{"ops":[{"op":"get","key":"a"},{"op":"get"}]}', 'ops[1].key', 'required: expected JSON'],
  ['/v1/batch', '{"ops":[{"op":"patch","key":"a"}]}', 'ops[0].patch', 'required: expected JSON'],
  ['/v1/batch', '{"ops":[{"op":"touch","key":"a"}]}', 'ops[0].ttl', /^required: expected a duration/],
  ['/v1/batch', '{"ops":[{"op":"increment","key":"a"}]}', 'ops[0].by', /^required: expected an integer/],
  ['/v1/batch', '{"ops":[{"key":"a"}]}', 'ops[0].op', /^required: expected one of get, put/],
  ['/v1/batch', '{"ops":[{"op":"put","key":"a"}]}', 'ops[0].value', /^required: expected exactly one of value/],
  ['/v1/batch', '{}', 'ops', 'required: expected a list of operations'],
  ['/v1/txn', '{"if":[{"exists":true}]}', 'if[0].key', 'required: expected JSON'],
  // What is there, but wrong, is not missing.
  ['/v1/batch', '{"ops":[{"op":"touch","key":"a","ttl":30}]}', 'ops[0].ttl', /^expected a duration/],
  ['/v1/batch', '{"ops":[{"op":"increment","key":"a","by":null}]}', 'ops[0].by', /^expected an integer/],
  ['/v1/batch', '{"ops":[{"op":"get","key":"a"}],"":1}', 'body', 'unknown field'],
  ['/v1/batch', '{"ops":null}', 'ops', 'expected a list of operations'],
])('%s %s says of %s whether it is missing', async (route, body, field, detail) => {
  const { status, json } = await post(route, body);
  const said = typeof detail === 'string' ? detail : (expect.stringMatching(detail) as string);
  expect([status, json]).toMatchObject([400, { field, detail: said, outcome: 'not_applied' }]);
});
