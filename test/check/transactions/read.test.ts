import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTransaction, readTransactions, type TransactionRecord } from '../../../src/check/index.js';

const LINE = '{"client":0,"ops":[["append","k",1],["r","k",[1]]],"ok":true,"start":1,"end":2}';

async function* bytes(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield await Promise.resolve(Buffer.from(text));
}
const read = (text: string): Promise<TransactionRecord[]> => readTransactions(bytes(text));

describe('a history of transactions', () => {
  it('is read line by line', async () => {
    const ops = [
      ['append', 'k', 1],
      ['r', 'k', [1]],
    ];
    expect(await read(`${LINE}\n\n${LINE}\r\n`)).toMatchObject([
      { client: 0, ops, ok: true, start: 1, end: 2 },
      { client: 0 },
    ]);
  });
  it('may say nothing of what was read, and of the end of what is unknown', async () => {
    const line = '{"client":"a","ops":[["r","k",null],["r",3]],"ok":null,"start":"9007199254740993","note":[]}';
    expect(await read(line)).toEqual([
      {
        client: 'a',
        ops: [
          ['r', 'k', null],
          ['r', 3, null],
        ],
        ok: null,
        start: 9007199254740993n,
        end: 9007199254740993n,
      },
    ]);
  });
  it('is read as it was written', async () => {
    const scalar = fc.oneof(fc.string({ unit: 'binary' }), fc.maxSafeInteger());
    const time = fc.oneof(fc.maxSafeInteger(), fc.bigInt({ min: 0n, max: 2n ** 80n }));
    const op = fc.oneof(
      fc.tuple(fc.constant('append' as const), scalar, scalar),
      fc.tuple(fc.constant('r' as const), scalar, fc.oneof(fc.constant(null), fc.array(scalar))),
    );
    const record = fc
      .record({ client: scalar, ops: fc.array(op), ok: fc.constantFrom(true, false, null), start: time })
      .map((fields): TransactionRecord => ({ ...fields, end: fields.start }));
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 5 }), async (history) => {
        const lines = history.map((one) => `${formatTransaction(one)}\n`).join('');
        expect(await read(lines)).toEqual(history);
      }),
      { numRuns: 100, seed: 3 },
    );
  });
});

describe('what is no transaction is refused, with its line', () => {
  it.each([
    [
      'no list of operations',
      LINE.replace(/"ops":.*?\]\]\]/, '"ops":{}'),
      '"ops" must be a list of operations; got {}',
    ],
    ['an operation of another name', LINE.replace('append', 'put'), 'got ["put","k",1]'],
    [
      'an operation that is no list',
      LINE.replace('["append","k",1]', '7'),
      'an operation must be ["append", key, element]',
    ],
    ['an operation with more', LINE.replace('"k",1', '"k",1,2'), 'got ["append","k",1,2]'],
    ['an append of nothing', LINE.replace('"k",1]', '"k"]'), 'an element must be a string or an integer'],
    ['an append of a list', LINE.replace('"k",1]', '"k",[1]]'), 'an element must be a string or an integer'],
    ['an element that was rounded', LINE.replace('"k",1]', '"k",9007199254740993]'), 'below 2^53'],
    ['a key that is null', LINE.replace('"k",1]', 'null,1]'), 'a key must be a string or an integer'],
    ['a read of what is no list', LINE.replace('[1]', '1'), 'what was read must be a list, or null; got 1'],
    ['a read of lists', LINE.replace('[1]', '[[1]]'), 'an element must be a string or an integer'],
    ['an outcome of another type', LINE.replace('true', '1'), '"ok" must be true, false, or null'],
    ['an end before the start', LINE.replace('"end":2', '"end":0'), '"end" (0) is before "start" (1)'],
    ['a field that stands twice', LINE.replace('{', '{"ok":null,'), 'a field stands twice'],
  ])('%s', async (_, line, complaint) => {
    expect(line).not.toBe(LINE);
    await expect(read(`${LINE}\n${line}`)).rejects.toThrow('line 2: ');
    await expect(read(line)).rejects.toThrow(complaint);
  });
  it('an empty file', async () => {
    await expect(read('\n')).rejects.toThrow('there is no transaction in it');
  });
});
