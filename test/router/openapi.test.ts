import { MAX_REVISION, MAX_STALENESS_MS, MAX_TTL_MS, parseDuration } from '../../src/shard/index.js';
/** `/openapi.json`: it names every route that there is and no other, holds together, and says what the parsers do. */
import type { Express } from 'express';
import fc from 'fast-check';
import { v4, v7 } from 'uuid';
import { describe, expect, it } from 'vitest';
import { ROUTES } from '../../src/router/admin/route-index.js';
import { HEADERS, headersOf, QUERY } from '../../src/router/http/index.js';
import { DEFAULT_LIMITS } from '../../src/router/http/limits.js';
import { DELETE_PARAMETERS, LIST_PARAMETERS } from '../../src/router/kv/range-query.js';
import { createApp } from '../../src/router/index.js';
import { boundIn } from '../../src/router/kv/read-bound.js';
import { GET_PARAMETERS } from '../../src/router/kv/routes.js';
import { expiryOf } from '../../src/router/kv/single.js';
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
    expect(queryOf(paths['/v1/kv']?.['get'])).toEqual([...LIST_PARAMETERS].sort());
    expect(queryOf(paths['/v1/kv/{key}']?.['get'])).toEqual([...GET_PARAMETERS].sort());
    expect(queryOf(paths['/v1/kv']?.['delete'])).toEqual([...DELETE_PARAMETERS].sort());
  });

  it('describes the answers that are given', async () => {
    const http = await serve();
    const problem = await http.ask('GET', '/v1/kv/nothing');
    expect(problemAnswer.strict().safeParse(problem.json)).toMatchObject({ success: true });
    expect(batchAnswer.safeParse({ results: [{ status: 200, revision: 1 }] }).success).toBe(true);
    expect(transactionAnswer.safeParse({ succeeded: true, revisions: { 0: 1 } }).success).toBe(true);
  });
});

const accepts = (read: () => unknown): boolean => {
  try {
    read();
    return true;
  } catch {
    return false;
  }
};
const durations = fc.oneof(
  fc.string(),
  fc.stringMatching(/^-?[0-9]{1,12}(ms|s|m|h|d|w|)$/),
  fc.constantFrom('keep', '30s', '250ms', '7d', '0s', ' 1s'),
);

describe('the grammar of a header or parameter is that of its parser', () => {
  it('ttl, within ten years', () => {
    fc.assert(
      fc.property(durations, (text) => {
        const parsed = accepts(() => expiryOf(text));
        const tooLong = (parseDuration(text) ?? 0) > MAX_TTL_MS;
        expect(QUERY.ttl.safeParse(text).success === parsed || tooLong).toBe(true);
      }),
    );
  });

  it('Kv-Timeout, within the limit', () => {
    const limits = { ...DEFAULT_LIMITS, maxTimeoutMs: Number.MAX_SAFE_INTEGER };
    fc.assert(
      fc.property(durations, (text) => {
        const parsed = accepts(() => headersOf.timeoutMs({ 'kv-timeout': text }, limits));
        expect(HEADERS['Kv-Timeout'].safeParse(text).success).toBe(parsed);
      }),
    );
  });

  it('Idempotency-Key', () => {
    const texts = fc.oneof(fc.string(), fc.uuid(), fc.constantFrom(v4(), v7(), v4().toUpperCase(), `{${v4()}}`));
    fc.assert(
      fc.property(texts, (text) => {
        const parsed = accepts(() => headersOf.operationIdOf({ 'idempotency-key': text }));
        expect(HEADERS['Idempotency-Key'].safeParse(text).success).toBe(parsed);
      }),
    );
  });

  it('min_revision and max_staleness, within their bounds', () => {
    const revisions = fc.oneof(fc.string(), fc.stringMatching(/^-?[0-9]{1,17}$/), fc.constantFrom('0', '01', '17'));
    fc.assert(
      fc.property(revisions, (text) => {
        const parsed = accepts(() => boundIn(new Map([['min_revision', text]]), 'stale'));
        const tooLarge = Number(text) > MAX_REVISION;
        expect(QUERY.min_revision.safeParse(text).success === parsed || tooLarge).toBe(true);
      }),
    );
    fc.assert(
      fc.property(durations, (text) => {
        const parsed = accepts(() => boundIn(new Map([['max_staleness', text]]), 'stale'));
        const tooLong = (parseDuration(text) ?? 0) > MAX_STALENESS_MS;
        expect(QUERY.max_staleness.safeParse(text).success === parsed || tooLong).toBe(true);
      }),
    );
  });

  it('Kv-Forward', () => {
    for (const text of ['never', 'Never', '', 'always']) {
      const parsed = accepts(() => headersOf.forwardingOf({ 'kv-forward': text }));
      expect(HEADERS['Kv-Forward'].safeParse(text).success).toBe(parsed);
    }
  });
});
