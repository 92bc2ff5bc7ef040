/** Every request that the HTTP front accepts can be encoded as a command and sent over a link: their bounds agree. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { KV_PREFIX } from '../../src/router/kv/place.js';
import { namedKey } from '../../src/router/kv/key.js';
import { DEFAULT_LIMITS } from '../../src/router/http/limits.js';
import * as headersOf from '../../src/router/http/headers.js';
import { parseQuery, splitTarget } from '../../src/router/http/target.js';
import { decodeCommand, encodeCommand } from '../../src/shard/machine/command.js';
import { loadHash, writtenContentType, type PlainWrite } from '../../src/shard/index.js';
import { decodeFrame, encodeFrame } from '../../src/shard/transport/wire.js';

beforeAll(loadHash);

/** Texts that are often valid, or nearly so, and sometimes anything that a header may hold. */
const headerText = fc.string({
  unit: fc.oneof(
    fc.constantFrom('\t', ' ', '"', '\\', ';', ',', '=', '/', '0', '9', 'a'),
    fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)),
  ),
  maxLength: 40,
  size: 'max',
});
const blank = fc.constantFrom('', ' ', '\t', '\t ', ' \t\t');
const parameter = fc
  .tuple(blank, blank, fc.constantFrom('a=b', 'charset=utf-8', 'q="x\ty"', 'q="\\""', 'p="\\\\t"', 'r=""', 's="\\\t"'))
  .map(([before, behind, text]) => `${before};${behind}${text}`);
const mediaType = fc
  .tuple(
    fc.constantFrom('text/plain', 'application/json', `a/${'b'.repeat(200)}`),
    fc.array(parameter, { maxLength: 24, size: 'max' }),
  )
  .map(([type, parameters]) => type + parameters.join(''));
const tag = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 80n }).map((revision) => `"${revision}"`),
  fc.constantFrom(
    '*',
    '"0"',
    '"281474976710655"',
    '"281474976710656"',
    '"9007199254740992"',
    'W/"1"',
    '"x"',
    '"1", "2"',
  ),
  headerText,
);
const key = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30, size: 'max' }).map((text) => encodeURIComponent(text)),
  fc.integer({ min: 4_000, max: 4_200 }).map((length) => 'k'.repeat(length)),
  fc.json({ maxDepth: 2 }).map((text) => `${encodeURIComponent(text)}?key_type=json`),
  fc.constant('%22%22?key_type=json'),
  fc
    .uint8Array({ maxLength: 40, size: 'max' })
    .map((bytes) => `${Buffer.from(bytes).toString('base64url')}?key_type=base64url`),
);
const sometimes = <T extends object>(value: fc.Arbitrary<T>): fc.Arbitrary<T | object> =>
  fc.oneof(fc.constant({}), value);
const requests = fc
  .tuple(
    fc.record({ key }),
    sometimes(fc.record({ 'content-type': fc.oneof({ weight: 3, arbitrary: mediaType }, headerText) })),
    sometimes(
      fc.oneof(fc.record({ 'if-match': tag }), fc.record({ 'if-none-match': fc.oneof(fc.constant('*'), tag) })),
    ),
    sometimes(fc.record({ 'idempotency-key': fc.oneof(fc.uuid(), headerText) })),
    sometimes(fc.record({ 'kv-timeout': fc.constantFrom('1ms', '60s', '999999999s', '2s') })),
  )
  .map((parts): Request => Object.assign({ key: '' }, ...parts) as Request);
type Request = { readonly key: string } & Readonly<Record<string, string>>;

/** The write that the front makes of a request; undefined if it refuses it. */
function writeOf({ key: written, ...headers }: Request, type: PlainWrite['type']): PlainWrite | undefined {
  try {
    const { path, query } = splitTarget(KV_PREFIX + written);
    const named = namedKey(path.slice(KV_PREFIX.length), parseQuery(query, ['key_type']), undefined);
    const common = {
      key: named.key,
      condition: headersOf.writeCondition(headers).condition,
      operationId: headersOf.operationIdOf(headers) ?? new Uint8Array(16),
      attempt: 'keyed' as const,
    };
    headersOf.timeoutMs(headers, DEFAULT_LIMITS);
    if (type === 'delete') return { type, ...common };
    return { type, ...common, body: Buffer.from('x'), contentType: headersOf.contentTypeOf(headers).stored };
  } catch {
    return undefined;
  }
}

const plain = (write: PlainWrite): unknown =>
  Object.fromEntries(
    Object.entries(write).map(([name, field]) => [name, field instanceof Uint8Array ? [...field] : field]),
  );

describe('a request that the HTTP front accepts', () => {
  it('passes through the command encoder and the wire format unchanged', () => {
    const passed = { all: 0, tabs: 0, revisions: 0 };
    const property = fc.property(requests, fc.constantFrom('put' as const, 'delete' as const), (request, type) => {
      const write = writeOf(request, type);
      if (write === undefined) return;
      passed.all += 1;
      if (write.condition.type === 'revision') passed.revisions += 1;
      expect(plain(decodeCommand(encodeCommand(write, 1)).write)).toEqual(plain(write));
      const message = { type: 'request', id: 1, request: { shard: 0, budgetMs: 1, operation: write } } as const;
      const [read] = decodeFrame(encodeFrame({ from: 1, to: 2, messages: [message] })).messages;
      expect(read?.type === 'request' && plain(read.request.operation as PlainWrite)).toEqual(plain(write));
      const given = request['content-type'];
      if (write.type === 'delete' || given === undefined) return;
      expect(writtenContentType(write.contentType)).toBe(given);
      if (given.includes('\t')) passed.tabs += 1;
    });
    fc.assert(property, { numRuns: 600 });
    // Otherwise the property would be vacuous.
    for (const count of Object.values(passed)) expect(count).toBeGreaterThan(5);
  });
});
