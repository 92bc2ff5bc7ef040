/** `/openapi.json`: it names every route that there is and no other, holds together, and says what the parsers do. */
import type { Express } from 'express';
import fc from 'fast-check';
import { MAX, NIL, v4, v7 } from 'uuid';
import { describe, expect, it } from 'vitest';
import { toJSONSchema, type ZodType } from 'zod';
import { ROUTES } from '../../src/router/admin/route-index.js';
import { HEADERS, headersOf } from '../../src/router/http/index.js';
import { readHeader } from '../../src/router/http/parameters.js';
import type { KvorumError } from '../../src/shard/index.js';
import { DEFAULT_LIMITS } from '../../src/router/http/limits.js';
import { QUERY, readQuery, TAKEN } from '../../src/router/kv/parameters.js';
import { createApp } from '../../src/router/index.js';
import { batchAnswer, problemAnswer, transactionAnswer } from '../../src/router/kv/answer-schemas.js';
import { serversOfEachTest } from '../support/http-harness.js';

const serve = serversOfEachTest();

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: object }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: object }>> };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: object }>>;
}
interface Document {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}
const METHODS = ['get', 'head', 'put', 'post', 'patch', 'delete'];

async function fetchDocument(): Promise<Document> {
  const http = await serve();
  const answer = await http.ask('GET', '/openapi.json');
  expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/json']);
  return answer.json as Document;
}

const operationsOf = (item: Readonly<Record<string, Operation>>): [string, Operation][] =>
  Object.entries(item).filter(([name]) => METHODS.includes(name));

/** All values of members of this name, however deep. */
function valuesOf(name: string, within: unknown): unknown[] {
  if (typeof within !== 'object' || within === null) return [];
  return Object.entries(within).flatMap(([key, value]: [string, unknown]) => [
    ...(key === name ? [value] : []),
    ...valuesOf(name, value),
  ]);
}

