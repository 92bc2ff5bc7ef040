/** `/openapi.json` (OpenAPI 3.1): the routes, with the schemas that check requests. Made once, when it is asked for. */
import { z } from 'zod';
import { HEADERS } from '../../http/index.js';
import { schemas } from '../../kv/index.js';
import { PATHS, type Content, type OperationDescription, type PathDescription, type SchemaName } from './routes.js';

const SCHEMAS: Readonly<Record<SchemaName | 'Operation' | 'Comparison', z.ZodType>> = {
  Operation: schemas.operation,
  Comparison: schemas.comparison,
  Batch: schemas.batchBody,
  BatchAnswer: schemas.batchAnswer,
  Deleted: schemas.deletedAnswer,
  Increment: schemas.incrementBody,
  Namespace: schemas.namespaceBody,
  Problem: schemas.problemAnswer,
  Record: schemas.recordAnswer,
  Touch: schemas.touchBody,
  Transaction: schemas.transactionBody,
  TransactionAnswer: schemas.transactionAnswer,
  Written: schemas.writtenAnswer,
};

type JsonSchema = Record<string, unknown>;

/** Integers beyond 2^53 are bigints here, and numbers in JSON. */
function describeBigints({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodType; jsonSchema: JsonSchema }): void {
  if (zodSchema._zod.def.type === 'bigint') Object.assign(jsonSchema, { type: 'integer', format: 'int64' });
}

const CONVERSION = { io: 'input', unrepresentable: 'any', override: describeBigints } as const;

function componentSchemas(): Record<string, JsonSchema> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(SCHEMAS)) registry.add(schema, { id });
  const made = z.toJSONSchema(registry, { ...CONVERSION, uri: (id) => `#/components/schemas/${id}` });
  return Object.fromEntries(Object.entries(made.schemas).map(([id, schema]) => [id, withoutIds(schema)]));
}

const inlineSchema = (schema: z.ZodType): JsonSchema => withoutIds(z.toJSONSchema(schema, CONVERSION));

function withoutIds(schema: object): JsonSchema {
  const rest: JsonSchema = { ...schema };
  delete rest['$schema'];
  delete rest['$id'];
  return rest;
}

const contentOf = (content: Content): object =>
  Object.fromEntries(
    Object.entries(content).map(([type, held]) => {
      const schema = held === 'any' || held === 'json' ? {} : { $ref: `#/components/schemas/${held}` };
      return [type, { schema }];
    }),
  );

function parametersOf({ query = [], headers = [] }: OperationDescription): object[] {
  return [
    ...query.map((name) => ({ name, in: 'query', schema: inlineSchema(schemas.QUERY[name]) })),
    ...headers
      // OpenAPI has another place for what Accept says: the media types of answers.
      .filter((name) => name !== 'Accept')
      .map((name) => ({ name, in: 'header', schema: inlineSchema(HEADERS[name].schema) })),
  ];
}

const PROBLEM = { description: 'a problem document', content: contentOf({ 'application/problem+json': 'Problem' }) };

function operationOf(path: string, method: string, description: OperationDescription): object {
  const answers = Object.entries(description.answers).map(([status, { what, content }]): [string, object] => {
    return [status, { description: what, ...(content === undefined ? {} : { content: contentOf(content) }) }];
  });
  return {
    summary: description.summary,
    operationId: `${method}${path.replaceAll(/[^A-Za-z0-9]+/g, '_')}`,
    parameters: parametersOf(description),
    ...(description.body === undefined
      ? {}
      : { requestBody: { required: true, content: contentOf(description.body) } }),
    responses: { ...Object.fromEntries(answers), default: PROBLEM },
  };
}

function pathItemOf(path: string, description: PathDescription): object {
  const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    ...{ name, in: 'path', required: true, schema: { type: 'string' } },
    ...(name === 'key' ? { description: 'the rest of the path, percent-encoded; slashes belong to the key' } : {}),
  }));
  const operations = Object.entries(description).map(([method, each]): [string, object] => {
    return [method, operationOf(path, method, each)];
  });
  return { ...(named.length === 0 ? {} : { parameters: named }), ...Object.fromEntries(operations) };
}

export function openApiDocument(version: string): object {
  return {
    openapi: '3.1.0',
    info: { title: 'Kvorum', version, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: '/' }],
    paths: Object.fromEntries(Object.entries(PATHS).map(([path, each]) => [path, pathItemOf(path, each)])),
    components: { schemas: componentSchemas() },
  };
}
