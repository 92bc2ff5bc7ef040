/**
 * Whatever bytes come from outside, reading them takes time that grows as they do.
 *
 * Every regular expression under `src` is tried on texts that repeat each of many short pieces, behind beginnings that
 * lead into its middle, and so are the readers that have no expression. The bound is generous: a quarter of a second for
 * 32 Ki characters is hundreds of times what a linear reader needs. A quadratic one takes seconds, and one that doubles
 * with each repetition shows itself within some thirty of them.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseAddress, parseCluster, parseDetours } from '../src/config/address.js';
import { parseOperation } from '../src/check/read-line.js';
import { parseTransaction } from '../src/check/transactions/read-transactions.js';
import { HostPolicy } from '../src/router/server/host-policy.js';
import { parseMediaType } from '../src/router/http/media-type.js';
import * as headersOf from '../src/router/http/headers.js';
import { decodePercent, parseQuery, splitTarget } from '../src/router/http/target.js';
import { readJson } from '../src/router/kv/read-json.js';
import { patchStep } from '../src/router/kv/patch-steps.js';
import { batchBody, checked, PATCH_TYPES, RAW_MEMBERS } from '../src/router/kv/schemas.js';
import { SIMPLE_STARTS } from '../src/router/kv/simple-targets.js';
import { parseTtl } from '../src/shard/duration.js';
import { RequestRecogniser } from '../src/router/http/buffered-request.js';
import type { DataResponse } from '../src/router/http/data-request.js';
import { storedContentType, writtenContentType } from '../src/shard/bounds.js';
import { applyJsonPatch, jsonEquals } from '../src/shard/machine/index.js';
import { loadHash, parseJsonPatch, parseKeyText, parseMergePatch, strictJsonError } from '../src/shard/index.js';
import { decodeValue } from '../src/shard/value.js';
import { tree, walk, type SourceFile } from './support/tidy/source.js';

beforeAll(loadHash);

const BOUND_MS = 250;
const LENGTH = 32 * 1024;
/** Small steps first: exponential time must be noticed before it takes forever. */
const COUNTS = [12, 20, 24, 27, 30, 34, 40, 60, 90, 150, 300, 1_000];

type Read = (text: string) => unknown;

function timeOf(read: Read, text: string): number {
  const startedAt = performance.now();
  try {
    read(text);
  } catch {
    // A refusal has to be as fast.
  }
  return performance.now() - startedAt;
}

/** Slow twice: once may be due to the machine. */
const isSlow = (read: Read, text: string): boolean => [1, 2].every(() => timeOf(read, text) > BOUND_MS);

/** Describes the first text on which `read` is too slow; undefined if there is none. */
function slowOn(read: Read, beginnings: readonly string[], pieces: readonly string[]): string | undefined {
  for (const before of beginnings) {
    for (const piece of pieces) {
      // The repeated part is followed by a character that cannot match: only a reader that fails backtracks.
      for (const count of [...COUNTS, Math.ceil(LENGTH / piece.length)]) {
        const text = `${before}${piece.repeat(count)}\u0001`;
        if (isSlow(read, text)) return `${JSON.stringify(before)} + ${count} times ${JSON.stringify(piece)}`;
      }
    }
  }
  return undefined;
}

const root = fileURLToPath(new URL('../src', import.meta.url));

function sources(): SourceFile[] {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' })
    // The simulator reads only values that it generated itself.
    .filter((name) => name.endsWith('.ts') && !name.startsWith('sim'));
  return names
    .sort()
    .map((name) => ({ path: name.replaceAll('\\', '/'), text: readFileSync(join(root, name), 'utf8') }));
}

function expressions(): { readonly where: string; readonly expression: RegExp }[] {
  return sources().flatMap((file) => {
    const { path } = file;
    const found = [...walk(tree(file))];
    const literals = found.filter((node) => ts.isRegularExpressionLiteral(node)).map((node) => node.text);
    return [...new Set(literals)].map((literal) => {
      const end = literal.lastIndexOf('/');
      return { where: `${path} ${literal}`, expression: new RegExp(literal.slice(1, end), literal.slice(end + 1)) };
    });
  });
}

/** Texts that lead into the middle of an expression, so that what is repeated behind them meets its loops. */
const BEGINNINGS = [
  '',
  '"',
  '"1',
  'a',
  'A:',
  'A: x',
  'a=a@',
  '[::1',
  '1.1',
  '1ms,',
  'return',
  ' return = minimal',
  'application/json',
  'charset="utf-8',
  'http://127.0.0.1:1',
  '018f3f6e-7c1a-7cc4-a5b5-3d7a4d0e9b11',
];
const PIECES = [
  ...['a', '0', ' ', '\t', '"', '\\', ';', ',', '=', '.', ':', '-', '/', '@', '%', '[', '\n', '\u{d800}'],
  ...['a.', 'a-', '0.', ' \t', '; ', ', ', ';a=b', ';a="b"', '; a="b\\""', ',a=b@c', ',"1"', 'W/"1",', '\\u0041'],
];

const run =
  (expression: RegExp): Read =>
  (text) => {
    expression.lastIndex = 0;
    return expression.exec(text);
  };