describe('/openapi.json', () => {
  it('has the routes of the index, with their methods, and no other', async () => {
    const { paths } = await fetchDocument();
    const described = Object.entries(paths).map(([path, item]) => [
      path,
      operationsOf(item)
        .map(([m]) => m)
        .sort(),
    ]);
    const indexed = ROUTES.map(({ path, methods }) => [path, methods.toLowerCase().split(', ').sort()]);
    expect(new Map(described as [string, string[]][])).toEqual(new Map(indexed as [string, string[]][]));
  });

  it('has every route that express serves', () => {
    const { router } = createApp({
      ...({} as Parameters<typeof createApp>[0]),
      limits: DEFAULT_LIMITS,
    }) as Express & { router: { stack: { route?: { path: string | RegExp } }[] } };
    const named = router.stack.flatMap(({ route }) => {
      if (route === undefined) return [];
      // A regular expression stands where a key must not be decoded.
      const path: unknown = route.path;
      if (path instanceof RegExp) return [path.test('/v1/where/k') ? '/v1/where/{key}' : '/v1/ns/{ns}/where/{key}'];
      return [String(path).replace(':shard', '{id}')];
    });
    expect(named.length).toBeGreaterThan(8);
    const known = ROUTES.map(({ path }) => path);
    expect(named.filter((path) => path !== '/' && !known.includes(path))).toEqual([]);
  });

  it('holds together: references, parameters of paths, ids of operations, descriptions of answers', async () => {
    const document = await fetchDocument();
    expect([document.openapi, document.info.version]).toEqual(['3.1.0', '0.0.0-test']);
    const references = new Set(valuesOf('$ref', document) as string[]);
    expect(references.size).toBeGreaterThan(8);
    for (const reference of references) {
      const name = reference.replace('#/components/schemas/', '');
      expect([reference, document.components.schemas[name]]).not.toEqual([reference, undefined]);
    }
    expect(valuesOf('$id', document)).toEqual([]);
    const ids: string[] = [];
    for (const [path, item] of Object.entries(document.paths)) {
      const inPath = ((item as { parameters?: { name: string }[] }).parameters ?? []).map(({ name }) => `{${name}}`);
      expect(inPath).toEqual(path.match(/\{\w+\}/g) ?? []);
      for (const [, operation] of operationsOf(item)) {
        ids.push(operation.operationId);
        const names = operation.parameters.map((each) => `${each.in} ${each.name}`);
        expect(new Set(names).size).toBe(names.length);
        expect(Object.keys(operation.responses)).toContain('default');
        for (const { description } of Object.values(operation.responses)) expect(description).not.toBe('');
      }
    }
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('has integers beyond 2^53 as integers, times as patterns, and any JSON as anything', async () => {
    const { components, paths } = await fetchDocument();
    expect(components.schemas['Increment']).toMatchObject({
      additionalProperties: false,
      required: ['by'],
      properties: { by: { type: 'integer', format: 'int64' }, ttl: { type: 'string' }, clamp: { type: 'boolean' } },
    });
    expect(Object.keys(paths['/v1/kv/{key}']?.['patch']?.requestBody?.content ?? {})).toHaveLength(5);
    const queryOf = (operation: Operation | undefined): string[] =>
      (operation?.parameters ?? []).flatMap(({ name, in: place }) => (place === 'query' ? [name] : [])).sort();
    expect(queryOf(paths['/v1/kv']?.['get'])).toEqual([...TAKEN.list].sort());
    expect(queryOf(paths['/v1/kv/{key}']?.['get'])).toEqual([...TAKEN.get].sort());
    expect(queryOf(paths['/v1/kv']?.['delete'])).toEqual([...TAKEN.deleteRange].sort());
  });

  it('describes the answers that are given', async () => {
    const http = await serve();
    const problem = await http.ask('GET', '/v1/kv/nothing');
    expect(problemAnswer.strict().safeParse(problem.json)).toMatchObject({ success: true });
    expect(batchAnswer.safeParse({ results: [{ status: 200, revision: 1 }] }).success).toBe(true);
    expect(transactionAnswer.safeParse({ succeeded: true, revisions: { 0: 1 } }).success).toBe(true);
  });
});

/** What a request is told about a header or parameter: its value, or why it is refused. */
function told(read: () => unknown): unknown {
  try {
    return { value: read() };
  } catch (error) {
    const { code, message, details } = error as KvorumError;
    expect(code).toBe('invalid-request');
    return { message, details };
  }
}
/** What its schema says. */
function said(schema: ZodType, field: string, text: string): unknown {
  const { success, data, error } = schema.safeParse(text);
  return success ? { value: data } : { message: error.issues[0]?.message, details: { field } };
}

/** Whether a text is accepted, by the schema as the document has it: what a client generated from it believes. */
function isDescribed(schema: ZodType, text: string): boolean {
  const { type, pattern, enum: listed, const: only } = toJSONSchema(schema, { io: 'input' });
  expect([type, listed !== undefined || only !== undefined || type === 'string']).toEqual(['string', true]);
  if (only !== undefined) return text === only;
  return pattern === undefined ? (listed?.includes(text) ?? true) : new RegExp(pattern).test(text);
}

/** Texts that one of the grammars accepts, or nearly. */
const TEXTS = fc.oneof(
  fc.string(),
  fc.stringMatching(/^-?[0-9]{1,17}(ms|s|m|h|d|w|)$/),
  fc.stringMatching(/^(W\/)?"[0-9]{1,5}"(, ?"[0-9]{1,5}")?$/),
  fc.uuid(),
  fc.constantFrom(v4(), v7(), v4().toUpperCase(), `{${v4()}}`, `"${v7()}"`, NIL, MAX, '', '0', '01', '1.5', '1e3'),
  fc.constantFrom('keep', '30s', '250ms', '7d', '0s', ' 1s', '3651d', '25h', 'true', 'false', 'yes', 'True', '/'),
  fc.constantFrom('string', 'json', 'base64url', 'linearizable', 'stale', 'lease', 'never', 'Never', '*', 'W/"1"'),
  fc.constantFrom('return=minimal', 'respond-async, return="previous"', '"42"', '"', '10000', '10001', '99999'),
);
const sometimes = { numRuns: 500 };

describe('a header or parameter is read by the schema that describes it', () => {
  it.each(Object.entries(QUERY))('?%s=', (name, schema) => {
    fc.assert(
      fc.property(TEXTS, (text) => {
        const answer = told(() => readQuery(new Map([[name, text]]), name as keyof typeof QUERY));
        expect(answer).toEqual(said(schema, name, text));
        // It may be narrower than the document says, by a bound; never wider.
        if ('value' in (answer as object)) expect(isDescribed(schema, text)).toBe(true);
      }),
      sometimes,
    );
    expect(readQuery(new Map(), name as keyof typeof QUERY)).toBeUndefined();
    // Every parameter is of some route.
    expect(Object.values(TAKEN).flat()).toContain(name);
  });

  it.each(Object.entries(HEADERS))('%s', (name, { schema }) => {
    const field = name.toLowerCase() as Lowercase<keyof typeof HEADERS>;
    fc.assert(
      fc.property(TEXTS, (text) => {
        const answer = told(() => readHeader({ [field]: text }, field));
        expect(answer).toEqual(said(schema, field, text));
        if ('value' in (answer as object)) expect(isDescribed(schema, text)).toBe(true);
      }),
      sometimes,
    );
    expect(readHeader({}, field)).toBeUndefined();
  });

  it('so that what they mean to a request follows from it', () => {
    const limits = { ...DEFAULT_LIMITS, maxTimeoutMs: 2_000 };
    expect(headersOf.timeoutMs({ 'kv-timeout': '2s' }, limits)).toBe(2_000);
    expect(headersOf.timeoutMs({ 'kv-timeout': '250ms' }, limits)).toBe(250);
    expect(told(() => headersOf.timeoutMs({ 'kv-timeout': '2001ms' }, limits))).toMatchObject({
      message: 'expected a time of at most 2000ms',
    });
    expect(headersOf.operationIdOf({ 'idempotency-key': `"${v7()}"` })).toHaveLength(16);
    expect(readQuery(new Map([['ttl', '15m']]), 'ttl')).toEqual({ type: 'after', ms: 900_000 });
    expect(readQuery(new Map([['max_staleness', '24h']]), 'max_staleness')).toBe(86_400_000);
    expect(readQuery(new Map([['max_staleness', '25h']]), 'min_revision')).toBeUndefined();
    expect(told(() => readQuery(new Map([['min_revision', '281474976710656']]), 'min_revision'))).toMatchObject({
      message: 'expected a revision, a whole number below 2^48',
    });
  });
});
