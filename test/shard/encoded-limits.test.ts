/** Size limits of one operation, where nodes and the embedded store enforce them: the key, the command, the frame. */
import { beforeAll, describe, expect, it } from 'vitest';
import { decodeCommand, encodeCommand } from '../../src/shard/machine/command.js';
import { encodeKey } from '../../src/shard/keys/index.js';
import { MAX_VALUE_BYTES, loadHash, type PlainWrite } from '../../src/shard/index.js';
import { decodeFrame, encodeFrame } from '../../src/shard/transport/wire.js';

beforeAll(loadHash);

const put: PlainWrite & { readonly type: 'put' } = {
  type: 'put',
  key: Uint8Array.of(1, 2),
  body: new Uint8Array(1),
  contentType: 'a/b',
  condition: { type: 'none' },
  operationId: new Uint8Array(16).fill(7),
  attempt: 'initial',
};

const CODECS: Readonly<Record<string, (write: PlainWrite) => unknown>> = {
  command: (write) => decodeCommand(encodeCommand(write, 1)),
  frame: (operation) =>
    decodeFrame(
      encodeFrame({
        from: 1,
        to: 2,
        messages: [{ type: 'request', id: 1, request: { shard: 0, budgetMs: 1, operation } }],
      }),
    ),
};

const FIELDS: readonly { what: string; limit: number; make: (size: number) => PlainWrite }[] = [
  { what: 'bytes of an encoded key', limit: 4_097, make: (n) => ({ ...put, key: new Uint8Array(n).fill(1) }) },
  { what: 'bytes of a content type', limit: 255, make: (n) => ({ ...put, contentType: 'a'.repeat(n) }) },
  { what: 'bytes of a value', limit: MAX_VALUE_BYTES, make: (n) => ({ ...put, body: new Uint8Array(n) }) },
  {
    what: 'a revision',
    limit: 281_474_976_710_655,
    make: (revision) => ({ ...put, condition: { type: 'revision', revision } }),
  },
];

const takes = (work: () => unknown): boolean => {
  try {
    work();
    return true;
  } catch {
    return false;
  }
};

describe.each(Object.entries(CODECS))('a %s', (_, through) => {
  it.each(FIELDS)('takes $what up to $limit, and no more', ({ limit, make }) => {
    expect([limit - 1, limit, limit + 1].map((size) => takes(() => through(make(size))))).toEqual([true, true, false]);
  });
});

it('takes operation ids of 16 bytes, and no others', () => {
  for (const through of Object.values(CODECS)) {
    const ids = [15, 16, 17].map((length) => ({ ...put, operationId: new Uint8Array(length).fill(1) }));
    expect(ids.map((write) => takes(() => through(write)))).toEqual([false, true, false]);
  }
});

describe('a key given by a program', () => {
  const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
  it.each<[string, number, (size: number) => unknown]>([
    ['bytes of a string', 4_096, (n) => 'k'.repeat(n)],
    ['bytes of bytes', 4_096, (n) => new Uint8Array(n)],
    ['depth of arrays', 32, nested],
  ])('%s: up to %i', (_, limit, make) => {
    expect([limit - 1, limit, limit + 1].map((size) => takes(() => encodeKey(make(size))))).toEqual([
      true,
      true,
      false,
    ]);
  });
});
