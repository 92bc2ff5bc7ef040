import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatOperation, readHistory, type Operation } from '../../src/check/index.js';

const read = (content: string | Uint8Array, chunk = 7): Promise<Operation[]> => {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  const pieces = Array.from({ length: Math.ceil(bytes.length / chunk) }, (_, i) =>
    bytes.subarray(i * chunk, (i + 1) * chunk),
  );
  return readHistory(Readable.from(pieces));
};
const GOOD = '{"client":0,"op":"get","key":"k","value":null,"expected":null,"ok":true,"result":"v","start":1,"end":2}';
const with_ = (change: Record<string, unknown>): string =>
  JSON.stringify({ ...(JSON.parse(GOOD) as object), ...change });

describe('reads a history', () => {
  it.each([
    ['plain', `${GOOD}\n${GOOD}\n`],
    ['without a last line end', `${GOOD}\n${GOOD}`],
    ['with CR LF', `${GOOD}\r\n${GOOD}\r\n`],
    ['with a byte order mark', `\uFEFF${GOOD}\n${GOOD}\n`],
    ['with blank lines', `\n${GOOD}\n  \n\n${GOOD}\n\n`],
    ['with strings that look like fields', `${with_({ tags: ['a', ':b', '"op":'], ':': ':' })}\n${GOOD}\n`],
    [
      'with names twice, each in an object of its own',
      `${with_({ op2: { op: 1 }, note: { a: 1, b: { a: 2 } } })}\n${GOOD}\n`,
    ],
    ['with fields that nobody knows', `${with_({ node: 3, note: { a: [1, { b: '"x":' }] } })}\n${GOOD}\n`],
  ])('%s', async (_, text) => {
    const operation = { client: 0, op: 'get', key: 'k', ok: true, result: 'v', start: 1, end: 2 };
    expect(await read(text)).toEqual([operation, operation]);
  });

  it('with times in quotes, and beyond 2^53 without', async () => {
    const text = `${with_({ start: '12345678901234567890', end: '12345678901234567891' })}\n${GOOD.replace('"start":1,"end":2', '"start": 9007199254740993 ,"end":9007199254740995')}`;
    const [quoted, bare] = await read(text);
    expect(quoted).toMatchObject({ start: 12345678901234567890n, end: 12345678901234567891n });
    expect(bare).toMatchObject({ start: 9007199254740993n, end: 9007199254740995n });
  });

  it('with a time beyond 2^53 after a nested field of the same name, or under an escaped name', async () => {
    const text = GOOD.replace(
      '"start":1,"end":2',
      '"note":{"start":3},"\\u0073tart":9007199254740993,"end":9007199254740995',
    );
    expect(await read(text)).toMatchObject([{ start: 9007199254740993n, end: 9007199254740995n }]);
  });

  it('in time linear in the length of the line', async () => {
    // A quarter of a MiB of quotes, each escaped: a minute and more for a reader that looks back at each of them.
    const value = '"k"'.repeat(80_000);
    const startedAt = performance.now();
    const [operation] = await read(`${with_({ result: value })}\n`, 1 << 16);
    expect(operation?.result).toBe(value);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });

  it('with the longest values of any content, and a note of any depth', async () => {
    for (const unit of ['v', '"', '\\']) {
      const value = unit.repeat((16 << 20) / unit.length);
      const [operation] = await read(`${with_({ result: value })}\n`, 1 << 20);
      expect(operation?.result === value).toBe(true);
    }
    const deep = `${'[{"start":'.repeat(50_000)}1${'}]'.repeat(50_000)}`;
    expect(await read(GOOD.replace('{', `{"note":${deep},`), 1 << 20)).toHaveLength(1);
  });

  it('with an operation of unknown outcome that has no end, or one before its start', async () => {
    const [missing, before] = await read(`${with_({ ok: null, end: null })}\n${with_({ ok: null, end: -5 })}\n`);
    expect(missing).toMatchObject({ ok: null, start: 1, end: 1 });
    expect(before).toMatchObject({ ok: null, start: 1, end: -5 });
  });

  it('unchanged after formatting, for all keys and values', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 6 });
    const maybe = fc.option(text);
    const at = { client: fc.oneof(fc.nat(), text), key: text, start: fc.nat(), end: fc.bigInt(2n ** 53n, 2n ** 70n) };
    const operation = fc.oneof(
      fc.record({ ...at, op: fc.constant('put' as const), ok: fc.constantFrom(true, null), value: text }),
      fc.record({ ...at, op: fc.constant('get' as const), ok: fc.constant(true), result: maybe }),
      fc.record({
        ...at,
        op: fc.constant('cas' as const),
        ok: fc.constant(false),
        value: maybe,
        expected: maybe,
        result: maybe,
      }),
      fc.record({ ...at, op: fc.constant('delete' as const), ok: fc.constant(true), existed: fc.boolean() }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { minLength: 1 }),
        fc.integer({ min: 1, max: 50 }),
        async (operations, chunk) => {
          const written = operations.map((one) => `${formatOperation(one)}\n`).join('');
          expect(await read(written, chunk)).toEqual(operations);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('a malformed line ends the reading, with its number', () => {
  it.each([
    ['{"client":0', 'not JSON'],
    ['[]', 'not a JSON object: []'],
    ['null', 'not a JSON object: null'],
    [with_({ op: 'read' }), '"op" must be one of put, get, delete, cas, append, increment, touch; got "read"'],
    [with_({ key: 5 }), '"key" must be a string; got 5'],
    [with_({ client: 1.5 }), '"client" must be a whole number or a string; got 1.5'],
    [with_({ ok: 'true' }), '"ok" must be true, false, or null (unknown); got "true"'],
    [with_({ ok: undefined }), '"ok" must be true, false, or null (unknown); got nothing'],
    [with_({ result: undefined }), '"result" must be a string or null; got nothing'],
    [with_({ result: 7 }), '"result" must be a string or null; got 7'],
    [with_({ op: 'put' }), '"value" must be a string; got null'],
    [with_({ op: 'cas', value: 'a', expected: undefined }), '"expected" must be a string or null; got nothing'],
    [with_({ op: 'delete', existed: 1 }), '"existed" must be a boolean; got 1'],
    [with_({ error: 'timeout' }), '"ok" is true, and there is an "error"'],
    [with_({ start: 1.5 }), '"start" must be an integer, or an integer in quotes; got 1.5'],
    [with_({ start: '0x10' }), '"start" must be an integer, or an integer in quotes; got "0x10"'],
    [with_({ end: null }), '"end" must be an integer, or an integer in quotes; got null'],
    [with_({ start: 3 }), '"end" (2) is before "start" (3)'],
    [GOOD.replace('"op":"get"', '"op":"get","op":"put"'), 'a field stands twice'],
    [GOOD.replace('{', '{"tags":["\\\\","{",":"],"tags":[],'), 'a field stands twice'],
    [GOOD.replace('{', '{"op" : "get", "\\u006fp"\t:{"op":1},'), 'a field stands twice'],
    [GOOD.replace('{', '{"__proto__":1,"__proto__":1,'), 'a field stands twice'],
    [
      GOOD.replace('"start":1', `"start":${'1'.repeat(500)}`),
      `"start" must be an integer, or an integer in quotes; got ${'1'.repeat(59)}…`,
    ],
    [GOOD.replace('"start":1', '"start": 1e400 '), '"start" must be an integer, or an integer in quotes; got 1e400'],
  ])('%s', async (line, complaint) => {
    await expect(read(`${GOOD}\r\n\n${line}\n${GOOD}\n`)).rejects.toThrow(`line 3: ${complaint}`);
  });

  it('a value that is nested too deeply to be shown', async () => {
    const line = GOOD.replace('"op":"get"', `"op":${'['.repeat(50_000)}${']'.repeat(50_000)}`);
    await expect(read(`${GOOD}\n${line}\n`, 1 << 16)).rejects.toThrow('line 2: "op" must be one of put');
  });

  it('bytes that are not UTF-8', async () => {
    const bytes = Buffer.concat([Buffer.from(`${GOOD}\n{"key":"`), Buffer.from([0xff, 0xfe]), Buffer.from('"}\n')]);
    await expect(read(bytes)).rejects.toThrow('line 2: not UTF-8');
  });

  it('a line without end', async () => {
    const chunk = Buffer.alloc(1 << 20, 0x20);
    const endless = Readable.from(
      (function* () {
        yield Buffer.from(`${GOOD}\n`);
        for (;;) yield chunk;
      })(),
    );
    await expect(readHistory(endless)).rejects.toThrow('line 2: longer than 67108864 bytes');
  });

  it.each(['', '\n\n', '\uFEFF'])('a file without operations (%j)', async (text) => {
    await expect(read(text)).rejects.toThrow('there is no operation in it');
  });
});