describe('every regular expression under src', () => {
  const all = expressions();

  it('is found', () => {
    expect(all.length).toBeGreaterThan(40);
  });

  it('is a literal', () => {
    const made = sources().filter(({ text }) => /\bRegExp\s*\(/.test(text));
    expect(made.map(({ path }) => path)).toEqual([]);
  });

  it.each(all)('takes linear time: $where', ({ expression }) => {
    expect(slowOn(run(expression), BEGINNINGS, PIECES)).toBeUndefined();
  });
});

describe('what is not linear is noticed', () => {
  const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
  it.each([
    [new RegExp(`^${TOKEN}/${TOKEN}(?:[ \\t]*;[ \\t]*(?:${TOKEN}=(?:${TOKEN}|"[\\x20-\\x7e]*?"))?)*$`)],
    [/(?:a|aa)+$/],
    [/\s+$/],
    [/^(?:[a-z]*,?)*$/],
  ])(
    '%s',
    (expression) => {
      expect(slowOn(run(expression), BEGINNINGS, PIECES)).toBeDefined();
    },
    60_000,
  );
});

const nothing = (): readonly string[] => [''];
const readBatch = (text: string): unknown =>
  readJson([Buffer.from(text)], { raw: RAW_MEMBERS, bounds: BOUNDS, fieldOf: () => 'body' })[0];
const READERS: [string, Read, (() => readonly string[])?][] = [
  ['a media type', parseMediaType, () => ['', 'text/plain', 'text/plain;a=', 'text/plain;a="']],
  ['Content-Type', (text) => headersOf.contentTypeOf({ 'content-type': text }), () => ['', 'text/plain']],
  ['a content type to store', storedContentType],
  ['a stored content type', writtenContentType, () => ['\\']],
  ['a stored value', (text) => decodeValue({ contentType: text, body: Buffer.alloc(0) }), () => ['', 'text/plain']],
  ['If-Match', (text) => headersOf.writeCondition({ 'if-match': text }), () => ['', '"1"', '"1', 'W/']],
  ['If-None-Match', (text) => headersOf.knownRevisions({ 'if-none-match': text }), () => ['', '"1"', '"1', 'W/']],
  ['Prefer', (text) => headersOf.returnWish({ prefer: text }), () => ['', 'return=', 'return=minimal']],
  ['Accept', (text) => headersOf.wantsEnvelope({ accept: text }), () => ['', headersOf.ENVELOPE]],
  ['Idempotency-Key', (text) => headersOf.operationIdOf({ 'idempotency-key': text })],
  ['a time to live', parseTtl, () => ['', '1']],
  ['a batch', (text) => checked(batchBody, readBatch(text), ''), () => ['', '{"ops":[', '{"ops":[{"op":"', '[{']],
  ['Kv-Hops', (text) => headersOf.forwardingOf({ 'kv-hops': text })],
  ['Host', (text) => new HostPolicy('127.0.0.1').allows(text), () => ['', '[', 'a', 'a:']],
  ['a request target', splitTarget, () => ['', '/v1/kv/']],
  ['a percent-encoding', (text) => decodePercent(text, 'key')],
  ['a query', (text) => parseQuery(text, ['a']), () => ['', 'a=']],
  ['a head', (text) => recogniser.recognise(Buffer.from(text), 0), () => ['', HEAD, `${HEAD}A: `, `${HEAD}A: b`]],
  ['a JSON value', (text) => strictJsonError(Buffer.from(text), BOUNDS), () => ['', '[', '"', '{"', '[1', '0.']],
  ['a merge patch', (text) => parseMergePatch(Buffer.from(text), BOUNDS), () => ['', '[', '"', '{"', '[1', '0.']],
  ['a JSON patch', (text) => parseJsonPatch(Buffer.from(text), BOUNDS), () => ['', '[', '[{"op":"', '[{"path":"/']],
  ['a pointer', (text) => patchAt(`/${text}`)],
  ['an increment', increment, () => ['', '{"by":', '{"by":1,"']],
  ['a number', (text) => jsonEquals(Buffer.from(`1e-${text}`), Buffer.from('0.1e-9')), () => ['', '1.', '1e-']],
  ['a JSON key', (text) => parseKeyText(text, 'json'), () => ['', '[', '"', '{"', '[1', '0.']],
  ['a base64url key', (text) => parseKeyText(text, 'base64url')],
  ['a string key', (text) => parseKeyText(text, 'string')],
  ['a line of a history', parseOperation, () => ['', '{', '{"', '{"value":"', '{"a":1']],
  ['a line of transactions', parseTransaction, () => ['', '{', '{"ops":[', '{"ops":[["r",1,[', '{"a":1']],
  ['an address', parseAddress, () => ['', '[', 'a', 'a:']],
  ['members', parseCluster, () => ['', 'n1=', 'n1=a:1@']],
  ['detours', parseDetours, () => ['', 'a:1=']],
];
const patchAt = (path: string) =>
  applyJsonPatch(Buffer.from('{}'), Buffer.from(JSON.stringify([{ op: 'add', path, value: 0 }])), PATCH_BOUNDS);
function increment(text: string) {
  return patchStep(PATCH_TYPES.increment, Buffer.from(text), 'body', BOUNDS);
}
const HEAD = 'GET /v1/kv/a HTTP/1.1\r\nHost: localhost\r\n';
const BOUNDS = { depth: 256, members: 100_000 };
const PATCH_BOUNDS = { ...BOUNDS, valueBytes: 1024 * 1024 };
const recogniser = new RequestRecogniser(
  { headerBytes: 1024 * 1024, starts: SIMPLE_STARTS, bodyBytes: () => 0, hasSimpleAnswer: () => true },
  () => ({}) as DataResponse,
);

describe('every reader of what comes from outside', () => {
  it.each(READERS)('takes linear time: %s', (_name, read: Read, beginnings: () => readonly string[] = nothing) => {
    expect(slowOn(read, beginnings(), [...PIECES, 'a\r\n', 'A: b\r\n', '[', '{"a":', '1e1', 'ä'])).toBeUndefined();
  });
});
